//! Activation tokens, kept so that the store alone cannot read them.
//!
//! Poll and callback repeat the activation URI, so a digest of its token is not enough; and no token is stored in clear. So each is stored masked with
//! 16 octets that only the hub's key and the message's id give: each mask is used for one token.

use zeroize::Zeroizing;

use super::ids::fill;
use crate::Error;
use crate::crypto::Provider;

/// The hub's key for masks.
pub(super) struct Seal(Zeroizing<[u8; 32]>);

impl Seal {
    pub(super) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// A key that ends with the process.
    pub(super) fn generate(provider: &dyn Provider) -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; 32]);
        fill(provider, &mut *key)?;
        Ok(Self(key))
    }

    /// Masks the token of the message `mid`, or takes the mask off.
    pub(super) fn apply(&self, provider: &dyn Provider, mid: &str, token: &[u8; 16]) -> Zeroizing<[u8; 16]> {
        let mask = Zeroizing::new(hmac(provider, &self.0, mid.as_bytes()));
        let mut out = Zeroizing::new(*token);
        out.iter_mut().zip(mask.iter()).for_each(|(octet, mask)| *octet ^= mask);
        out
    }
}

/// HMAC-SHA-256 (RFC 2104) with a key of 32 octets.
fn hmac(provider: &dyn Provider, key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let keyed = |pad: u8, rest: &[u8]| {
        let mut text = Zeroizing::new(vec![pad; 64]);
        text.iter_mut().zip(key).for_each(|(octet, key)| *octet ^= key);
        text.extend_from_slice(rest);
        provider.sha256(&text)
    };
    keyed(0x5c, &keyed(0x36, message))
}

#[cfg(all(test, feature = "aws-lc-rs"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::crypto::aws_lc_rs::AwsLcRs;

    #[test]
    fn computes_hmac_sha_256() {
        // RFC 4231 test case 1, its key of 20 octets filled with zeros, which is what HMAC does with short keys.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let mac: String = hmac(&AwsLcRs, &key, b"Hi There").iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }

    #[test]
    fn gives_back_what_it_masked_and_masks_each_message_otherwise() {
        let seal = Seal::generate(&AwsLcRs).unwrap();
        let token = [7; 16];
        let masked = seal.apply(&AwsLcRs, "a", &token);
        assert_ne!(*masked, token);
        assert_ne!(masked, seal.apply(&AwsLcRs, "b", &token));
        assert_eq!(*seal.apply(&AwsLcRs, "a", &masked), token);
    }
}
