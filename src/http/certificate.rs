//! The certificate that the other side showed.

use std::fmt;

/// The certificate that the other side proved to have: DER of the leaf, without what it was issued by. A transport that knows it puts it among the
/// extensions of a response.
///
/// ```
/// use keyferry::http::PeerCertificate;
///
/// let mut response = http::Response::new(bytes::Bytes::new());
/// response.extensions_mut().insert(PeerCertificate(vec![0x30, 0x00]));
/// assert_eq!(response.extensions().get::<PeerCertificate>().unwrap().0, [0x30, 0x00]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate(pub Vec<u8>);

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerCertificate({} octets)", self.0.len())
    }
}
