//! Carries keys and certificates onto devices: the Hermod provisioning protocol (Nexus Smart ID
//! Messaging), every role of it.
//!
//! An application server (the *integrator*) asks a *hub* to have a *device* make keys. The device
//! makes them, puts each into the certificate request template that came with the command and signs
//! it again, signs each key with itself, and signs the whole answer with its attestation key. The
//! integrator verifies all of it, has certificates issued, and sends them back.
//!
//! - [`hermod`]: the protocol. Start at [`hermod::proof`] to verify or build answers, at
//!   [`hermod::integrator`] for the application server's journey, at `hermod::hub` for a hub, at
//!   `hermod::device` for a device.
//! - [`jose`] (JWS, JWK, thumbprints), [`csr`] (certificate requests) and [`Certificate`]: what it
//!   is made of.
//! - [`crypto`]: the seam to a library of cryptography, which is an argument everywhere; and to
//!   keys that live elsewhere.
//! - [`issuer`] and `keys`: the seams to a certificate authority and to where a device keeps its
//!   keys.
//!
//! # Features
//!
//! - `aws-lc-rs` (default): the fast provider; needs a C compiler.
//! - `rustcrypto`: the provider in pure Rust. Read SECURITY.md about RSA private operations first.
//! - `josekit`: the provider on OpenSSL; needs its headers and pkg-config.
//! - `hub`: the hub, with its store in memory.
//! - `device`: the device's agent, with key stores in memory and in a folder.
//! - `ca`: a small certificate authority.
//! - `qr`: the activation link as a QR code.
//! - `http`: the HTTP form of the wires; `client`: clients over any transport; `reqwest`, `ureq`:
//!   transports; `server`: tower services.
//! - `testing`: a network, a hub and a device that misbehave on purpose.
//! - `full`: all of these but `josekit`.
//!
//! Features only add; none changes what the code of others does.
//!
//! # Errors
//!
//! What comes from outside and is wrong ends in an [`Error`]: a [`Class`], the part at fault, what
//! is wrong with it, and where. It never repeats the input. The words of the classes are fixed; an
//! HTTP answer to the same fault has the status beside it, which [`Error::http_status`] gives.
//! [`Error::is_retryable`] says whether trying again may help.
//!
//! | class | situation | status |
//! |---|---|---|
//! | `malformed` | not the exact form; bad JSON, base64 or DER; a member twice, of the wrong type, or absent | 400 |
//! | `too-large` | over a limit | 413, 431, 400 |
//! | `algorithm` | not allowed, not known, not the key's | 422 |
//! | `weak-key` | too short, degenerate, off its curve | 422 |
//! | `private-key` | a private member in a public key | 422 |
//! | `signature` | does not verify | 422 |
//! | `proof` | a key does not prove itself | 422 |
//! | `nonce` | missing, or another | 422 |
//! | `replay` | counted already | 409 |
//! | `keyid` | unknown, missing, doubled | 422 |
//! | `not-as-requested` | type, length, mechanism, usage or state | 422 |
//! | `csr` | a request is wrong in key, subject, attributes or signature | 422 |
//! | `attestation` | not a pinned key | 422 |
//! | `channel` | host name, certificate hash or mailbox address | 422 |
//! | `user` | another user or profile | 422 |
//! | `unauthorized` | no credential, or one that does not fit | 401 |
//! | `not-found` | unknown, or somebody else's | 404 |
//! | `conflict` | the same thing with other content | 409 |
//! | `expired` | past its lifespan | 410 |
//! | `rate` | too many | 429 |
//! | `target-refused` | an address that must not be called | 422 |
//! | `storage` | the store cannot keep the promise | 503 |
//! | `unavailable` | an exchange failed; a server is shutting down, busy or late; a provider or the random generator failed | 503 |

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

/// A future that can be stored and sent.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The programs in README compile.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../README.md")]
struct Readme;
