//! HTTP without a library for it: requests and responses are the types of the crate `http`, and a
//! [`Transport`] sends them. All but the address type needs the feature `http`.
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

pub(crate) mod base_url;
#[cfg(feature = "http")]
mod certificate;
#[cfg(feature = "http")]
pub(crate) mod credential;
#[cfg(feature = "http")]
mod date;
#[cfg(any(feature = "reqwest", feature = "ureq"))]
mod diagnosis;
#[cfg(feature = "http")]
mod failure;
#[cfg(feature = "client")]
mod guarded;
#[cfg(feature = "server")]
mod in_process;
#[cfg(feature = "http")]
mod limits;
#[cfg(feature = "http")]
mod media_type;
#[cfg(feature = "http")]
pub(crate) mod message;
#[cfg(feature = "client")]
mod on_threads;
#[cfg(feature = "http")]
pub(crate) mod operation;
#[cfg(feature = "http")]
pub(crate) mod protocol;
#[cfg(feature = "http")]
pub(crate) mod refusal;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "http")]
mod target;
#[cfg(feature = "client")]
mod target_url;
#[cfg(feature = "http")]
mod traits;
#[cfg(feature = "ureq")]
mod ureq;

#[cfg(feature = "http")]
pub use certificate::PeerCertificate;
#[cfg(feature = "http")]
pub use date::ReceivedAt;
#[cfg(feature = "http")]
pub(crate) use date::parse_date;
#[cfg(feature = "http")]
pub use failure::{StatusError, TransportError, TransportErrorKind};
#[cfg(feature = "client")]
pub use guarded::GuardedTransport;
#[cfg(feature = "server")]
pub use in_process::InProcess;
#[cfg(feature = "http")]
pub use limits::ExchangeLimits;
#[cfg(feature = "client")]
pub use on_threads::OnThreads;
#[cfg(feature = "http")]
pub use target::TargetPolicy;
#[cfg(feature = "client")]
pub use target_url::TargetUrl;
#[cfg(feature = "http")]
pub use traits::{BlockingTransport, Transport};

#[cfg(feature = "reqwest")]
pub use self::reqwest::ReqwestTransport;
#[cfg(feature = "ureq")]
pub use self::ureq::UreqTransport;
