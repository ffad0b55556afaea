//! The interface to cryptography: algorithms, public keys, and a [`Provider`] that is passed in as
//! an argument.
//!
//! There is no process-wide provider. Each provider is a value behind its own feature, in one file
//! per library:
//!
#![cfg_attr(
    feature = "aws-lc-rs",
    doc = "- [`AwsLcRs`](aws_lc_rs::AwsLcRs): aws-lc-rs, the default."
)]
#![cfg_attr(feature = "rustcrypto", doc = "- [`RustCrypto`](rustcrypto::RustCrypto): pure Rust.")]
#![cfg_attr(
    feature = "josekit",
    doc = "- [`Josekit`](josekit::Josekit): the system's OpenSSL by way of josekit."
)]
//!
//! Keys that live elsewhere (in a token or a phone's key store) are used through [`Signer`]. They
//! can also sign the bytes that `to_be_signed` of a JWS or a request returns, without this module.

mod algorithm;
pub(crate) mod algorithm_identifier;
#[cfg(feature = "aws-lc-rs")]
pub mod aws_lc_rs;
mod ecdsa;
#[cfg(feature = "josekit")]
pub mod josekit;
mod provider;
#[cfg(any(feature = "aws-lc-rs", feature = "rustcrypto"))]
mod pss;
mod public_key;
mod rsa_modulus;
#[cfg(feature = "rustcrypto")]
pub mod rustcrypto;
mod signature_algorithm;

pub use algorithm::{Algorithm, KeyKind};
pub(crate) use ecdsa::{der_to_raw, raw_to_der};
pub use provider::{CryptoError, PrivateKey, Provider, Signer, VerifyKey, VerifyingKey};
pub(crate) use provider::{import, import_for, verify};
pub use public_key::{Curve, MAX_RSA_BITS, MIN_RSA_BITS, PublicKey, PublicKeyParts};
pub use rsa_modulus::RsaModulusCheck;
pub use signature_algorithm::{DigestAlgorithm, SignatureAlgorithm};
