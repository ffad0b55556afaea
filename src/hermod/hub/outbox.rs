//! Delivers callbacks from the outbox to the integrators.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{error, info, warn};

use super::{DeliveryOutcome, DeliveryRecord, Hub, Inner, TakeDeliveries};
use crate::client::backoff::Backoff;
use crate::clock::or_deadline;
use crate::hermod::wire::{CallbackApi, Delivery, is_tried_again};
use crate::{BoxFuture, Class, Error};

/// The ids of the deliveries that this process is attempting.
///
/// A lease is stored for other processes, so it is a time of the wall clock. If that clock is set
/// forward past a lease, the attempt is still in progress in this process. Its future ends by the
/// monotonic clock and removes the id when it ends or is dropped.
#[derive(Default)]
pub(super) struct ActiveDeliveries(Mutex<HashSet<String>>);

impl ActiveDeliveries {
    fn ids(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Keeps the id of a delivery in [`ActiveDeliveries`] until it is dropped.
struct Attempt {
    hub: Arc<Inner>,
    id: String,
}

impl Attempt {
    fn begin(hub: Arc<Inner>, id: String) -> Self {
        hub.active.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        Self { hub, id }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let active = &self.hub.active.0;
        active.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Hub {
    /// Lists the callbacks that were given up, ordered by id: of one integrator or of all, only
    /// those after the id `after`, and at most `limit`. They are kept until their commands are
    /// purged ([`HubLimits::retention`](super::HubLimits::retention)); [`requeue`](Self::requeue)
    /// retries one.
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

    /// Queues a callback that was given up. It gets as many attempts as a new one.
    ///
    /// # Errors
    /// Class `not-found` if no such callback was given up, `storage`.
    pub async fn requeue(&self, delivery: &str) -> Result<(), Error> {
        self.0.store.requeue_delivery(delivery, self.0.now()).await
    }
}

impl Inner {
    /// Takes deliveries that are due now.
    pub(super) async fn take_deliveries(
        &self,
        limit: u32,
        except: Vec<String>,
    ) -> Result<Vec<DeliveryRecord>, Error> {
        let (now, policy) = (self.now(), &self.config.callbacks);
        // The lease is twice the maximum duration of an attempt. A process that has not reported by
        // then is considered gone.
        let lease_until = now.plus(policy.timeout.saturating_mul(2).max(Duration::from_secs(1)));
        let take = TakeDeliveries {
            now,
            lease_until,
            limit,
            per_integrator: policy.per_integrator.max(1),
            except,
            in_flight: self.active.ids(),
        };
        self.store.take_due_deliveries(take).await
    }

    /// Makes one attempt at a delivery and records the outcome. If recording fails, the lease runs
    /// out and the delivery is retried.
    pub(super) fn deliver(self: Arc<Self>, delivery: DeliveryRecord) -> BoxFuture<'static, ()> {
        // The id is entered now, not at the first poll: the next take may come before that.
        let running = Attempt::begin(self.clone(), delivery.id.clone());
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

    /// The host that receives an integrator's callbacks, for the log.
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
            error!(
                %integrator, command, delivery = id, attempts, host, class, reason,
                "a callback was given up"
            );
            return DeliveryOutcome::Failed { error };
        }
        // The pause is at least the configured delay and the pause that the receiver asked for.
        // Shorter pauses would use up the attempts while a receiver restarts.
        let backoff = Backoff { first: policy.first_delay, max: policy.max_delay };
        let least = policy.first_delay.max(failure.retry_after).max(MIN_PAUSE);
        let pause = backoff.pause(attempts, Some(least));
        let at = self.now().plus(pause);
        let pause_secs = pause.as_secs();
        warn!(
            %integrator, command, delivery = id, attempts, host, class, reason, pause_secs,
            "a callback failed, and is tried again"
        );
        DeliveryOutcome::Retry { at, error }
    }
}

/// The shortest pause between two attempts.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// Why an attempt failed.
struct Failure {
    class: Class,
    is_final: bool,
    /// The pause that the receiver asked for, bounded.
    retry_after: Duration,
    /// For the log.
    reason: String,
}

impl Failure {
    /// A failure on this side, or a timeout: the next attempt may succeed.
    fn ours(class: Class) -> Self {
        let reason = match class {
            Class::Expired => "no answer in time",
            Class::NotFound => "the integrator has no callback, or the command is gone",
            _ => "the store failed",
        };
        Self { class, is_final: false, retry_after: Duration::ZERO, reason: reason.to_owned() }
    }

    /// A refusal by the receiver, or a failed exchange.
    fn of_receiver(error: Error) -> Self {
        let mut reason = error.detail().escape_debug().collect::<String>();
        // The source of the error tells how an exchange failed.
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
