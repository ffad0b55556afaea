//! Private keys in files, and the keys that an integrator requests.

use std::path::Path;
use std::sync::Arc;

use keyferry::Certificate;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Curve, KeyKind, PrivateKey, Provider, PublicKeyParts};
use keyferry::csr::Template;
use keyferry::hermod::model::{KeyGenRequest, KeyTypePrio, KeyUsage};

use super::files::{Place, named, put_private, read};
use super::program::Failed;

/// The private key in a file (PKCS#8 in DER). If the file does not exist, makes the key.
pub fn key_in(path: &Path, provider: &dyn Provider) -> Result<Arc<dyn PrivateKey>, Failed> {
    if let Some(pkcs8) = read(path).map_err(|error| named(path, &error))? {
        let pkcs8 = zeroize::Zeroizing::new(pkcs8);
        let key = provider.private_key_from_pkcs8_der(&pkcs8);
        return Ok(key
            .map_err(|_| format!("{}: not a private key as PKCS#8 in DER", path.display()))?
            .into());
    }
    let key = provider.generate(KeyKind::Ec(Curve::P256))?;
    put_private(path, &key.expose_pkcs8_der()?, Place::Free)
        .map_err(|error| named(path, &error))?;
    Ok(key.into())
}

/// The keys to request: `rsa2048`, `rsa3072`, `rsa4096`, `p256`, `p384`, `p521`, separated by
/// commas.
pub fn key_requests(
    keys: &str,
    subject: &str,
    provider: &dyn Provider,
) -> Result<Vec<KeyGenRequest>, Failed> {
    let template = Template::for_subject(subject, provider)?.to_base64();
    let request = |name: &str| {
        let (key_type, length, mechanism) = match name {
            "rsa2048" => ("RSA", "2048", Algorithm::Rs256),
            "rsa3072" => ("RSA", "3072", Algorithm::Rs256),
            "rsa4096" => ("RSA", "4096", Algorithm::Rs256),
            "p256" => ("EC", "256", Algorithm::Es256),
            "p384" => ("EC", "384", Algorithm::Es384),
            "p521" => ("EC", "521", Algorithm::Es512),
            _ => {
                return Err(super::program::usage(format!(
                    "--keys: {} is none of rsa2048, rsa3072, rsa4096, p256, p384, p521",
                    name.escape_debug()
                )));
            }
        };
        let mut request = KeyGenRequest::new(
            name,
            KeyUsage::SIG,
            vec![KeyTypePrio::new(key_type, length, mechanism.name())],
        );
        request.cert_req = Some(template.as_str().into());
        Ok(request)
    };
    keys.split(',').map(|name| request(name.trim())).collect()
}

/// The contents of a certificate as JSON.
pub fn printed(key_id: &str, certificate: &Certificate) -> serde_json::Value {
    let fingerprint: Vec<String> =
        certificate.fingerprint(&AwsLcRs).iter().map(|byte| format!("{byte:02x}")).collect();
    let public_key = certificate.public_key();
    let key = match public_key.as_ref().map(|key| (key.parts(), key.bits())) {
        Ok((PublicKeyParts::Rsa { .. }, bits)) => format!("RSA {bits}"),
        Ok((PublicKeyParts::Ec { curve, .. }, _)) => format!("EC {}", curve.name()),
        Ok((PublicKeyParts::Ed25519 { .. }, _)) => String::from("Ed25519"),
        Ok((other, _)) => format!("{other:?}"),
        Err(_) => String::from("of an unknown kind"),
    };
    serde_json::json!({
        "keyid": key_id,
        "subject": certificate.subject(),
        "issuer": certificate.issuer(),
        "validity": certificate.validity().to_string(),
        "key": key,
        "fingerprint": fingerprint.concat(),
    })
}
