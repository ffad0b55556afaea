//! Delivers keys and certificates to devices with the Hermod provisioning protocol (Nexus Smart ID
//! Messaging), in every role.
//!
//! An application server (the *integrator*) asks a *hub* to have a *device* generate keys. The
//! device generates them, puts each into the certificate request template of the command and signs
//! the request, signs each key with itself, and signs the whole answer with its attestation key.
//! The integrator verifies the answer, has certificates issued, and sends them back.
//!
//! - [`hermod`]: the protocol. Start at [`hermod::proof`] to verify or build answers, at
//!   [`hermod::integrator`] for the application server's journey, at `hermod::hub` for a hub, at
//!   `hermod::device` for a device.
//! - [`jose`] (JWS, JWK, thumbprints), [`csr`] (certificate requests) and [`Certificate`]: the
//!   formats inside the messages.
//! - [`crypto`]: the interface to a cryptography library, which is always passed in as an argument,
//!   and to keys that live elsewhere.
//! - [`issuer`] and `keys`: the interfaces to a certificate authority and to a device's key
//!   storage.
//!
//! # Features
//!
//! - `aws-lc-rs` (default): the fast provider; needs a C compiler.
//! - `rustcrypto`: the pure-Rust provider. Read SECURITY.md about RSA private operations first.
//! - `josekit`: the provider based on OpenSSL; needs its headers and pkg-config.
//! - `hub`: the hub, with a store in memory.
//! - `device`: the device's agent, with key stores in memory and in a folder.
//! - `ca`: a small certificate authority.
//! - `qr`: the activation link as a QR code.
//! - `http`: the HTTP form of the wires; `client`: clients over any transport; `reqwest`, `ureq`:
//!   transports; `server`: tower services.
//! - `testing`: a network, a hub and a device that misbehave on purpose.
//! - `full`: all of these except `josekit`.
//!
//! Features are additive.
//!
//! # Errors
//!
//! Invalid external input results in an [`Error`]: a [`Class`], the faulty part, the fault, and its
//! position. It never repeats the input. The words of the classes are fixed. The table also lists
//! the status of an HTTP response, which [`Error::http_status`] returns. [`Error::is_retryable`]
//! says whether a retry may succeed.
//!
//! | class | situation | status |
//! |---|---|---|
//! | `malformed` | not in the exact form: invalid JSON, base64 or DER; a member is duplicate, absent or of the wrong type | 400 |
//! | `too-large` | a limit is exceeded | 413, 431, 400 |
//! | `algorithm` | not allowed, not supported, or not for this key | 422 |
//! | `weak-key` | too short, degenerate, or not on its curve | 422 |
//! | `private-key` | a public key has a private member | 422 |
//! | `signature` | does not verify | 422 |
//! | `proof` | a key does not prove itself | 422 |
//! | `nonce` | missing or wrong | 422 |
//! | `replay` | already used | 409 |
//! | `keyid` | unknown, missing or duplicate | 422 |
//! | `not-as-requested` | wrong type, length, mechanism, usage or state | 422 |
//! | `csr` | wrong key, subject, attributes or signature of a certificate request | 422 |
//! | `attestation` | the key is not pinned | 422 |
//! | `channel` | wrong host name, certificate hash or mailbox address | 422 |
//! | `user` | wrong user or profile | 422 |
//! | `unauthorized` | the credential is missing or wrong | 401 |
//! | `not-found` | does not exist, or belongs to another caller | 404 |
//! | `conflict` | the same identifier with other content | 409 |
//! | `expired` | the lifespan has passed | 410 |
//! | `rate` | too many requests | 429 |
//! | `target-refused` | the target address is forbidden | 422 |
//! | `storage` | the store failed | 503 |
//! | `unavailable` | an exchange failed; a server is shutting down, overloaded or late; a provider or the random generator failed | 503 |

// On docs.rs each item shows the features that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod certificate;
#[cfg(any(feature = "hub", feature = "client"))]
pub mod client;
mod clock;
mod cms;
pub mod crypto;
pub mod csr;
mod der;
mod encoding;
mod error;
mod gate;

pub mod hermod;
pub mod issuer;
pub mod jose;
pub mod json;
#[cfg(feature = "device")]
pub mod keys;
mod name;
mod secret;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;

pub use certificate::{Certificate, MAX_CERTIFICATE, MAX_CHAIN, Remark, Validity};
#[cfg(any(feature = "hub", feature = "client", feature = "server"))]
pub use clock::SystemClock;
pub use clock::{Clock, ManualClock, MonotonicTime};
pub use error::{Class, Error};
pub use gate::Gate;
pub use secret::Secret;
pub use transport::base_url::BaseUrl;

/// A boxed future that is `Send`.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Compiles the programs in README.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../README.md")]
struct Readme;
