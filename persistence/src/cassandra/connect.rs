//! Opens the driver's session: nodes, TLS, credentials, and the policies that every statement starts from.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::DefaultPolicy;

use super::config::CassandraConfig;
use super::open_error::{CassandraError, no_session};

/// Connects, to no keyspace in particular.
pub(super) async fn session(config: &CassandraConfig) -> Result<Session, CassandraError> {
    if config.contact_points.is_empty() {
        return Err(CassandraError::Setting("cassandra.contact_points: name at least one node".to_owned()));
    }
    let mut policy = DefaultPolicy::builder().token_aware(true);
    if let Some(home) = &config.local_data_centre {
        policy = policy.prefer_datacenter(home.clone());
    }
    let profile = ExecutionProfile::builder()
        .consistency(config.consistency())
        .serial_consistency(Some(config.serial_consistency()))
        .request_timeout(Some(config.request_timeout))
        .load_balancing_policy(policy.build())
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&config.contact_points)
        .default_execution_profile_handle(profile.into_handle())
        .connection_timeout(config.connect_timeout)
        .tcp_nodelay(true)
        // Of the keyspace only how it is replicated is needed, which is where its tokens lie.
        .keyspaces_to_fetch([&config.keyspace]);
    if !config.translations.is_empty() {
        let translations: HashMap<_, _> = config.translations.iter().copied().collect();
        builder = builder.address_translator(Arc::new(translations));
    }
    if let Some(credentials) = &config.credentials {
        builder = builder.user(&credentials.user, &credentials.password);
    }
    if let Some(roots) = &config.root_certificates {
        let trust = longwave_tls::trusting(roots);
        let trust = trust.map_err(|error| CassandraError::Setting(format!("cassandra.root_certificates: {error}")))?;
        builder = builder.tls_context(Some(trust));
    }
    let session = builder.build().await.map_err(|error| no_session(config, &error))?;
    check_home(&session, config)?;
    Ok(session)
}

/// Refuses a home data centre that no node is in: the driver would find nobody to ask, and say so of every statement.
fn check_home(session: &Session, config: &CassandraConfig) -> Result<(), CassandraError> {
    let Some(home) = &config.local_data_centre else { return Ok(()) };
    let state = session.get_cluster_state();
    let there: BTreeSet<&str> = state.get_nodes_info().iter().filter_map(|node| node.datacenter.as_deref()).collect();
    if there.contains(home.as_str()) {
        return Ok(());
    }
    let known = there.into_iter().collect::<Vec<_>>().join(", ");
    Err(CassandraError::Setting(format!(
        "cassandra.local_data_centre: no node is in {home:?}; the cluster has {known}"
    )))
}
