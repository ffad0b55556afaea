//! The hub behind HTTP: commands a second, latency, and the memory of an idle long poll.
//!
//! `cargo bench --bench http --features full`. Every speed is measured beside the same server,
//! client and sockets with a service that answers a constant of the same length. The difference is
//! the hub's share. Rounds alternate in one process. `-- --json` prints one object.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on says so by panicking"
)]

#[path = "support/http/mod.rs"]
mod support;

use support::{load, memory, speed};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if has(load::ARGUMENT) {
        // This is the second process, for the measurement of memory.
        return load::hold();
    }
    // `cargo test --benches` runs this too, only to see that it works.
    let is_test = has("--test");
    let mut figures = serde_json::Map::new();
    let json = has("--json");
    speed::run(is_test, json, &mut figures);
    memory::run(is_test, json, &mut figures);
    if json {
        println!("{}", serde_json::Value::Object(figures));
    }
}
