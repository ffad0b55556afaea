//! Warnings for the operator at the start of a hub, about settings that work but are unsafe or
//! probably wrong.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use keyferry::hermod::hub::Digest;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;

use super::hub_config::{HubFile, Integrator};

/// The digest in `hub.toml`. No key has it.
const SAMPLE_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The secrets in the comments of `hub.toml`, which are public.
const SAMPLE_PASSWORD: &str = "pa55word";
const SAMPLE_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The warnings about a configuration, each one line.
pub fn of_file(file: &HubFile) -> Vec<String> {
    let mut warnings = Vec::new();
    if file.tls.is_none() && !file.listen.ip().is_loopback() {
        warnings.push(format!(
            "plain http at {}: keys, tokens and answers can be read on the way, \
             unless a proxy with TLS is in front of it",
            file.listen
        ));
    }
    if let Ok(public_url) = keyferry::BaseUrl::parse(&file.public_url)
        && !public_url.is_https()
        && !super::clients::is_this_machine(&public_url)
    {
        warnings.push(String::from(
            "public-url is http: devices will send their tokens where they can be read on the way",
        ));
    }
    warnings.extend(of_integrators(&file.integrators));
    warnings
}

/// The warning about the store of this program.
pub const MEMORY_STORE: &str =
    "the store is in memory: commands, answers and mailboxes are lost when this program ends";

/// The warnings about the integrators, also after a signal made the hub read them again.
pub fn of_integrators(integrators: &[Integrator]) -> Vec<String> {
    let mut warnings = Vec::new();
    if integrators.is_empty() {
        warnings.push(String::from(
            "there is no [[integrators]]: every command is refused as unauthorized",
        ));
    }
    for integrator in integrators {
        let name = integrator.client_id.escape_debug().to_string();
        if integrator.keys.iter().any(is_sample) {
            warnings.push(format!(
                "integrator {name} has the key digest of the sample, for which there is no key: \
                 make one with `hub hash-key {name}`"
            ));
        }
        let is_sample_secret =
            integrator.signature_secrets.iter().any(|secret| secret.expose() == SAMPLE_SECRET);
        let services = [("callback", &integrator.callback), ("content", &integrator.content)];
        let is_sample_password = services.iter().any(|(_, service)| {
            service.as_ref().and_then(|service| service.basic_auth.as_ref()).is_some_and(
                |basic_auth| {
                    *basic_auth
                        == keyferry::hermod::wire::BasicAuth::new(
                            "hub",
                            keyferry::Secret::new(SAMPLE_PASSWORD),
                        )
                },
            )
        });
        if is_sample_secret || is_sample_password {
            warnings.push(format!(
                "integrator {name} has a secret of the sample, which is public: choose another"
            ));
        }
        for (what, service) in services {
            let Some(service) = service else { continue };
            if !service.url.base().is_https()
                && !super::clients::is_this_machine(service.url.base())
            {
                warnings.push(format!(
                    "integrator {name}: the {what} address is http: its requests can be read on \
                     the way"
                ));
            }
        }
        if let Some(callback) = &integrator.callback
            && callback.basic_auth.is_none()
            && integrator.signature_secrets.is_empty()
        {
            warnings.push(format!(
                "integrator {name}: callbacks have neither callback-basic-auth nor a signature, \
                 so the receiver cannot authenticate them"
            ));
        }
    }
    warnings
}

fn is_sample(digest: &Digest) -> bool {
    digest.to_hex() == SAMPLE_DIGEST
}

/// The warnings about the server's certificate, and about the permissions of its key.
pub fn of_tls(
    certificate: &Path,
    chain: &[CertificateDer<'_>],
    key: &Path,
    public_host: &str,
    now: SystemTime,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    for (index, der) in chain.iter().enumerate() {
        let which = format!("{}: certificate {}", certificate.display(), index + 1);
        match validity(der) {
            Some((_, not_after)) if not_after < now => warnings.push(format!(
                "{which} has expired {} ago: clients refuse it",
                lasting(now - not_after)
            )),
            Some((not_before, _)) if not_before > now => warnings.push(format!(
                "{which} is not valid yet, but in {}: clients refuse it until then",
                lasting(not_before - now)
            )),
            Some(_) => {}
            None => warnings.push(format!("{which} cannot be read")),
        }
    }
    let host = public_host.trim_start_matches('[').trim_end_matches(']').to_owned();
    if let Some(leaf) = chain.first()
        && let Ok(parsed) = ParsedCertificate::try_from(leaf)
        && ServerName::try_from(host).is_ok_and(|name| verify_server_name(&parsed, &name).is_err())
    {
        warnings.push(format!(
            "{}: clients refuse the certificate: it is not for {public_host}, the host of public-url",
            certificate.display()
        ));
    }
    warnings.extend(read_by_all(key));
    warnings
}

/// A warning if every user of this machine can read a file that holds secrets.
pub fn read_by_all(file: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(file).ok()?.permissions().mode();
        (mode & 0o004 != 0).then(|| {
            format!("{}: every user of this machine can read the secrets in it", file.display())
        })
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        None
    }
}

fn lasting(seconds: i64) -> String {
    match seconds / 86_400 {
        0 => format!("{} minutes", seconds / 60),
        1 => String::from("1 day"),
        days => format!("{days} days"),
    }
}

/// The validity of a certificate, in seconds since 1970.
fn validity(der: &[u8]) -> Option<(i64, i64)> {
    let validity = keyferry::Certificate::from_der(der).ok()?.validity();
    Some((validity.not_before_unix_secs(), validity.not_after_unix_secs()))
}
