//! Bounds on work: the worst inputs within the limits end as they have to, and allocate no more
//! than a little for each limit.
//!
//! Time is measured by the benches, on the same inputs; here only what can be counted.

#[allow(unreachable_pub)]
#[path = "../../benches/support/worst.rs"]
mod worst;

use allocation_counter::{AllocationInfo, measure};
use keyferry::Class;
use keyferry::crypto::Algorithm;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::csr::{Request, Template};
use keyferry::hermod::model::{Callback, Command};
use keyferry::hermod::proof::{Expectation, Verifier};
use keyferry::jose::{Jws, MAX_JWS};
use keyferry::json::MAX_KEPT;

const COMMAND: &str = include_str!("../fixtures/hermod/provision-command.json");

/// The text decoded, and what is needed to look through it once.
const MOST_AT_ONCE: u64 = 3 * MAX_JWS as u64;

/// What `work` gives, and what it allocates.
fn measured<T>(work: impl FnOnce() -> T) -> (T, AllocationInfo) {
    let mut result = None;
    let info = measure(|| result = Some(work()));
    (result.unwrap(), info)
}

#[test]
fn inputs_within_the_limits_are_read_with_few_allocations() {
    for (name, text) in worst::jws_within_limits() {
        assert!(text.len() <= MAX_JWS && text.len() > MAX_JWS * 9 / 10, "{name}: {}", text.len());
        let (read, info) =
            measured(|| Jws::from_compact(&text).map(drop).map_err(|error| error.class()));
        assert_eq!(read, Ok(()), "{name}");
        println!("{name}: {} allocations, {} bytes", info.count_total, info.bytes_total);
        // One for each member that is kept, a few for each object, nothing for an element.
        assert!(
            info.count_total <= 3 * u64::from(MAX_KEPT),
            "{name}: {} allocations",
            info.count_total
        );
        assert!(info.bytes_max <= MOST_AT_ONCE, "{name}: {} bytes at once", info.bytes_max);
    }
}

#[test]
fn inputs_over_a_limit_are_refused_with_few_allocations() {
    for (name, text) in worst::jws_over_limits() {
        assert!(text.len() <= MAX_JWS, "{name}: {}", text.len());
        let (class, info) =
            measured(|| Jws::from_compact(&text).map(drop).map_err(|error| error.class()));
        let due = match name {
            "open arrays" | "a member twice at the end" | "dots" | "not base64url" => {
                Err(Class::Malformed)
            }
            "a long number" => Ok(()),
            _ => Err(Class::TooLarge),
        };
        assert_eq!(class, due, "{name}");
        println!("{name}: {} allocations, {} bytes", info.count_total, info.bytes_total);
        assert!(
            info.count_total <= 3 * u64::from(MAX_KEPT),
            "{name}: {} allocations",
            info.count_total
        );
        assert!(info.bytes_max <= MOST_AT_ONCE, "{name}: {} bytes at once", info.bytes_max);
    }
}

/// The same texts where an answer is due, and as what stands inside of one.
#[test]
fn answers_of_the_worst_kinds_are_refused() {
    let expectation =
        Expectation::from_command(Command::from_json(COMMAND).unwrap().provision().unwrap())
            .unwrap();
    let verifier = Verifier::danger_unpinned(AwsLcRs);
    for (name, text) in worst::jws_within_limits().into_iter().chain(worst::jws_over_limits()) {
        let (result, info) = measured(|| {
            verifier.verify(&expectation, &text).map(drop).map_err(|refusal| refusal.class())
        });
        assert!(matches!(result, Err(Class::Malformed | Class::TooLarge)), "{name}");
        assert!(
            info.count_total <= 3 * u64::from(MAX_KEPT),
            "{name}: {} allocations",
            info.count_total
        );
    }
}

#[test]
fn models_refuse_the_worst_json() {
    let deep = "[".repeat(100_000);
    for text in [
        format!(r#"{{"x":{deep}{}}}"#, "]".repeat(100_000)),
        format!(r#"{{"commandHeader":{{"x":{deep}{}}}}}"#, "]".repeat(100_000)),
    ] {
        assert_eq!(Command::from_json(&text).unwrap_err().class(), Class::TooLarge);
        assert_eq!(Callback::from_json(&text).unwrap_err().class(), Class::TooLarge);
    }
    let filter = |depth: usize| {
        format!(
            "{}{{\"op\":\"eq\"}}{}",
            r#"{"op":"and","args":["#.repeat(depth),
            "]}".repeat(depth)
        )
    };
    let command = |depth| {
        let params =
            format!(r#"{{"tbs":[],"format":"pkcs7","mechanism":"x","filter":{}}}"#, filter(depth));
        format!(
            r#"{{"commandHeader":{{"lifespan":1,"timeout":1}},"signCommand":{{"params":{params}}}}}"#
        )
    };
    Command::from_json(&command(14)).unwrap();
    assert_eq!(Command::from_json(&command(15)).unwrap_err().class(), Class::TooLarge);
    assert_eq!(Command::from_json(&command(50_000)).unwrap_err().class(), Class::TooLarge);
}

#[test]
fn the_largest_template_is_read_with_one_allocation() {
    let der = worst::largest_template();
    let (template, info) = measured(|| Template::from_der(&der));
    assert_eq!(template.unwrap().as_der(), der);
    assert_eq!(info.count_total, 1, "its own bytes");
    assert!(Request::from_der(&der, &AwsLcRs).is_err());
}

#[test]
fn the_largest_rsa_key_is_only_a_signature_that_does_not_verify() {
    let text = worst::jws_with_largest_rsa_key();
    let result = Jws::from_compact(&text).unwrap().verify_embedded(&AwsLcRs, Algorithm::ALL);
    assert_eq!(result.map(drop).unwrap_err().class(), Class::Signature);
}

#[test]
fn sixteen_of_the_largest_keys_verify() {
    let (expectation, answer) = worst::answer_with_largest_keys();
    assert!(answer.len() <= MAX_JWS, "{}", answer.len());
    let (verified, info) =
        measured(|| Verifier::danger_unpinned(AwsLcRs).verify(&expectation, &answer));
    let verified =
        verified.unwrap_or_else(|refusal| panic!("{:?}\n{}", refusal.error(), refusal.report()));
    assert_eq!(verified.keys().len(), 16);
    assert!(
        verified
            .keys()
            .iter()
            .all(|key| key.public_key().bits() == 8192 && key.request().is_some())
    );
    println!("{} allocations", info.count_total);
    assert!(info.count_total <= 16 * 64, "{} allocations", info.count_total);
}
