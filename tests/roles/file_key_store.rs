//! The rules of a key store for the one in a folder, and rules about its files, also after a power
//! failure.

mod damage;
mod faults;
mod folder;
mod power;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::key_store::rules;
use crate::support::peers::Scratch;
use keyferry::Secret;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Provider, VerifyingKey};
use keyferry::keys::{FileKeyStore, KeyStore, MessageId, Pending};

fn open(provider: Arc<dyn Provider>) -> rules::Opened {
    let scratch = Scratch::new();
    (Box::new(FileKeyStore::open(scratch.path("keys"), provider).unwrap()), Some(scratch))
}

rules::key_store_rules!(open);

fn opened(folder: &str) -> FileKeyStore {
    FileKeyStore::open(folder, Arc::new(AwsLcRs)).unwrap()
}

/// The files of a folder except the lock.
fn files(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.map(|entry| {
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    });
    files.filter(|(name, _)| name != "lock").collect()
}

/// The complete contents of a store, including these messages.
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

/// Checks that each key of a store signs and that the folder has no other private key.
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
            AwsLcRs.sha256(key.as_spki_der()).iter().map(|byte| format!("{byte:02x}")).collect();
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
