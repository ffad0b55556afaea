//! Verification of the answer to the provision command.

use super::Enrollment;
use crate::Error;
use crate::hermod::integrator::{HubIdentity, NotProven, Proven};
use crate::hermod::proof::{Expectation, KeyRequest, Pins, Verifier};

impl Enrollment {
    /// Makes the expectation for the answer from the command and the host name in the callback's
    /// envelope.
    ///
    /// # Errors
    /// As [`Expectation::from_command`].
    pub fn expectation(&self) -> Result<Expectation, Error> {
        let expectation = Expectation::from_command_in(self.command()?, &self.dialect)?;
        let fqdn = self.provision.ended.as_ref().and_then(|callback| callback.fqdn.clone());
        Ok(match fqdn {
            Some(fqdn) => expectation.with_envelope_fqdn(fqdn),
            None => expectation,
        })
    }

    /// Verifies the answer. `expectation` is the result of [`expectation`](Self::expectation) with
    /// the known properties of the channel added.
    ///
    /// # Errors
    /// [`NotProven::NoAnswer`] if there is no answer or the device refused,
    /// [`NotProven::OtherCommand`] if the expectation is for another command, or the refusal of the
    /// verifier with its report.
    pub fn prove<P: Pins>(
        &self,
        verifier: &Verifier<P>,
        expectation: &Expectation,
    ) -> Result<Proven<P::Trust>, NotProven> {
        let text = self.answer().ok_or(NotProven::NoAnswer)?;
        let asked = self
            .command()
            .and_then(|command| KeyRequest::from_command_in(command, &self.dialect))
            .map_err(|_| NotProven::OtherCommand)?;
        if asked != *expectation.request() {
            return Err(NotProven::OtherCommand);
        }
        let answer = verifier.verify(expectation, text)?;
        Ok(Proven { enrollment: self.id.clone(), text: text.to_owned(), answer })
    }

    /// Verifies the answer against the command of this journey and the identity of the hub.
    ///
    /// # Errors
    /// As [`prove`](Self::prove).
    pub fn prove_through<P: Pins>(
        &self,
        verifier: &Verifier<P>,
        hub: &HubIdentity,
    ) -> Result<Proven<P::Trust>, NotProven> {
        let mut expectation = self.expectation().map_err(|_| NotProven::OtherCommand)?;
        if let Some(fqdn) = &hub.fqdn {
            expectation = expectation.with_fqdn(fqdn);
        }
        for sha256 in &hub.certificate_sha256 {
            expectation = expectation.with_sch(*sha256);
        }
        if let Some(base) = &hub.mailbox_base {
            expectation = expectation.with_mailbox_at(base.clone());
        }
        self.prove(verifier, &expectation)
    }
}
