//! Opaque texts, which `Debug` does not show.

use crate::jose::MAX_JWS;
use crate::json::{MAX_TEXT, Opaque};

/// The maximum size of an image or of data to be signed, as base64 text: 4 MiB, the limit of a
/// message with visual data.
pub const MAX_DATA: usize = 4 * 1024 * 1024;

/// An opaque text of at most [`MAX_TEXT`] bytes: a certificate or a certificate request.
pub type OpaqueText = Opaque<MAX_TEXT>;
/// An opaque text of at most [`MAX_JWS`] bytes: a compact JWS.
pub type JwsText = Opaque<MAX_JWS>;
/// An opaque text of at most [`MAX_DATA`] bytes: an image, something to be signed, a signature
/// over it.
pub type DataText = Opaque<MAX_DATA>;
