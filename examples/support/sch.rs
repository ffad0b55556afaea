//! The hash of a hub's TLS certificate, as devices sign it in `sch`.

use keyferry::{Class, Error};

/// Reads one: SHA-256 in standard base64.
pub fn read_sch(text: &str) -> Result<[u8; 32], Error> {
    let decoded =
        base64_simd::STANDARD.decode_to_vec(text).ok().and_then(|bytes| bytes.try_into().ok());
    decoded.ok_or_else(|| Error::new(Class::Malformed, "sch", "not 32 bytes in standard base64"))
}
