//! UUIDs of version 4 (RFC 9562), generated from a provider's random bytes.

use zeroize::Zeroizing;

use crate::crypto::{CryptoError, Provider};
use crate::encoding::hex;

/// Sets the bits of version 4 in 16 random bytes; 122 bits stay random.
pub(crate) fn bytes(provider: &dyn Provider) -> Result<Zeroizing<[u8; 16]>, CryptoError> {
    let mut bytes = Zeroizing::new([0; 16]);
    provider.fill_random(&mut *bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(bytes)
}

/// The text of a UUID in lower case.
pub(crate) fn text(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, part) in [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]]
        .into_iter()
        .enumerate()
    {
        if index > 0 {
            text.push('-');
        }
        hex::push(&mut text, part);
    }
    text
}

/// Generates a UUID.
pub(crate) fn new(provider: &dyn Provider) -> Result<String, CryptoError> {
    Ok(text(&*bytes(provider)?))
}

#[cfg(all(test, feature = "aws-lc-rs"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::crypto::aws_lc_rs::AwsLcRs;

    #[test]
    fn are_of_version_4_and_differ() {
        let made = new(&AwsLcRs).unwrap();
        let groups: Vec<usize> = made.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(&made[14..15], "4");
        assert!("89ab".contains(&made[19..20]));
        assert_ne!(made, new(&AwsLcRs).unwrap());
        assert_eq!(
            text(&std::array::from_fn(|index| u8::try_from(index * 17).unwrap())),
            "00112233-4455-6677-8899-aabbccddeeff"
        );
    }
}
