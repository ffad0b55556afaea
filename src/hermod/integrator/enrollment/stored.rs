//! Storing and loading of a journey.

use std::sync::Arc;

use super::{Enrollment, checked_reason};
use crate::hermod::Dialect;
use crate::hermod::integrator::EventOutcome;
use crate::hermod::integrator::evidence::{self, Evidence, Exchange};
use crate::hermod::model::CommandKind;
use crate::{Class, Error};

impl Enrollment {
    /// Writes the journey as one JSON object. It contains activation tokens, so keep it secret
    /// until the journey has ended.
    #[must_use]
    pub fn to_json(&self) -> String {
        evidence::to_json(
            &self.id,
            &self.provision,
            self.certificate.as_ref(),
            self.given_up.as_deref(),
            self.revision,
            &self.dialect,
        )
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// Class `malformed` or `too-large` if the text is not a stored journey: it has another
    /// version, a command of another journey, or an answer that the journey would not have
    /// accepted.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Self::from_json_in(text, Arc::default())
    }

    /// Does the same in the given dialect.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_json_in(text: &str, dialect: Arc<Dialect>) -> Result<Self, Error> {
        let Evidence { id, provision, certificate, given_up, revision } =
            evidence::from_json(text, &dialect)?;
        let mut enrollment = Self::from_command_in(provision.command.clone(), dialect)?;
        if enrollment.id != id {
            return Err(Error::malformed("id", "not the command's externalId"));
        }
        enrollment.replay(CommandKind::Provision, &provision)?;
        if let Some(delivery) = certificate {
            enrollment.check_delivery(&delivery.command)?;
            enrollment.certificate = Some(Exchange::new(delivery.command.clone()));
            enrollment.replay(CommandKind::Certificate, &delivery)?;
        }
        enrollment.given_up = given_up.map(checked_reason).transpose()?;
        enrollment.revision = revision;
        Ok(enrollment)
    }

    /// Replays the stored events of one command, so that loading accepts only what the journey
    /// would have accepted.
    fn replay(&mut self, kind: CommandKind, stored: &Exchange) -> Result<(), Error> {
        let (name, exchange) = match (kind, &mut self.certificate) {
            (CommandKind::Certificate, Some(exchange)) => ("certificate", exchange),
            _ => ("provision", &mut self.provision),
        };
        exchange.sent = stored.sent;
        if stored.repeated && kind == CommandKind::Provision {
            return Err(Error::malformed("provision.repeated", "a provision command is sent once"));
        }
        exchange.repeated = stored.repeated;
        let unfit =
            |part| move |error: Error| error.within(part).within(name).with_class(Class::Malformed);
        let another =
            || Error::malformed("", "not one that ends this command, or one of another command");
        if let Some(submitted) = &stored.submitted {
            let is_it = self.dialect.kind_of_type(&submitted.command_type) == Some(kind);
            (if is_it { self.submitted(submitted) } else { Err(another()) })
                .map_err(unfit("submitted"))?;
        }
        if stored.forgotten {
            let known = stored.submitted.as_ref().map(|submitted| &submitted.command_id);
            known
                .ok_or_else(another)
                .and_then(|id| self.forgotten(id))
                .map_err(unfit("forgotten"))?;
        }
        if let Some(ended) = &stored.ended {
            let is_it = self.dialect.kind_of_type(&ended.command_type) == Some(kind);
            match if is_it { self.received(ended) } else { Err(another()) } {
                Ok(EventOutcome::New) => {}
                Ok(EventOutcome::Known) => return Err(unfit("ended")(another())),
                Err(error) => return Err(unfit("ended")(error)),
            }
        }
        Ok(())
    }
}
