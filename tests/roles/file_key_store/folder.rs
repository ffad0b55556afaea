//! The contents, permissions and lock of the folder.

use std::sync::Arc;

use crate::file_key_store::{files, keys_are_neither_lost_nor_orphaned, opened, told};
use crate::key_store::rules::{
    MAILBOX, OWN, PROFILE, certificate, message, own, wanted, with_profile,
};
use crate::support::peers::{Scratch, openssl};
use keyferry::Secret;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Curve, KeyKind};
use keyferry::keys::{
    CertificateInstall, Channel, FileKeyStore, FileStoreError, KeySpec, KeyStore, MessageId,
    ProfileNames, Provisioning,
};

#[tokio::test]
async fn all_changes_are_present_after_reopening() {
    let scratch = Scratch::new();
    let folder = scratch.path("keys");
    let store = opened(&folder);
    with_profile(&store, &["a", "b"]).await;
    store
        .install(
            PROFILE,
            vec![
                CertificateInstall::new("a", "INACTIVE", certificate(&store, "a").await)
                    .with_chain(vec![certificate(&store, "b").await]),
            ],
        )
        .await
        .unwrap();
    store
        .open_activation(Channel::of_message(MAILBOX, Secret::new("t"), Secret::new("claim")))
        .await
        .unwrap();
    store.begin(wanted("m1", &["c"])).await.unwrap();
    store.begin(wanted("m2", &["d"])).await.unwrap();
    store.record_answer(&message("m2"), own(), "\u{0} \"answer\" \u{1f511}").await.unwrap();
    let own_message = MessageId::new(OWN, "m3");
    store.keep_answer(&own_message, "unsent").await.unwrap();
    let messages = [message("m0"), message("m1"), message("m2"), own_message];
    let before = told(&store, &messages).await;
    drop(store);
    let left = files(&folder);

    let store = opened(&folder);
    assert_eq!(told(&store, &messages).await, before);
    let profile = store.profile(PROFILE).await.unwrap().unwrap();
    assert_eq!(profile.key("a").unwrap().chain.len(), 1);
    keys_are_neither_lost_nor_orphaned(&store, &folder).await;
    assert_eq!(files(&folder), left, "opening changes nothing");
    assert_eq!(store.commit(&message("m2")).await.unwrap().unwrap().keys.len(), 3);
    store.remove_profile(PROFILE).await.unwrap();
    assert_eq!(
        files(&folder).into_keys().collect::<Vec<_>>(),
        ["state.json"],
        "the keys are gone with what they were for"
    );
}

