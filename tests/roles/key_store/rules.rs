//! The rules that every key store must follow.

use std::sync::{Arc, Mutex};

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{
    Algorithm, CryptoError, Curve, KeyKind, PrivateKey, Provider, PublicKey, Signer, VerifyKey,
    VerifyingKey,
};
use keyferry::csr::{Request, Template};
use keyferry::issuer::issue;
use keyferry::keys::{
    CertificateInstall, Channel, KEPT_ANSWERS, KeySpec, KeyStore, KeyStoreError, MessageId,
    Profile, ProfileNames, Provisioning,
};
use keyferry::{Certificate, Class, Secret};

use crate::support::peers::Scratch;
use crate::support::{pki, time};

pub(crate) const MAILBOX: &str = "https://hub.example/ms/b1";
pub(crate) const OWN: &str = "https://hub.example/ms/b2";
pub(crate) const PROFILE: &str = "3051e9f3-0e4d-436b-a512-2e18d8afe134";

/// A store and a value that must live as long as the store.
pub(crate) type Opened = (Box<dyn KeyStore>, Option<Scratch>);
/// Opens an empty store.
pub(crate) type Open = fn(Arc<dyn Provider>) -> Opened;

pub(crate) fn message(mid: &str) -> MessageId {
    MessageId::new(MAILBOX, mid)
}

pub(crate) fn wanted(mid: &str, key_ids: &[&str]) -> Provisioning {
    let wishes = key_ids
        .iter()
        .map(|key_id| KeySpec::new(*key_id, "SIG", KeyKind::Ec(Curve::P256)))
        .collect();
    Provisioning::new(
        message(mid),
        [7; 32],
        ProfileNames::new(PROFILE, "userA", "Profile", "Example"),
        wishes,
    )
}

pub(crate) fn own() -> Channel {
    Channel::of_mailbox(OWN, Secret::new("own-t0ken"))
}

pub(crate) async fn with_profile(store: &dyn KeyStore, key_ids: &[&str]) -> Profile {
    store.begin(wanted("m0", key_ids)).await.unwrap();
    store.record_answer(&message("m0"), own(), "{}").await.unwrap();
    store.commit(&message("m0")).await.unwrap().unwrap()
}

pub(crate) async fn certificate(store: &dyn KeyStore, key_id: &str) -> Certificate {
    let command: serde_json::Value =
        serde_json::from_str(include_str!("../../fixtures/hermod/provision-command.json")).unwrap();
    let template = Template::from_base64(
        command["provCommand"]["profile"]["keygenrequests"][0]["certreq"].as_str().unwrap(),
    )
    .unwrap();
    let signer = store.signer(PROFILE, key_id).await.unwrap().unwrap();
    let request = Request::from_der(&template.replace_key(&*signer).unwrap(), &AwsLcRs).unwrap();
    let ca = pki::root(Arc::new(time::clock()));
    issue(&ca, &request).await.unwrap().into_certificate()
}

