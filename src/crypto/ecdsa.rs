//! Conversion between the two encodings of an ECDSA signature: `r‖s` (RFC 7518) and DER (RFC 3279).

use super::Curve;
use crate::Error;
use crate::der::{self, Tag};

/// Converts `Ecdsa-Sig-Value` to `r‖s`, both numbers of the curve's length.
pub(crate) fn der_to_raw(curve: Curve, der: &[u8]) -> Result<Vec<u8>, Error> {
    const PART: &str = "signature";
    let length = curve.coordinate_length();
    let mut outer = der::Cursor::new(der);
    let mut numbers = outer.require(Tag::Sequence, PART)?.inside();
    outer.end(PART)?;
    let mut raw = vec![0; 2 * length];
    let (r, s) = raw.split_at_mut(length);
    for half in [r, s] {
        let number = numbers.unsigned(PART)?;
        let start = length
            .checked_sub(number.len())
            .ok_or_else(|| Error::malformed(PART, "a number longer than the curve's order"))?;
        half[start..].copy_from_slice(number);
    }
    numbers.end(PART)?;
    Ok(raw)
}

/// Converts `r‖s` to `Ecdsa-Sig-Value`.
pub(crate) fn raw_to_der(raw: &[u8]) -> Vec<u8> {
    let (r, s) = raw.split_at(raw.len() / 2);
    let stripped = |number: &'_ [u8]| number.iter().take_while(|byte| **byte == 0).count();
    let (r, s) = (&r[stripped(r)..], &s[stripped(s)..]);
    let length = der::unsigned_length(r) + der::unsigned_length(s);
    let mut out = Vec::with_capacity(der::header_length(length) + length);
    der::write_header(&mut out, Tag::Sequence, length);
    der::write_unsigned(&mut out, r);
    der::write_unsigned(&mut out, s);
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
