use std::fmt;
use std::time::{Duration, SystemTime};

/// A time as it is stored: milliseconds since 1970 in UTC, not counting leap seconds. Times before
/// 1970 become 1970.
///
/// `Display` writes RFC 3339 in UTC, the form of all times on the wire: `2026-01-31T23:59:59Z`,
/// with `.123` where it is not a whole second. After the year 9999, which RFC 3339 cannot write, it
/// writes that year's end.
///
/// ```
/// use keyferry::hermod::hub::UnixMillis;
///
/// assert_eq!(UnixMillis(1_700_000_000_000).to_string(), "2023-11-14T22:13:20Z");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub u64);

/// The end of the year 9999.
const LAST: u64 = 253_402_300_799_999;

impl UnixMillis {
    /// Adds a duration. The result saturates at the greatest time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Converts to a time of the standard library.
    #[must_use]
    pub fn to_system_time(self) -> SystemTime {
        // Every system can represent the end of the year 9999.
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_millis(self.0.min(LAST)))
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

impl From<SystemTime> for UnixMillis {
    fn from(time: SystemTime) -> Self {
        Self::default().plus(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, millis) = (self.0.min(LAST) / 1000, self.0.min(LAST) % 1000);
        let (year, month, day) = civil(secs / 86_400);
        let (hour, minute, second) = (secs / 3600 % 24, secs / 60 % 60, secs % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if millis != 0 {
            write!(f, ".{millis:03}")?;
        }
        f.write_str("Z")
    }
}

/// Year, month and day, `days` after 1970-01-01, in the Gregorian calendar. The calculation counts
/// years from March, so that a leap day is the last day of a year, and in eras of 400 years, which
/// all have the same length.
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    /// The days from 0000-03-01 to 1970-01-01.
    const BEFORE: u64 = 719_468;
    let days = days + BEFORE;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + later, month, day)
}

#[cfg(test)]
mod tests;
