//! keyferry beside the bare primitives. Rounds alternate in one process, so that other load on the
//! machine affects both alike.
//!
//! `cargo bench --bench ratios --features full` prints the table in BENCHMARKS.md; with `--
//! --json` one object `{"group": ratio}`. The rows `group/name` are other providers and other
//! libraries beside the same primitives, and `rsa_modulus_check_*` is the optional check of a
//! modulus beside one verification, for information: the object has none of them.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says so by panicking")]

mod support;

use std::time::{Duration, Instant};

use support::Work;
use support::cases::{self, Case};

const ROUNDS: usize = 61;

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    // `cargo test --benches` runs this too, only to see that it works.
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { ROUNDS };
    let mut ratios = serde_json::Map::new();
    if !json {
        println!("{:<42} {:>12} {:>12} {:>8}", "group", "keyferry", "raw", "ratio");
    }
    for Case { group, keyferry, raw, peers } in cases::all() {
        let Some(raw) = raw else { continue };
        let (ours, theirs, ratio) = alternate(rounds, &keyferry, &raw);
        ratios.insert(group.to_owned(), round(ratio));
        if json {
            continue;
        }
        row(group, ours, theirs, ratio);
        for (name, peer) in peers {
            let (ours, theirs, ratio) = alternate(rounds, &peer, &raw);
            row(&format!("{group}/{name}"), ours, theirs, ratio);
        }
    }
    if !json {
        for (name, check, verification) in cases::rsa_modulus_checks() {
            let (check, verification, ratio) = alternate(rounds, &check, &verification);
            row(name, check, verification, ratio);
        }
    }
    let case = cases::all().remove(0);
    for (name, work) in [("threads", Some(&case.keyferry)), ("threads_raw", case.raw.as_ref())] {
        let Some(work) = work else { continue };
        let threads = threads(rounds, work);
        if !json {
            println!("{:<42} {threads:>34.3}", format!("{name} (two : one)"));
        }
        ratios.insert(name.to_owned(), round(threads));
    }
    if json {
        println!("{}", serde_json::Value::Object(ratios));
    }
}

fn row(name: &str, ours: Duration, theirs: Duration, ratio: f64) {
    println!("{name:<42} {:>9.2} µs {:>9.2} µs {ratio:>8.3}", micros(ours), micros(theirs));
}

fn round(ratio: f64) -> serde_json::Value {
    ((ratio * 1000.0).round() / 1000.0).into()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The medians of both times, and of the ratio of each round.
fn alternate(rounds: usize, ours: &Work, theirs: &Work) -> (Duration, Duration, f64) {
    let count = calibrate(theirs);
    let (mut all_ours, mut all_theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        // The order alternates, so that neither always finds the other's data in the cache.
        let (mine, other) = if round % 2 == 0 {
            let mine = run(ours, count);
            (mine, run(theirs, count))
        } else {
            let other = run(theirs, count);
            (run(ours, count), other)
        };
        all_ours.push(mine / count);
        all_theirs.push(other / count);
        ratios.push(mine.as_secs_f64() / other.as_secs_f64());
    }
    all_ours.sort();
    all_theirs.sort();
    ratios.sort_by(f64::total_cmp);
    (all_ours[rounds / 2], all_theirs[rounds / 2], ratios[rounds / 2])
}

/// How many times a function runs in four milliseconds.
fn calibrate(work: &Work) -> u32 {
    run(work, 20);
    let each = run(work, 20) / 20;
    u32::try_from(Duration::from_millis(4).as_nanos() / each.as_nanos().max(1))
        .unwrap_or(u32::MAX)
        .max(1)
}

fn run(work: &Work, count: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        work();
    }
    start.elapsed()
}

/// The throughput of two threads relative to one.
fn threads(rounds: usize, work: &Work) -> f64 {
    let count = calibrate(work) * 5;
    let mut ratios: Vec<f64> = (0..rounds)
        .map(|_| {
            let one = run(work, count);
            let start = Instant::now();
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| run(work, count));
                }
            });
            2.0 * one.as_secs_f64() / start.elapsed().as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[rounds / 2]
}
