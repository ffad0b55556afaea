//! Transports of programs: they trust the system's roots, or those of one PEM file.

use keyferry::BaseUrl;
use keyferry::http::{ReqwestTransport, UreqTransport};

use super::program::Failed;

/// Has to be called before anything with TLS: these examples do it with aws-lc-rs.
pub fn install_tls() {
    // An error says that it was done before.
    let _ = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// A builder that trusts the roots in a file; without one, the system's, which are not even looked
/// for if there is nothing but plain http.
pub fn reqwest_builder(
    roots: Option<&str>,
    only_http: bool,
) -> Result<reqwest::ClientBuilder, Failed> {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(ReqwestTransport::CONNECT_TIMEOUT)
        .tls_info(true);
    Ok(match roots {
        Some(file) => builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem(file)?)?),
        None if only_http => builder.tls_certs_only([]),
        None => builder,
    })
}

/// The asynchronous transport. What certificate the other side showed comes with its answers.
pub fn asynchronous(base: &BaseUrl, roots: Option<&str>) -> Result<ReqwestTransport, Failed> {
    let transport = ReqwestTransport::from_builder(reqwest_builder(roots, !base.is_https())?)?;
    Ok(transport.with_certificate(|extensions| {
        Some(extensions.get::<reqwest::tls::TlsInfo>()?.peer_certificate()?.to_vec())
    }))
}

/// The blocking transport.
pub fn blocking(base: &BaseUrl, roots: Option<&str>) -> Result<UreqTransport, Failed> {
    use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
    let roots = match roots {
        Some(file) => pem(file)?,
        None if base.is_https() => {
            return Err(
                "--blocking with https wants --roots: ureq was built without roots here".into()
            );
        }
        None => return Ok(UreqTransport::new()),
    };
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&roots) {
        if let PemItem::Certificate(certificate) = item? {
            certificates.push(certificate);
        }
    }
    let config = ureq::Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(RootCerts::from(certificates)).build())
        .proxy(None)
        .timeout_connect(Some(UreqTransport::CONNECT_TIMEOUT));
    Ok(UreqTransport::from_agent(config.build().into()))
}

fn pem(file: &str) -> Result<Vec<u8>, Failed> {
    std::fs::read(file).map_err(|error| format!("{file}: {error}").into())
}
