//! The store on Cassandra under the contract of all backends.

use std::sync::Arc;

use async_trait::async_trait;
use longwave_persistence::Store;
use longwave_persistence::contract::Backend;

use crate::engine::Keyspace;

#[async_trait]
impl Backend for Keyspace {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone().unwrap()
    }

    async fn restart(&mut self) {
        self.store = None;
        self.open().await;
    }

    async fn end(self: Box<Self>) {
        (*self).drop().await;
    }
}

async fn fresh() -> Option<Keyspace> {
    Keyspace::fresh().await
}

longwave_persistence::contract_tests!(fresh);
