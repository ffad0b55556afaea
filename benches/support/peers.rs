//! Libraries that are not ours, on messages that they take.

use std::hint::black_box;

use keyferry::crypto::{PublicKey, PublicKeyParts};

use super::cases::Work;

/// Verifiers of a compact JWS of RS256 or ES256. The message is of the real answer's shape; the real one has a header that they refuse.
pub fn jws(message: &str, key: &PublicKey) -> Vec<(&'static str, Work)> {
    vec![("jsonwebtoken_same_shape", jsonwebtoken(message, key)), ("biscuit_same_shape", biscuit(message, key))]
}

fn jsonwebtoken(message: &str, key: &PublicKey) -> Work {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};
    let (algorithm, key) = match key.parts() {
        PublicKeyParts::Rsa { n, e } => (Algorithm::RS256, DecodingKey::from_rsa_raw_components(n, e)),
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
    let message = message.to_owned();
    Box::new(move || drop(black_box(jsonwebtoken::decode::<serde_json::Value>(black_box(&message), &key, &validation).unwrap())))
}

fn biscuit(message: &str, key: &PublicKey) -> Work {
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
    let message = message.to_owned();
    Box::new(move || {
        let token = biscuit::JWT::<serde_json::Value, biscuit::Empty>::new_encoded(black_box(&message));
        drop(black_box(token.into_decoded(&secret, algorithm).unwrap()));
    })
}
