//! What is read and written: JSON, JOSE, DER, requests, certificates, names, links; and the
//! cryptography below them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "aws-lc-rs")]
mod certificate;
#[cfg(feature = "aws-lc-rs")]
mod csr;
mod hermod_model;
#[cfg(feature = "aws-lc-rs")]
mod jose_rules;
#[cfg(feature = "aws-lc-rs")]
mod jose_vectors;
#[cfg(any(feature = "aws-lc-rs", feature = "rustcrypto", feature = "josekit"))]
mod providers;
#[cfg(feature = "qr")]
mod qr;
#[cfg(feature = "device")]
mod texts;
#[cfg(any(feature = "aws-lc-rs", feature = "rustcrypto", feature = "josekit"))]
mod wycheproof;
