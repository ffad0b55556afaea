//! Damaged files: the error names the file, and nothing is removed or changed.

use std::error::Error as _;
use std::sync::Arc;

use crate::file_key_store::{files, opened};
use crate::key_store::rules::{message, wanted, with_profile};
use crate::support::peers::Scratch;
use keyferry::Class;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Curve, KeyKind, Provider as _};
use keyferry::keys::{FileKeyStore, FileStoreError, KeyStore as _};

/// A folder with a profile and pending keys, and the name of the file of one of them.
async fn folder(scratch: &Scratch) -> (String, String) {
    let folder = scratch.path("keys");
    let store = opened(&folder);
    with_profile(&store, &["a"]).await;
    store.begin(wanted("m1", &["b"])).await.unwrap();
    store.keep_answer(&message("m2"), "the-answer").await.unwrap();
    let key = files(&folder).into_keys().find(|name| name.ends_with(".p8")).unwrap();
    (folder, key)
}

/// Checks that opening fails with an error about that file, and that the folder is unchanged.
#[track_caller]
fn assert_damaged(folder: &str, name: &str, class: Class) {
    let before = files(folder);
    let error = FileKeyStore::open(folder, Arc::new(AwsLcRs)).unwrap_err();
    let FileStoreError::Damaged { file, source } = &error else { panic!("{error:?}") };
    assert_eq!((file.as_str(), source.class()), (name, class), "{source}");
    assert!(error.source().is_some());
    let said = format!("{error} {error:?} {source}");
    assert!(!said.contains("own-t0ken") && !said.contains("the-answer"), "{said}");
    assert_eq!(files(folder), before);
}

#[tokio::test]
async fn a_damaged_state_is_an_error_and_no_key_is_removed() {
    let scratch = Scratch::new();
    let (folder, _) = folder(&scratch).await;
    let path = format!("{folder}/state.json");
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(7) {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert_damaged(&folder, "state.json", Class::Malformed);
    }
    let text = String::from_utf8(whole.clone()).unwrap();
    for (from, to) in [
        (r#""version":1"#, r#""version":2"#),
        (r#""keyid":"a","#, ""),
        (r#""spki":"M"#, r#""spki":"N"#),
        (r#""retired":false"#, r#""retired":null"#),
        (r#""sent":false"#, r#""sent":false,"sent":true"#),
        (r#""commandSha256":"B"#, r#""commandSha256":""#),
        (r#""answers":["#, r#""answers":[0,"#),
    ] {
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        assert_damaged(&folder, "state.json", Class::Malformed);
    }
    std::fs::write(&path, [whole.as_slice(), b"\xff"].concat()).unwrap();
    assert_damaged(&folder, "state.json", Class::Malformed);
    std::fs::remove_file(&path).unwrap();
    assert_damaged(&folder, "state.json", Class::NotFound);

    std::fs::write(&path, whole).unwrap();
    assert_eq!(opened(&folder).profiles().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_damaged_key_is_an_error_and_stays() {
    let scratch = Scratch::new();
    let (folder, key) = folder(&scratch).await;
    let path = format!("{folder}/{key}");
    let whole = std::fs::read(&path).unwrap();
    let other = AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap().expose_pkcs8_der().unwrap();
    for damaged in [&[][..], &whole[..whole.len() - 1], b"garbage", &other, &vec![0; 100_000]] {
        std::fs::write(&path, damaged).unwrap();
        assert_damaged(&folder, &key, Class::Malformed);
    }
    std::fs::remove_file(&path).unwrap();
    assert_damaged(&folder, &key, Class::NotFound);
    std::fs::write(&path, whole).unwrap();
    opened(&folder);
}

#[cfg(unix)]
#[tokio::test]
async fn a_state_that_is_no_file_is_refused() {
    let scratch = Scratch::new();
    let (folder, _) = folder(&scratch).await;
    let path = format!("{folder}/state.json");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(
        FileKeyStore::open(&folder, Arc::new(AwsLcRs)),
        Err(FileStoreError::NotOwn { .. })
    ));
}
