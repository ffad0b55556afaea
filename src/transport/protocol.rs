//! The interface to a protocol: how its errors are written and read.

use crate::{Class, Error};

/// A protocol over HTTP, as the general parts of clients and servers see it.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// The name of the header with the request id. A name that is not a valid header name means
    /// that there is no such header.
    fn request_id_header(&self) -> &str;

    /// The body of a refusal, as JSON.
    fn write_error(&self, status: u16, error: &Error, request_id: &str) -> String;

    /// Reads the body of a refusal, if it has the form of this protocol.
    fn read_error(&self, body: &str) -> Option<ErrorWords>;
}

/// The content of the body of a refusal.
pub(crate) struct ErrorWords {
    /// The protocol's code of the error.
    pub(crate) code: String,
    /// A message for people.
    pub(crate) message: String,
    /// The server's id of the request.
    pub(crate) request_id: String,
    /// The class that the code names, if it names one.
    pub(crate) class: Option<Class>,
}