fn class_of(error: KeyStoreError) -> Class {
    match error {
        KeyStoreError::Refused(error) => error.class(),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn the_first_claim_of_a_mailbox_stays(open: Open) {
    let (store, _folder) = open(Arc::new(AwsLcRs));
    let store = &*store;
    let first = Channel::of_message(MAILBOX, Secret::new("t"), Secret::new("first"));
    let second = Channel::of_message(MAILBOX, Secret::new("t"), Secret::new("second"));
    assert_eq!(store.open_activation(first.clone()).await.unwrap(), first);
    assert_eq!(store.open_activation(second).await.unwrap(), first);
    assert_eq!(store.activations().await.unwrap(), [first]);
}

pub(crate) async fn keys_are_made_once_per_message_and_used_after_commit(open: Open) {
    let (store, _folder) = open(Arc::new(AwsLcRs));
    let store = &*store;
    let first = store.begin(wanted("m1", &["a", "b"])).await.unwrap();
    let again = store.begin(wanted("m1", &["a", "b", "c"])).await.unwrap();
    assert_eq!(first, again);
    assert!(first.keys.iter().all(|key| key.storage.as_deref() == Some("APP")));
    assert!(store.profiles().await.unwrap().is_empty());
    assert!(store.signer(PROFILE, "a").await.unwrap().is_none());
    assert!(store.pending_signer(&message("m1"), "a").await.unwrap().is_some());
    assert!(store.pending_signer(&message("m2"), "a").await.unwrap().is_none());
    assert_eq!(class_of(store.commit(&message("m1")).await.unwrap_err()), Class::Conflict);

    store.record_answer(&message("m1"), own(), "answer").await.unwrap();
    let profile = store.commit(&message("m1")).await.unwrap().unwrap();
    assert_eq!(profile.keys, first.keys);
    assert_eq!(profile.channel, own());
    assert!(store.all_pending().await.unwrap().is_empty());
    assert_eq!(store.commit(&message("m1")).await.unwrap(), None, "the same step again");
    assert!(store.signer(PROFILE, "a").await.unwrap().is_some());
}

pub(crate) async fn a_recorded_answer_stays_the_same_bytes(open: Open) {
    let (store, _folder) = open(Arc::new(AwsLcRs));
    let store = &*store;
    store.begin(wanted("m1", &["a"])).await.unwrap();
    let kept = store.record_answer(&message("m1"), own(), "first").await.unwrap();
    let other = Channel::of_mailbox("https://hub.example/ms/b3", Secret::new("x"));
    assert_eq!(store.record_answer(&message("m1"), other, "second").await.unwrap(), kept);
    assert_eq!(store.keep_answer(&message("m1"), "third").await.unwrap().text, "first");
    assert_eq!(store.unsent(MAILBOX).await.unwrap()[0].text, "first");
    assert_eq!(store.commit(&message("m1")).await.unwrap().unwrap().channel, own());
    assert!(store.unsent(MAILBOX).await.unwrap().is_empty());
}

pub(crate) async fn a_kept_refusal_cannot_be_replaced(open: Open) {
    let (store, _folder) = open(Arc::new(AwsLcRs));
    let store = &*store;
    store.begin(wanted("m1", &["a"])).await.unwrap();
    store.keep_answer(&message("m1"), "refusal").await.unwrap();
    assert_eq!(
        class_of(store.record_answer(&message("m1"), own(), "answer").await.unwrap_err()),
        Class::Conflict
    );
    assert_eq!(
        class_of(store.record_answer(&message("m2"), own(), "answer").await.unwrap_err()),
        Class::NotFound
    );
}

pub(crate) async fn abandoned_keys_are_gone_with_their_answer(open: Open) {
    let (store, _folder) = open(Arc::new(AwsLcRs));
    let store = &*store;
    let old = with_profile(store, &["a"]).await;
    store.begin(wanted("m1", &["a"])).await.unwrap();
    store.record_answer(&message("m1"), own(), "answer").await.unwrap();
    for _ in 0..2 {
        store.abandon(&message("m1")).await.unwrap();
        assert!(store.all_pending().await.unwrap().is_empty());
        assert!(store.answer(&message("m1")).await.unwrap().is_none());
        assert_eq!(
            store.profiles().await.unwrap(),
            std::slice::from_ref(&old),
            "the profile keeps its keys"
        );
    }
}

pub(crate) async fn new_keys_replace_only_keys_with_the_same_keyids(open: Open) {
    let (store, _folder) = open(Arc::new(AwsLcRs));
    let store = &*store;
    let old = with_profile(store, &["a", "b"]).await;
    store
        .install(
            PROFILE,
            vec![CertificateInstall::new("a", "ACTIVE", certificate(store, "a").await)],
        )
        .await
        .unwrap();
    store.begin(wanted("m1", &["a", "c"])).await.unwrap();
    store.record_answer(&message("m1"), own(), "answer").await.unwrap();
    let new = store.commit(&message("m1")).await.unwrap().unwrap();
    assert_eq!(new.keys.len(), 3);
    assert_ne!(new.key("a").unwrap().public_key, old.key("a").unwrap().public_key);
    assert!(new.key("a").unwrap().certificate.is_none(), "the certificate was for the old key");
    assert_eq!(new.key("b"), old.key("b"));
    for key_id in ["a", "b", "c"] {
        let signer = store.signer(PROFILE, key_id).await.unwrap().unwrap();
        assert_eq!(*signer.public_key(), new.key(key_id).unwrap().public_key);
    }
}

pub(crate) async fn certificates_are_installed_for_their_keys_all_or_none(open: Open) {
    let (store, _folder) = open(Arc::new(AwsLcRs));
    let store = &*store;
    with_profile(store, &["a", "b"]).await;
    let (a, b) = (certificate(store, "a").await, certificate(store, "b").await);
    store.install(PROFILE, vec![CertificateInstall::new("a", "ACTIVE", a.clone())]).await.unwrap();
    let before = store.profiles().await.unwrap();
    let refused = async |certificates: Vec<CertificateInstall>| {
        class_of(store.install(PROFILE, certificates).await.unwrap_err())
    };
    let one = |key_id: &str, certificate: &Certificate| {
        CertificateInstall::new(key_id, "INACTIVE", certificate.clone())
    };
    assert_eq!(refused(vec![one("a", &b)]).await, Class::Proof);
    assert_eq!(refused(vec![one("b", &b), one("a", &b)]).await, Class::Proof);
    assert_eq!(refused(vec![one("b", &b), one("b", &b)]).await, Class::KeyId);
    assert_eq!(refused(vec![one("b", &b), one("c", &b)]).await, Class::KeyId);
    assert_eq!(class_of(store.install("another", Vec::new()).await.unwrap_err()), Class::NotFound);
    assert_eq!(store.profiles().await.unwrap(), before, "the old one stays until then");

    let chained = one("a", &a).with_chain(vec![b.clone()]);
    store.install(PROFILE, vec![chained, one("b", &b)]).await.unwrap();
    let profile = store.profile(PROFILE).await.unwrap().unwrap();
    assert_eq!(profile.key("a").unwrap().chain, std::slice::from_ref(&b));
    store.install(PROFILE, vec![one("a", &a), one("b", &b)]).await.unwrap();
    let profile = store.profile(PROFILE).await.unwrap().unwrap();
    assert_eq!(profile.key("b").unwrap().certificate.as_ref(), Some(&b));
    assert!(profile.keys.iter().all(|key| key.state == "INACTIVE" && key.chain.is_empty()));
}

pub(crate) async fn a_retired_profile_has_no_keys_and_can_still_answer(open: Open) {
    let (store, _folder) = open(Arc::new(AwsLcRs));
    let store = &*store;
    with_profile(store, &["a"]).await;
    store.begin(wanted("m1", &["a"])).await.unwrap();
    let in_own = MessageId::new(OWN, "m5");
    store.keep_answer(&in_own, "answer").await.unwrap();
    for _ in 0..2 {
        store.retire(PROFILE).await.unwrap();
        let profile = store.profile(PROFILE).await.unwrap().unwrap();
        assert!(profile.retired && profile.keys.is_empty());
        assert!(store.signer(PROFILE, "a").await.unwrap().is_none());
        assert!(store.all_pending().await.unwrap().is_empty());
        assert_eq!(store.unsent(OWN).await.unwrap().len(), 1);
    }
    store.remove_profile(PROFILE).await.unwrap();
    store.remove_profile(PROFILE).await.unwrap();
    assert!(store.profiles().await.unwrap().is_empty());
    assert!(store.answer(&in_own).await.unwrap().is_none());
}

pub(crate) async fn sent_answers_are_limited_and_unsent_ones_always_kept(open: Open) {
    let (store, _folder) = open(Arc::new(AwsLcRs));
    let store = &*store;
    let mid = |number: usize| message(&number.to_string());
    store.keep_answer(&mid(usize::MAX), "unsent").await.unwrap();
    for number in 0..KEPT_ANSWERS + 10 {
        store.keep_answer(&mid(number), "sent").await.unwrap();
        store.mark_sent(&mid(number)).await.unwrap();
    }
    assert!(store.answer(&mid(9)).await.unwrap().is_none());
    assert!(store.answer(&mid(10)).await.unwrap().is_some_and(|kept| kept.sent));
    assert_eq!(store.unsent(MAILBOX).await.unwrap().len(), 1);
}

pub(crate) async fn closing_an_activation_removes_only_its_pending_keys(open: Open) {
    let (store, _folder) = open(Arc::new(AwsLcRs));
    let store = &*store;
    store
        .open_activation(Channel::of_message(MAILBOX, Secret::new("t"), Secret::new("c")))
        .await
        .unwrap();
    store.begin(wanted("m1", &["a"])).await.unwrap();
    store.keep_answer(&MessageId::new(OWN, "m1"), "of another mailbox").await.unwrap();
    store.close_activation(MAILBOX).await.unwrap();
    store.close_activation(OWN).await.unwrap();
    assert!(store.all_pending().await.unwrap().is_empty());
    assert_eq!(store.unsent(OWN).await.unwrap().len(), 1);
}

/// A provider whose keys report when they are dropped.
struct Counting(Arc<Mutex<i32>>);
struct Counted(Box<dyn PrivateKey>, Arc<Mutex<i32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        *self.1.lock().unwrap() -= 1;
    }
}

impl Signer for Counted {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.sign(algorithm, message)
    }
}

