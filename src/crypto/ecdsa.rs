//! The two forms of an ECDSA signature: `r‖s` (RFC 7518) and DER (RFC 3279).

use der::Tag;

use super::Curve;
use crate::{Error, tlv};

/// `Ecdsa-Sig-Value` to `r‖s`, both of the curve's length.
pub(crate) fn der_to_raw(curve: Curve, der: &[u8]) -> Result<Vec<u8>, Error> {
    const PART: &str = "signature";
    let length = curve.coordinate_length();
    let mut outer = tlv::Cursor::new(der);
    let mut numbers = outer.expect(Tag::Sequence, PART)?.inside();
    outer.end(PART)?;
    let mut raw = vec![0; 2 * length];
    let (r, s) = raw.split_at_mut(length);
    for half in [r, s] {
        let number = numbers.unsigned(PART)?;
        let start = length.checked_sub(number.len()).ok_or_else(|| Error::malformed(PART, "a number longer than the curve's order"))?;
        half[start..].copy_from_slice(number);
    }
    numbers.end(PART)?;
    Ok(raw)
}

/// `r‖s` to `Ecdsa-Sig-Value`.
pub(crate) fn raw_to_der(raw: &[u8]) -> Vec<u8> {
    let (r, s) = raw.split_at(raw.len() / 2);
    let stripped = |number: &'_ [u8]| number.iter().take_while(|octet| **octet == 0).count();
    let (r, s) = (&r[stripped(r)..], &s[stripped(s)..]);
    let length = tlv::unsigned_length(r) + tlv::unsigned_length(s);
    let mut out = Vec::with_capacity(tlv::header_length(length) + length);
    tlv::write_header(&mut out, Tag::Sequence, length);
    tlv::write_unsigned(&mut out, r);
    tlv::write_unsigned(&mut out, s);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_there_and_back_with_leading_zeros_and_high_bits() {
        for (r, s) in [([0x00; 32], [0xff; 32]), ([0x01; 32], [0x80; 32])] {
            let mut raw = r.to_vec();
            raw.extend_from_slice(&s);
            raw[1] = 7;
            assert_eq!(der_to_raw(Curve::P256, &raw_to_der(&raw)).unwrap(), raw);
        }
    }

    #[test]
    fn rejects_other_spellings_of_the_same_numbers() {
        for der in [
            &[0x30, 0x07, 0x02, 0x02, 0x00, 0x01, 0x02, 0x01, 0x01][..], // a needless zero
            &[0x30, 0x06, 0x02, 0x01, 0xff, 0x02, 0x01, 0x01],           // negative
            &[0x30, 0x81, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01],     // a long length
            &[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01, 0x00],     // an octet after the end
            &[0x30, 0x09, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01], // a third number
        ] {
            assert!(der_to_raw(Curve::P256, der).is_err(), "{der:02x?}");
        }
    }
}
