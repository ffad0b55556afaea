//! How many allocations one verification takes. The number is printed, and bounded so that it does
//! not grow unnoticed.

use crate::support::*;
use allocation_counter::measure;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::proof::Verifier;

/// What was measured, and a small margin for what the standard library may change.
const MOST: u64 = 28 + 3;

#[test]
fn one_verification_takes_few_allocations() {
    let (answer, expectation, pin) = (captured_answer(), captured_expectation(), captured_pin());
    let unpinned = Verifier::danger_unpinned(AwsLcRs);
    let pinned = Verifier::pinned(AwsLcRs, [&pin]).unwrap();
    // The library sets itself up at its first use.
    unpinned.verify(&expectation, &answer).unwrap();
    for (name, work) in [
        ("verify_answer", &(|| drop(unpinned.verify(&expectation, &answer).unwrap())) as &dyn Fn()),
        ("verify_answer_pinned", &|| drop(pinned.verify(&expectation, &answer).unwrap())),
    ] {
        let info = measure(work);
        println!(
            "{name}: {} allocations, {} bytes in all, {} at once",
            info.count_total, info.bytes_total, info.bytes_max
        );
        assert!(info.count_total <= MOST, "{name}: {} allocations", info.count_total);
        assert_eq!(info.count_current, 0, "{name} keeps nothing");
    }
}
