//! The plan for a provision command, made before anything is changed.

use super::{Action, ActivationError, Agent, Question, QuestionKey};
use crate::crypto::KeyKind;
use crate::csr::Template;
use crate::hermod::model::{DataFormat, KeyGenRequest, KeyUsage, ProvisionCommand, SignatureKey};
use crate::hermod::proof::{KeyRequest, Priority, RequestedKey};
use crate::keys::{KeySpec, Pending, Profile};

/// The keys to make, and for which profile.
pub(super) struct Plan {
    pub(super) asked: KeyRequest,
    /// The key to make for each requested key, in order.
    pub(super) keys: Vec<(Priority, KeySpec)>,
    /// The existing profile, if there is one.
    pub(super) existing: Option<Profile>,
}

impl Plan {
    /// Returns whether the pending keys match this plan.
    pub(super) fn is_met_by(&self, pending: &Pending) -> bool {
        let profile =
            self.existing.as_ref().is_none_or(|existing| existing.names.id == pending.profile.id);
        let keys = self.keys.iter().zip(&pending.keys);
        let mut keys = keys.map(|((priority, spec), key)| {
            let is_kept_there = key.storage.as_ref().is_none_or(|storage| *storage == spec.storage);
            spec.key_id == key.key_id
                && is_kept_there
                && priority.is_met_by(&key.public_key, priority.mechanism)
        });
        profile && self.keys.len() == pending.keys.len() && keys.all(|same| same)
    }

    /// Makes the question to the user.
    pub(super) fn question(&self, hub: &str) -> Question {
        let action = match &self.existing {
            None => Action::Create,
            Some(profile) => Action::Overwrite { profile_id: profile.names.id.clone() },
        };
        let keys =
            self.keys.iter().zip(&self.asked.keys).map(|((priority, spec), asked)| QuestionKey {
                key_id: spec.key_id.clone(),
                usage: spec.usage.clone(),
                priority: *priority,
                request: asked.template.as_ref().map(Template::requested),
            });
        Question {
            action,
            hub: hub.to_owned(),
            user_id: self.asked.user_id.clone(),
            profile_name: self.asked.name.clone(),
            server_name: self.asked.server_name.clone(),
            keys: keys.collect(),
        }
    }
}

impl Agent {
    /// Checks a command against the policy. `owner` is the profile whose mailbox it came to, if it
    /// did not come by a link.
    pub(super) async fn plan(
        &self,
        command: &ProvisionCommand,
        owner: Option<&Profile>,
    ) -> Result<Plan, ActivationError> {
        let codes = &self.dialect.codes;
        if command.response_signature_key != SignatureKey::ATTESTATION
            || command.response_format != DataFormat::JWS
        {
            return Err(ActivationError::Refuse(codes.unsupported));
        }
        let asked = KeyRequest::from_command_in(command, &self.dialect)
            .map_err(|_| ActivationError::Refuse(codes.other))?;
        let existing = match (owner, &asked.profile_id) {
            (None, None) => None,
            // Each profile has its own mailbox, so a command in it is about that profile even if it
            // does not name it.
            (Some(owner), id) if id.as_ref().is_none_or(|id| *id == owner.names.id) => {
                Some(owner.clone())
            }
            (None, Some(id)) => Some(
                self.keys
                    .profile(id)
                    .await?
                    .ok_or(ActivationError::Refuse(codes.unknown_profile))?,
            ),
            (Some(_), _) => return Err(ActivationError::Refuse(codes.unknown_profile)),
        };
        if let Some(profile) = &existing {
            if profile.retired || profile.names.user_id != asked.user_id {
                return Err(ActivationError::Refuse(codes.unknown_profile));
            }
            if !self.policy.overwrites() {
                return Err(ActivationError::Refuse(codes.not_allowed));
            }
        }
        for key in &asked.keys {
            let is_known = |usage: &&KeyUsage| key.usage.eq_ignore_ascii_case(usage.as_str());
            let (authentication, encryption) =
                (&self.dialect.authentication_usage, &self.dialect.encryption_usage);
            if ![const { &KeyUsage::SIG }, authentication, encryption].iter().any(is_known) {
                return Err(ActivationError::Refuse(codes.unsupported));
            }
            let requested = key.template.as_ref().map(Template::requested);
            if requested.is_some_and(|requested| !self.policy.takes_request(&requested)) {
                return Err(ActivationError::Refuse(codes.not_allowed));
            }
        }
        let requests = &command.profile.key_gen_requests;
        let keys = asked
            .keys
            .iter()
            .zip(requests)
            .map(|(key, request)| self.choose(key, request))
            .collect::<Result<_, _>>()?;
        Ok(Plan { asked, keys, existing })
    }

    /// Chooses the first type and storage that policy and key store both accept. Types that the
    /// crate does not know are unsupported; known types that the policy forbids are not allowed.
    fn choose(
        &self,
        asked: &RequestedKey,
        request: &KeyGenRequest,
    ) -> Result<(Priority, KeySpec), ActivationError> {
        let codes = &self.dialect.codes;
        let storages = || request.storage_prios.iter().map(crate::hermod::model::Storage::as_str);
        let makes = |priority: &Priority, storage: &str| {
            is_sound(priority) && self.keys.takes(priority.kind, storage)
        };
        let storage_for = |priority: &Priority| {
            storages()
                .find(|storage| self.policy.takes_storage(storage) && makes(priority, storage))
        };
        let chosen = asked
            .choose(|priority| self.policy.takes(priority) && storage_for(priority).is_some())
            .ok();
        if let Some((choice, storage)) =
            chosen.and_then(|choice| Some((choice, storage_for(&choice.priority)?)))
        {
            let mut spec = KeySpec::new(&asked.key_id, &asked.usage, choice.priority.kind);
            spec.state.clone_from(&asked.state);
            storage.clone_into(&mut spec.storage);
            return Ok((choice.priority, spec));
        }
        let possible =
            asked.choose(|priority| storages().any(|storage| makes(priority, storage))).is_ok();
        Err(ActivationError::Refuse(if possible { codes.not_allowed } else { codes.unsupported }))
    }
}

/// Returns whether the mechanism fits the key type.
fn is_sound(priority: &Priority) -> bool {
    match priority.kind {
        KeyKind::Rsa { .. } => priority.mechanism.is_rsa(),
        KeyKind::Ec(curve) => priority.mechanism.curve() == Some(curve),
        KeyKind::Ed25519 => priority.mechanism == crate::crypto::Algorithm::EdDsa,
    }
}
