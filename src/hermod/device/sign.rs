//! Sign and authenticate commands: the user signs data with a key of a profile.

use super::filter::matches;
use super::mailbox::{OpenMailbox, split};
use super::{Action, ActivationError, Agent, DeviceError, Shown, ShownContent, Signing};
use crate::crypto::{CryptoError, Signer};
use crate::encoding::base64::encode_standard;
use crate::hermod::model::{
    DataFormat, Item, ItemContentType, KeyState, KeyUsage, SignParams, SignResponse,
};
use crate::hermod::proof::{Form, Role, ToSign, bytes_of};
use crate::jose::{Header, MAX_JWS, UnsignedJws};
use crate::keys::{Profile, StoredKey};
use crate::transport::base_url::is_same;
use crate::{Class, Error, cms};

/// The maximum size in bytes of the content shown for one command: 1 MiB.
const MAX_SHOWN: usize = 1024 * 1024;
/// The maximum number of bytes that a signature adds to a JWS: that of the longest RSA key in
/// base64url, and the dot.
const MAX_SIGNATURE: usize = 1367;

impl Agent {
    /// Answers a sign or an authenticate command.
    pub(super) async fn sign(
        &self,
        mailbox: &OpenMailbox,
        owner: Option<&Profile>,
        role: Role,
        params: &SignParams,
    ) -> Result<SignResponse, DeviceError> {
        match self.try_sign(mailbox, owner, role, params).await {
            Ok((format, data)) => Ok(SignResponse::success(format, data)),
            Err(ActivationError::Refuse(code)) => Ok(SignResponse::refusal(code)),
            Err(ActivationError::Fault(error)) => Err(error),
        }
    }

    async fn try_sign(
        &self,
        mailbox: &OpenMailbox,
        owner: Option<&Profile>,
        role: Role,
        params: &SignParams,
    ) -> Result<(DataFormat, String), ActivationError> {
        let codes = &self.dialect.codes;
        let to_sign =
            ToSign::read(params, &self.dialect).map_err(|error| self.unsupported(&error))?;
        if !self.policy.takes_mechanism(to_sign.algorithm) {
            return Err(ActivationError::Refuse(codes.not_allowed));
        }
        let profiles = self.profiles_for(mailbox, owner).await?;
        let (profile, key) = self.choose_key(&profiles, role, params, &to_sign)?;
        let unsigned = match to_sign.form {
            Form::Jws => Some(self.unsigned_jws(role, key, &to_sign)?),
            Form::Cms => None,
        };
        let (description, tbs) = self.shown(params)?;
        let tbs_bytes = to_sign.content.len();
        let signing = Signing {
            profile_id: profile.names.id.clone(),
            key_id: key.key_id.clone(),
            description,
            tbs,
            tbs_bytes,
        };
        let action = match role {
            Role::Sign => Action::Sign(signing),
            Role::Authenticate => Action::Authenticate(signing),
        };
        self.ask_about(profile, mailbox, action).await?;

        let signer = self.keys.signer(&profile.names.id, &key.key_id).await?;
        // The key may have been replaced while the user was asked.
        let signer = signer
            .filter(|signer| *signer.public_key() == key.public_key)
            .ok_or(ActivationError::Refuse(codes.no_key))?;
        let signed = match unsigned {
            Some(jws) => jws.sign(&*signer),
            None => self.sign_cms(role, key, &to_sign, &*signer),
        };
        let data = signed.map_err(|error| match error {
            CryptoError::Mismatch | CryptoError::Unsupported => {
                ActivationError::Refuse(codes.unsupported)
            }
            error => ActivationError::Fault(DeviceError::Crypto(error)),
        })?;
        Ok((params.format.clone(), data))
    }

    /// Returns the profile whose mailbox the command came to or, if it came by a link, the profiles
    /// whose mailboxes are at the same hub.
    async fn profiles_for(
        &self,
        mailbox: &OpenMailbox,
        owner: Option<&Profile>,
    ) -> Result<Vec<Profile>, ActivationError> {
        match owner {
            Some(profile) if profile.retired => {
                Err(ActivationError::Refuse(self.dialect.codes.unknown_profile))
            }
            Some(profile) => Ok(vec![profile.clone()]),
            None => {
                let is_here = |profile: &Profile| {
                    split(&profile.channel.address)
                        .is_ok_and(|(public, _)| is_same(public, &mailbox.public))
                };
                Ok(self
                    .keys
                    .profiles()
                    .await?
                    .into_iter()
                    .filter(|profile| !profile.retired && is_here(profile))
                    .collect())
            }
        }
    }

