//! What the common ground has to know of a protocol: how its errors are written and read.

use crate::{Class, Error};

/// A protocol over HTTP, as clients and servers of the common ground see it.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// The name of the header with the id of a request; a name that no header can have stands for
    /// no such header.
    fn request_id_header(&self) -> &str;

    /// The body of a refusal, as JSON.
    fn write_error(&self, status: u16, error: &Error, request_id: &str) -> String;

    /// What the body of a refusal says, if it has the form of this protocol.
    fn read_error(&self, body: &str) -> Option<ErrorWords>;
}

/// What the body of a refusal says.
pub(crate) struct ErrorWords {
    /// Which error it is, in the protocol's own word.
    pub(crate) code: String,
    /// For a person.
    pub(crate) message: String,
    /// The server's id of the request.
    pub(crate) request_id: String,
    /// The class that the code names, if it names one.
    pub(crate) class: Option<Class>,
}