impl PrivateKey for Counted {
    fn expose_pkcs8_der(&self) -> Result<zeroize::Zeroizing<Vec<u8>>, CryptoError> {
        self.0.expose_pkcs8_der()
    }
}

impl Provider for Counting {
    fn import(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
    ) -> Result<Box<dyn VerifyKey>, CryptoError> {
        AwsLcRs.import(algorithm, key)
    }

    fn generate(&self, kind: KeyKind) -> Result<Box<dyn PrivateKey>, CryptoError> {
        if matches!(kind, KeyKind::Ed25519) {
            return Err(CryptoError::Unsupported);
        }
        *self.0.lock().unwrap() += 1;
        Ok(Box::new(Counted(AwsLcRs.generate(kind)?, Arc::clone(&self.0))))
    }

    fn private_key_from_pkcs8_der(&self, pkcs8: &[u8]) -> Result<Box<dyn PrivateKey>, CryptoError> {
        AwsLcRs.private_key_from_pkcs8_der(pkcs8)
    }

    crate::support::digests_of_aws_lc_rs!();
}

pub(crate) async fn no_private_key_outlives_its_use(open: Open) {
    let living = Arc::new(Mutex::new(0));
    let (store, _folder) = open(Arc::new(Counting(Arc::clone(&living))));
    let count = || *living.lock().unwrap();
    store.begin(wanted("m1", &["a", "b"])).await.unwrap();
    assert_eq!(count(), 2);
    store.abandon(&message("m1")).await.unwrap();
    assert_eq!(count(), 0);

    let mut half = wanted("m2", &["a", "b"]);
    half.keys[1].kind = KeyKind::Ed25519;
    assert!(matches!(
        store.begin(half).await,
        Err(KeyStoreError::Crypto(CryptoError::Unsupported))
    ));
    assert_eq!(class_of(store.begin(wanted("m2", &["a", "a"])).await.unwrap_err()), Class::KeyId);
    assert_eq!((count(), store.all_pending().await.unwrap().len()), (0, 0), "all or none");

    with_profile(&*store, &["a", "b"]).await;
    store.begin(wanted("m3", &["a"])).await.unwrap();
    store.record_answer(&message("m3"), own(), "answer").await.unwrap();
    assert_eq!(count(), 3);
    store.commit(&message("m3")).await.unwrap();
    assert_eq!(count(), 2);
    store.retire(PROFILE).await.unwrap();
    assert_eq!(count(), 0);
    assert_eq!(
        class_of(store.begin(wanted("m3", &["a"])).await.unwrap_err()),
        Class::Conflict,
        "a command that was done is not done again"
    );
    store.begin(wanted("m4", &["a"])).await.unwrap();
    assert_eq!(count(), 1);
    drop(store);
    assert_eq!(count(), 0);
}

