//! HTTP, with no library of it: requests and answers are the types of the crate [`http`], and
//! whatever sends them is a [`Transport`].
//!
//! - [`Transport`] and [`BlockingTransport`]: the seam to a library of HTTP. Any closure is one.
//!   `OnThreads` makes the first of the second, `InProcess` of a service without a socket,
//!   `GuardedTransport` calls only what a [`TargetPolicy`] allows, by a `TargetUrl`. `ReqwestTransport` and
//!   `UreqTransport` are on the libraries of these names.
//! - [`ExchangeLimits`]: how long an exchange may take and how much an answer may hold.
//! - [`PeerCertificate`]: who answered, if a transport knows it. [`ReceivedAt`]: when.
//! - [`TransportError`] and [`StatusError`]: what went wrong, as
//!   [sources](std::error::Error::source) of an [`Error`](crate::Error).
//!
//! What is sent stands in [`hermod::wire::http`](crate::hermod::wire::http).

mod certificate;
mod date;
#[cfg(any(feature = "reqwest", feature = "ureq"))]
mod diagnosis;
mod failure;
#[cfg(feature = "client")]
mod guarded;
#[cfg(feature = "server")]
mod in_process;
mod limits;
#[cfg(feature = "client")]
mod on_threads;
#[cfg(feature = "reqwest")]
mod reqwest;
mod target;
#[cfg(feature = "client")]
mod target_url;
mod transport;
#[cfg(feature = "ureq")]
mod ureq;

pub use certificate::PeerCertificate;
pub use date::ReceivedAt;
pub(crate) use date::parse_date;
pub use failure::{StatusError, TransportError, TransportErrorKind};
#[cfg(feature = "client")]
pub use guarded::GuardedTransport;
#[cfg(feature = "server")]
pub use in_process::InProcess;
pub use limits::ExchangeLimits;
#[cfg(feature = "client")]
pub use on_threads::OnThreads;
pub use target::TargetPolicy;
#[cfg(feature = "client")]
pub use target_url::TargetUrl;
pub use transport::{BlockingTransport, Transport};

#[cfg(feature = "reqwest")]
pub use self::reqwest::ReqwestTransport;
#[cfg(feature = "ureq")]
pub use self::ureq::UreqTransport;
