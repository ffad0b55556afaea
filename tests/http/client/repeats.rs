//! What is sent again, when, and for how long.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use keyferry::client::RetryPolicy;
use keyferry::hermod::client::{CommandClient, blocking};
use keyferry::hermod::integrator::Next;
use keyferry::hermod::model::CommandId;
use keyferry::hermod::wire::CommandApi as _;
use keyferry::transport::{StatusError, Transport as _, TransportError, TransportErrorKind};
use keyferry::{Class, ManualClock};

use crate::client::support::*;
use crate::support::world::{P256, begin, raw_key, refused, restart};

const SECOND: Duration = Duration::from_secs(1);

/// What may have arrived.
fn unsure() -> Vec<Exchanged> {
    let mut answers: Vec<_> = [
        TransportErrorKind::Timeout,
        TransportErrorKind::Broken,
        TransportErrorKind::AnswerTooLarge,
    ]
    .map(failure)
    .into();
    answers.extend([302, 303, 307, 408, 500, 502, 503, 504].map(refusal));
    answers.extend([later(503, 1), answer(200, "<html>"), answer(200, "{}"), answer(204, "")]);
    answers
}

#[test]
fn a_command_that_may_have_arrived_is_never_sent_again() {
    for exchanged in unsure() {
        for (name, call, good) in ONCE {
            both(
                || vec![exchanged.clone(), good()],
                |clients| {
                    let error = call(&clients).unwrap_err();
                    assert_eq!(clients.script.seen().len(), 1, "{name} {exchanged:?}");
                    assert!(!error.was_not_sent(), "{name} {exchanged:?}");
                    assert!(*name != "submit" || !error.was_not_taken(), "{name} {exchanged:?}");
                },
            );
        }
    }
}

#[test]
fn a_refused_command_is_not_sent_again_and_was_not_taken() {
    for exchanged in [
        refusal(400),
        refusal(401),
        refusal(404),
        answer(404, "<html>"),
        refusal(413),
        refusal(422),
        later(429, 1),
    ] {
        both(
            || vec![exchanged.clone(), answer(200, SUBMITTED)],
            |clients| {
                let error = clients.submit(ping()).unwrap_err();
                assert_eq!(clients.script.seen().len(), 1);
                assert!(error.was_not_taken() && !error.was_not_sent(), "{error}");
            },
        );
    }
}

#[test]
fn a_journey_resends_a_command_only_if_the_hub_does_not_have_it() {
    let not_taken = [
        failure(TransportErrorKind::Unreachable),
        failure(TransportErrorKind::Tls),
        refusal(401),
        later(429, 1),
    ];
    let unsure = unsure().into_iter().map(|exchanged| (exchanged, false));
    for (exchanged, again) in not_taken.map(|exchanged| (exchanged, true)).into_iter().chain(unsure)
    {
        both(
            || vec![exchanged.clone()],
            |clients| {
                let mut enrollment = begin(vec![raw_key("signer", P256)]);
                let Next::Submit(command) = enrollment.next() else { panic!() };
                let command = command.clone();
                enrollment.sending(&command).unwrap();
                restart(&mut enrollment);
                let error = clients.submit(command.clone()).unwrap_err();
                if error.was_not_taken() {
                    enrollment.not_sent(&command).unwrap();
                }
                restart(&mut enrollment);
                let expected = if again {
                    Next::Submit(&command)
                } else {
                    Next::AwaitDevice { command: &command, submitted: None }
                };
                assert_eq!(enrollment.next(), expected, "{exchanged:?}");
            },
        );
    }
}

#[test]
fn a_call_without_a_connection_is_sent_again() {
    for (name, call, good) in ONCE.iter().chain(REPEATABLE) {
        both(
            || {
                vec![
                    failure(TransportErrorKind::Unreachable),
                    failure(TransportErrorKind::Unreachable),
                    good(),
                ]
            },
            |clients| {
                call(&clients).unwrap();
                let seen = clients.script.seen();
                assert_eq!(seen.len(), 3, "{name}");
                assert!(seen.iter().all(|one| one.body == seen[0].body
                    && one.uri == seen[0].uri
                    && one.headers == seen[0].headers));
            },
        );
    }
}

#[test]
fn idempotent_calls_are_sent_again_byte_by_byte() {
    let passing = || {
        let kinds = [
            TransportErrorKind::Unreachable,
            TransportErrorKind::Timeout,
            TransportErrorKind::Broken,
        ];
        kinds.map(failure).into_iter().chain([408, 425, 429, 500, 502, 503, 504].map(refusal))
    };
    for exchanged in passing() {
        for (name, call, good) in REPEATABLE {
            both(
                || vec![exchanged.clone(), good()],
                |clients| {
                    call(&clients).unwrap();
                    let seen = clients.script.seen();
                    assert_eq!(seen.len(), 2, "{name} {exchanged:?}");
                    assert_eq!(
                        (&seen[0].body, &seen[0].uri, &seen[0].headers),
                        (&seen[1].body, &seen[1].uri, &seen[1].headers)
                    );
                },
            );
        }
    }
}

