//! A broker in this process on a free loopback port.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use longwave_broker::admit::DevAdmit;
use longwave_broker::limits::Limits;
use longwave_broker::listen::tls::TlsReload;
use longwave_broker::listen::{ListenerConfig, Proxies, Transport, listen};
use longwave_broker::stats::BrokerStats;
use longwave_broker::{Broker, BrokerParts};
use longwave_port::Admit;

use super::backend::FakeFeed;
use super::{Backend, Behaviour};

/// A broker that listens.
pub(crate) struct Server {
    pub(crate) broker: Arc<Broker>,
    pub(crate) backend: Arc<Backend>,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Over TCP, with the limits that users get.
    pub(crate) fn start() -> Self {
        Self::with(Limits::default(), Behaviour::default())
    }

    /// Over TCP.
    pub(crate) fn with(limits: Limits, behaviour: Behaviour) -> Self {
        Self::build(Transport::Tcp, None, limits, behaviour, Arc::new(DevAdmit))
    }

    /// Over any transport.
    pub(crate) fn over(transport: Transport, tls: Option<Arc<TlsReload>>) -> Self {
        Self::build(transport, tls, Limits::default(), Behaviour::default(), Arc::new(DevAdmit))
    }

    /// With everything chosen.
    pub(crate) fn build(
        transport: Transport,
        tls: Option<Arc<TlsReload>>,
        limits: Limits,
        behaviour: Behaviour,
        admit: Arc<dyn Admit>,
    ) -> Self {
        Self::behind(Proxies::default(), transport, tls, limits, behaviour, admit)
    }

    /// With everything chosen, behind balancers.
    pub(crate) fn behind(
        proxies: Proxies,
        transport: Transport,
        tls: Option<Arc<TlsReload>>,
        limits: Limits,
        behaviour: Behaviour,
        admit: Arc<dyn Admit>,
    ) -> Self {
        let backend = Backend::new(behaviour);
        let broker = Broker::new(BrokerParts {
            admit,
            gate: backend.clone(),
            feed: Arc::new(FakeFeed(backend.clone())),
            limits: Arc::new(limits),
            stats: Arc::new(BrokerStats::default()),
            failed_login_delay: Duration::from_millis(1),
        });
        let config = ListenerConfig {
            address: "127.0.0.1:0".parse().unwrap(),
            transport,
            websocket_path: "/mqtt".into(),
            websocket_origins: Vec::new(),
            tls,
            proxies,
        };
        let address = listen(&broker, config).unwrap().local_addr;
        Self { broker, backend, address }
    }

    /// Waits until `condition` holds; gives up after half a minute.
    pub(crate) async fn until(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        self.wait(what, async {
            while !condition(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    async fn wait(&self, what: &str, future: impl Future<Output = ()>) {
        let waited = tokio::time::timeout(Duration::from_secs(30), future).await;
        assert!(waited.is_ok(), "{what}; stats: {:?}", self.broker.stats());
    }
}
