//! JOSE: compact JWS (RFC 7515), JWK (RFC 7517, 7518, 8037) and its thumbprint (RFC 7638).
//!
//! The caller names the algorithm and the key; a message never chooses. Verification with a key
//! from inside the message yields a [`ConsistentJws`], which is not a [`VerifiedJws`]: it proves
//! that the message fits that key, and nothing about the key's owner.

mod compact;
mod header;
mod jwk;
mod jws;
mod thumbprint;

pub(crate) use compact::{B64, Compact, Crit, Decoded};
pub use compact::{MAX_JWS, Padding};
pub use header::Header;
pub use jwk::Jwk;
pub(crate) use jwk::{JwkMembers, KeyOps, agree, jwk_object, may_verify, write_key};
pub use jws::{ConsistentJws, Jws, UnsignedJws, VerifiedJws};
pub use thumbprint::Thumbprint;
