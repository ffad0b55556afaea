//! Certificate requests in PKCS#10 form (RFC 2986), read by position so that every byte is kept.
//!
//! An integrator sends a [`Template`] with a throw-away key. A device replaces that key with its
//! own and signs the result, which the integrator reads as a [`Request`]. A template is read
//! leniently, because its key and signature mean nothing; a request is read strictly and its
//! signature must verify.

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

/// The label for writing requests in PEM (RFC 7468 section 7).
const PEM_LABEL: &str = "CERTIFICATE REQUEST";
/// The labels that are accepted on reading: older programs put `NEW` in front.
const PEM_LABELS: &[&str] = &[PEM_LABEL, "NEW CERTIFICATE REQUEST"];

/// Maximum size of a template or a request in bytes.
pub const MAX_REQUEST: usize = 64 * 1024;
