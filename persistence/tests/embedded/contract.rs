//! The embedded store under the contract of all backends.

use std::sync::Arc;

use async_trait::async_trait;
use longwave_persistence::Store;
use longwave_persistence::contract::Backend;
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use tempfile::TempDir;

struct OneFolder {
    folder: TempDir,
    store: Option<Arc<Embedded>>,
}

impl OneFolder {
    async fn fresh() -> Option<Self> {
        let mut new = Self { folder: tempfile::tempdir().unwrap(), store: None };
        new.open();
        Some(new)
    }

    fn open(&mut self) {
        let mut config = EmbeddedConfig::new(self.folder.path().join("store"));
        config.shards = 4;
        config.free_space_mark = 0;
        self.store = Some(Arc::new(Embedded::open(config).unwrap()));
    }
}

#[async_trait]
impl Backend for OneFolder {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone().unwrap()
    }

    async fn restart(&mut self) {
        self.store = None;
        self.open();
    }
}

longwave_persistence::contract_tests!(OneFolder::fresh);
