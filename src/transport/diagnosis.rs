//! Finds out what failed below an HTTP library. The caller chooses the TLS library, so its errors
//! are recognised by their text, not by type.

use std::error::Error;

/// The causes of an error, from itself to the root cause.
#[cfg(feature = "reqwest")]
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// The text of the root cause, unless it contains the host.
pub(super) fn detail(error: &(dyn Error + 'static), host: &str) -> String {
    let mut first = error;
    while let Some(source) = first.source() {
        first = source;
    }
    let text = first.to_string();
    if host.is_empty() || !text.to_ascii_lowercase().contains(&host.to_ascii_lowercase()) {
        text
    } else {
        String::new()
    }
}

/// Describes an error, given as its `Debug` output, that says that one side did not accept the
/// certificate of the other. Each side decides on that before it reads anything of a request.
pub(super) fn certificate(shown: &str) -> Option<&'static str> {
    CERTIFICATE.iter().find(|(sign, _)| shown.contains(sign)).map(|(_, words)| *words)
}

/// The texts of rustls and OpenSSL.
const CERTIFICATE: [(&str, &str); 24] = [
    ("InvalidCertificate(UnknownIssuer", "the certificate is of no issuer that is trusted"),
    ("InvalidCertificate(BadSignature", "the certificate is of no issuer that is trusted"),
    ("InvalidCertificate(NotValidForName", "the certificate is for another name"),
    ("InvalidCertificate(Expired", "the certificate has expired"),
    ("InvalidCertificate(NotValidYet", "the certificate is not valid yet"),
    ("InvalidCertificate(Revoked", "the certificate is revoked"),
    ("InvalidCertificate(", "the certificate is not valid"),
    ("NoCertificatesPresented", "there is no certificate"),
    ("certificate verify failed", "the certificate is not trusted"),
    ("AlertReceived(CertificateRequired", REQUIRED),
    ("alert certificate required", REQUIRED),
    ("AlertReceived(BadCertificate", OURS),
    ("alert bad certificate", OURS),
    ("AlertReceived(UnsupportedCertificate", OURS),
    ("AlertReceived(CertificateRevoked", OURS),
    ("AlertReceived(CertificateExpired", OURS),
    ("AlertReceived(CertificateUnknown", OURS),
    ("alert certificate", OURS),
    ("AlertReceived(UnknownCa", OURS),
    ("AlertReceived(UnknownCA", OURS),
    ("alert unknown ca", OURS),
    // It refers to a signature in the handshake; records that cannot be decrypted have another
    // alert.
    ("AlertReceived(DecryptError", OURS),
    ("alert decrypt error", OURS),
    ("AlertReceived(HandshakeFailure", "no handshake that both sides accept"),
];

const REQUIRED: &str = "the other side requires a client certificate";
const OURS: &str = "the other side does not accept the client certificate";
