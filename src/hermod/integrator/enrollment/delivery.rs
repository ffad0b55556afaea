//! Delivery of the issued certificates.

use super::Enrollment;
use crate::Remark;
use crate::certificate::{MAX_CHAIN, split_chain, to_delivered};
use crate::hermod::integrator::evidence::Exchange;
use crate::hermod::integrator::{EventOutcome, Proven};
use crate::hermod::model::{
    Address, CertificateCommand, Command, CommandBody, CommandHeader, KeyCertificate, KeyState,
};
use crate::hermod::proof::{Attested, Consistent, KeyRequest};
use crate::{Certificate, Class, Error};

impl Enrollment {
    /// Makes the command that delivers the certificates issued for the requests of a proven answer.
    /// Each certificate is given with its keyid. Several certificates may have the same keyid: the
    /// one for the key is the leaf, and the others are its chain, which the device keeps. If no key
    /// was to have a certificate and none is given, there is nothing to deliver:
    /// [`EventOutcome::Known`].
    ///
    /// # Errors
    /// - Class `not-found` if the proof is for another journey or another answer;
    /// - `keyid` if a key that was to have a certificate has none or two leaves, or if a key that
    ///   was to have none has one;
    /// - `proof` or `csr` if a certificate is not for its key or not for the subject of its
    ///   request. Subjects are compared as names (RFC 5280 section 7.1); [`remarks`](Self::remarks)
    ///   reports a different encoding;
    /// - `too-large` if one is longer than a command may carry;
    /// - `conflict` if other certificates are being delivered or the journey was given up.
    ///   Certificates that were not sent yet are replaced.
    pub fn issued(
        &mut self,
        proven: &Proven<Attested>,
        certificates: &[(&str, &Certificate)],
    ) -> Result<EventOutcome, Error> {
        self.deliver(proven, certificates)
    }

    /// Does the same for an answer whose attestation key was not pinned. [`issued`](Self::issued)
    /// does not accept such a proof:
    ///
    /// ```compile_fail
    /// use keyferry::hermod::{integrator::{Enrollment, Proven}, proof::Consistent};
    ///
    /// fn wrong(enrollment: &mut Enrollment, proven: &Proven<Consistent>) {
    ///     enrollment.issued(proven, &[]).unwrap();
    /// }
    /// ```
    ///
    /// ```
    /// use keyferry::hermod::{integrator::{Enrollment, Proven}, proof::Consistent};
    ///
    /// fn right(enrollment: &mut Enrollment, proven: &Proven<Consistent>) {
    ///     enrollment.danger_issue_unattested(proven, &[]).unwrap();
    /// }
    /// ```
    ///
    /// # Security
    /// Any program that saw the activation link can have made the answer, with keys stored
    /// anywhere.
    ///
    /// # Errors
    /// As [`issued`](Self::issued).
    pub fn danger_issue_unattested(
        &mut self,
        proven: &Proven<Consistent>,
        certificates: &[(&str, &Certificate)],
    ) -> Result<EventOutcome, Error> {
        self.deliver(proven, certificates)
    }

    /// Returns remarks about the delivered certificates, each with its keyid, because authorities
    /// may encode names differently.
    #[must_use]
    pub fn remarks(&self) -> Vec<(&str, Remark)> {
        let Some(CommandBody::Certificate(body)) =
            self.certificate.as_ref().map(|exchange| &exchange.command.body)
        else {
            return Vec::new();
        };
        let keys = self
            .command()
            .and_then(|command| KeyRequest::from_command_in(command, &self.dialect))
            .map(|asked| asked.keys)
            .unwrap_or_default();
        let mut remarks = Vec::new();
        for given in &body.certificates {
            let template = keys
                .iter()
                .find(|key| key.key_id == given.key_id)
                .and_then(|key| key.template.as_ref());
            if let (Some(template), Ok(certificate)) =
                (template, Certificate::chain_from_text(&given.data))
            {
                // The leaf is written first.
                let Some(certificate) = certificate.first() else { continue };
                let of_key = certificate.remarks_on(template.subject_der(), "").unwrap_or_default();
                remarks.extend(of_key.into_iter().map(|remark| (given.key_id.as_str(), remark)));
            }
        }
        remarks
    }

