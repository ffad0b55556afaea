//! Ids and tokens, from the provider's generator.

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use crate::crypto::Provider;
use crate::{Class, Error, Secret};

/// 16 random octets with the marks of a UUID of version 4: 122 random bits.
pub(super) fn uuid_octets(provider: &dyn Provider) -> Result<Zeroizing<[u8; 16]>, Error> {
    let mut octets = Zeroizing::new([0; 16]);
    fill(provider, &mut *octets)?;
    octets[6] = octets[6] & 0x0f | 0x40;
    octets[8] = octets[8] & 0x3f | 0x80;
    Ok(octets)
}

/// The text of a UUID, lower case.
pub(super) fn uuid_text(octets: &[u8; 16]) -> String {
    let hex = |part: &[u8]| part.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    [&octets[..4], &octets[4..6], &octets[6..8], &octets[8..10], &octets[10..]].map(hex).join("-")
}

/// A new UUID.
pub(super) fn uuid(provider: &dyn Provider) -> Result<String, Error> {
    Ok(uuid_text(&*uuid_octets(provider)?))
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

/// A share of the whole, in 65,536ths, for jitter; the half if there is no randomness, which nobody relies on here.
pub(super) fn share(provider: &dyn Provider) -> u16 {
    let mut octets = [0; 2];
    match fill(provider, &mut octets) {
        Ok(()) => u16::from_le_bytes(octets),
        Err(_) => u16::MAX / 2,
    }
}

/// Random octets.
pub(super) fn fill(provider: &dyn Provider, out: &mut [u8]) -> Result<(), Error> {
    provider.fill_random(out).map_err(|_| Error::new(Class::Storage, "", "the random generator failed"))
}

#[cfg(all(test, feature = "aws-lc-rs"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::crypto::aws_lc_rs::AwsLcRs;

    #[test]
    fn ids_are_uuids_of_version_4() {
        let text = uuid(&AwsLcRs).unwrap();
        let parts: Vec<&str> = text.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']));
        assert_ne!(text, uuid(&AwsLcRs).unwrap());
    }

    #[test]
    fn gaps_are_random_and_never_zero() {
        let gaps: std::collections::BTreeSet<u64> = (0..256).map(|_| gap(&AwsLcRs).unwrap()).collect();
        assert!(gaps.iter().all(|gap| (1..=1024).contains(gap)));
        assert!(gaps.len() > 64);
    }
}
