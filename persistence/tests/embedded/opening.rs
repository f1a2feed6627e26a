//! What refuses to open, and with which number.

use longwave_model::ErrorCode;
use longwave_persistence::embedded::{Embedded, EmbeddedConfig, OpenError};

use crate::bench::Bench;

fn refusal(config: EmbeddedConfig) -> OpenError {
    Embedded::open(config).expect_err("it must not open")
}

#[tokio::test]
async fn a_store_in_use_is_locked_and_free_again_afterwards() {
    let bench = Bench::new();
    let store = bench.open();
    let error = refusal(bench.config());
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert_eq!(error.code(), Some(ErrorCode::StoreLocked));
    drop(store);
    bench.open();
}

#[tokio::test]
async fn another_number_of_shards_is_refused() {
    let bench = Bench::new();
    drop(bench.open());
    let mut config = bench.config();
    config.shards = 8;
    let error = refusal(config);
    assert!(matches!(error, OpenError::ShardMismatch { stored: 4, asked: 8 }), "{error}");
    assert_eq!(error.code(), Some(ErrorCode::ShardMismatch));
}

#[tokio::test]
async fn a_newer_format_is_refused_untouched() {
    let bench = Bench::new();
    drop(bench.open());
    let marker = bench.path().join("store.json");
    let newer = "{\"format\": 99, \"something\": \"else\"}";
    std::fs::write(&marker, newer).unwrap();
    let error = refusal(bench.config());
    assert!(matches!(error, OpenError::NewerFormat { found: 99, known: 4 }), "{error}");
    assert_eq!(error.code(), Some(ErrorCode::NewerFormat));
    assert_eq!(std::fs::read_to_string(marker).unwrap(), newer);
}

#[tokio::test]
async fn a_folder_with_something_else_in_it_is_refused() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path()).unwrap();
    std::fs::write(bench.path().join("letter.txt"), "mine").unwrap();
    let error = refusal(bench.config());
    assert_eq!(error.code(), Some(ErrorCode::StoreDamaged), "{error}");
    assert!(error.to_string().contains("store.json"), "{error}");
}

#[tokio::test]
async fn an_interrupted_creation_is_begun_anew() {
    let bench = Bench::new();
    let draft = bench.path().with_file_name("store.new");
    std::fs::create_dir_all(draft.join("tables")).unwrap();
    std::fs::write(draft.join("tables").join("version"), "half").unwrap();
    bench.open();
    assert!(!draft.exists());
}
