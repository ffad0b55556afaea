//! The configuration of a server, and the state that its services share.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::http::{HeaderMap, HeaderName, HeaderValue};

use super::failures::Failures;
use super::{Drain, Proxies, ServerLimits};
use crate::server::rate::Callers;
use crate::transport::protocol::Protocol;
use crate::{Clock, SystemClock};

/// The maximum length of a request id that is accepted, in characters.
const MAX_REQUEST_ID: usize = 128;

/// The header of W3C Trace Context.
pub(crate) const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// The value of a header that occurs exactly once, as text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// Checks for `version-traceid-parentid-flags` in lower-case hexadecimal digits (W3C Trace Context,
/// 3.2). A newer version may have more after them.
fn is_trace_parent(text: &str) -> bool {
    if text.len() > MAX_REQUEST_ID || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let mut parts = text.split('-');
    let mut next = |length: usize| {
        parts.next().filter(|part| {
            part.len() == length
                && part.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let (version, trace, parent, flags) = (next(2), next(32), next(16), next(2));
    let is_some = |id: Option<&str>| id.is_some_and(|id| id.bytes().any(|digit| digit != b'0'));
    version.is_some_and(|version| version != "ff")
        && is_some(trace)
        && is_some(parent)
        && flags.is_some()
        && (parts.next().is_none() || version != Some("00"))
}

/// The configuration of a server.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The limits on requests and callers.
    pub limits: ServerLimits,
    /// The clock; the system's clock by default.
    pub clock: Arc<dyn Clock>,
    /// The proxies that are trusted to report the address of a client; none by default.
    pub proxies: Proxies,
    /// Whether the server accepts the ids in a request: `X-Request-Id` and `traceparent` (W3C Trace
    /// Context). Accepted ids are echoed and logged. Set this only where your proxy alone can reach
    /// the server. The default is `false`.
    ///
    /// An id is accepted if there is exactly one, of 1 to 128 letters, digits and `-._~+/=:@`; a
    /// `traceparent` if it has the form of its version. In all other cases the server generates the
    /// request id.
    pub accept_request_ids: bool,
    /// The drain that shuts the server down gracefully; a new one by default. Clones share it.
    pub drain: Drain,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            limits: ServerLimits::default(),
            clock: Arc::new(SystemClock),
            proxies: Proxies::none(),
            accept_request_ids: false,
            drain: Drain::default(),
        }
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limits, drain, proxies, accept_request_ids, .. } = self;
        f.debug_struct("ServerConfig")
            .field("limits", limits)
            .field("proxies", proxies)
            .field("accept_request_ids", accept_request_ids)
            .field("drain", drain)
            .finish_non_exhaustive()
    }
}

/// The state that the requests of one server share.
pub(crate) struct Core {
    pub(crate) config: ServerConfig,
    pub(super) tenants: Arc<Callers>,
    pub(super) devices: Arc<Callers>,
    pub(super) failures: Failures,
    /// The header with the id of a request; `None` if the protocol's name is not that of a header.
    pub(crate) request_id: Option<HeaderName>,
    ids: (RandomState, RandomState, AtomicU64),
}

impl Core {
    pub(crate) fn new(config: ServerConfig, protocol: &dyn Protocol) -> Arc<Self> {
        let limits = &config.limits;
        Arc::new(Self {
            tenants: Callers::new(
                limits.tenant_rate,
                limits.tenant_concurrent,
                0,
                limits.callers,
                ["tenant_rate", "tenant_concurrent", ""],
            ),
            devices: Callers::new(
                limits.device_rate,
                limits.device_concurrent,
                limits.device_long_polls,
                limits.callers,
                ["device_rate", "device_concurrent", "device_long_polls"],
            ),
            failures: Failures::new(limits.failed_rate, limits.refusals_logged, limits.callers),
            request_id: HeaderName::try_from(protocol.request_id_header()).ok(),
            ids: (RandomState::new(), RandomState::new(), AtomicU64::new(0)),
            config,
        })
    }

    /// The id of a request: the one in these headers if it is accepted, or a new one.
    pub(crate) fn request_id(&self, headers: &HeaderMap) -> String {
        let given = match &self.request_id {
            Some(name) if self.config.accept_request_ids => only(headers, name),
            _ => None,
        };
        let is_id = |id: &&str| {
            (1..=MAX_REQUEST_ID).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=:@".contains(&byte))
        };
        given.filter(is_id).map_or_else(|| self.new_request_id(), str::to_owned)
    }

    /// The `traceparent` of these headers, if it is accepted.
    pub(crate) fn trace_parent(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if !self.config.accept_request_ids {
            return None;
        }
        only(headers, &TRACE_PARENT).filter(|text| is_trace_parent(text))?;
        headers.get(&TRACE_PARENT).cloned()
    }

    /// A new request id: 32 hexadecimal digits, unique. It is not secret, so the standard library's
    /// keyed hash of a counter is enough.
    pub(crate) fn new_request_id(&self) -> String {
        let count = self.ids.2.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}{:016x}", self.ids.0.hash_one(count), self.ids.1.hash_one(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_parent_has_the_form_of_its_version() {
        let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        for good in [
            format!("00-{trace}-{parent}-01"),
            format!("cc-{trace}-{parent}-01"),
            format!("cc-{trace}-{parent}-01-what-the-future-brings"),
        ] {
            assert!(is_trace_parent(&good), "{good}");
        }
        for bad in [
            String::new(),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{trace}-{parent}-01-more"),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{trace}-{parent}"),
            format!("00-{trace}-{parent}-1"),
            format!("00-{trace}-{parent}-01\u{e9}"),
            format!("cc-{trace}-{parent}-01-{}", "x".repeat(128)),
        ] {
            assert!(!is_trace_parent(&bad), "{bad}");
        }
    }
}
