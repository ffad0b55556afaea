//! The run loop: it enforces deadlines and delivers callbacks.

use std::convert::Infallible;
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use tracing::info;

use super::in_flight::InFlight;
use super::{Hub, Inner, Topic, Unfinished, UnixMillis};
use crate::Error;

/// The maximum number of commands or mailboxes that one step of the store ends or purges.
const BATCH: u32 = 256;
/// The pause after a failure of the store, and the least pause while due work cannot be started.
const RETRY_AFTER_STORE_ERROR: Duration = Duration::from_secs(1);

/// When the loop looks for work again, unless the store reports some before.
enum Look {
    /// At a stored time, which is wall-clock time.
    At(UnixMillis),
    /// After [`RETRY_AFTER_STORE_ERROR`].
    AfterPause,
    /// When the store reports work.
    WhenTold,
}

impl Hub {
    /// Drives the hub: ends commands at their deadlines, delivers callbacks, and purges records
    /// whose retention has ended. The future never resolves; drop it to stop the hub.
    ///
    /// Dropping it is safe at any point: the next hub on the same store retries an unfinished
    /// callback once its lease has run out. Several hubs may run at a time, also in several
    /// processes on one store. If the store fails, the hub retries every second.
    pub async fn run(&self) -> Infallible {
        let inner = &self.0;
        let mut in_flight = InFlight::default();
        loop {
            // Start watching before looking for work, so that no change is missed in between.
            let mut watch = inner.store.watch(Topic::Work);
            // Do everything that is due, and find out when to look again.
            let next = match inner.turn(self, &mut in_flight).await {
                Ok(next) => next,
                Err(_) => Look::AfterPause,
            };
            let mut sleep = match next {
                Look::At(time) => Some(inner.clock.sleep_until_wall(time.to_system_time())),
                Look::AfterPause => Some(inner.clock.sleep(RETRY_AFTER_STORE_ERROR)),
                Look::WhenTold => None,
            };
            // Wait for the end of a delivery, for the time, or for a change in the store.
            poll_fn(|context| {
                let ended = in_flight.poll(context).is_ready();
                let due =
                    sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready());
                if ended || due { Poll::Ready(()) } else { watch.as_mut().poll(context) }
            })
            .await;
        }
    }

    /// Counts the unfinished commands and callbacks in the store. When a hub stops, the next one
    /// takes them over; a store in memory loses them.
    ///
    /// # Errors
    /// Class `storage`.
    pub async fn count_unfinished(&self) -> Result<Unfinished, Error> {
        self.0.store.count_unfinished().await
    }

    /// Does everything that is due now and waits for the callbacks in future. Returns when
    /// something is due next, or `None` if nothing is planned.
    ///
    /// Tests and simulations call it with a [`ManualClock`](crate::ManualClock).
    ///
    /// # Errors
    /// Class `storage`.
    pub async fn step(&self) -> Result<Option<SystemTime>, Error> {
        let inner = &self.0;
        inner.run_maintenance().await?;
        loop {
            let taken =
                inner.take_deliveries(inner.config.callbacks.in_flight.max(1), Vec::new()).await?;
            if taken.is_empty() {
                break;
            }
            let mut in_flight = InFlight::default();
            taken.into_iter().for_each(|delivery| {
                in_flight.add(delivery.integrator.clone(), inner.clone().deliver(delivery))
            });
            in_flight.join_all().await;
        }
        Ok(inner.store.next_due(&[]).await?.map(UnixMillis::to_system_time))
    }
}

impl Inner {
    /// Ends the commands that are due and purges old records.
    async fn run_maintenance(&self) -> Result<(), Error> {
        loop {
            let ended = self.store.expire_due(self.now(), BATCH).await?;
            if ended.is_empty() {
                break;
            }
            for command in ended {
                info!(
                    integrator = %command.integrator.escape_default(),
                    command = command.id,
                    kind = command.command_type,
                    "a command timed out"
                );
            }
        }
        while self.store.purge(self.now(), BATCH).await? > 0 {}
        Ok(())
    }

    /// Runs one turn of the loop: starts what can be started, and returns when to look again.
    async fn turn(&self, hub: &Hub, in_flight: &mut InFlight) -> Result<Look, Error> {
        self.run_maintenance().await?;
        // Start deliveries while there is a free slot, at most `per_integrator` an integrator.
        let policy = &self.config.callbacks;
        let mut busy = in_flight.names(policy.per_integrator.max(1));
        loop {
            let room = policy
                .in_flight
                .max(1)
                .saturating_sub(u32::try_from(in_flight.len()).unwrap_or(u32::MAX));
            if room == 0 {
                break;
            }
            let taken = self.take_deliveries(room, busy.clone()).await?;
            if taken.is_empty() {
                break;
            }
            taken.into_iter().for_each(|delivery| {
                in_flight.add(delivery.integrator.clone(), hub.0.clone().deliver(delivery))
            });
            busy = in_flight.names(policy.per_integrator.max(1));
        }
        let next = self.store.next_due(&busy).await?;
        // Due work that was not started waits for a free slot, and a delivery that ends frees one.
        // The pause only keeps the loop from spinning.
        let now = self.now();
        Ok(match next {
            None => Look::WhenTold,
            Some(next) if next <= now => Look::AfterPause,
            Some(next) => Look::At(next),
        })
    }
}
