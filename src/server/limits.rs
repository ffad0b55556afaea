//! Limits on sizes, times and rates.

use std::fmt;
use std::time::Duration;

use crate::Error;

/// Limits of a server. All of them are this crate's choice. A request that exceeds one gets the
/// status that is named.
///
/// The time for the head of a request, and for idle connections, is limited by the code that
/// accepts connections: see [the module](super).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Header fields of a request: 64. Above: 431.
    pub header_count: usize,
    /// Bytes of names and values of the header fields: 16 KiB. Above: 431.
    pub header_bytes: usize,
    /// Bytes of path and query: 4 KiB. Above: 414.
    pub uri_bytes: usize,
    /// Bytes of a body: 1 MiB. Above: 413.
    pub body_bytes: usize,
    /// Bytes of a body that may hold pictures, such as that of a provision command: 4 MiB. Above:
    /// 413.
    pub large_body_bytes: usize,
    /// Bytes of the body of a callback, which holds an answer and more: 2 MiB. Above: 413.
    pub callback_bytes: usize,
    /// The time from the gate to the last byte of the body: 30 seconds. Above: 408.
    pub body_time: Duration,
    /// The time for a gate, and then for a handler; a long poll gets its wait on top: 30 seconds.
    /// Above: 503. A handler that changes state runs to completion nevertheless.
    pub handle_time: Duration,
    /// Requests in progress, without long polls: 1024. Above: 503.
    pub concurrent: usize,
    /// Waiting long polls: 20,000. Above: 503.
    pub long_polls: usize,
    /// Requests of one tenant (the id of an API key, or the user of HTTP Basic): 500 per second,
    /// with a burst of 1000. Above: 429.
    pub tenant_rate: Rate,
    /// Requests of one tenant in progress: 64. Above: 429.
    pub tenant_concurrent: usize,
    /// Requests with one device token: 20 per second, with a burst of 100. Above: 429.
    pub device_rate: Rate,
    /// Requests with one token in progress, without long polls: 8. Above: 429.
    pub device_concurrent: usize,
    /// Long polls with one token: 8. Above: 429.
    pub device_long_polls: usize,
    /// Wrong credentials from one client address: 1 per second, with a burst of 20. Above, other
    /// credentials from there are not tried: 429. A credential that was valid from there before is
    /// still tried. Nothing is limited where the address is not known
    /// ([`PeerAddr`](super::PeerAddr)).
    pub failed_rate: Rate,
    /// Log lines per minute about refusals without a valid credential, for one client address or
    /// for all unknown addresses together: 5. The first line of the next minute has the number of
    /// lines left out, which are logged at `debug`.
    pub refusals_logged: u32,
    /// Callers whose rate is remembered, at about 50 bytes each: 65,536. A caller is forgotten when
    /// this many others came after it, and then starts with a full budget.
    pub callers: usize,
    /// Callbacks that are remembered to drop repeats, at about 50 bytes each: 65,536. A repeat of a
    /// forgotten callback reaches the handler again.
    pub callbacks: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header_count: 64,
            header_bytes: 16 * 1024,
            uri_bytes: 4 * 1024,
            body_bytes: 1024 * 1024,
            large_body_bytes: 4 * 1024 * 1024,
            callback_bytes: 2 * 1024 * 1024,
            body_time: Duration::from_secs(30),
            handle_time: Duration::from_secs(30),
            concurrent: 1024,
            long_polls: 20_000,
            tenant_rate: Rate::new(500, 1000),
            tenant_concurrent: 64,
            device_rate: Rate::new(20, 100),
            device_concurrent: 8,
            device_long_polls: 8,
            failed_rate: Rate::new(1, 20),
            refusals_logged: 5,
            callers: 65_536,
            callbacks: 65_536,
        }
    }
}

/// A rate: requests per second in the long run, and a burst after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

impl Rate {
    /// `per_second` in the long run and `burst` at once; each at least one.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: per_second.max(1), burst: burst.max(1) }
    }

    /// No limit.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(u32::MAX, u32::MAX)
    }

    /// The text for the log.
    fn describe(self) -> String {
        format!("{} a second, {} at once", self.per_second, self.burst)
    }

    /// The time that one request uses up.
    pub(crate) fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_second
    }

    /// How far ahead of its rate a caller may be.
    pub(crate) fn ahead(self) -> Duration {
        self.interval().saturating_mul(self.burst - 1)
    }

    /// How long a caller has to wait that is `early` by so much; `None` if it need not wait.
    ///
    /// A rate of more than one request a nanosecond limits nothing. Without that exception, it would
    /// refuse a request whose thread read the clock a moment before another thread did.
    pub(crate) fn exceeded(self, early: Duration) -> Option<Duration> {
        let over = early.saturating_sub(self.ahead());
        (!self.interval().is_zero() && !over.is_zero()).then_some(over)
    }
}

/// The limit that a request exceeded, as the source of its error.
#[derive(Debug)]
pub(crate) struct LimitMet {
    /// The name of the field of [`ServerLimits`].
    pub(crate) name: &'static str,
    /// Its value.
    pub(crate) value: String,
}

impl LimitMet {
    pub(crate) fn new(name: &'static str, value: impl ToString) -> Self {
        Self { name, value: value.to_string() }
    }

    pub(crate) fn time(name: &'static str, value: Duration) -> Self {
        Self { name, value: format!("{value:?}") }
    }

    pub(crate) fn rate(name: &'static str, rate: Rate) -> Self {
        Self { name, value: rate.describe() }
    }

    /// The limit that an error names, if it names one.
    pub(crate) fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }
}

impl fmt::Display for LimitMet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.name, self.value)
    }
}

impl std::error::Error for LimitMet {}
