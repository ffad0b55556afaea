//! The time of the worst inputs within the limits, in milliseconds. Each has to be answered within
//! half a second.
//!
//! `cargo bench --bench worst --features full`

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says so by panicking")]

mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use keyferry::crypto::Algorithm;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::csr::Template;
use keyferry::hermod::proof::Verifier;
use keyferry::jose::Jws;
use support::{cases, worst};

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { 11 };
    let mut slowest = Duration::ZERO;
    let mut measure = |name: &str, work: &dyn Fn()| {
        let times = (0..rounds).map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        });
        let time = times.max().unwrap_or_default();
        println!("{name:<48} {:>9.3} ms", time.as_secs_f64() * 1e3);
        slowest = slowest.max(time);
    };

    let expectation = cases::expectation();
    let verifier = Verifier::danger_unpinned(AwsLcRs);
    for (name, text) in worst::jws_within_limits().into_iter().chain(worst::jws_over_limits()) {
        measure(&format!("jws: {name}"), &|| _ = black_box(Jws::from_compact(&text).is_ok()));
        measure(&format!("answer: {name}"), &|| {
            _ = black_box(verifier.verify(&expectation, &text).is_ok())
        });
    }
    let largest = worst::jws_with_largest_rsa_key();
    measure("jws: RSA-8192, exponent 2^32 - 1", &|| {
        let verified = Jws::from_compact(&largest)
            .map(|jws| jws.verify_embedded(&AwsLcRs, Algorithm::ALL).is_ok());
        _ = black_box(verified);
    });
    let template = worst::largest_template();
    measure("template: many sets in the subject", &|| {
        _ = black_box(Template::from_der(&template).is_ok())
    });
    let (expectation, answer) = worst::answer_with_largest_keys();
    measure("answer: 16 keys of RSA-8192, exponent 2^32 - 1", &|| {
        drop(black_box(verifier.verify(&expectation, &answer).unwrap()))
    });

    println!("{:<48} {:>9.3} ms", "the slowest", slowest.as_secs_f64() * 1e3);
}
