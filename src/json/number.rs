//! Whole numbers, read exactly: `60`, `60.0`, `6e1` and `600E-1` are the same number (RFC 8259
//! section 6), 60.5 is not a whole number, and nothing is rounded.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize as _, Deserializer, Visitor};
use serde_json::value::RawValue;

use super::{FromJson, MAX_TEXT, Reading};
use crate::Class;

/// Maximum number of decimal digits of a whole number, more than any integer type has.
const MAX_DIGITS: usize = 64;

/// A whole number: its sign and its decimal digits without leading zeros, `0` for zero.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Number<'a> {
    negative: bool,
    digits: Cow<'a, str>,
}

/// A whole number, or a text that may be one.
pub(crate) enum NumberOrText<'a> {
    Number(Number<'a>),
    Text(Cow<'a, str>),
}

impl<'a> Number<'a> {
    /// Reads the text of a well-formed number (RFC 8259 section 6); `None` if it is not a whole
    /// number or has more than [`MAX_DIGITS`] digits.
    ///
    /// The time is linear in the length of the text and does not depend on the exponent.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, text),
        };
        // Fast path: digits only, which JSON does not permit to begin with a zero.
        if all_digits(unsigned) && unsigned.len() <= MAX_DIGITS {
            return Some(Self::of(negative, Cow::Borrowed(unsigned)));
        }
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if !all_digits(whole) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let significant = format!("{whole}{fraction}");
        let significant = significant.trim_start_matches('0');
        if significant.is_empty() {
            return Some(Self::of(negative, Cow::Borrowed("0")));
        }
        let digits = significant.trim_end_matches('0');
        // The number of zeros after the digits; negative if some of the digits are a fraction.
        let zeros = exponent_of(exponent)?
            .checked_sub(i64::try_from(fraction.len()).ok()?)?
            .checked_add(i64::try_from(significant.len() - digits.len()).ok()?)?;
        let zeros = usize::try_from(zeros).ok()?;
        if digits.len().checked_add(zeros)? > MAX_DIGITS {
            return None;
        }
        Some(Self::of(negative, Cow::Owned(format!("{digits}{}", "0".repeat(zeros)))))
    }

    fn of(negative: bool, digits: Cow<'a, str>) -> Self {
        // Zero has only one form.
        Self { negative: negative && digits != "0", digits }
    }

    /// The digits of a non-negative number.
    pub(crate) fn into_digits(self) -> Option<Cow<'a, str>> {
        (!self.negative).then_some(self.digits)
    }

    /// The number as an integer, if it fits the type.
    pub(crate) fn number<T: TryFrom<i128>, E: serde::de::Error>(
        &self,
        reading: &Reading,
    ) -> Result<T, E> {
        let magnitude = self.digits.parse::<i128>().ok();
        magnitude
            .map(|magnitude| if self.negative { -magnitude } else { magnitude })
            .and_then(|number| number.try_into().ok())
            .ok_or_else(|| reading.fail(Class::Malformed, Self::EXPECTED))
    }
}

impl<'de> Number<'de> {
    /// The error detail for anything else.
    pub(crate) const EXPECTED: &'static str = "not a whole number";

    /// Reads a number; a text is refused.
    pub(crate) fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        match Self::or_text(deserializer, reading)? {
            NumberOrText::Number(number) => Ok(number),
            NumberOrText::Text(_) => Err(reading.fail(Class::Malformed, Self::EXPECTED)),
        }
    }

    /// Reads a number or a text.
    pub(crate) fn or_text<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<NumberOrText<'de>, D::Error> {
        if !reading.is_of_text() {
            return deserializer.deserialize_any(V(reading));
        }
        // serde_json would return a number with a point or an exponent as a rounded float.
        let text = <&'de RawValue>::deserialize(deserializer)?.get();
        let wrong = || reading.fail(Class::Malformed, Self::EXPECTED);
        match text.as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => {
                Self::parse(text).map(NumberOrText::Number).ok_or_else(wrong)
            }
            Some(b'"') => {
                let text =
                    String::from_json(&mut serde_json::Deserializer::from_str(text), reading)
                        .map_err(|_| wrong())?;
                Ok(NumberOrText::Text(Cow::Owned(text)))
            }
            _ => Err(wrong()),
        }
    }
}

/// Visits numbers from a deserializer other than our JSON reader.
struct V<'r>(&'r Reading);

impl<'de> Visitor<'de> for V<'_> {
    type Value = NumberOrText<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(NumberOrText::Number(Number::of(false, Cow::Owned(number.to_string()))))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        let digits = number.unsigned_abs().to_string();
        Ok(NumberOrText::Number(Number::of(number < 0, Cow::Owned(digits))))
    }

    /// Accepts a float that is whole and small enough to represent exactly one integer.
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
        const EXACT: f64 = 9_007_199_254_740_991.0;
        if number.fract() == 0.0 && number.abs() <= EXACT {
            let digits = format!("{:.0}", number.abs());
            return Ok(NumberOrText::Number(Number::of(number < 0.0, Cow::Owned(digits))));
        }
        Err(self.0.fail(Class::Malformed, Number::EXPECTED))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.len() > MAX_TEXT {
            return Err(self.0.fail(Class::TooLarge, "a text that is too long"));
        }
        Ok(NumberOrText::Text(Cow::Owned(text.to_owned())))
    }
}

/// Whether a text consists of one or more decimal digits only.
pub(crate) fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The exponent; `None` if it is so large that the number is out of range. The caller has already
/// handled zero.
fn exponent_of(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if !all_digits(digits) {
        return None;
    }
    let magnitude = digits.trim_start_matches('0');
    let magnitude = if magnitude.is_empty() { 0 } else { magnitude.parse::<i64>().ok()? };
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Option<String> {
        let number = Number::parse(text)?;
        Some(format!("{}{}", if number.negative { "-" } else { "" }, number.digits))
    }

    #[test]
    fn reads_every_notation_of_a_whole_number_exactly() {
        for (text, number) in [
            ("60", "60"),
            ("60.0", "60"),
            ("60.000", "60"),
            ("6e1", "60"),
            ("6E+1", "60"),
            ("0.6e2", "60"),
            ("600e-1", "60"),
            ("60000.00E-3", "60"),
            ("1E2", "100"),
            ("1e00000000000000000000002", "100"),
            ("0", "0"),
            ("-0", "0"),
            ("-0.0e-5", "0"),
            ("0e99999999999999999999", "0"),
            ("0.000e-99999999999999999999", "0"),
            ("-6e1", "-60"),
            ("9007199254740993.0", "9007199254740993"),
            ("9007199254740993", "9007199254740993"),
            ("0.9007199254740993e16", "9007199254740993"),
            ("18446744073709551615.0", "18446744073709551615"),
            ("184467440737095516150000e-4", "18446744073709551615"),
        ] {
            assert_eq!(digits(text).as_deref(), Some(number), "{text}");
        }
    }

    #[test]
    fn rejects_fractions_and_what_is_too_large_without_writing_it_out() {
        for text in [
            "60.5",
            "605e-1",
            "60.00000000000000000000000000000000001",
            "1e-1",
            "0.1",
            "1e400",
            "1e9223372036854775807",
            "1e99999999999999999999999",
            "1e-99999999999999999999999",
            "10e-9223372036854775808",
            &"9".repeat(65),
        ] {
            assert_eq!(digits(text), None, "{text}");
        }
    }
}
