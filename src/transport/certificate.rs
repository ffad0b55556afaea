//! The certificate of the server.

use std::fmt;

/// The DER of the leaf certificate that the server presented in the TLS handshake. A transport that
/// knows it adds it to the extensions of the response; without TLS there is none.
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
    /// The certificate of the connection that a response came over.
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