#[tokio::test]
async fn every_kind_of_key_is_read_again() {
    let scratch = Scratch::new();
    let folder = scratch.path("keys");
    let kinds = [
        KeyKind::Rsa { bits: 2048 },
        KeyKind::Ec(Curve::P256),
        KeyKind::Ec(Curve::P384),
        KeyKind::Ec(Curve::P521),
        KeyKind::Ed25519,
    ];
    let specs = kinds
        .iter()
        .enumerate()
        .map(|(index, kind)| KeySpec::new(index.to_string(), "SIG", *kind))
        .collect();
    let names = ProfileNames::new(PROFILE, "userA", "Profile", "Example");
    let pending = opened(&folder)
        .begin(Provisioning::new(message("m1"), [7; 32], names, specs))
        .await
        .unwrap();
    assert_eq!(opened(&folder).all_pending().await.unwrap(), std::slice::from_ref(&pending));
    let Some(openssl) = openssl() else { return };
    for name in files(&folder).into_keys().filter(|name| name.ends_with(".p8")) {
        openssl.run(&[
            "pkey",
            "-inform",
            "DER",
            "-in",
            &format!("{folder}/{name}"),
            "-noout",
            "-check",
        ]);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let scratch = Scratch::new();
    let folder = scratch.path("keys");
    with_profile(&opened(&folder), &["a"]).await;
    assert_eq!(mode(&folder), 0o700);
    for name in files(&folder).into_keys().chain([String::from("lock")]) {
        assert_eq!(mode(&format!("{folder}/{name}")), 0o600, "{name}");
    }
    // A folder that others could read is restricted.
    let open = scratch.path("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
    opened(&open);
    assert_eq!(mode(&open), 0o700);
}

#[tokio::test]
async fn a_folder_is_open_once() {
    let scratch = Scratch::new();
    let folder = scratch.path("keys");
    let store = opened(&folder);
    let again = FileKeyStore::open(&folder, Arc::new(AwsLcRs));
    assert!(matches!(again, Err(FileStoreError::InUse)));
    drop(store);
    opened(&folder);
}

#[tokio::test]
async fn names_from_outside_are_no_file_names() {
    let scratch = Scratch::new();
    let folder = scratch.path("a/keys");
    assert!(
        matches!(FileKeyStore::open(&folder, Arc::new(AwsLcRs)), Err(FileStoreError::Io { .. })),
        "the parent has to be there"
    );
    std::fs::create_dir(scratch.path("a")).unwrap();
    let store = opened(&folder);
    for hostile in [
        "../../escaped",
        "/var/escaped",
        "",
        ".",
        "state.json",
        "a\0b",
        "con",
        "x".repeat(60_000).as_str(),
    ] {
        let message = MessageId::new(format!("https://hub.example/ms/{hostile}"), hostile);
        let names = ProfileNames::new(hostile, hostile, hostile, hostile);
        let spec = KeySpec::new(hostile, hostile, KeyKind::Ec(Curve::P256));
        store.begin(Provisioning::new(message.clone(), [7; 32], names, vec![spec])).await.unwrap();
        store
            .record_answer(&message, Channel::of_mailbox(hostile, Secret::new(hostile)), hostile)
            .await
            .unwrap();
        store.commit(&message).await.unwrap().unwrap();
    }
    keys_are_neither_lost_nor_orphaned(&store, &folder).await;
    let above: Vec<_> = std::fs::read_dir(scratch.path("a"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(above, ["keys"]);
    drop(store);
    assert_eq!(opened(&folder).profiles().await.unwrap().len(), 8);
}

#[tokio::test]
async fn files_of_others_are_left_alone_and_left_overs_are_removed() {
    let scratch = Scratch::new();
    let folder = scratch.path("keys");
    with_profile(&opened(&folder), &["a"]).await;
    let before = files(&folder);
    let (key, bytes) = before.iter().find(|(name, _)| name.ends_with(".p8")).unwrap();
    let digest = "0123456789abcdef".repeat(4);
    let others = ["attestation.p8", "notes.txt", "other.tmp", "A123.p8"];
    for name in others {
        std::fs::write(format!("{folder}/{name}"), "theirs").unwrap();
    }
    for name in [
        &format!("{digest}.p8"),
        &format!("{digest}.p8.tmp"),
        &format!("{key}.tmp"),
        "state.json.tmp",
    ] {
        std::fs::write(format!("{folder}/{name}"), bytes).unwrap();
    }
    let store = opened(&folder);
    assert_eq!(files(&folder).len(), before.len() + others.len());
    for name in others {
        std::fs::remove_file(format!("{folder}/{name}")).unwrap();
    }
    assert_eq!(files(&folder), before);
    keys_are_neither_lost_nor_orphaned(&store, &folder).await;
}

#[tokio::test]
async fn an_unreadable_value_is_not_written() {
    let scratch = Scratch::new();
    let folder = scratch.path("keys");
    let store = opened(&folder);
    with_profile(&store, &["a"]).await;
    let before = files(&folder);
    let too_long = MessageId::new("x".repeat(70_000), "m");
    store.keep_answer(&too_long, "answer").await.unwrap_err();
    assert!(store.answer(&too_long).await.unwrap().is_none());
    assert_eq!(files(&folder), before);
    store.keep_answer(&message("m9"), "answer").await.unwrap();
    assert!(!format!("{store:?}").contains("own-t0ken"));
}

/// The modes, times and sizes of a folder and its entries.
#[cfg(unix)]
fn looks(folder: &str) -> Vec<(std::path::PathBuf, u32, u64, std::time::SystemTime)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut paths = vec![std::path::PathBuf::from(folder)];
    if let Ok(entries) = std::fs::read_dir(folder) {
        paths.extend(entries.map(|entry| entry.unwrap().path()));
    }
    paths.sort();
    let look = |path: std::path::PathBuf| {
        let found = std::fs::symlink_metadata(&path).unwrap();
        (path, found.permissions().mode(), found.len(), found.modified().unwrap())
    };
    paths.into_iter().map(look).collect()
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_of_another_program_is_refused_unchanged() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new();
    let refused = |path: &str| {
        let before = looks(path);
        let error = FileKeyStore::open(path, Arc::new(AwsLcRs)).unwrap_err();
        assert_eq!(looks(path), before, "{path}: {error}");
        error
    };
    let digest = "0123456789abcdef".repeat(4);
    for (number, (name, text)) in [
        ("notes.txt", "theirs"),
        (".git", ""),
        ("lock", "4711"),
        ("state.json", r#"{"version":4,"resources":[]}"#),
        ("state.json", r#"{"version":2}"#),
        (&*format!("{digest}.p8"), "a key without a state"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = scratch.path(&format!("folder-{number}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(format!("{folder}/{name}"), text).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = refused(&folder);
        if name == "state.json" || name.ends_with(".p8") {
            assert!(matches!(error, FileStoreError::Damaged { .. }), "{name}: {error:?}");
        } else {
            assert!(matches!(error, FileStoreError::NotOwn { .. }), "{name}: {error:?}");
        }
    }
    let (file, empty, link) = (scratch.path("file"), scratch.path("empty"), scratch.path("link"));
    std::fs::write(&file, "theirs").unwrap();
    std::fs::create_dir(&empty).unwrap();
    std::os::unix::fs::symlink(&empty, &link).unwrap();
    for path in [file, link.clone(), format!("{link}/")] {
        assert!(matches!(refused(&path), FileStoreError::NotOwn { .. }), "{path}");
    }
    assert!(files(&empty).is_empty());
    opened(&empty);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_of_another_user_is_refused_unchanged() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    /// The user `nobody` on most systems; any other user than the current one would do.
    const OTHER: u32 = 65_534;
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    let scratch = Scratch::new();
    let (empty, with_state) = (scratch.path("empty"), scratch.path("with-state"));
    std::fs::create_dir(&empty).unwrap();
    drop(opened(&with_state));
    if own == OTHER || chown(&empty, Some(OTHER), None).is_err() {
        eprintln!("skipped: only root can give a folder to another user");
        return;
    }
    chown(&with_state, Some(OTHER), None).unwrap();
    for path in [&empty, &with_state] {
        let before = looks(path);
        let error = FileKeyStore::open(path, Arc::new(AwsLcRs)).unwrap_err();
        assert!(matches!(error, FileStoreError::NotOwn { .. }), "{path}: {error:?}");
        assert_eq!(looks(path), before);
    }
    // The same folder can be opened after its owner is restored.
    chown(&with_state, Some(own), None).unwrap();
    opened(&with_state);
}
