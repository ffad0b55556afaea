//! Masks activation tokens, so that a reader of the store cannot use them.
//!
//! Polls and callbacks repeat the activation URI, so a digest of its token is not enough, and no
//! token may be stored in clear. Each token is therefore masked with 16 bytes that depend on the
//! hub's key and the id of the message. Each mask is used for one token.

use zeroize::Zeroizing;

use super::ids::fill;
use crate::crypto::Provider;
use crate::{Class, Error};

/// The hub's masking key.
pub(super) struct Seal(Zeroizing<[u8; 32]>);

impl Seal {
    pub(super) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// Generates a key that lives as long as the process.
    pub(super) fn generate(provider: &dyn Provider) -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; 32]);
        fill(provider, &mut *key)?;
        Ok(Self(key))
    }

    /// Masks the token of the message `mid`, or removes the mask.
    pub(super) fn apply(
        &self,
        provider: &dyn Provider,
        mid: &str,
        token: &[u8; 16],
    ) -> Result<Zeroizing<[u8; 16]>, Error> {
        let mask = provider.hmac_sha256(&*self.0, mid.as_bytes()).map(Zeroizing::new);
        let mask =
            mask.map_err(|_| Error::new(Class::Unavailable, "", "a token could not be masked"))?;
        let mut out = Zeroizing::new(*token);
        out.iter_mut().zip(mask.iter()).for_each(|(byte, mask)| *byte ^= mask);
        Ok(out)
    }
}

#[cfg(all(test, feature = "aws-lc-rs"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::crypto::aws_lc_rs::AwsLcRs;

    #[test]
    fn gives_back_what_it_masked_and_masks_each_message_otherwise() {
        let seal = Seal::generate(&AwsLcRs).unwrap();
        let token = [7; 16];
        let masked = seal.apply(&AwsLcRs, "a", &token).unwrap();
        assert_ne!(*masked, token);
        assert_ne!(masked, seal.apply(&AwsLcRs, "b", &token).unwrap());
        assert_eq!(*seal.apply(&AwsLcRs, "a", &masked).unwrap(), token);
    }
}
