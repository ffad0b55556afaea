//! PEM files of certificates and keys. An error names the file and says what it contains instead.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use super::files::named;
use super::program::Failed;

/// The certificates in a file: at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failed> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| format!("{}: {}", path.display(), broken(&error)))?;
    if found.is_empty() {
        return Err(
            format!("{}: it contains no certificate; {}", path.display(), instead(&pem)).into()
        );
    }
    Ok(found)
}

/// The first private key in a file.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Failed> {
    let pem = zeroize::Zeroizing::new(read(path)?);
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        let why = match error {
            _ if is_encrypted(&pem) => String::from(ENCRYPTED),
            pem::Error::NoItemsFound => {
                format!("it contains no usable private key; {}", instead(&pem))
            }
            error => broken(&error),
        };
        format!("{}: {why}", path.display()).into()
    })
}

/// TLS with the certificate chain and the key of these files.
pub fn acceptor(
    certificate: &Path,
    chain: Vec<CertificateDer<'static>>,
    key: &Path,
) -> Result<TlsAcceptor, Failed> {
    let key_der = private_key(key)?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key_der);
    let mut config = config.map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => format!(
            "{}: not the key of the first certificate in {}",
            key.display(),
            certificate.display()
        ),
        rustls::Error::InvalidCertificate(why) => {
            format!("{}: the first certificate cannot be used: {why}", certificate.display())
        }
        error => format!("{}: {error}", key.display()),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    let mut bytes = std::fs::read(path).map_err(|error| named(path, &error))?;
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    Ok(bytes)
}

const ENCRYPTED: &str = "its private key is encrypted: decrypt it with `openssl pkey`";

/// Whether a private key in the file needs a password: PKCS#8's form, or the older header.
fn is_encrypted(bytes: &[u8]) -> bool {
    bytes.windows(9).any(|part| part == b"ENCRYPTED")
}

/// What a file contains in place of the expected item.
fn instead(bytes: &[u8]) -> &'static str {
    let has = |label: &str| {
        let begin = format!("-----BEGIN {label}");
        bytes.windows(begin.len()).any(|window| window == begin.as_bytes())
    };
    if bytes.is_empty() {
        "it is empty"
    } else if is_encrypted(bytes) {
        ENCRYPTED
    } else if has("CERTIFICATE REQUEST") || has("NEW CERTIFICATE REQUEST") {
        "it holds a certificate request"
    } else if has("CERTIFICATE") {
        "it holds certificates: are the two files swapped?"
    } else if has("PRIVATE KEY") || has("RSA PRIVATE KEY") || has("EC PRIVATE KEY") {
        "it holds a private key: are the two files swapped?"
    } else if has("PUBLIC KEY") {
        "it holds a public key"
    } else if has("") {
        "it holds PEM of another kind"
    } else if bytes.first() == Some(&0x30) {
        "it looks like DER, and PEM is needed: convert it with `openssl`"
    } else {
        "it is not PEM, which begins with -----BEGIN"
    }
}

/// The parser's reason, without its quotation of the file, which may be part of a key.
fn broken(error: &pem::Error) -> String {
    String::from(match error {
        pem::Error::MissingSectionEnd { .. } => "a -----BEGIN without its -----END",
        pem::Error::IllegalSectionStart { .. } => "a -----BEGIN line that is not well-formed",
        pem::Error::Base64Decode(_) => "the base64 between -----BEGIN and -----END is damaged",
        pem::Error::SectionTooLarge => "it is too large",
        _ => "it cannot be read as PEM",
    })
}
