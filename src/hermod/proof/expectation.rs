//! The expectation that an answer is verified against.

use std::sync::Arc;

use super::to_sign::is_type;
use super::{KeyRequest, RequestedKey};
use crate::hermod::Dialect;
use crate::hermod::dialect::SignatureTypes;
use crate::hermod::model::ProvisionCommand;
use crate::transport::base_url::BaseUrl;
use crate::{Class, Error};

/// The command that an answer must match, and the properties of the channel that the integrator
/// knows.
///
/// An expectation can be used for any number of answers.
#[derive(Clone, Debug)]
pub struct Expectation {
    asked: Arc<KeyRequest>,
    key_ids: Arc<[String]>,
    fqdn: Option<String>,
    envelope_fqdn: Option<String>,
    sch: Vec<[u8; 32]>,
    mailbox_base: Option<BaseUrl>,
    signature_types: SignatureTypes,
}

impl Expectation {
    /// Makes an expectation from the command as it was sent, in the default [`Dialect`].
    ///
    /// # Errors
    /// As [`KeyRequest::from_command`].
    pub fn from_command(command: &ProvisionCommand) -> Result<Self, Error> {
        Self::from_command_in(command, &Dialect::default())
    }

    /// Makes an expectation from the command as it was sent, in the given dialect.
    ///
    /// # Errors
    /// As [`KeyRequest::from_command`].
    pub fn from_command_in(command: &ProvisionCommand, dialect: &Dialect) -> Result<Self, Error> {
        let asked = KeyRequest::from_command_in(command, dialect)?;
        let key_ids = asked.keys.iter().map(|key| key.key_id.clone()).collect();
        let signature_types = dialect.signature_types.clone();
        Ok(Self {
            asked: Arc::new(asked),
            key_ids,
            fqdn: None,
            envelope_fqdn: None,
            sch: Vec::new(),
            mailbox_base: None,
            signature_types,
        })
    }

    /// Requires the device to have talked to this host, by the name that it signed (`fqdn`).
    #[must_use]
    pub fn with_fqdn(mut self, fqdn: impl Into<String>) -> Self {
        self.fqdn = Some(fqdn.into());
        self
    }

    /// Requires the signed host name to be the one in the callback's envelope. The envelope is not
    /// signed, so this is a separate, weak check.
    #[must_use]
    pub fn with_envelope_fqdn(mut self, fqdn: impl Into<String>) -> Self {
        self.envelope_fqdn = Some(fqdn.into());
        self
    }

    /// Requires the device to have seen this TLS certificate (`sch`): SHA-256 of the DER of the
    /// hub's leaf certificate. An answer without it is refused.
    ///
    /// Each call allows one more certificate, and the device must have seen one of them. Give the
    /// old and the new one while a hub's certificate is being renewed.
    #[must_use]
    pub fn with_sch(mut self, sha256: [u8; 32]) -> Self {
        self.sch.push(sha256);
        self
    }

    /// Requires the new mailbox (`boxurl`) to lie under this public address of the hub:
    /// `https://host/hermod/rest/ms`.
    ///
    /// # Errors
    /// Class `malformed` if it is not an absolute address without query, fragment and user.
    pub fn with_mailbox_base(mut self, base: &str) -> Result<Self, Error> {
        self.mailbox_base = Some(BaseUrl::parse(base)?);
        Ok(self)
    }

    pub(crate) fn with_mailbox_at(mut self, base: BaseUrl) -> Self {
        self.mailbox_base = Some(base);
        self
    }

    /// The parsed content of the command.
    #[must_use]
    pub fn request(&self) -> &KeyRequest {
        &self.asked
    }

    pub(super) fn key_ids(&self) -> &Arc<[String]> {
        &self.key_ids
    }

    pub(super) fn keys(&self) -> &[RequestedKey] {
        &self.asked.keys
    }

    /// Refuses an object whose `typ` says that it was signed for a sign or an authenticate command.
    pub(super) fn check_type(&self, typ: Option<&str>) -> Result<(), Error> {
        let SignatureTypes { sign, authenticate } = &self.signature_types;
        match typ {
            Some(typ) if is_type(typ, sign) || is_type(typ, authenticate) => {
                Err(Error::malformed("header.typ", "a signature of the user, no proof"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn fqdn(&self) -> Option<&str> {
        self.fqdn.as_deref()
    }

    pub(super) fn envelope_fqdn(&self) -> Option<&str> {
        self.envelope_fqdn.as_deref()
    }

    /// The certificates of which the device must have seen one, if the caller requires that.
    pub(super) fn sch(&self) -> Option<&[[u8; 32]]> {
        (!self.sch.is_empty()).then_some(&*self.sch)
    }

    pub(super) fn mailbox_base(&self) -> Option<&BaseUrl> {
        self.mailbox_base.as_ref()
    }
}

/// Makes a refusal of class `channel`.
pub(super) fn channel(part: &'static str, detail: &'static str) -> Error {
    Error::new(Class::Channel, part, detail)
}
