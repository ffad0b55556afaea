//! Ids and tokens, from the provider's generator.

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use crate::crypto::{CryptoError, Provider};
use crate::{Class, Error, Secret};

/// The octets of a new UUID: 122 random bits.
pub(super) fn uuid_octets(provider: &dyn Provider) -> Result<Zeroizing<[u8; 16]>, Error> {
    crate::encoding::uuid::octets(provider).map_err(no_randomness)
}

/// A new UUID.
pub(super) fn uuid(provider: &dyn Provider) -> Result<String, Error> {
    crate::encoding::uuid::new(provider).map_err(no_randomness)
}

/// A token of so many octets, as base64url.
pub(super) fn token(provider: &dyn Provider, length: usize) -> Result<Secret, Error> {
    let mut octets = Zeroizing::new(vec![0; length]);
    fill(provider, &mut octets)?;
    Ok(Secret::new(Base64UrlUnpadded::encode_string(&octets)))
}

/// How much greater the next command id is: 1 to 1024.
pub(super) fn gap(provider: &dyn Provider) -> Result<u64, Error> {
    let mut octets = [0; 2];
    fill(provider, &mut octets)?;
    Ok(u64::from(u16::from_le_bytes(octets)) % 1024 + 1)
}

/// Random octets.
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
