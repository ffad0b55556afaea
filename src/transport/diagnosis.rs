//! What failed below a library of HTTP. Which library does TLS is the caller's choice, so its
//! errors are known by how they show themselves, not by type.

use std::error::Error;

/// The causes of an error, from itself to the first of them.
#[cfg(feature = "reqwest")]
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// What the first cause says, unless it says the host.
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

/// Whether an error, as `Debug` shows it, says that one side did not accept the certificate of the
/// other, in words. Each decides on that before it reads anything of a request.
pub(super) fn certificate(shown: &str) -> Option<&'static str> {
    CERTIFICATE.iter().find(|(sign, _)| shown.contains(sign)).map(|(_, words)| *words)
}

/// How rustls and OpenSSL show it.
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
    // Of a signature in the handshake; records that cannot be read have an alert of another name.
    ("AlertReceived(DecryptError", OURS),
    ("alert decrypt error", OURS),
    ("AlertReceived(HandshakeFailure", "no handshake that both sides accept"),
];

const REQUIRED: &str = "the other side requires a client certificate";
const OURS: &str = "the other side does not accept the client certificate";
