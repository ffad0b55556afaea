//! Text encodings: base64 (RFC 4648), percent-encoding (RFC 3986), PEM (RFC 7468), hexadecimal
//! digits and UUIDs (RFC 9562).

pub(crate) mod base64;
pub(crate) mod hex;
pub(crate) mod pem;
pub(crate) mod percent;
#[cfg(any(feature = "hub", feature = "device"))]
pub(crate) mod uuid;
