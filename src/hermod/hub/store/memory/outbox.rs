//! Deliveries.

use std::collections::HashMap;

use super::super::{DeliveryOutcome, DeliveryRecord, DeliveryState, TakeDeliveries};
use super::State;
use crate::hermod::hub::UnixMillis;
use crate::{Class, Error};

impl State {
    pub(super) fn take_due(&mut self, take: &TakeDeliveries) -> Vec<DeliveryRecord> {
        let mut counts: HashMap<&str, u32> = HashMap::new();
        let mut chosen = Vec::new();
        for (time, id) in &self.due {
            if *time > take.now || chosen.len() >= take.limit as usize {
                break;
            }
            let Some(delivery) = self.deliveries.get(id) else { continue };
            let count = counts.entry(&delivery.integrator).or_default();
            if take.except.contains(&delivery.integrator) || *count >= take.per_integrator {
                continue;
            }
            *count += 1;
            chosen.push((*time, id.clone()));
        }
        let mut taken = Vec::with_capacity(chosen.len());
        for key in chosen {
            self.due.remove(&key);
            if let Some(delivery) = self.deliveries.get_mut(&key.1) {
                delivery.state = DeliveryState::InFlight;
                delivery.attempts = delivery.attempts.saturating_add(1);
                delivery.due = take.lease_until;
                self.due.insert((take.lease_until, key.1));
                taken.push(delivery.clone());
            }
        }
        taken
    }

    pub(super) fn finish(&mut self, id: &str, attempt: u32, outcome: DeliveryOutcome) {
        let delivery = self.deliveries.get_mut(id).filter(|delivery| delivery.state == DeliveryState::InFlight && delivery.attempts == attempt);
        let Some(delivery) = delivery else { return };
        self.due.remove(&(delivery.due, id.to_owned()));
        match outcome {
            DeliveryOutcome::Delivered => {
                delivery.state = DeliveryState::Delivered;
                if let Some(usage) = self.usage.get_mut(&delivery.integrator) {
                    usage.outbox = usage.outbox.saturating_sub(1);
                }
            }
            DeliveryOutcome::Retry { at, error } => {
                (delivery.state, delivery.due, delivery.last_error) = (DeliveryState::Pending, at, Some(error));
                self.due.insert((at, id.to_owned()));
                self.planned = true;
            }
            DeliveryOutcome::Failed { error } => (delivery.state, delivery.last_error) = (DeliveryState::Failed, Some(error)),
        }
    }

    pub(super) fn failed(&self, integrator: Option<&str>, after: Option<&str>, limit: u32) -> Vec<DeliveryRecord> {
        let wanted = |delivery: &&DeliveryRecord| {
            delivery.state == DeliveryState::Failed && integrator.is_none_or(|integrator| delivery.integrator == integrator)
        };
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let range = self.deliveries.range::<str, _>((from, std::ops::Bound::Unbounded));
        range.map(|(_, delivery)| delivery).filter(wanted).take(limit as usize).cloned().collect()
    }

    pub(super) fn requeue(&mut self, id: &str, now: UnixMillis) -> Result<(), Error> {
        let delivery = self.deliveries.get_mut(id).filter(|delivery| delivery.state == DeliveryState::Failed);
        let delivery = delivery.ok_or_else(|| Error::new(Class::NotFound, "delivery", "no such delivery that was given up"))?;
        (delivery.state, delivery.attempts, delivery.due) = (DeliveryState::Pending, 0, now);
        self.due.insert((now, id.to_owned()));
        self.planned = true;
        Ok(())
    }
}
