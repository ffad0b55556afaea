//! What the test programs share.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unused_macros,
    reason = "no program uses all of it"
)]

#[cfg(feature = "aws-lc-rs")]
pub mod answer;
#[cfg(feature = "aws-lc-rs")]
mod captured;
#[cfg(feature = "device")]
pub mod crash;
#[cfg(feature = "device")]
pub mod fake_hub;
pub mod inbox;
pub mod log;
#[cfg(feature = "device")]
pub mod mailboxes;
pub mod parties;
pub mod peers;
pub mod pki;
pub mod providers;
#[cfg(all(feature = "server", feature = "hub"))]
pub mod serve;
pub mod time;
#[cfg(all(feature = "hub", feature = "device", feature = "ca", feature = "aws-lc-rs"))]
pub mod world;

use keyferry::{Class, Error};

#[cfg(feature = "aws-lc-rs")]
pub use captured::*;

/// Expects an error of this class.
#[track_caller]
pub fn refused<T>(result: Result<T, Error>, class: Class) -> Error {
    match result {
        Ok(_) => panic!("accepted, where {class} is due"),
        Err(error) if error.class() == class => error,
        Err(error) => panic!("{error}, where {class} is due"),
    }
}

/// A new key.
#[cfg(feature = "aws-lc-rs")]
pub fn signer(kind: keyferry::crypto::KeyKind) -> std::sync::Arc<dyn keyferry::crypto::Signer> {
    use keyferry::crypto::Provider as _;
    std::sync::Arc::new(keyferry::crypto::aws_lc_rs::AwsLcRs.generate(kind).unwrap())
}

/// The members of `Provider` that a test's provider leaves to aws-lc-rs.
#[cfg(feature = "aws-lc-rs")]
macro_rules! digests_of_aws_lc_rs {
    () => {
        fn sha256(&self, message: &[u8]) -> [u8; 32] {
            AwsLcRs.sha256(message)
        }

        fn sha384(&self, message: &[u8]) -> [u8; 48] {
            AwsLcRs.sha384(message)
        }

        fn sha512(&self, message: &[u8]) -> [u8; 64] {
            AwsLcRs.sha512(message)
        }

        fn hmac_sha256(&self, key: &[u8], message: &[u8]) -> Result<[u8; 32], CryptoError> {
            AwsLcRs.hmac_sha256(key, message)
        }

        fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
            AwsLcRs.fill_random(out)
        }
    };
}
#[cfg(feature = "aws-lc-rs")]
pub(crate) use digests_of_aws_lc_rs;
