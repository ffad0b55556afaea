//! The rules of a key store for the one in memory.

pub(crate) mod rules;

use std::sync::Arc;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Signer};
use keyferry::crypto::{CryptoError, KeyKind, PrivateKey, Provider, PublicKey, VerifyKey};
use keyferry::keys::{MemoryKeyStore, MessageId};

fn open(provider: Arc<dyn Provider>) -> rules::Opened {
    (Box::new(MemoryKeyStore::new(provider)), None)
}

rules::key_store_rules!(open);

/// A provider whose private keys cannot be exported.
struct Closed;
struct ClosedKey(Box<dyn PrivateKey>);

impl Signer for ClosedKey {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.sign(algorithm, message)
    }
}

impl PrivateKey for ClosedKey {
    fn expose_pkcs8_der(&self) -> Result<zeroize::Zeroizing<Vec<u8>>, CryptoError> {
        panic!("nobody has to write a private key out")
    }
}

impl Provider for Closed {
    fn import(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
    ) -> Result<Box<dyn VerifyKey>, CryptoError> {
        AwsLcRs.import(algorithm, key)
    }

    fn generate(&self, kind: KeyKind) -> Result<Box<dyn PrivateKey>, CryptoError> {
        Ok(Box::new(ClosedKey(AwsLcRs.generate(kind)?)))
    }

    fn private_key_from_pkcs8_der(&self, _: &[u8]) -> Result<Box<dyn PrivateKey>, CryptoError> {
        panic!("nobody has to read one")
    }

    crate::support::digests_of_aws_lc_rs!();
}

#[tokio::test]
async fn memory_keys_are_never_written_and_debug_is_redacted() {
    let store = MemoryKeyStore::new(Arc::new(Closed));
    rules::with_profile(&store, &["a"]).await;
    let shown = format!("{store:?}");
    assert!(!shown.contains("own-t0ken"), "{shown}");
}

#[test]
fn a_message_has_a_name_that_is_safe_anywhere_and_its_own() {
    let provider = AwsLcRs;
    let names = [
        MessageId::new("a", "bc"),
        MessageId::new("ab", "c"),
        MessageId::new("a", "../bc"),
        MessageId::new("", "abc"),
    ];
    let digests: std::collections::HashSet<[u8; 32]> =
        names.iter().map(|name| name.digest(&provider)).collect();
    assert_eq!(digests.len(), names.len());
}
