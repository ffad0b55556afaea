//! The policy of a device.

use crate::crypto::{Algorithm, Curve, KeyKind};
use crate::csr::RequestedCertificate;
use crate::hermod::proof::Priority;
use crate::transport::base_url::BaseUrl;
use crate::{Class, Error};

/// The rules of a device, which no command can override: which hubs it contacts, which keys it
/// makes in which storages, and whether it overwrites keys.
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
    /// Makes the default policy: no hub; RSA of 2048 to 4096 bits, every curve, Ed25519, every
    /// mechanism, the storage `APP`; no overwriting and no requests for CA certificates.
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

    /// Also allows the mailboxes below this https address: a host, or the hub's public address
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

    /// Also allows the mailboxes below this http address, for development.
    ///
    /// # Security
    /// Anyone on the network path can read the tokens and impersonate the hub.
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

    /// Sets the minimum size of RSA keys in bits; never less than 2048.
    #[must_use]
    pub fn with_min_rsa_bits(mut self, bits: u16) -> Self {
        self.min_rsa_bits = bits.max(2048);
        self
    }

    /// Sets the maximum size of RSA keys in bits.
    #[must_use]
    pub fn with_max_rsa_bits(mut self, bits: u16) -> Self {
        self.max_rsa_bits = bits;
        self
    }

    /// Restricts EC keys to these curves; `ed25519` says whether Ed25519 keys are allowed.
    #[must_use]
    pub fn with_curves(mut self, curves: &[Curve], ed25519: bool) -> Self {
        self.curves = curves.to_vec();
        self.ed25519 = ed25519;
        self
    }

    /// Restricts proofs of possession and user signatures to these mechanisms.
    #[must_use]
    pub fn with_mechanisms(mut self, mechanisms: &[Algorithm]) -> Self {
        self.mechanisms = mechanisms.to_vec();
        self
    }

    /// Restricts keys to these storages, named by words of the protocol.
    #[must_use]
    pub fn with_storages<'a>(mut self, storages: impl IntoIterator<Item = &'a str>) -> Self {
        self.storages = storages.into_iter().map(str::to_owned).collect();
        self
    }

    /// Allows a command to replace a profile's keys if the user agrees. By default such a command
    /// is refused with code 8.
    ///
    /// # Security
    /// The old keys are lost, and data encrypted for them cannot be decrypted any more.
    #[must_use]
    pub fn danger_allow_overwriting(mut self) -> Self {
        self.overwrite = true;
        self
    }

    /// Allows templates that request a CA certificate (`basicConstraints` with `cA`, the key usage
    /// `keyCertSign`, or extensions that cannot be parsed). By default they are refused with code
    /// 8.
    ///
    /// # Security
    /// With such a certificate, the user's key can issue certificates to anybody.
    #[must_use]
    pub fn danger_allow_ca_requests(mut self) -> Self {
        self.ca_requests = true;
        self
    }

    /// Checks whether the policy allows a mailbox at this address.
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

    /// Returns whether the policy allows such a key.
    #[must_use]
    pub fn takes(&self, priority: &Priority) -> bool {
        let kind = match priority.kind {
            KeyKind::Rsa { bits } => (self.min_rsa_bits..=self.max_rsa_bits).contains(&bits),
            KeyKind::Ec(curve) => self.curves.contains(&curve),
            KeyKind::Ed25519 => self.ed25519,
        };
        kind && self.mechanisms.contains(&priority.mechanism)
    }

    /// Returns whether the policy allows this storage.
    #[must_use]
    pub fn takes_storage(&self, storage: &str) -> bool {
        self.storages.iter().any(|allowed| allowed == storage)
    }

    /// Returns whether the policy allows signing with this mechanism.
    #[must_use]
    pub fn takes_mechanism(&self, mechanism: Algorithm) -> bool {
        self.mechanisms.contains(&mechanism)
    }

    /// Returns whether the policy allows requesting a certificate with these contents.
    #[must_use]
    pub fn takes_request(&self, requested: &RequestedCertificate) -> bool {
        self.ca_requests || !requested.may_be_for_ca()
    }

    pub(super) fn overwrites(&self) -> bool {
        self.overwrite
    }
}
