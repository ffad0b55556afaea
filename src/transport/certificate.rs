//! The certificate that the other side showed.

use std::fmt;

/// The DER of the leaf certificate that the other side of a TLS connection showed. A transport that
/// knows it puts it among the extensions of the answer; without TLS there is none.
///
/// ```
/// use keyferry::transport::PeerCertificate;
///
/// let mut answer = http::Response::new(bytes::Bytes::new());
/// answer.extensions_mut().insert(PeerCertificate(vec![0x30, 0x00]));
/// assert_eq!(PeerCertificate::of(&answer).unwrap().0, [0x30, 0x00]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate(pub Vec<u8>);

impl PeerCertificate {
    /// The certificate that an answer came with.
    #[must_use]
    pub fn of<B>(answer: &::http::Response<B>) -> Option<&Self> {
        answer.extensions().get()
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerCertificate({} bytes)", self.0.len())
    }
}
