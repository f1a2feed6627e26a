//! Opens the listeners that the settings name.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use longwave_broker::Broker;
use longwave_broker::listen::tls::{CertificateFiles, ClientCertificates, TlsProfile, TlsReload};
use longwave_broker::listen::{ListenerConfig, Proxies, Transport, listen};
use longwave_settings::{Settings, TlsVersion};
use tracing::{info, warn};

use crate::banner::Addresses;
use crate::settings::trusted_proxies;

pub(super) fn open(broker: &Arc<Broker>, settings: &Settings) -> anyhow::Result<Addresses> {
    let tls = &settings.tls;
    let profile = TlsProfile {
        only_1_3: tls.minimum_version == TlsVersion::V1_3,
        clients: tls
            .clients
            .as_ref()
            .map(|clients| ClientCertificates { authorities: clients.authorities.clone(), required: clients.required }),
    };
    let tls = certificate(broker, tls.certificate.as_deref(), tls.key.as_deref(), profile, "tls")?;
    let proxies = Proxies { trusted: trusted_proxies(settings)?, proxy_protocol: settings.listen.proxy_protocol };
    let mut addresses = Addresses::default();
    let wanted = [
        ("MQTT", "mqtt", Transport::Tcp, settings.listen.mqtt),
        ("MQTT, TLS", "mqtts", Transport::Tls, settings.listen.mqtts),
        ("WebSocket", "websocket", Transport::WebSocket, settings.listen.websocket),
        ("WebSocket, TLS", "websocket_tls", Transport::WebSocketTls, settings.listen.websocket_tls),
    ];
    for (name, key, transport, address) in wanted {
        let Some(address) = address else { continue };
        let config = ListenerConfig {
            address,
            transport,
            websocket_path: settings.listen.websocket_path.clone(),
            websocket_origins: settings.listen.websocket_origins.clone(),
            tls: tls.clone(),
            proxies: proxies.clone(),
        };
        let listening = listen(broker, config)
            .map_err(|error| anyhow::anyhow!("listen.{key}: {error} (error {})", error.code().number()))?;
        let shown = match transport {
            Transport::Tcp => {
                addresses.mqtt = Some(listening.local_addr);
                listening.local_addr.to_string()
            }
            Transport::Tls => listening.local_addr.to_string(),
            Transport::WebSocket => format!("ws://{}{}", listening.local_addr, settings.listen.websocket_path),
            Transport::WebSocketTls => format!("wss://{}{}", listening.local_addr, settings.listen.websocket_path),
        };
        addresses.listeners.push((name, shown));
    }
    Ok(addresses)
}

/// Waits until balancers have seen that the process is not ready, then closes all connections of clients.
pub(super) async fn drain(broker: &Arc<Broker>, settings: &Settings) {
    let wait = Duration::from_secs(settings.drain.wait_seconds);
    if !wait.is_zero() {
        info!(seconds = wait.as_secs(), "waiting for balancers before connections are closed");
        tokio::time::sleep(wait).await;
    }
    close(broker, settings, settings.limits.drain_per_second).await;
}

/// Closes all connections. What is not closed by the limit is closed by the end of the process.
pub(super) async fn close(broker: &Arc<Broker>, settings: &Settings, per_second: u32) {
    let limit = Duration::from_secs(settings.drain.limit_seconds);
    if tokio::time::timeout(limit, broker.drain(per_second)).await.is_err() {
        warn!("not all connections could be drained in time");
    }
}

/// The certificate that a section of the settings names, if it names one.
pub(super) fn certificate(
    broker: &Arc<Broker>,
    certificate: Option<&Path>,
    key: Option<&Path>,
    profile: TlsProfile,
    section: &'static str,
) -> anyhow::Result<Option<Arc<TlsReload>>> {
    let (Some(certificate), Some(key)) = (certificate, key) else { return Ok(None) };
    let files = CertificateFiles { certificate: certificate.to_owned(), key: key.to_owned() };
    let tls = TlsReload::load_with(files, profile, broker.stats().clone())
        .map_err(|error| anyhow::anyhow!("{error} (error {})", error.code().number()))
        .context(section)?;
    Ok(Some(tls))
}
