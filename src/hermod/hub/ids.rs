//! Ids and tokens from the provider's random generator.

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use crate::crypto::{CryptoError, Provider};
use crate::{Class, Error, Secret};

/// The bytes of a new UUID: 122 random bits.
pub(super) fn uuid_bytes(provider: &dyn Provider) -> Result<Zeroizing<[u8; 16]>, Error> {
    crate::encoding::uuid::bytes(provider).map_err(no_randomness)
}

/// A new UUID.
pub(super) fn uuid(provider: &dyn Provider) -> Result<String, Error> {
    crate::encoding::uuid::new(provider).map_err(no_randomness)
}

/// A token of this many bytes, as base64url.
pub(super) fn token(provider: &dyn Provider, length: usize) -> Result<Secret, Error> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    fill(provider, &mut bytes)?;
    Ok(Secret::new(Base64UrlUnpadded::encode_string(&bytes)))
}

/// The difference between the next command id and the last one: 1 to 1024.
pub(super) fn gap(provider: &dyn Provider) -> Result<u64, Error> {
    let mut bytes = [0; 2];
    fill(provider, &mut bytes)?;
    Ok(u64::from(u16::from_le_bytes(bytes)) % 1024 + 1)
}

/// Random bytes.
pub(super) fn fill(provider: &dyn Provider, out: &mut [u8]) -> Result<(), Error> {
    provider.fill_random(out).map_err(no_randomness)
}

fn no_randomness(_: CryptoError) -> Error {
    Error::new(Class::Unavailable, "", "the random generator failed")
}

#[cfg(all(test, feature = "aws-lc-rs"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::crypto::aws_lc_rs::AwsLcRs;

    #[test]
    fn gaps_are_random_and_never_zero() {
        let gaps: std::collections::BTreeSet<u64> =
            (0..256).map(|_| gap(&AwsLcRs).unwrap()).collect();
        assert!(gaps.iter().all(|gap| (1..=1024).contains(gap)));
        assert!(gaps.len() > 64);
    }
}
