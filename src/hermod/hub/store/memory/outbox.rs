//! The transitions of deliveries.

use super::super::{DeliveryOutcome, DeliveryRecord, DeliveryState, TakeDeliveries};
use super::State;
use crate::hermod::hub::UnixMillis;
use crate::{Class, Error};

impl State {
    pub(super) fn take_due(&mut self, take: &TakeDeliveries) -> Vec<DeliveryRecord> {
        // Choose the oldest due deliveries, with at most `per_integrator` from each integrator.
        let mut chosen: Vec<(UnixMillis, String)> = Vec::new();
        for (_, due) in self.due.iter().filter(|(integrator, _)| !take.except.contains(integrator))
        {
            let first = due
                .iter()
                .take_while(|(time, _)| *time <= take.now)
                .filter(|(_, id)| !take.in_flight.contains(id))
                .take(take.per_integrator as usize);
            chosen.extend(first.cloned());
        }
        chosen.sort_unstable();
        chosen.truncate(take.limit as usize);
        // Take each one under the lease.
        let mut taken = Vec::with_capacity(chosen.len());
        for (_, id) in chosen {
            let Some(delivery) = self.deliveries.get_mut(&id) else { continue };
            delivery.state = DeliveryState::InFlight;
            delivery.attempts = delivery.attempts.saturating_add(1);
            let before = std::mem::replace(&mut delivery.due, take.lease_until);
            let delivery = delivery.clone();
            self.unplan(&delivery.integrator, before, &id);
            self.plan(&delivery.integrator, take.lease_until, id);
            taken.push(delivery);
        }
        taken
    }

    pub(super) fn plan(&mut self, integrator: &str, time: UnixMillis, id: String) {
        self.due.entry(integrator.to_owned()).or_default().insert((time, id));
    }

    fn unplan(&mut self, integrator: &str, time: UnixMillis, id: &str) {
        if let Some(due) = self.due.get_mut(integrator) {
            due.remove(&(time, id.to_owned()));
            if due.is_empty() {
                self.due.remove(integrator);
            }
        }
    }

    pub(super) fn finish(&mut self, id: &str, attempt: u32, outcome: DeliveryOutcome) {
        let delivery = self.deliveries.get_mut(id).filter(|delivery| {
            delivery.state == DeliveryState::InFlight && delivery.attempts == attempt
        });
        let Some(delivery) = delivery else { return };
        let (integrator, before) = (delivery.integrator.clone(), delivery.due);
        match outcome {
            DeliveryOutcome::Delivered => delivery.state = DeliveryState::Delivered,
            DeliveryOutcome::Retry { at, error } => {
                (delivery.state, delivery.due, delivery.last_error) =
                    (DeliveryState::Pending, at, Some(error));
            }
            DeliveryOutcome::Failed { error } => {
                (delivery.state, delivery.last_error) = (DeliveryState::Failed, Some(error))
            }
        }
        self.unplan(&integrator, before, id);
        match outcome {
            DeliveryOutcome::Delivered => {
                if let Some(usage) = self.usage.get_mut(&integrator) {
                    usage.outbox = usage.outbox.saturating_sub(1);
                }
            }
            DeliveryOutcome::Retry { at, .. } => {
                self.plan(&integrator, at, id.to_owned());
                self.planned = true;
            }
            DeliveryOutcome::Failed { .. } => {}
        }
    }

    pub(super) fn failed(
        &self,
        integrator: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Vec<DeliveryRecord> {
        let wanted = |delivery: &&DeliveryRecord| {
            delivery.state == DeliveryState::Failed
                && integrator.is_none_or(|integrator| delivery.integrator == integrator)
        };
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let range = self.deliveries.range::<str, _>((from, std::ops::Bound::Unbounded));
        range.map(|(_, delivery)| delivery).filter(wanted).take(limit as usize).cloned().collect()
    }

    pub(super) fn requeue(&mut self, id: &str, now: UnixMillis) -> Result<(), Error> {
        let delivery =
            self.deliveries.get_mut(id).filter(|delivery| delivery.state == DeliveryState::Failed);
        let delivery = delivery.ok_or_else(|| {
            Error::new(Class::NotFound, "delivery", "no such delivery that was given up")
        })?;
        (delivery.state, delivery.attempts, delivery.due) = (DeliveryState::Pending, 0, now);
        let integrator = delivery.integrator.clone();
        self.plan(&integrator, now, id.to_owned());
        self.planned = true;
        Ok(())
    }
}