#[test]
fn what_would_be_the_same_again_is_not_tried_again() {
    let kinds = [
        TransportErrorKind::Tls,
        TransportErrorKind::TargetRefused,
        TransportErrorKind::Unsendable,
        TransportErrorKind::AnswerTooLarge,
    ];
    let lasting = kinds
        .map(failure)
        .into_iter()
        .chain([301, 302, 307, 308, 400, 401, 404, 409, 410, 413, 422].map(refusal));
    for exchanged in lasting {
        for (name, call, good) in REPEATABLE.iter().chain(ONCE) {
            both(
                || vec![exchanged.clone(), good()],
                |clients| {
                    let error = call(&clients).unwrap_err();
                    assert_eq!(clients.script.seen().len(), 1, "{name} {exchanged:?}");
                    let said =
                        TransportError::of(&error).is_some() || StatusError::of(&error).is_some();
                    assert!(said, "{name} {exchanged:?}");
                },
            );
        }
    }
}

// ---- How often and how long

#[test]
fn there_are_as_many_attempts_as_the_policy_says() {
    for (retry, attempts) in [(RetryPolicy::default(), 4), (RetryPolicy::NEVER, 1)] {
        both(
            || vec![failure(TransportErrorKind::Unreachable)],
            |mut clients| {
                clients.retry = retry;
                refused(clients.submit(ping()), Class::Unavailable);
                assert_eq!(clients.script.seen().len(), attempts);
            },
        );
    }
}

#[test]
fn each_pause_is_within_a_limit_that_doubles_up_to_the_cap() {
    both(
        || vec![refusal(503)],
        |mut clients| {
            (clients.retry.attempts, clients.retry.budget) = (8, Duration::MAX);
            refused(clients.poll("688"), Class::Unavailable);
            let times: Vec<Duration> = clients.script.seen().iter().map(|seen| seen.at).collect();
            for (pair, limit) in times.windows(2).zip([500, 1000, 2000, 4000, 8000, 10_000, 10_000])
            {
                let (pause, limit) = (pair[1] - pair[0], Duration::from_millis(limit));
                assert!(pause <= limit, "{pause:?} of {limit:?}");
            }
            assert_eq!(times.len(), 8);
            // Eight draws that are all close to nothing: once in 16 million runs.
            assert!(times[7] > SECOND, "{times:?}");
        },
    );
}

#[test]
fn retry_after_is_kept() {
    for status in [429, 503] {
        both(
            || vec![later(status, 7), answer(200, COMPLETED)],
            |clients| {
                clients.poll("688").unwrap();
                let pause = clients.script.seen()[1].at;
                assert!(
                    pause >= 7 * SECOND && pause <= 7 * SECOND + clients.retry.first_pause,
                    "{pause:?}"
                );
            },
        );
    }
}

#[test]
fn retry_after_of_a_proxy_is_kept_by_devices_too() {
    let mut exchanged = answer(503, "<html>").unwrap();
    exchanged.headers_mut().insert("retry-after", 7.into());
    both(
        || vec![Ok(exchanged.clone()), answer(200, MESSAGE)],
        |clients| {
            clients.fetch("m1").unwrap();
            assert!(clients.script.seen()[1].at >= 7 * SECOND);
        },
    );
}

#[test]
fn a_retry_after_beyond_the_budget_ends_the_call_at_once() {
    for seconds in [60, 3600, u64::MAX] {
        both(
            || vec![later(429, seconds), answer(200, COMPLETED)],
            |clients| {
                let error = refused(clients.poll("688"), Class::Rate);
                assert_eq!(
                    (clients.script.seen().len(), clients.script.elapsed()),
                    (1, Duration::ZERO)
                );
                assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds.min(86_400))));
            },
        );
    }
}

#[test]
fn the_budget_ends_the_attempts_and_bounds_each_of_them() {
    for kind in [Kind::Async, Kind::Blocking] {
        // A hub that never answers.
        let mut clients = Clients::new(
            kind,
            Script::slow([(Duration::MAX, failure(TransportErrorKind::Timeout))]),
        );
        clients.retry.attempts = 1000;
        refused(clients.poll("688"), Class::Unavailable);
        assert!(clients.script.elapsed() <= clients.retry.budget, "{:?}", clients.script.elapsed());
        let seen = clients.script.seen();
        assert_eq!((seen.len(), seen[0].limits.timeout), (2, 30 * SECOND));
        assert!(
            seen[1].limits.timeout <= 30 * SECOND
                && seen[1].at + seen[1].limits.timeout == clients.retry.budget
        );

        // One that refuses at once.
        let mut clients = Clients::new(kind, Script::new([refusal(500)]));
        clients.retry.attempts = 1000;
        refused(clients.poll("688"), Class::Unavailable);
        assert!(clients.script.elapsed() < clients.retry.budget);
        // Pauses of up to 10 seconds, 5 on average, fill 60 seconds.
        assert!((7..60).contains(&clients.script.seen().len()));

        // The first attempt has its whole time, whatever the budget.
        let mut clients = Clients::new(kind, Script::new([refusal(500)]));
        clients.retry.budget = Duration::ZERO;
        refused(clients.poll("688"), Class::Unavailable);
        assert_eq!(
            (clients.script.seen().len(), clients.script.seen()[0].limits.timeout),
            (1, 30 * SECOND)
        );
    }
}

