//! Remarks: permitted differences between a certificate and its request.

use std::fmt;

/// A permitted difference between a certificate and its request. Its `Display` is a line for a
/// report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remark {
    /// The subject is the same name as the request's (RFC 5280 section 7.1) in another encoding:
    /// other string types, other case or other whitespace.
    SubjectEncoding,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SubjectEncoding => {
                "certificate.subject: the request's name, but not encoded as in the request"
            }
        })
    }
}
