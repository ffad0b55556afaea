//! The providers that are compiled in.

use keyferry::crypto::Provider;

/// Each with its name, in a fixed order.
pub(crate) fn providers() -> Vec<(&'static str, &'static dyn Provider)> {
    vec![
        #[cfg(feature = "aws-lc-rs")]
        ("aws-lc-rs", &keyferry::crypto::aws_lc_rs::AwsLcRs),
        #[cfg(feature = "rustcrypto")]
        ("rustcrypto", &keyferry::crypto::rustcrypto::RustCrypto),
        #[cfg(feature = "josekit")]
        ("josekit", &keyferry::crypto::josekit::Josekit),
    ]
}