#[test]
fn pauses_use_the_system_clock_by_default() {
    let mut retry = RetryPolicy::default();
    retry.first_pause = Duration::from_millis(1);
    let (id, answers) =
        (CommandId::from("688"), || [failure(TransportErrorKind::Broken), answer(200, COMPLETED)]);
    let script = Script::new(answers());
    let client = CommandClient::new(script.clone(), base(COMMANDS), api_key()).with_retry(retry);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(client.poll(&id)).unwrap();
    assert_eq!(script.seen().len(), 2);

    let script = Script::new(answers());
    let blocking = {
        let script = script.clone();
        move |request: Request<Bytes>| run(script.send(request))
    };
    blocking::CommandClient::new(blocking, base(COMMANDS), api_key())
        .with_retry(retry)
        .poll(&id)
        .unwrap();
    assert_eq!(script.seen().len(), 2);
}

// ---- Long polls

#[test]
fn a_long_poll_has_its_wait_on_top_of_the_exchange_time() {
    for (wait, asked) in [(0, 0), (50, 50), (60, 60), (3600, 60)] {
        both(
            || vec![answer(200, r#"{"messages":[]}"#)],
            |clients| {
                clients.list(Duration::from_secs(wait)).unwrap();
                let [seen] = &clients.script.seen()[..] else { panic!() };
                assert_eq!(seen.uri, format!("{PUBLIC}/b1?wait={asked}"));
                assert_eq!(seen.limits.timeout, Duration::from_secs(30 + asked));
            },
        );
    }
}

#[test]
fn a_long_poll_that_broke_waits_for_what_is_left() {
    for kind in [Kind::Async, Kind::Blocking] {
        let broken = (Duration::from_secs(20), failure(TransportErrorKind::Broken));
        let clients = Clients::new(
            kind,
            Script::slow([
                broken.clone(),
                broken.clone(),
                broken,
                (Duration::ZERO, answer(200, r#"{"messages":[]}"#)),
            ]),
        );
        clients.list(Duration::from_secs(50)).unwrap();
        let waits: Vec<String> = clients
            .script
            .seen()
            .iter()
            .map(|seen| seen.uri.rsplit_once("wait=").unwrap().1.to_owned())
            .collect();
        // Pauses of a quarter to two seconds lie between.
        assert_eq!(waits, ["50", "29", waits[2].as_str(), "0"]);
        assert!(["8", "9"].contains(&waits[2].as_str()));
    }
}

// ---- Futures that are dropped

/// Counts how many are there.
struct There(Arc<AtomicU32>);

impl There {
    fn new(count: &Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for There {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn a_future_that_is_dropped_ends_its_exchange() {
    let there = Arc::new(AtomicU32::new(0));
    let transport = {
        let there = there.clone();
        move |_: Request<Bytes>| {
            let guard = There::new(&there);
            async move {
                let _guard = guard;
                std::future::pending::<Exchanged>().await
            }
        }
    };
    let client = CommandClient::new(transport, base(COMMANDS), api_key())
        .with_clock(Arc::new(ManualClock::new(start())));
    let id = CommandId::from("688");
    {
        let mut poll = pin!(client.poll(&id));
        assert!(poll.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(there.load(Ordering::Relaxed), 1);
    }
    assert_eq!(there.load(Ordering::Relaxed), 0);
}

#[test]
fn a_future_that_is_dropped_in_a_pause_sends_nothing_more() {
    let script = Script::new([failure(TransportErrorKind::Unreachable)]);
    let client = CommandClient::new(script.clone(), base(COMMANDS), api_key())
        .with_clock(Arc::new(script.clock()));
    {
        let mut submit = pin!(client.submit(ping()));
        assert!(submit.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        script.clock().advance(SECOND);
        assert!(submit.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(script.seen().len(), 2);
    }
    script.clock().advance(60 * SECOND);
    assert_eq!(script.seen().len(), 2);
}

#[test]
fn calls_can_be_spawned_and_clients_shared() {
    let script = Script::new([answer(200, COMPLETED)]);
    let client = CommandClient::new(script.clone(), base(COMMANDS), api_key())
        .with_clock(Arc::new(script.clock()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..4)
            .map(|_| (client.clone(), CommandId::from("688")))
            .map(|(client, id)| tokio::spawn(async move { client.poll(&id).await }))
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });
    assert_eq!(script.seen().len(), 4);
}