    fn choose_key<'p>(
        &self,
        profiles: &'p [Profile],
        role: Role,
        params: &SignParams,
        to_sign: &ToSign,
    ) -> Result<(&'p Profile, &'p StoredKey), ActivationError> {
        let (codes, dialect) = (&self.dialect.codes, &self.dialect);
        let is = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
        let keys =
            profiles.iter().flat_map(|profile| profile.keys.iter().map(move |key| (profile, key)));
        let mut keys: Vec<(&Profile, &StoredKey)> = keys
            .filter(|(_, key)| {
                is(&key.state, KeyState::ACTIVE.as_str())
                    && !is(&key.usage, dialect.encryption_usage.as_str())
            })
            .filter(|(profile, key)| {
                params.filter.as_ref().is_none_or(|filter| matches(filter, dialect, profile, key))
            })
            .collect();
        if keys.is_empty() {
            return Err(ActivationError::Refuse(codes.no_key));
        }
        keys.retain(|(_, key)| to_sign.algorithm.fits(&key.public_key));
        if keys.is_empty() {
            return Err(ActivationError::Refuse(codes.unsupported));
        }
        keys.retain(|(_, key)| to_sign.form == Form::Jws || key.certificate.is_some());
        let usage = match role {
            Role::Sign => const { &KeyUsage::SIG },
            Role::Authenticate => &dialect.authentication_usage,
        };
        keys.iter()
            .find(|(_, key)| is(&key.usage, usage.as_str()))
            .or(keys.first())
            .copied()
            .ok_or(ActivationError::Refuse(codes.no_key))
    }

    fn unsigned_jws(
        &self,
        role: Role,
        key: &StoredKey,
        to_sign: &ToSign,
    ) -> Result<UnsignedJws, ActivationError> {
        let mut header = Header::new(to_sign.algorithm);
        header.key_id = Some(key.key_id.clone());
        header.typ = Some(role.typ(&self.dialect).clone().into_owned());
        let jws = UnsignedJws::new(&header, &to_sign.content);
        if jws.to_be_signed().len() + MAX_SIGNATURE > MAX_JWS {
            return Err(ActivationError::Refuse(self.dialect.codes.unsupported));
        }
        Ok(jws)
    }

    fn sign_cms(
        &self,
        role: Role,
        key: &StoredKey,
        to_sign: &ToSign,
        signer: &dyn Signer,
    ) -> Result<String, CryptoError> {
        let certificate = key.certificate.as_ref().ok_or(CryptoError::Unsupported)?;
        let signed_data = cms::Unsigned {
            certificate,
            chain: &key.chain,
            algorithm: to_sign.algorithm,
            hint: role.hint(&self.dialect),
            content: &to_sign.content,
        };
        Ok(encode_standard(&signed_data.sign(&*self.provider, signer)?))
    }

    /// Returns the descriptions to show and the signed data, unless the command says that the data
    /// is not to be shown.
    fn shown(&self, params: &SignParams) -> Result<(Vec<Shown>, Option<Shown>), ActivationError> {
        let visible = |item: &&Item| item.visible != Some(false);
        let items = params.description.iter().flatten().filter(visible);
        let description = items.map(|item| self.shown_item(item)).collect::<Result<Vec<_>, _>>()?;
        let tbs = params.tbs.iter().find(visible).map(|item| self.shown_item(item)).transpose()?;
        if description.iter().chain(&tbs).map(|shown| shown.content.bytes()).sum::<usize>()
            > MAX_SHOWN
        {
            return Err(ActivationError::Refuse(self.dialect.codes.unsupported));
        }
        Ok((description, tbs))
    }

    fn shown_item(&self, item: &Item) -> Result<Shown, ActivationError> {
        let bytes = bytes_of(item).map_err(|error| self.unsupported(&error))?;
        let media_type = item
            .content_type
            .as_ref()
            .and_then(|content_type| content_type.as_str().split(';').next());
        let is_text = media_type.is_some_and(|media_type| {
            media_type.trim().eq_ignore_ascii_case(ItemContentType::TEXT.as_str())
        });
        let content = if is_text {
            ShownContent::Text(
                String::from_utf8(bytes)
                    .map_err(|_| ActivationError::Refuse(self.dialect.codes.unsupported))?,
            )
        } else {
            ShownContent::Bytes(bytes)
        };
        let content_type = item.content_type.as_ref().map(ToString::to_string);
        Ok(Shown {
            role: item.key.to_string(),
            label: item.description.clone(),
            content_type,
            content,
        })
    }

    /// Returns the code for invalid parameters: unknown formats are unsupported; parameters that
    /// cannot be parsed have another code.
    fn unsupported(&self, error: &Error) -> ActivationError {
        let codes = &self.dialect.codes;
        ActivationError::Refuse(if error.class() == Class::Malformed {
            codes.other
        } else {
            codes.unsupported
        })
    }
}
