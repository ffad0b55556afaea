//! The same cases as `ratios`, with every peer, measured by criterion.
//!
//! `cargo bench --bench provisioning --features full`, with `josekit` beside `full` for its peers;
//! a name after `--` chooses groups. Criterion runs the functions of a group one after the other,
//! so judge ratios by the bench `ratios`.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says so by panicking")]

mod support;

use criterion::Criterion;
use support::cases::{self, Case};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for Case { group, keyferry, raw, peers } in cases::all() {
        let mut functions = vec![("keyferry", keyferry)];
        functions.extend(raw.map(|raw| ("raw", raw)));
        functions.extend(peers);
        let mut group = criterion.benchmark_group(group);
        for (name, work) in functions {
            group.bench_function(name, |bencher| bencher.iter(&work));
        }
        group.finish();
    }
    criterion.final_summary();
}
