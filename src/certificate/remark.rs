//! What is reported about a certificate, though it is no reason to refuse it.

use std::fmt;

/// What an authority did in another way than it was asked for, though it may do so: a line in a
/// report. Its `Display` is that line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remark {
    /// The subject is the same name as the request's (RFC 5280 section 7.1), but not the same
    /// bytes: other types of string, other case or other blanks.
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
