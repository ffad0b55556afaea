//! Commands and answers as JSON that a test can change before they are signed.

use keyferry::Class;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, PrivateKey, PublicKey, Signer};
use keyferry::csr::Template;
use keyferry::hermod::model::ProvisionCommand;
use keyferry::hermod::proof::{
    Check, Consistent, Expectation, Outcome, Refusal, Verified, Verifier,
};
use serde_json::{Value, json};

use super::{attestation, compact, jwk, p256, rsa2048, standard};

pub const NONCE: &str = "n-4711";
pub const USER: &str = "userA";
pub const FQDN: &str = "hub.example";
pub const BOX: &str = "https://hub.example/hermod/rest/ms/d07292df";
pub const PROFILE_ID: &str = "3051e9f3-0e4d-436b-a512-2e18d8afe134";

/// One priority, as it stands in a command.
pub fn priority(kind: &str, length: &str, mechanism: &str) -> Value {
    json!({"keytype": kind, "keylength": length, "responsemechanism": mechanism})
}

/// A key that a command asks for.
pub fn key_gen_request(key_id: &str, priorities: Vec<Value>, template: Option<&[u8]>) -> Value {
    let mut request = json!({
        "keyid": key_id, "usage": "SIG", "keytypeprios": priorities, "storageprios": ["APP"], "keystate": "ACTIVE",
    });
    if let Some(template) = template {
        request["certreq"] = standard(template).into();
    }
    request
}

/// A command for these keys.
pub fn command(requests: Vec<Value>) -> Value {
    json!({
        "nonce": NONCE, "userid": USER, "responsesignaturekey": "ATTESTATION", "responseformat": "jws",
        "profile": {"servername": "nexus", "name": "TestProfile", "keygenrequests": requests},
    })
}

pub fn expectation(command: &Value) -> Expectation {
    Expectation::from_command(&ProvisionCommand::from_json(&command.to_string()).unwrap()).unwrap()
}

/// A proof of possession before it is signed.
#[derive(Clone)]
pub struct SignedKey {
    pub header: Value,
    pub payload: Value,
    pub algorithm: Algorithm,
    pub signer: &'static dyn PrivateKey,
    /// Stands in the place of all the others.
    pub text: Option<String>,
}

impl SignedKey {
    pub fn new(key_id: &str, signer: &'static dyn PrivateKey) -> Self {
        Self::with_algorithm(key_id, signer, Algorithm::default_for(signer.public_key()))
    }

    pub fn with_algorithm(
        key_id: &str,
        signer: &'static dyn PrivateKey,
        algorithm: Algorithm,
    ) -> Self {
        let header = json!({"alg": algorithm.name(), "nonce": NONCE, "kid": key_id});
        let mut payload = jwk(signer.public_key());
        let said =
            json!({"alg": algorithm.name(), "use": "SIG", "kid": key_id, "keystate": "active"});
        payload.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        Self { header, payload, algorithm, signer, text: None }
    }

    /// Puts a right request in.
    pub fn with_request(mut self, template: &[u8]) -> Self {
        self.payload["certreq"] = standard(request(template, self.signer)).into();
        self
    }

    pub fn to_text(&self) -> String {
        self.text.clone().unwrap_or_else(|| {
            compact(self.header.to_string(), self.payload.to_string(), self.algorithm, self.signer)
        })
    }
}

/// The template with the signer's key, signed.
pub fn request(template: &[u8], signer: &dyn Signer) -> Vec<u8> {
    Template::from_der(template).unwrap().replace_key(signer).unwrap()
}

/// An answer before it is signed.
#[derive(Clone)]
pub struct Answer {
    pub header: Value,
    pub payload: Value,
    pub keys: Vec<SignedKey>,
    pub algorithm: Algorithm,
    pub signer: &'static dyn PrivateKey,
}

impl Answer {
    pub fn new(keys: Vec<SignedKey>) -> Self {
        let mut answer = Self {
            header: json!({"fqdn": FQDN, "sch": standard([7; 32]), "nonce": NONCE}),
            payload: json!({
                "deviceinfo": {"operatingsystem": "iOS (11.2.6)", "name": "phone", "model": "iPhone"},
                "profile": {"servername": "nexus", "name": "TestProfile", "userid": USER, "id": PROFILE_ID, "boxurl": BOX},
            }),
            keys,
            algorithm: Algorithm::Es256,
            signer: attestation(),
        };
        answer.attest_with(attestation());
        answer
    }

    /// Another attestation key.
    pub fn attest_with(&mut self, signer: &'static dyn PrivateKey) {
        self.signer = signer;
        self.algorithm = Algorithm::default_for(signer.public_key());
        self.header["alg"] = self.algorithm.name().into();
        self.header["jwk"] = jwk(signer.public_key());
    }

