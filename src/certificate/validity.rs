//! The validity period of a certificate.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::Error;
use crate::der::{Element, Tag};

const PART: &str = "validity";

/// The validity period of a certificate, both ends included, in whole seconds since
/// 1970-01-01T00:00:00Z; negative before that.
///
/// Every date that a certificate can hold is representable, from the year 0 to the end of 9999.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use keyferry::Certificate;
///
/// let der = include_bytes!("../../tests/fixtures/field/21_cert_utctime_1950.der");
/// let certificate = Certificate::from_der(der)?;
/// let validity = certificate.validity();
/// assert_eq!(validity.to_string(), "1950-01-01T00:00:00Z to 2030-01-01T00:00:00Z");
/// assert_eq!(validity.not_before_unix_secs(), -631_152_000);
/// assert!(validity.contains(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)));
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Validity {
    not_before: i64,
    not_after: i64,
}

impl Validity {
    /// Reads a Validity (RFC 5280 section 4.1.2.5): two times, each UTCTime or GeneralizedTime. The
    /// order of the two times is not checked.
    pub(super) fn read(element: &Element<'_>) -> Result<Self, Error> {
        let mut times = element.inside();
        let not_before = read_time(&times.next(PART)?)?;
        let not_after = read_time(&times.next(PART)?)?;
        times.end(PART)?;
        Ok(Self { not_before, not_after })
    }

    /// The start of the period, in seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn not_before_unix_secs(self) -> i64 {
        self.not_before
    }

    /// The last second of the period, in seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn not_after_unix_secs(self) -> i64 {
        self.not_after
    }

    /// The start of the period; `None` if the system's clock cannot represent it.
    #[must_use]
    pub fn not_before(self) -> Option<SystemTime> {
        to_system_time(self.not_before)
    }

    /// The last second of the period; `None` if the system's clock cannot represent it.
    #[must_use]
    pub fn not_after(self) -> Option<SystemTime> {
        to_system_time(self.not_after)
    }

    /// Whether `time` lies in the period.
    #[must_use]
    pub fn contains(self, time: SystemTime) -> bool {
        let seconds = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => {
                let before = before.duration();
                let whole = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
                -whole - i64::from(before.subsec_nanos() > 0)
            }
        };
        (self.not_before..=self.not_after).contains(&seconds)
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_time(f, self.not_before)?;
        f.write_str(" to ")?;
        write_time(f, self.not_after)
    }
}

fn to_system_time(seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}

/// Reads a Time in its DER form (X.690 sections 11.7 and 11.8): UTCTime with a year from 1950 to
/// 2049, or GeneralizedTime. A fraction of a second is dropped.
fn read_time(element: &Element<'_>) -> Result<i64, Error> {
    let seconds = match element.tag {
        Tag::UtcTime => utc_time(element.value),
        Tag::GeneralizedTime => generalized_time(element.value),
        _ => None,
    };
    seconds.ok_or_else(|| Error::malformed(PART, "not a time").at(element.offset))
}

fn utc_time(text: &[u8]) -> Option<i64> {
    let (year, rest) = text.split_at_checked(2)?;
    let year = number(year)?;
    let century = if year >= 50 { 1900 } else { 2000 };
    let (time, rest) = rest.split_at_checked(10)?;
    (rest == b"Z").then_some(())?;
    seconds_since_1970(century + year, time, 59)
}

fn generalized_time(text: &[u8]) -> Option<i64> {
    let (year, rest) = text.split_at_checked(4)?;
    let (time, rest) = rest.split_at_checked(10)?;
    let fraction = rest.strip_suffix(b"Z")?;
    if let [first, digits @ ..] = fraction {
        // DER requires at least one digit and forbids a zero at the end.
        let ends = digits.last().is_some_and(|last| matches!(last, b'1'..=b'9'));
        (*first == b'.' && ends && digits.iter().all(u8::is_ascii_digit)).then_some(())?;
    }
    // A leap second counts as the second after it.
    seconds_since_1970(number(year)?, time, 60)
}

/// Seconds at `MMDDhhmmss` of a year.
fn seconds_since_1970(year: i64, time: &[u8], last_second: i64) -> Option<i64> {
    let field = |index: usize| number(time.get(index * 2..index * 2 + 2)?);
    let (month, day) = (field(0)?, field(1)?);
    let (hour, minute, second) = (field(2)?, field(3)?, field(4)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap),
        _ => return None,
    };
    let is_time = (1..=days).contains(&day) && hour < 24 && minute < 60 && second <= last_second;
    is_time.then(|| days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// The decimal digits of `text` as a number.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
    })
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. The year is counted from March, so
/// that a leap day is the last day of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    // 719468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

/// Writes the form of RFC 3339.
fn write_time(f: &mut fmt::Formatter<'_>, seconds: i64) -> fmt::Result {
    let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // This estimate is never too late, and at most a few years too early.
    let mut year = 1970 + days.div_euclid(if days < 0 { 365 } else { 366 });
    while days_since_1970(year + 1, 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days_since_1970(year, *month, 1) <= days);
    let month = month.unwrap_or(1);
    let day = days - days_since_1970(year, month, 1) + 1;
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
