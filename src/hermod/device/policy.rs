//! What the device does, whoever asks.

use crate::crypto::{Algorithm, Curve, KeyKind};
use crate::csr::RequestedCertificate;
use crate::hermod::proof::Priority;
use crate::transport::base_url::BaseUrl;
use crate::{Class, Error};

/// The device's own rules: which hubs it opens, which keys it makes, where, and whether it
/// overwrites. A hub can ask, not decide.
///
/// ```
/// use keyferry::crypto::{Curve, KeyKind};
/// use keyferry::hermod::device::DevicePolicy;
///
/// let policy = DevicePolicy::new().with_hub("https://hub.example/hermod/rest/ms")?.with_min_rsa_bits(3072);
/// assert!(policy.check_address("https://hub.example/hermod/rest/ms/b1").is_ok());
/// assert_eq!(policy.check_address("https://hub.example.evil/hermod/rest/ms/b1").unwrap_err().class().as_str(), "target-refused");
/// assert!(DevicePolicy::new().with_hub("http://hub.example/ms").is_err());
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DevicePolicy {
    hubs: Vec<BaseUrl>,
    min_rsa_bits: u16,
    max_rsa_bits: u16,
    curves: Vec<Curve>,
    ed25519: bool,
    mechanisms: Vec<Algorithm>,
    storages: Vec<String>,
    overwrite: bool,
    ca_requests: bool,
}

impl Default for DevicePolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl DevicePolicy {
    /// No hub yet; RSA of 2048 to 4096 bits, every curve, Ed25519, every mechanism, the storage
    /// `APP`, nothing overwritten, no request for the certificate of an authority.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hubs: Vec::new(),
            min_rsa_bits: 2048,
            max_rsa_bits: 4096,
            curves: Curve::ALL.to_vec(),
            ed25519: true,
            mechanisms: Algorithm::ALL.to_vec(),
            storages: vec![String::from("APP")],
            overwrite: false,
            ca_requests: false,
        }
    }

    /// Opens the mailboxes below this https address, too: a host, or the hub's public address
    /// (`https://hub.example/hermod/rest/ms`).
    ///
    /// # Errors
    /// Class `malformed` if it is not an absolute address without query, fragment and user;
    /// `target-refused` for http.
    pub fn with_hub(self, address: &str) -> Result<Self, Error> {
        let base = BaseUrl::parse(address)?;
        if !base.is_https() {
            return Err(Error::new(Class::TargetRefused, "address", "not https"));
        }
        Ok(self.and(base))
    }

    /// The same for http, for development.
    ///
    /// # Security
    /// Everybody on the way reads the tokens, and can answer in the hub's place.
    ///
    /// # Errors
    /// Class `malformed` if it is not an absolute address without query, fragment and user.
    pub fn danger_with_plain_hub(self, address: &str) -> Result<Self, Error> {
        let base = BaseUrl::parse(address)?;
        Ok(self.and(base))
    }

    fn and(mut self, base: BaseUrl) -> Self {
        self.hubs.push(base);
        self
    }

    /// Makes RSA keys of that many bits at least; never less than 2048.
    #[must_use]
    pub fn with_min_rsa_bits(mut self, bits: u16) -> Self {
        self.min_rsa_bits = bits.max(2048);
        self
    }

    /// Makes RSA keys of that many bits at most.
    #[must_use]
    pub fn with_max_rsa_bits(mut self, bits: u16) -> Self {
        self.max_rsa_bits = bits;
        self
    }

    /// Makes EC keys on these curves only, and no Ed25519 keys unless `ed25519`.
    #[must_use]
    pub fn with_curves(mut self, curves: &[Curve], ed25519: bool) -> Self {
        self.curves = curves.to_vec();
        self.ed25519 = ed25519;
        self
    }

    /// Proves keys, and signs for the user, with these mechanisms only.
    #[must_use]
    pub fn with_mechanisms(mut self, mechanisms: &[Algorithm]) -> Self {
        self.mechanisms = mechanisms.to_vec();
        self
    }

    /// Keeps keys in these storages only; words of the protocol.
    #[must_use]
    pub fn with_storages<'a>(mut self, storages: impl IntoIterator<Item = &'a str>) -> Self {
        self.storages = storages.into_iter().map(str::to_owned).collect();
        self
    }

    /// Puts new keys in place of a profile's old ones where a command asks for that and the user
    /// agrees. Without this such a command is refused with code 8.
    ///
    /// # Security
    /// The old keys are lost, and with them all that was encrypted for them.
    #[must_use]
    pub fn danger_allow_overwriting(mut self) -> Self {
        self.overwrite = true;
        self
    }

    /// Makes keys for templates that ask for the certificate of a certificate authority
    /// (`basicConstraints` with `cA`, the key usage `keyCertSign`, or extensions that cannot be
    /// read). Without this they are refused with code 8.
    ///
    /// # Security
    /// With such a certificate the user's key can issue certificates to anybody.
    #[must_use]
    pub fn danger_allow_ca_requests(mut self) -> Self {
        self.ca_requests = true;
        self
    }

    /// Whether a mailbox at this address may be opened.
    ///
    /// # Errors
    /// Class `malformed` if it is not an absolute address without query, fragment and user;
    /// `target-refused` if it is not below one of the hubs.
    pub fn check_address(&self, address: &str) -> Result<(), Error> {
        let address = BaseUrl::parse(address)?;
        if self.hubs.iter().any(|hub| hub.contains(&address)) {
            Ok(())
        } else {
            Err(Error::new(
                Class::TargetRefused,
                "address",
                "not below a hub that this device was set up for",
            ))
        }
    }

    /// Whether a key like that may be made.
    #[must_use]
    pub fn takes(&self, priority: &Priority) -> bool {
        let kind = match priority.kind {
            KeyKind::Rsa { bits } => (self.min_rsa_bits..=self.max_rsa_bits).contains(&bits),
            KeyKind::Ec(curve) => self.curves.contains(&curve),
            KeyKind::Ed25519 => self.ed25519,
        };
        kind && self.mechanisms.contains(&priority.mechanism)
    }

    /// Whether keys may be kept there.
    #[must_use]
    pub fn takes_storage(&self, storage: &str) -> bool {
        self.storages.iter().any(|allowed| allowed == storage)
    }

    /// Whether something may be signed with this mechanism.
    #[must_use]
    pub fn takes_mechanism(&self, mechanism: Algorithm) -> bool {
        self.mechanisms.contains(&mechanism)
    }

    /// Whether a certificate with these contents may be requested.
    #[must_use]
    pub fn takes_request(&self, requested: &RequestedCertificate) -> bool {
        self.ca_requests || !requested.may_be_for_ca()
    }

    pub(super) fn overwrites(&self) -> bool {
        self.overwrite
    }
}
