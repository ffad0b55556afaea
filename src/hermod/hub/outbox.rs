//! Callbacks, from the outbox to the integrators.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{error, info, warn};

use super::{DeliveryOutcome, DeliveryRecord, Hub, Inner, TakeDeliveries};
use crate::client::backoff::Backoff;
use crate::clock::or_deadline;
use crate::hermod::wire::{CallbackApi, Delivery, is_tried_again};
use crate::{BoxFuture, Class, Error};

/// The deliveries that this process is trying, by id.
///
/// A lease is stored, so it is a time of the wall clock, for other processes. If the clock is set
/// forward past a lease, the try is still under way here, where its end is known: its future ends
/// by the monotonic clock, and takes the id away when it ends or is dropped.
#[derive(Default)]
pub(super) struct InFlight(Mutex<HashSet<String>>);

impl InFlight {
    fn ids(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Holds a delivery in [`InFlight`] as long as it is there.
struct Try {
    hub: Arc<Inner>,
    id: String,
}

impl Try {
    fn begin(hub: Arc<Inner>, id: String) -> Self {
        hub.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        Self { hub, id }
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        let tries = &self.hub.in_flight.0;
        tries.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Hub {
    /// The callbacks that were given up, by id: of one integrator or of all, those after the id
    /// `after`, at most `limit`. They stay until their commands are forgotten
    /// ([`HubLimits::retention`](super::HubLimits::retention)); [`requeue`](Self::requeue) has one
    /// tried again.
    ///
    /// # Errors
    /// Class `storage`.
    pub async fn failed_deliveries(
        &self,
        integrator: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, Error> {
        self.0.store.failed_deliveries(integrator, after, limit).await
    }

    /// Queues a callback again that was given up, with as many attempts as a new one.
    ///
    /// # Errors
    /// Class `not-found` if there is no such one, `storage`.
    pub async fn requeue(&self, delivery: &str) -> Result<(), Error> {
        self.0.store.requeue_delivery(delivery, self.0.now()).await
    }
}

impl Inner {
    /// Deliveries that are due now, taken.
    pub(super) async fn take_deliveries(
        &self,
        limit: u32,
        except: Vec<String>,
    ) -> Result<Vec<DeliveryRecord>, Error> {
        let (now, policy) = (self.now(), &self.config.callbacks);
        // Twice the time that a try may take: whoever has not reported by then is gone.
        let lease_until = now.plus(policy.timeout.saturating_mul(2).max(Duration::from_secs(1)));
        let take = TakeDeliveries {
            now,
            lease_until,
            limit,
            per_integrator: policy.per_integrator.max(1),
            except,
            in_flight: self.in_flight.ids(),
        };
        self.store.take_due_deliveries(take).await
    }

    /// Tries a delivery once, and notes how that went. If even that fails, the lease runs out and
    /// it is tried again.
    pub(super) fn deliver(self: Arc<Self>, delivery: DeliveryRecord) -> BoxFuture<'static, ()> {
        // From now on, not from the first poll on: the next taking may come before that.
        let running = Try::begin(self.clone(), delivery.id.clone());
        Box::pin(async move {
            let outcome = match self.try_delivery(&delivery).await {
                Ok(()) => {
                    info!(
                        integrator = %delivery.integrator.escape_default(),
                        command = delivery.command,
                        delivery = delivery.id,
                        attempts = delivery.attempts,
                        host = self.callback_host(&delivery),
                        "a callback was delivered"
                    );
                    DeliveryOutcome::Delivered
                }
                Err(failure) => self.after_failure(&delivery, failure),
            };
            let _ = self.store.finish_delivery(&delivery.id, delivery.attempts, outcome).await;
            drop(running);
        })
    }

    async fn try_delivery(&self, delivery: &DeliveryRecord) -> Result<(), Failure> {
        let callback = self
            .integrator(&delivery.integrator)
            .and_then(|integrator| integrator.callback.clone())
            .ok_or(Failure::ours(Class::NotFound))?;
        let command = self
            .store
            .command(&delivery.integrator, delivery.command)
            .await
            .map_err(|error| Failure::ours(error.class()))?;
        let command = command.ok_or(Failure::ours(Class::NotFound))?;
        let envelope = self.callback(&command).map_err(|error| Failure::ours(error.class()))?;
        match or_deadline(
            callback.deliver(Delivery::new(delivery.id.as_str(), envelope)),
            self.clock.sleep(self.config.callbacks.timeout),
        )
        .await
        {
            Some(result) => result.map_err(Failure::of_receiver),
            None => Err(Failure::ours(Class::Expired)),
        }
    }

    /// The host that callbacks of an integrator go to, for the log.
    fn callback_host(&self, delivery: &DeliveryRecord) -> Option<String> {
        let integrator = self.integrator(&delivery.integrator)?;
        Some(integrator.callback.as_ref()?.host()?.escape_default().to_string())
    }

    fn after_failure(&self, delivery: &DeliveryRecord, failure: Failure) -> DeliveryOutcome {
        let (policy, error, attempts) = (&self.config.callbacks, failure.class, delivery.attempts);
        let is_last = attempts >= policy.attempts || failure.is_final;
        let (integrator, command, class) =
            (delivery.integrator.escape_default(), delivery.command, error.as_str());
        let (id, host, reason) = (&delivery.id, self.callback_host(delivery), failure.reason);
        if is_last {
            error!(%integrator, command, delivery = id, attempts, host, class, reason, "a callback was given up");
            return DeliveryOutcome::Failed { error };
        }
        // Not before the configured delay or before the receiver wants to be asked again, whichever
        // is later: pauses of nearly nothing would use up the attempts while a receiver restarts.
        let backoff = Backoff { first: policy.first_delay, max: policy.max_delay };
        let least = policy.first_delay.max(failure.retry_after).max(MIN_PAUSE);
        let pause = backoff.pause(attempts, Some(least));
        let at = self.now().plus(pause);
        let pause_secs = pause.as_secs();
        warn!(%integrator, command, delivery = id, attempts, host, class, reason, pause_secs, "a callback failed, and is tried again");
        DeliveryOutcome::Retry { at, error }
    }
}

/// The shortest pause between two attempts.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// Why a try came to nothing.
struct Failure {
    class: Class,
    is_final: bool,
    /// How long the receiver wants to be left alone: bounded.
    retry_after: Duration,
    /// For the log.
    reason: String,
}

impl Failure {
    /// On this side, or of time: the next try may go better.
    fn ours(class: Class) -> Self {
        let reason = match class {
            Class::Expired => "no answer in time",
            Class::NotFound => "the integrator has no callback, or the command is gone",
            _ => "the store failed",
        };
        Self { class, is_final: false, retry_after: Duration::ZERO, reason: reason.to_owned() }
    }

    /// What the receiver said, or how it was not reached.
    fn of_receiver(error: Error) -> Self {
        let mut reason = error.detail().escape_debug().collect::<String>();
        // How an exchange failed is the source of its error.
        if let Some(source) = std::error::Error::source(&error) {
            reason = format!("{reason}: {}", source.to_string().escape_debug());
        }
        Self {
            class: error.class(),
            is_final: !is_tried_again(&error),
            retry_after: error.retry_after().unwrap_or_default().min(Error::MAX_RETRY_AFTER),
            reason,
        }
    }
}
