//! The rules of a key store, on the one in a folder; and what is its own: files, and what is left
//! of them when the power fails.
#![cfg(all(feature = "device", feature = "ca", feature = "aws-lc-rs", feature = "testing"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
#[path = "support/crash.rs"]
mod crash;
#[allow(dead_code)]
#[path = "support/fake_hub.rs"]
mod fake_hub;
#[allow(dead_code, unreachable_pub)]
#[path = "support/peers.rs"]
mod peers;
#[allow(dead_code)]
#[path = "key_store/rules.rs"]
mod rules;
#[allow(dead_code)]
#[path = "device/support.rs"]
mod support;

#[path = "file_key_store/damage.rs"]
mod damage;
#[path = "file_key_store/faults.rs"]
mod faults;
#[path = "file_key_store/folder.rs"]
mod folder;
#[path = "file_key_store/power.rs"]
mod power;

use std::collections::BTreeMap;
use std::sync::Arc;

use keyferry::Secret;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Provider, VerifyingKey};
use keyferry::keys::{FileKeyStore, KeyStore, MessageId, Pending};
use peers::Scratch;

fn open(provider: Arc<dyn Provider>) -> rules::Opened {
    let scratch = Scratch::new();
    (Box::new(FileKeyStore::open(scratch.path("keys"), provider).unwrap()), Some(scratch))
}

rules::key_store_rules!(open);

fn opened(folder: &str) -> FileKeyStore {
    FileKeyStore::open(folder, Arc::new(AwsLcRs)).unwrap()
}

/// The files of a folder, but the lock.
fn files(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.map(|entry| {
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    });
    files.filter(|(name, _)| name != "lock").collect()
}

/// Everything that a store tells of itself, about these messages among others.
async fn told(store: &dyn KeyStore, messages: &[MessageId]) -> String {
    let (activations, pending, profiles) = (
        store.activations().await.unwrap(),
        store.all_pending().await.unwrap(),
        store.profiles().await.unwrap(),
    );
    let mut said = format!("{activations:?} {pending:?} {profiles:?}");
    for secret in activations.iter().chain(profiles.iter().map(|profile| &profile.channel)) {
        said +=
            &format!(" {} {:?}", secret.token.expose(), secret.claim.as_ref().map(Secret::expose));
    }
    for message in messages {
        let answer = store.answer(message).await.unwrap();
        said += &format!(" {:?}", answer.map(|kept| (kept.text, kept.sent)));
    }
    said
}

/// Each key that a store names signs, and each private key in the folder is one that it names.
async fn keys_are_neither_lost_nor_orphaned(store: &dyn KeyStore, folder: &str) {
    let mut names = Vec::new();
    let mut check = |key: &keyferry::crypto::PublicKey,
                     signer: Arc<dyn keyferry::crypto::Signer>| {
        let signature = signer.sign(Algorithm::Es256, b"message").unwrap();
        VerifyingKey::new(&AwsLcRs, Algorithm::Es256, key)
            .unwrap()
            .verify(b"message", &signature)
            .unwrap();
        let digest: String =
            AwsLcRs.sha256(key.as_spki_der()).iter().map(|octet| format!("{octet:02x}")).collect();
        names.push(digest + ".p8");
    };
    for Pending { message, keys, .. } in store.all_pending().await.unwrap() {
        for key in keys {
            check(
                &key.public_key,
                store.pending_signer(&message, &key.key_id).await.unwrap().unwrap(),
            );
        }
    }
    for profile in store.profiles().await.unwrap() {
        for key in &profile.keys {
            check(
                &key.public_key,
                store.signer(&profile.names.id, &key.key_id).await.unwrap().unwrap(),
            );
        }
    }
    names.push(String::from("state.json"));
    names.sort();
    assert_eq!(files(folder).into_keys().collect::<Vec<_>>(), names);
}
