//! Certificate files that change, break and mend.

use std::path::Path;

use super::*;

fn write_pair(directory: &Path, name: &str) -> CertificateFiles {
    let pair = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let files = CertificateFiles { certificate: directory.join("cert.pem"), key: directory.join("key.pem") };
    std::fs::write(&files.certificate, pair.cert.pem()).unwrap();
    std::fs::write(&files.key, pair.signing_key.serialize_pem()).unwrap();
    files
}

fn shown(reload: &TlsReload) -> Vec<u8> {
    reload.resolver.0.load().cert[0].to_vec()
}

#[tokio::test]
async fn new_files_are_used_and_broken_ones_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let files = write_pair(directory.path(), "localhost");
    let stats = Arc::new(BrokerStats::default());
    let reload = TlsReload::load(files.clone(), stats.clone()).unwrap();
    let first = shown(&reload);
    assert!(stats.certificate_expires.get() > 0);
    assert!(!reload.reload().unwrap());

    // Another length, so that the change shows even where file times are coarse.
    write_pair(directory.path(), "a-longer-name.example.org");
    assert!(reload.reload().unwrap());
    let second = shown(&reload);
    assert_ne!(first, second);

    std::fs::write(&files.certificate, "nonsense").unwrap();
    let failed = reload.reload().unwrap_err();
    assert_eq!(failed.file, files.certificate);
    assert_eq!(shown(&reload), second);
    assert_eq!(stats.certificate_errors.get(), 1);
    assert!(!reload.reload().unwrap(), "the same broken file is not tried again");

    write_pair(directory.path(), "localhost.localdomain");
    assert!(reload.reload().unwrap());
}

#[tokio::test]
async fn errors_name_the_file_and_the_cause() {
    let directory = tempfile::tempdir().unwrap();
    let stats = Arc::new(BrokerStats::default());
    let files = write_pair(directory.path(), "localhost");
    let load = |files: &CertificateFiles| TlsReload::load(files.clone(), stats.clone()).unwrap_err();

    let other = rcgen::KeyPair::generate().unwrap();
    std::fs::write(&files.key, other.serialize_pem()).unwrap();
    let failed = load(&files);
    assert_eq!((failed.file.as_path(), failed.code()), (files.key.as_path(), ErrorCode::BadCertificate));
    assert!(failed.reason.contains("belong together"), "{}", failed.reason);

    std::fs::write(&files.key, "").unwrap();
    assert!(load(&files).reason.contains("no private key"));
    std::fs::remove_file(&files.certificate).unwrap();
    let failed = load(&files);
    assert_eq!(failed.file, files.certificate);
    assert!(failed.reason.contains("cannot be read"));
}
