//! What makes the hub go: deadlines and the outbox.

use std::convert::Infallible;
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use tracing::info;

use super::flights::Flights;
use super::{Hub, Inner, Topic, Unfinished, UnixMillis};
use crate::Error;

/// How many commands or mailboxes one step of the store ends or forgets.
const BATCH: u32 = 256;
/// How long it waits after a failure of the store, and at least when nothing can be done about what
/// is due.
const BREATH: Duration = Duration::from_secs(1);

/// When the loop looks again, unless there is work before.
enum Look {
    /// At a time that is stored, so on the wall clock.
    At(UnixMillis),
    /// After a second.
    AfterBreath,
    /// When the store tells of work.
    WhenTold,
}

impl Hub {
    /// Drives the hub until it is dropped: ends commands in time, delivers callbacks, forgets what
    /// need not be kept. It never resolves.
    ///
    /// Dropping it is safe at any point: a callback under way is tried again, by whoever runs the
    /// hub next, once its time is up. It may run more than once at a time, also in several
    /// processes on one store. While the store fails it tries again every second.
    pub async fn run(&self) -> Infallible {
        let inner = &self.0;
        let mut flights = Flights::default();
        loop {
            // Watched before it is looked at, so that nothing falls between.
            let mut watch = inner.store.watch(Topic::Work);
            let next = match inner.turn(self, &mut flights).await {
                Ok(next) => next,
                Err(_) => Look::AfterBreath,
            };
            let mut sleep = match next {
                Look::At(time) => Some(inner.clock.sleep_until_wall(time.to_system_time())),
                Look::AfterBreath => Some(inner.clock.sleep(BREATH)),
                Look::WhenTold => None,
            };
            poll_fn(|context| {
                let landed = flights.poll(context).is_ready();
                let due =
                    sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready());
                if landed || due { Poll::Ready(()) } else { watch.as_mut().poll(context) }
            })
            .await;
        }
    }

    /// How much is unfinished in the store: what a hub that ends leaves to the next one, or loses if
    /// its store is in memory.
    ///
    /// # Errors
    /// Class `storage`.
    pub async fn count_unfinished(&self) -> Result<Unfinished, Error> {
        self.0.store.count_unfinished().await
    }

    /// Does everything that is due now, waits for the callbacks that are under way, and tells when
    /// something is due next; `None`: nothing is planned.
    ///
    /// This is what tests and simulations call, with a [`ManualClock`](crate::ManualClock).
    ///
    /// # Errors
    /// Class `storage`.
    pub async fn step(&self) -> Result<Option<SystemTime>, Error> {
        let inner = &self.0;
        inner.keep_house().await?;
        loop {
            let taken =
                inner.take_deliveries(inner.config.callbacks.in_flight.max(1), Vec::new()).await?;
            if taken.is_empty() {
                break;
            }
            let mut flights = Flights::default();
            taken.into_iter().for_each(|delivery| {
                flights.add(delivery.integrator.clone(), inner.clone().deliver(delivery))
            });
            flights.land().await;
        }
        Ok(inner.store.next_due(&[]).await?.map(UnixMillis::to_system_time))
    }
}

impl Inner {
    /// Ends and forgets what is due.
    async fn keep_house(&self) -> Result<(), Error> {
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

    /// One turn of the loop: begins what can be begun, and tells when to look again.
    async fn turn(&self, hub: &Hub, flights: &mut Flights) -> Result<Look, Error> {
        self.keep_house().await?;
        let policy = &self.config.callbacks;
        let mut busy = flights.names(policy.per_integrator.max(1));
        loop {
            let room = policy
                .in_flight
                .max(1)
                .saturating_sub(u32::try_from(flights.len()).unwrap_or(u32::MAX));
            if room == 0 {
                break;
            }
            let taken = self.take_deliveries(room, busy.clone()).await?;
            if taken.is_empty() {
                break;
            }
            taken.into_iter().for_each(|delivery| {
                flights.add(delivery.integrator.clone(), hub.0.clone().deliver(delivery))
            });
            busy = flights.names(policy.per_integrator.max(1));
        }
        let next = self.store.next_due(&busy).await?;
        // What is due and was not begun waits for room; flights that land make it. This is only
        // against spinning.
        let now = self.now();
        Ok(match next {
            None => Look::WhenTold,
            Some(next) if next <= now => Look::AfterBreath,
            Some(next) => Look::At(next),
        })
    }
}