    /// The payload with the signed keys in it, unless a test has put some there.
    pub fn to_payload(&self) -> Value {
        let mut payload = self.payload.clone();
        let profile = &mut payload["profile"];
        if profile.get("signedkeys").is_none() && profile.get("signed_keys").is_none() {
            profile["signedkeys"] = self.keys.iter().map(SignedKey::to_text).collect();
        }
        payload
    }

    pub fn to_text(&self) -> String {
        compact(self.header.to_string(), self.to_payload().to_string(), self.algorithm, self.signer)
    }
}

/// One P-256 key with a template, and a right answer to that: what most tests begin with.
pub fn simple() -> (Value, Answer) {
    let template = super::captured_template();
    let command = command(vec![key_gen_request(
        "signer",
        vec![priority("EC", "256", "ES256")],
        Some(&template),
    )]);
    (command, Answer::new(vec![SignedKey::new("signer", p256()).with_request(&template)]))
}

/// Two keys, P-256 and RSA, both with a template.
pub fn double() -> (Value, Answer) {
    let template = super::captured_template();
    let command = command(vec![
        key_gen_request("signer", vec![priority("EC", "256", "ES256")], Some(&template)),
        key_gen_request("auth", vec![priority("RSA", "2048", "RS256")], Some(&template)),
    ]);
    let keys = vec![
        SignedKey::new("auth", rsa2048()).with_request(&template),
        SignedKey::new("signer", p256()).with_request(&template),
    ];
    (command, Answer::new(keys))
}

pub fn verify(command: &Value, answer: &Answer) -> Result<Verified<Consistent>, Refusal> {
    Verifier::danger_unpinned(AwsLcRs).verify(&expectation(command), &answer.to_text())
}

/// Refused as `class`, by `check` and no other: those before it passed or were not asked for, those
/// after it were not reached.
#[track_caller]
pub fn assert_refused<T>(
    result: Result<Verified<T>, Refusal>,
    class: Class,
    check: Check,
    key_id: Option<&str>,
) -> Refusal {
    let Err(refusal) = result else { panic!("accepted, and not refused as {class} by {check}") };
    assert_eq!(refusal.class(), class, "{:?}", refusal.error());
    let mut failed = false;
    for entry in refusal.report().entries() {
        let is_it = entry.check == check && entry.key_id == key_id;
        match (failed, entry.outcome) {
            (false, Outcome::Passed | Outcome::NotAsked) if !is_it => {}
            (false, Outcome::Failed) if is_it => {
                assert!(
                    entry.detail.is_some_and(|detail| !detail.is_empty()),
                    "a failure says why"
                );
                failed = true;
            }
            (true, Outcome::NotReached) => {}
            _ => panic!(
                "{} ({:?}) is {}\n{}",
                entry.check,
                entry.key_id,
                entry.outcome,
                refusal.report()
            ),
        }
    }
    assert!(failed, "{}", refusal.report());
    refusal
}

/// [`assert_refused`] for a check of the whole or of the key `signer`, whichever the check is of.
#[track_caller]
pub fn refuse_result<T>(
    result: Result<Verified<T>, Refusal>,
    class: Class,
    check: Check,
) -> Refusal {
    let of_a_key = check.to_string().starts_with("key-");
    assert_refused(result, class, check, of_a_key.then_some("signer"))
}

/// The text is refused by a verifier without a pin.
#[track_caller]
pub fn refuse_text(expectation: &Expectation, text: &str, class: Class, check: Check) -> Refusal {
    let verifier = Verifier::danger_unpinned(AwsLcRs);
    refuse_result(verifier.verify(expectation, text), class, check)
}

/// The answer is refused where this is expected.
#[track_caller]
pub fn refuse_with(
    expectation: &Expectation,
    answer: &Answer,
    class: Class,
    check: Check,
) -> Refusal {
    refuse_text(expectation, &answer.to_text(), class, check)
}

/// The answer to the simple command is refused.
#[track_caller]
pub fn refuse(answer: &Answer, class: Class, check: Check) -> Refusal {
    refuse_with(&expectation(&simple().0), answer, class, check)
}

/// The simple answer is refused once it is changed.
#[track_caller]
pub fn refuse_changed(class: Class, check: Check, change: impl FnOnce(&mut Answer)) -> Refusal {
    refuse(&changed(change), class, check)
}

/// The simple answer is refused once its one key is changed.
#[track_caller]
pub fn refuse_changed_key(
    class: Class,
    check: Check,
    change: impl FnOnce(&mut SignedKey),
) -> Refusal {
    refuse(&changed_key(change), class, check)
}

/// The simple answer, changed.
pub fn changed(change: impl FnOnce(&mut Answer)) -> Answer {
    let mut answer = simple().1;
    change(&mut answer);
    answer
}

/// The simple answer with its one key changed.
pub fn changed_key(change: impl FnOnce(&mut SignedKey)) -> Answer {
    changed(|answer| change(&mut answer.keys[0]))
}

/// Whether the two are the same key, for readers of results.
pub fn is_key(one: &PublicKey, other: &dyn Signer) -> bool {
    one == other.public_key()
}
