//! Other libraries, on messages that they accept.

use std::hint::black_box;

use keyferry::crypto::{PublicKey, PublicKeyParts};

use super::Work;

/// Whether a library accepts a message with a key that it has imported before.
type Verify = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Verifiers of a compact JWS of RS256 or ES256. The message has the shape of the real
/// answer, whose header they refuse.
pub fn jws(message: &str, key: &PublicKey) -> Vec<(&'static str, Work)> {
    let peers = [
        ("jsonwebtoken_same_shape", jsonwebtoken(key)),
        ("biscuit_same_shape", biscuit(key)),
        #[cfg(feature = "josekit")]
        ("josekit_same_shape", josekit(key)),
    ];
    peers.into_iter().map(|(name, verify)| (name, work(name, verify, message))).collect()
}

/// A peer's work, after a check that it accepts the message and refuses another signature.
fn work(name: &str, verify: Verify, message: &str) -> Work {
    let message = message.to_owned();
    let (signed, signature) = message.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    assert!(verify(&message), "{name} refuses the message");
    assert!(
        !verify(&format!("{signed}.{other}{}", &signature[1..])),
        "{name} accepts another signature"
    );
    Box::new(move || assert!(verify(black_box(&message))))
}

fn jsonwebtoken(key: &PublicKey) -> Verify {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};
    let (algorithm, key) = match key.parts() {
        PublicKeyParts::Rsa { n, e } => {
            (Algorithm::RS256, DecodingKey::from_rsa_raw_components(n, e))
        }
        PublicKeyParts::Ec { .. } => {
            let spki = key.as_spki_der();
            (Algorithm::ES256, DecodingKey::from_ec_der(&spki[spki.len() - 65..]))
        }
        _ => unreachable!("two kinds of key are measured"),
    };
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    Box::new(move |message| {
        black_box(jsonwebtoken::decode::<serde_json::Value>(message, &key, &validation)).is_ok()
    })
}

fn biscuit(key: &PublicKey) -> Verify {
    use biscuit::jwa::SignatureAlgorithm;
    use biscuit::jws::Secret;
    let (algorithm, secret) = match key.parts() {
        PublicKeyParts::Rsa { n, e } => {
            let number = num_bigint::BigUint::from_bytes_be;
            (SignatureAlgorithm::RS256, Secret::RSAModulusExponent { n: number(n), e: number(e) })
        }
        PublicKeyParts::Ec { .. } => {
            let spki = key.as_spki_der();
            (SignatureAlgorithm::ES256, Secret::PublicKey(spki[spki.len() - 65..].to_vec()))
        }
        _ => unreachable!("two kinds of key are measured"),
    };
    Box::new(move |message| {
        let token = biscuit::JWT::<serde_json::Value, biscuit::Empty>::new_encoded(message);
        black_box(token.into_decoded(&secret, algorithm)).is_ok()
    })
}

#[cfg(feature = "josekit")]
fn josekit(key: &PublicKey) -> Verify {
    use josekit::jws::{ES256, JwsVerifier, RS256};
    let verifier: Box<dyn JwsVerifier> = match key.parts() {
        PublicKeyParts::Rsa { .. } => Box::new(RS256.verifier_from_der(key.as_spki_der()).unwrap()),
        PublicKeyParts::Ec { .. } => Box::new(ES256.verifier_from_der(key.as_spki_der()).unwrap()),
        _ => unreachable!("two kinds of key are measured"),
    };
    Box::new(move |message| {
        black_box(josekit::jwt::decode_with_verifier(message, &*verifier)).is_ok()
    })
}
