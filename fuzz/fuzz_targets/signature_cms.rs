#![no_main]

#[allow(dead_code)]
#[path = "../src/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::signature_cms(data));
