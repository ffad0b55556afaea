//! JOSE: compact JWS (RFC 7515), JWK (RFC 7517, 7518, 8037) and its thumbprint (RFC 7638), and the
//! strict JSON below them.
//!
//! The caller names the algorithm and the key; a message never chooses. What verified with a key
//! that came inside the message is a [`ConsistentJws`], which is not a [`VerifiedJws`]: it proves
//! that the message fits that key, and nothing about whose key it is.

mod base64;
mod compact;
mod header;
pub(crate) mod json;
mod jwk;
mod jws;
mod thumbprint;

pub(crate) use base64::{
    decode_standard, decode_standard_exact, decode_url, encode_standard, encode_url,
};
pub(crate) use compact::{B64, Compact, Crit, Decoded};
pub use compact::{MAX_JWS, Padding};
pub use header::Header;
pub use json::{Kept, KeptValue, MAX_DEPTH, MAX_KEPT, MAX_NAMES, MAX_TEXT};
pub use jwk::Jwk;
pub(crate) use jwk::{JwkMembers, KeyOps, agree, jwk_object, may_verify, write_key};
pub use jws::{ConsistentJws, Jws, UnsignedJws, VerifiedJws};
pub use thumbprint::Thumbprint;
