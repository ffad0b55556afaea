//! Certificate requests: PKCS#10 (RFC 2986), read by position so that every byte is kept.
//!
//! An integrator sends a [`Template`] with a throw-away key; a device puts its own key into it and
//! signs it again; what comes back is a [`Request`]. A template is read leniently, as its key and
//! signature mean nothing; a request is read strictly and has to verify.

mod parts;
mod replacement;
mod request;
mod requested;
mod template;
mod values;

use parts::Parts;
pub use replacement::UnsignedRequest;
pub use request::Request;
pub(crate) use request::UnverifiedRequest;
pub use requested::{RequestedCertificate, RequestedExtension};
pub use template::Template;

/// The label that requests are written with in PEM (RFC 7468 section 7).
const PEM_LABEL: &str = "CERTIFICATE REQUEST";
/// The labels that they are read with: older programs put `NEW` in front.
const PEM_LABELS: &[&str] = &[PEM_LABEL, "NEW CERTIFICATE REQUEST"];

/// Most bytes of a template or a request.
pub const MAX_REQUEST: usize = 64 * 1024;