pub(crate) async fn a_keys_signature_verifies_and_debug_shows_no_secret(open: Open) {
    let (store, _folder) = open(Arc::new(AwsLcRs));
    let store = &*store;
    let profile = with_profile(store, &["a"]).await;
    let signer = store.signer(PROFILE, "a").await.unwrap().unwrap();
    let signature = signer.sign(Algorithm::Es256, b"message").unwrap();
    let key = VerifyingKey::new(&AwsLcRs, Algorithm::Es256, &profile.keys[0].public_key).unwrap();
    key.verify(b"message", &signature).unwrap();
    let kept = store.keep_answer(&message("m9"), "eyJ-a-jws").await.unwrap();
    let shown = format!("{profile:?} {kept:?}");
    assert!(!shown.contains("own-t0ken") && !shown.contains("eyJ"), "{shown}");
}

/// Declares every rule as a test on the store that `$open` opens.
macro_rules! key_store_rules {
    ($open:path) => {
        $crate::key_store::rules::key_store_rules! { $open:
            the_first_claim_of_a_mailbox_stays,
            keys_are_made_once_per_message_and_used_after_commit,
            a_recorded_answer_stays_the_same_bytes,
            a_kept_refusal_cannot_be_replaced,
            abandoned_keys_are_gone_with_their_answer,
            new_keys_replace_only_keys_with_the_same_keyids,
            certificates_are_installed_for_their_keys_all_or_none,
            a_retired_profile_has_no_keys_and_can_still_answer,
            sent_answers_are_limited_and_unsent_ones_always_kept,
            closing_an_activation_removes_only_its_pending_keys,
            no_private_key_outlives_its_use,
            a_keys_signature_verifies_and_debug_shows_no_secret,
        }
    };
    ($open:path: $($rule:ident,)*) => {
        $( #[tokio::test]
        async fn $rule() {
            $crate::key_store::rules::$rule($open).await;
        } )*
    };
}

pub(crate) use key_store_rules;
