//! The authorities and certificates of the tests.

#[cfg(all(feature = "ca", feature = "aws-lc-rs"))]
mod issuing {
    use std::sync::Arc;
    use std::time::Duration;

    use keyferry::Clock;
    use keyferry::crypto::aws_lc_rs::AwsLcRs;
    use keyferry::crypto::{Curve, KeyKind};
    use keyferry::issuer::LocalCa;

    /// An authority that issues for a year.
    pub fn root(clock: Arc<dyn Clock>) -> LocalCa {
        let key = super::super::signer(KeyKind::Ec(Curve::P256));
        let year = Duration::from_secs(365 * 86_400);
        LocalCa::new_root("CN=Root,O=Acme", key, Arc::new(AwsLcRs), clock, year).unwrap()
    }
}

#[cfg(all(feature = "ca", feature = "aws-lc-rs"))]
pub use issuing::root;

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};

/// The cryptography of rustls, which wants to be told once in each process.
pub fn provide_tls() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// A certificate for a server or a client of TLS, and its key.
pub struct Leaf {
    pub certificate: CertificateDer<'static>,
    pub key: KeyPair,
}

impl Leaf {
    fn new(certificate: &rcgen::Certificate, key: KeyPair) -> Self {
        Self { certificate: certificate.der().clone(), key }
    }

    /// Signed by itself, from the beginning of one year to that of another.
    pub fn self_signed(name: &str, from: i32, to: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        Self::new(&valid(name, from, to).self_signed(&key).unwrap(), key)
    }

    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()))
    }

    pub fn to_pem(&self) -> String {
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            base64_simd::STANDARD.encode_to_string(&self.certificate)
        )
    }

    /// A TLS server that shows this certificate to every client.
    pub fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.private_key())
            .unwrap();
        tokio_rustls::TlsAcceptor::from(Arc::new(config))
    }
}

fn valid(name: &str, from: i32, to: i32) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(to, 1, 1);
    params
}

/// An authority for TLS.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Self {
        provide_tls();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        self.0.der()
    }

    pub fn issue(&self, name: &str) -> Leaf {
        self.issue_for(name, 2000, 2200)
    }

    /// Valid from the beginning of one year to that of another.
    pub fn issue_for(&self, name: &str, from: i32, to: i32) -> Leaf {
        let key = KeyPair::generate().unwrap();
        Leaf::new(&valid(name, from, to).signed_by(&key, &self.0).unwrap(), key)
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }
}
