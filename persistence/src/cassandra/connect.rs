//! Opens the driver's session: nodes, TLS, credentials, and the policies that every statement starts from.

use std::collections::HashMap;
use std::sync::Arc;

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::DefaultPolicy;

use super::config::CassandraConfig;
use super::open_error::CassandraError;

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
    builder.build().await.map_err(|error| CassandraError::Unreachable {
        nodes: config.contact_points.join(", "),
        reason: error.to_string(),
    })
}