    fn deliver<T>(
        &mut self,
        proven: &Proven<T>,
        certificates: &[(&str, &Certificate)],
    ) -> Result<EventOutcome, Error> {
        let answer = &proven.answer;
        if self.given_up.is_some() {
            return Err(Error::new(Class::Conflict, "", "the journey was given up"));
        }
        if proven.enrollment != self.id {
            return Err(Error::new(
                Class::NotFound,
                "enrollment",
                "the proof belongs to another journey",
            ));
        }
        if self.answer() != Some(&proven.text) {
            return Err(Error::new(
                Class::NotFound,
                "enrollment",
                "the proof is of an answer that this journey does not have",
            ));
        }
        let (mut delivered, mut used) = (Vec::new(), 0);
        for key in answer.keys() {
            let given = certificates.iter().filter(|(key_id, _)| *key_id == key.key_id());
            let given: Vec<&Certificate> = given.map(|(_, certificate)| *certificate).collect();
            used += given.len();
            match (key.request(), given.len()) {
                (None, 0) => {}
                (Some(request), 1..=MAX_CHAIN) => {
                    let (leaf, chain) = split_chain(given, request.public_key())?;
                    leaf.matches(request)?;
                    let data = to_delivered(&leaf, &chain);
                    let mut delivery = KeyCertificate::new(key.key_id(), data);
                    delivery.key_state = self.asked_state(key.key_id());
                    delivered.push(delivery);
                }
                _ => {
                    return Err(Error::new(
                        Class::KeyId,
                        "certificates",
                        "not one certificate, with at most 15 of its chain, for each key that is \
                         to have one",
                    ));
                }
            }
        }
        if used != certificates.len() {
            return Err(Error::new(
                Class::KeyId,
                "certificates",
                "a certificate for a key that was not asked for",
            ));
        }
        if delivered.is_empty() {
            return Ok(EventOutcome::Known);
        }
        let command = self.delivery(answer.profile_id(), delivered)?;
        match &self.certificate {
            Some(known) if known.command == command => Ok(EventOutcome::Known),
            Some(known)
                if known.sent
                    || known.repeated
                    || known.submitted.is_some()
                    || known.ended.is_some() =>
            {
                Err(Error::new(Class::Conflict, "certificates", "others are on their way"))
            }
            // Certificates that were not sent yet are replaced, as after a crash between issuing
            // and storing.
            _ => {
                let exchange = Exchange::new(command);
                exchange.check(&self.dialect)?;
                self.certificate = Some(exchange);
                Ok(self.changed())
            }
        }
    }

    /// Checks that a stored command is one that [`delivery`](Self::delivery) makes, with one
    /// certificate for each key that is to have one.
    pub(super) fn check_delivery(&self, command: &Command) -> Result<(), Error> {
        let wrong = |part: &'static str, detail: &'static str| Err(Error::malformed(part, detail));
        let CommandBody::Certificate(body) = &command.body else {
            return wrong("certCommand", "absent");
        };
        if self.answer().is_none() {
            return wrong("certCommand", "present, though nothing was answered");
        }
        let mut delivered = Vec::with_capacity(body.certificates.len());
        for key in KeyRequest::from_command_in(self.command()?, &self.dialect)?.keys {
            let Some(template) = key.template else { continue };
            let mut given =
                body.certificates.iter().filter(|certificate| certificate.key_id == key.key_id);
            let (Some(given), None) = (given.next(), given.next()) else {
                return wrong("certificates", "not one for each key that is to have one");
            };
            let certificates = Certificate::chain_from_text(&given.data)?;
            // The leaf is written first.
            let Some((certificate, chain)) = certificates.split_first() else {
                return wrong("certificates", "not one for each key that is to have one");
            };
            certificate
                .remarks_on(template.subject_der(), "not the template's name")
                .map_err(|error| error.with_class(Class::Malformed))?;
            let data = to_delivered(certificate, chain);
            let mut delivery = KeyCertificate::new(key.key_id.as_str(), data);
            delivery.key_state = self.asked_state(&key.key_id);
            delivered.push(delivery);
        }
        match self.delivery(&body.profile_id, delivered)? {
            due if due == *command => Ok(()),
            _ => wrong("certCommand", "not the one that follows from the journey"),
        }
    }

    /// The command that delivers these certificates to the profile of this journey's user.
    fn delivery(
        &self,
        profile_id: &str,
        certificates: Vec<KeyCertificate>,
    ) -> Result<Command, Error> {
        let asked = &self.provision.command.header;
        let mut header = CommandHeader::new(asked.lifespan, asked.timeout);
        header.to = Some(vec![Address::user(self.command()?.user_id.as_str())?]);
        header.external_id = Some(self.id.clone());
        Ok(Command::new(header, CertificateCommand::new(profile_id, certificates)))
    }

    fn asked_state(&self, key_id: &str) -> KeyState {
        let keys = self
            .command()
            .map(|command| command.profile.key_gen_requests.as_slice())
            .unwrap_or_default();
        keys.iter()
            .find(|key| key.key_id == key_id)
            .map_or(KeyState::ACTIVE, |key| key.key_state.clone())
    }
}
