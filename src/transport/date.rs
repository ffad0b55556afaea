//! Dates in headers (RFC 9110 section 5.6.7).

use std::time::{Duration, SystemTime};

use der::DateTime;

/// When a response was received, by the client's clock. The clients add it to the extensions of a
/// response. [`read_refusal`](crate::hermod::wire::http::read_refusal) uses it for a `Retry-After`
/// that is a date if the response has no `Date`.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use bytes::Bytes;
/// use http::Response;
/// use keyferry::hermod::wire::http::read_refusal;
/// use keyferry::transport::ReceivedAt;
///
/// let mut response = Response::builder()
///     .status(503)
///     .header("retry-after", "Tue, 14 Nov 2023 22:13:27 GMT")
///     .body(Bytes::new())
///     .unwrap();
/// assert_eq!(read_refusal(&response).retry_after(), None);
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
/// response.extensions_mut().insert(ReceivedAt(now));
/// assert_eq!(read_refusal(&response).retry_after(), Some(Duration::from_secs(7)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedAt(pub SystemTime);

/// The reference for two-digit years if no later year is known.
const REFERENCE_YEAR: u16 = 2026;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Reads a date in any of the three forms: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94
/// 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`.
///
/// A two-digit year is the latest year with these digits that is at most 50 years after `now`. Leap
/// seconds are accepted. The name of the day has to be valid, but need not match the date. A date
/// before 1970 becomes the beginning of 1970.
pub(crate) fn parse_date(text: &str, now: Option<SystemTime>) -> Option<SystemTime> {
    let words: Vec<&str> = text.split(' ').collect();
    let short = |name: &str| DAYS.iter().any(|day| day.get(..3) == Some(name));
    match words[..] {
        [name, day, month, year, time, "GMT"] if name.strip_suffix(',').is_some_and(short) => {
            moment(number(year, 4)?, month, number(day, 2)?, time)
        }
        [name, date, time, "GMT"] if name.strip_suffix(',').is_some_and(|n| DAYS.contains(&n)) => {
            let mut parts = date.split('-');
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            let year = full_year(number(year, 2)?, now);
            if parts.next().is_some() {
                return None;
            }
            moment(year, month, number(day, 2)?, time)
        }
        [name, month, "", day, time, year] if short(name) => {
            moment(number(year, 4)?, month, number(day, 1)?, time)
        }
        [name, month, day, time, year] if short(name) => {
            moment(number(year, 4)?, month, number(day, 2)?, time)
        }
        _ => None,
    }
}

fn full_year(two_digits: u16, now: Option<SystemTime>) -> u16 {
    let this_year = now
        .and_then(|now| now.duration_since(SystemTime::UNIX_EPOCH).ok())
        .and_then(|since| DateTime::from_unix_duration(since).ok())
        // A clock that was never set gives no reference.
        .map_or(REFERENCE_YEAR, |date| date.year().max(REFERENCE_YEAR));
    let latest = this_year + 50;
    latest - (latest + 100 - two_digits) % 100
}

/// A number of exactly this many digits.
fn number(text: &str, digits: usize) -> Option<u16> {
    let is_one = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_one)
}

fn moment(year: u16, month: &str, day: u16, time: &str) -> Option<SystemTime> {
    let mut parts = time.split(':').map(|part| number(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || second > 60 {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let small = |number: u16| u8::try_from(number).ok();
    let date = |year| {
        DateTime::new(
            year,
            u8::try_from(month).ok()?,
            small(day)?,
            small(hour)?,
            small(minute)?,
            small(second.min(59))?,
        )
        .ok()
    };
    if year < 1970 {
        // A leap year, in which every day exists.
        return date(2000).map(|_| SystemTime::UNIX_EPOCH);
    }
    let since = date(year)?.unix_duration() + Duration::from_secs(u64::from(second / 60));
    SystemTime::UNIX_EPOCH.checked_add(since)
}

#[cfg(test)]
mod tests;
