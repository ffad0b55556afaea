//! The captured run, keys that are made once, and answers that
//! can be made wrong in every way.

use std::sync::OnceLock;

use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Curve, KeyKind, PrivateKey, Provider, PublicKey, Signer};
use keyferry::hermod::model::{Callback, Command};
use keyferry::hermod::proof::Expectation;
use keyferry::jose::Jwk;
use serde_json::Value;

pub const COMMAND: &str = include_str!("../fixtures/hermod/provision-command.json");
pub const CALLBACK: &str = include_str!("../fixtures/hermod/provision-callback.json");
pub const ATTESTATION_KEY: &str = include_str!("../fixtures/hermod/attestation-key.json");
pub const CERTIFICATE_COMMAND: &str = include_str!("../fixtures/hermod/certificate-command.json");
pub const CERTIFICATE_CALLBACK: &str = include_str!("../fixtures/hermod/certificate-callback.json");

pub fn url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes.as_ref())
}

pub fn from_url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}

pub fn standard(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode_to_string(bytes.as_ref())
}

pub fn from_standard(text: &str) -> Vec<u8> {
    STANDARD.decode_to_vec(text).unwrap()
}

pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The answer of the captured run.
pub fn captured_answer() -> String {
    Callback::from_json(CALLBACK).unwrap().jws().unwrap().to_owned()
}

/// The expectation of the captured run, with nothing known of the channel.
pub fn captured_expectation() -> Expectation {
    Expectation::from_command(Command::from_json(COMMAND).unwrap().provision().unwrap()).unwrap()
}

/// The attestation key of the captured run.
pub fn captured_pin() -> PublicKey {
    Jwk::from_json(ATTESTATION_KEY).unwrap().public_key().clone()
}

/// The template of the captured run, DER.
pub fn captured_template() -> Vec<u8> {
    from_standard(
        json(COMMAND)["provCommand"]["profile"]["keygenrequests"][0]["certreq"].as_str().unwrap(),
    )
}

/// The inner JWS of the captured run.
pub fn captured_signed_key() -> String {
    part(&captured_answer(), 1)["profile"]["signedkeys"][0].as_str().unwrap().to_owned()
}

/// The request of the captured run, DER.
pub fn captured_request() -> Vec<u8> {
    from_standard(part(&captured_signed_key(), 1)["certreq"].as_str().unwrap())
}

/// One part of a compact JWS, as JSON.
pub fn part(compact: &str, index: usize) -> Value {
    serde_json::from_slice(&from_url(compact.split('.').nth(index).unwrap())).unwrap()
}

/// A compact JWS of exactly this header and payload.
pub fn compact(
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
    algorithm: Algorithm,
    signer: &dyn Signer,
) -> String {
    sign_parts(&url(header), &url(payload), algorithm, signer)
}

/// The same with the parts encoded already, in whatever way.
pub fn sign_parts(
    header: &str,
    payload: &str,
    algorithm: Algorithm,
    signer: &dyn Signer,
) -> String {
    let input = format!("{header}.{payload}");
    let signature = signer.sign(algorithm, input.as_bytes()).unwrap();
    format!("{input}.{}", url(signature))
}

macro_rules! keys {
    ($( $(#[$doc:meta])* $name:ident = $kind:expr; )*) => { $(
        $(#[$doc])*
        pub fn $name() -> &'static dyn PrivateKey {
            static KEY: OnceLock<Box<dyn PrivateKey>> = OnceLock::new();
            &**KEY.get_or_init(|| AwsLcRs.generate($kind).unwrap())
        }
    )* };
}

keys! {
    /// Signs answers.
    attestation = KeyKind::Ec(Curve::P256);
    /// Of a device that is not genuine.
    other_attestation = KeyKind::Ec(Curve::P256);
    p256 = KeyKind::Ec(Curve::P256);
    other_p256 = KeyKind::Ec(Curve::P256);
    p384 = KeyKind::Ec(Curve::P384);
    p521 = KeyKind::Ec(Curve::P521);
    ed25519 = KeyKind::Ed25519;
    rsa2048 = KeyKind::Rsa { bits: 2048 };
    other_rsa2048 = KeyKind::Rsa { bits: 2048 };
    rsa3072 = KeyKind::Rsa { bits: 3072 };
}

/// The members of a JWK that make the key.
pub fn jwk(key: &PublicKey) -> Value {
    json(&Jwk::new(key.clone()).to_string())
}

/// A modulus of exactly so many bits: not of two primes, but odd, and nobody looks further before a
/// signature is verified.
pub fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0xa5; bits.div_ceil(8)];
    n[0] = match bits % 8 {
        0 => 0x80,
        rest => 1 << (rest - 1),
    };
    if let Some(last) = n.last_mut() {
        *last |= 1;
    }
    n
}

/// A JWK of these numbers, whatever they are.
pub fn rsa_jwk(n: &[u8], e: &[u8]) -> Value {
    serde_json::json!({"kty": "RSA", "n": url(n), "e": url(e)})
}

/// DER of one element; lengths in their one form.
pub fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        length @ 0..=0x7f => out.push(length as u8),
        length @ 0x80..=0xff => out.extend([0x81, length as u8]),
        length @ 0x100..=0xffff => out.extend([0x82, (length >> 8) as u8, length as u8]),
        length => out.extend([0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8]),
    }
    out.extend(content);
    out
}
