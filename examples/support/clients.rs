//! Transports of programs: they trust the system's roots, or those of one PEM file.

use std::path::Path;

use keyferry::BaseUrl;
use keyferry::transport::{ReqwestTransport, UreqTransport};
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::program::Failed;

/// Chooses aws-lc-rs for TLS. Call this before TLS is used.
pub fn install_tls() {
    // An error means that it was called before.
    let _ = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// A builder that trusts the roots in a file, or without a file the system's. With `only_http` it
/// does not search for the system's roots.
pub fn reqwest_builder(
    roots: Option<&str>,
    only_http: bool,
) -> Result<reqwest::ClientBuilder, Failed> {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(ReqwestTransport::CONNECT_TIMEOUT)
        .tls_info(true);
    Ok(match roots {
        Some(file) => {
            let certificates = certificates(file)?;
            let certificates = certificates
                .iter()
                .map(|certificate| {
                    reqwest::Certificate::from_der(certificate)
                        .map_err(|error| format!("{file}: {}", super::program::chain(&error)))
                })
                .collect::<Result<Vec<_>, _>>()?;
            builder.tls_certs_only(certificates)
        }
        None if only_http => builder.tls_certs_only([]),
        None => builder,
    })
}

/// The asynchronous transport. Its responses carry the certificate that the server showed.
pub fn asynchronous(base: &BaseUrl, roots: Option<&str>) -> Result<ReqwestTransport, Failed> {
    let transport = ReqwestTransport::from_builder(reqwest_builder(roots, !base.is_https())?)?;
    Ok(transport.with_certificate(|extensions| {
        Some(extensions.get::<reqwest::tls::TlsInfo>()?.peer_certificate()?.to_vec())
    }))
}

/// The blocking transport.
pub fn blocking(base: &BaseUrl, roots: Option<&str>) -> Result<UreqTransport, Failed> {
    use ureq::tls::{Certificate, RootCerts, TlsConfig};
    let roots = match roots {
        Some(file) => certificates(file)?,
        None if base.is_https() => {
            return Err("--blocking with https needs --roots: ureq has no roots here".into());
        }
        None => return Ok(UreqTransport::new()),
    };
    let certificates: Vec<Certificate<'static>> =
        roots.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    let config = ureq::Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(RootCerts::from(certificates)).build())
        .proxy(None)
        .timeout_connect(Some(UreqTransport::CONNECT_TIMEOUT));
    Ok(UreqTransport::from_agent(config.build().into()))
}

/// The roots in a file. An unusable one is refused here with the name of the file, and not at the
/// first connection.
fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, Failed> {
    let certificates = super::pem::certificates(Path::new(file))?;
    let mut store = tokio_rustls::rustls::RootCertStore::empty();
    for certificate in &certificates {
        store
            .add(certificate.clone())
            .map_err(|error| format!("{file}: a certificate that cannot be used: {error}"))?;
    }
    Ok(certificates)
}

/// Whether a host is this machine, where nobody else can listen to plain http.
pub fn is_this_machine(address: &BaseUrl) -> bool {
    let host = address.host();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}
