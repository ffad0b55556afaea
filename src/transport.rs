//! HTTP independent of a library: requests and responses are the types of the crate `http`, and a
//! [`Transport`] sends them. All but the address type needs the feature `http`.
//!
//! - [`Transport`] and [`BlockingTransport`] are the interface to an HTTP library. Any closure
//!   implements them. `OnThreads` turns the second into the first, `InProcess` calls a service
//!   without a socket, and `GuardedTransport` calls only the addresses that a [`TargetPolicy`]
//!   allows, by a `TargetUrl`. `ReqwestTransport` and `UreqTransport` use the libraries of these
//!   names.
//! - [`ExchangeLimits`] limits the time of an exchange and the size of a response.
//! - [`PeerCertificate`] is the server's certificate, if a transport knows it; [`ReceivedAt`] is
//!   the time of a response.
//! - [`TransportError`] and [`StatusError`] describe failures, as
//!   [sources](std::error::Error::source) of an [`Error`](crate::Error).
//!
//! The HTTP form of the wires is in [`hermod::wire::http`](crate::hermod::wire::http).

pub(crate) mod base_url;
#[cfg(feature = "server")]
mod body;
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

#[cfg(feature = "server")]
pub use body::Body;
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
