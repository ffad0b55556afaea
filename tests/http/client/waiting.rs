//! Waiting for a command to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use keyferry::client::{RetryPolicy, WaitError, WaitPolicy};
use keyferry::hermod::Dialect;
use keyferry::hermod::client::wait_for;
use keyferry::hermod::model::{Callback, Command, CommandId, Submitted};
use keyferry::hermod::wire::{CommandApi, is_unknown_command};
use keyferry::transport::TransportErrorKind;
use keyferry::{Class, Clock as _, Error, ManualClock};

use crate::client::support::*;

const SECOND: Duration = Duration::from_secs(1);

fn state(state: &str) -> Exchanged {
    answer(200, SUBMITTED.replace("IN_PROGRESS", state))
}

fn waits() -> WaitPolicy {
    WaitPolicy::new(300 * SECOND)
}

#[test]
fn a_command_is_polled_until_it_has_ended() {
    for end in ["COMPLETED", "TIMEOUT", "CANCELLED"] {
        // A state that is not known says nothing.
        both(
            || vec![state("IN_PROGRESS"), state("PAUSED"), state("IN_PROGRESS"), state(end)],
            |clients| {
                let callback = clients.wait("688", &waits()).unwrap();
                assert_eq!(callback.state.as_str(), end);
                assert_eq!(clients.script.seen().len(), 4);
            },
        );
    }
}

#[test]
fn the_first_poll_is_immediate_and_pauses_double_their_limit() {
    both(
        || vec![state("IN_PROGRESS")],
        |clients| {
            clients.wait("688", &waits()).unwrap_err();
            let times: Vec<Duration> = clients.script.seen().iter().map(|seen| seen.at).collect();
            assert_eq!(times[0], Duration::ZERO);
            for (pair, limit) in times.windows(2).zip([1, 2, 4, 8, 15, 15, 15]) {
                let (pause, limit) = (pair[1] - pair[0], Duration::from_secs(limit));
                assert!(pause <= limit, "{pause:?} of {limit:?}");
            }
        },
    );
}

#[test]
fn the_last_poll_is_made_at_the_timeout_and_is_reported() {
    both(
        || vec![state("PAUSED")],
        |clients| {
            let error = clients.wait("688", &waits()).unwrap_err();
            let WaitError::TimedOut { last: Some(last), error: None } = error else {
                panic!("{error:?}")
            };
            assert_eq!(last.state.as_str(), "PAUSED");
            assert_eq!(clients.script.elapsed(), 300 * SECOND);
            let last = clients.script.seen().pop().unwrap();
            assert_eq!(last.at, 300 * SECOND);
            // It has time for itself.
            assert!(clients.kind == Kind::Async || last.limits.timeout == WaitPolicy::LAST_POLL);
        },
    );
    both(
        || vec![state("IN_PROGRESS")],
        |clients| {
            clients.wait("688", &WaitPolicy::new(Duration::ZERO)).unwrap_err();
            assert_eq!(
                (clients.script.seen().len(), clients.script.elapsed()),
                (1, Duration::ZERO)
            );
        },
    );
}

#[test]
fn waiting_goes_on_with_the_same_id() {
    both(
        || vec![state("IN_PROGRESS"), state("COMPLETED")],
        |clients| {
            clients.wait("688", &WaitPolicy::new(Duration::ZERO)).unwrap_err();
            assert_eq!(clients.wait("688", &waits()).unwrap().state.as_str(), "COMPLETED");
        },
    );
}

#[test]
fn what_may_pass_is_waited_out_and_retry_after_is_kept() {
    for passing in [
        failure(TransportErrorKind::Broken),
        failure(TransportErrorKind::Unreachable),
        refusal(500),
        later(503, 70),
        later(429, 70),
    ] {
        both(
            || vec![passing.clone(), state("COMPLETED")],
            |mut clients| {
                clients.retry = RetryPolicy::NEVER;
                assert_eq!(clients.wait("688", &waits()).unwrap().state.as_str(), "COMPLETED");
                if passing
                    .as_ref()
                    .is_ok_and(|response| response.headers().contains_key("retry-after"))
                {
                    assert!(clients.script.seen()[1].at >= 70 * SECOND);
                }
            },
        );
    }
}

#[test]
fn a_permanent_error_ends_the_wait_at_once() {
    for lasting in
        [refusal(401), refusal(404), failure(TransportErrorKind::Tls), answer(200, "<html>")]
    {
        both(
            || vec![state("IN_PROGRESS"), lasting.clone(), state("COMPLETED")],
            |clients| {
                let error = clients.wait("688", &waits()).unwrap_err();
                assert!(matches!(error, WaitError::Refused(_)), "{error:?}");
                assert!(std::error::Error::source(&error).is_some());
                assert_eq!(clients.script.seen().len(), 2);
            },
        );
    }
}

#[test]
fn a_retry_after_beyond_the_time_left_ends_the_wait() {
    both(
        || vec![state("IN_PROGRESS"), later(429, 3600), state("COMPLETED")],
        |clients| {
            let error = clients.wait("688", &waits()).unwrap_err();
            let WaitError::TimedOut { last: Some(_), error: Some(said) } = error else {
                panic!("{error:?}")
            };
            assert_eq!((said.class(), said.retry_after()), (Class::Rate, Some(3600 * SECOND)));
            assert_eq!(clients.script.seen().len(), 2);
        },
    );
}

#[test]
fn a_hub_that_never_answers_does_not_make_anybody_wait_longer() {
    for kind in [Kind::Async, Kind::Blocking] {
        let clients = Clients::new(
            kind,
            Script::slow([(Duration::MAX, failure(TransportErrorKind::Timeout))]),
        );
        let error = clients.wait("688", &WaitPolicy::new(100 * SECOND)).unwrap_err();
        assert!(matches!(error, WaitError::TimedOut { last: None, error: Some(_) }), "{error:?}");
        // An exchange is given up only by its own transport; in the blocking client it is given no
        // more than there is.
        let most = if kind == Kind::Blocking {
            100 * SECOND + WaitPolicy::LAST_POLL
        } else {
            160 * SECOND
        };
        assert!(clients.script.elapsed() <= most, "{:?}", clients.script.elapsed());
    }
}

/// Never answers, and counts who waits.
struct Silent(Arc<AtomicU32>);

impl CommandApi for Silent {
    async fn submit(&self, _: Command) -> Result<Submitted, Error> {
        std::future::pending().await
    }

    async fn poll(&self, _: &CommandId) -> Result<Callback, Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        std::future::pending().await
    }
}

#[test]
fn a_poll_that_hangs_is_given_up_when_the_time_is_up() {
    run(async {
        let (clock, count) = (ManualClock::new(start()), Arc::new(AtomicU32::new(0)));
        let task = tokio::spawn({
            let (clock, count) = (clock.clone(), count.clone());
            async move {
                wait_for(
                    &Silent(count),
                    &CommandId::from("1"),
                    &waits(),
                    Dialect::standard(),
                    &clock,
                )
                .await
            }
        });
        tokio::task::yield_now().await;
        clock.advance(299 * SECOND);
        tokio::task::yield_now().await;
        assert!(!task.is_finished());
        clock.advance(SECOND);
        let error = task.await.unwrap().unwrap_err();
        assert!(matches!(error, WaitError::TimedOut { last: None, error: None }));
        assert_eq!((count.load(Ordering::Relaxed), clock.now()), (1, start() + 300 * SECOND));
    });
}

#[test]
fn a_clock_that_is_set_neither_ends_nor_stalls_a_wait() {
    const HOUR: Duration = Duration::from_secs(3600);
    for set_to in [start() + HOUR, start() - HOUR] {
        run(async {
            let clock = ManualClock::new(start());
            let task = tokio::spawn({
                let clock = clock.clone();
                async move {
                    let silent = Silent(Arc::default());
                    let id = CommandId::from("1");
                    wait_for(&silent, &id, &waits(), Dialect::standard(), &clock).await
                }
            });
            tokio::task::yield_now().await;
            clock.set_wall(set_to);
            clock.advance(299 * SECOND);
            tokio::task::yield_now().await;
            assert!(!task.is_finished(), "set to {set_to:?}");
            clock.advance(SECOND);
            let error = task.await.unwrap().unwrap_err();
            assert!(matches!(error, WaitError::TimedOut { .. }), "set to {set_to:?}");
        });
    }
}

#[test]
fn the_last_poll_has_its_own_time_and_no_more() {
    run(async {
        let clock = ManualClock::new(start());
        let task = tokio::spawn({
            let clock = clock.clone();
            let policy = WaitPolicy::new(Duration::ZERO);
            async move {
                wait_for(
                    &Silent(Arc::default()),
                    &CommandId::from("1"),
                    &policy,
                    Dialect::standard(),
                    &clock,
                )
                .await
            }
        });
        tokio::task::yield_now().await;
        clock.advance(WaitPolicy::LAST_POLL - SECOND);
        tokio::task::yield_now().await;
        assert!(!task.is_finished());
        clock.advance(SECOND);
        assert!(matches!(task.await.unwrap(), Err(WaitError::TimedOut { .. })));
    });
}

#[test]
fn any_command_api_can_be_waited_for() {
    use crate::support::world::World;
    run(async {
        let world = World::new();
        let enrollment = world.at(1).await;
        let keyferry::hermod::integrator::Next::AwaitDevice { submitted: Some(submitted), .. } =
            enrollment.next()
        else {
            panic!()
        };
        let clock = Leaping(world.clock.clone());
        let policy = WaitPolicy::new(10 * SECOND);
        let waited = wait_for(
            &world.commands(),
            &submitted.command_id,
            &policy,
            Dialect::standard(),
            &clock,
        )
        .await;
        assert!(matches!(waited, Err(WaitError::TimedOut { last: Some(_), .. })));
        world.activate(&enrollment).await.unwrap();
        let callback = wait_for(
            &world.commands(),
            &submitted.command_id,
            &policy,
            Dialect::standard(),
            &clock,
        )
        .await
        .unwrap();
        assert!(callback.jws().is_some());
    });
}

#[test]
fn only_a_404_of_the_hub_itself_means_an_unknown_command() {
    let body = r#"{"error":{"code":"UNKNOWN_COMMAND","message":"no","requestId":"r"}}"#;
    both(
        || vec![state("IN_PROGRESS"), answer(404, body)],
        |clients| {
            let error = clients.wait("688", &waits()).unwrap_err();
            let WaitError::Forgotten(source) = &error else { panic!("{error:?}") };
            assert!(is_unknown_command(source) && source.class() == Class::NotFound);
            assert!(error.to_string().contains("begin again"), "{error}");
        },
    );
    for other in [
        answer(404, "<html>portal</html>"),
        answer(404, r#"{"error":"UNKNOWN_COMMAND"}"#),
        answer(404, r#"{"error":{"code":"UNKNOWN_ADDRESS","message":"no","requestId":"r"}}"#),
        answer(410, body),
        answer(401, body),
        refusal(404),
    ] {
        both(
            || vec![other.clone()],
            |clients| {
                let error = clients.wait("688", &waits()).unwrap_err();
                let WaitError::Refused(source) = &error else { panic!("{error:?}") };
                assert!(!is_unknown_command(source));
            },
        );
    }
}
