//! How much memory a certificate takes while it is read.

use allocation_counter::measure;
use keyferry::{Certificate, MAX_CERTIFICATE};

use crate::certificate::support::*;

/// Certificates of nearly the largest size, each with as much as possible of one thing.
fn large() -> Vec<(&'static str, Vec<u8>)> {
    const ROOM: usize = MAX_CERTIFICATE - 1024;
    let fill = |part: &[u8]| part.repeat(ROOM / part.len());
    let with_subject = |subject| Fields { subject, ..Fields::new() }.der();
    let small = attribute(&[0x01], 0x05, []);
    let arcs = [&[0x2b][..], &[0x7f; ROOM - 1]].concat();
    vec![
        ("one long text", with_subject(name(&[&[attribute(CN, UTF8, vec![0; ROOM])]]))),
        ("one long value", with_subject(name(&[&[attribute(PRIVATE, 0x04, vec![0; ROOM])]]))),
        ("one long type", with_subject(name(&[&[attribute(&arcs, UTF8, "x")]]))),
        ("many sets", with_subject(der(0x30, &[&fill(&der(0x31, &[&small]))]))),
        ("one set of many", with_subject(der(0x30, &[&der(0x31, &[&fill(&small)])]))),
        (
            "many extensions",
            Fields {
                rest: der(0xa3, &[&der(0x30, &[&fill(&extension(&[0x01], false, &[]))])]),
                ..Fields::new()
            }
            .der(),
        ),
        (
            "one long extension",
            Fields {
                rest: extensions(&[extension(PRIVATE, true, &vec![0; ROOM])]),
                ..Fields::new()
            }
            .der(),
        ),
    ]
}

#[test]
fn reading_takes_less_than_eight_times_the_input() {
    for (what, der) in large() {
        assert!(der.len() > MAX_CERTIFICATE / 2, "{what}");
        let most = 8 * der.len() as u64;
        let info = measure(|| drop(Certificate::from_der(&der).unwrap()));
        println!("{what}: {} bytes for {}", info.bytes_max, der.len());
        assert!(info.bytes_max < most, "{what}: {} bytes for {}", info.bytes_max, der.len());
        let base64 = Certificate::from_der(&der).unwrap().to_base64();
        let info = measure(|| drop(Certificate::from_base64(&base64).unwrap()));
        assert!(info.bytes_max < most, "{what} in base64: {} bytes", info.bytes_max);
    }
}

#[test]
fn showing_a_name_takes_less_than_eight_times_the_input() {
    for (what, der) in large() {
        let certificate = Certificate::from_der(&der).unwrap();
        let info = measure(|| drop(certificate.subject()));
        let most = 8 * der.len() as u64;
        assert!(info.bytes_max < most, "{what}: {} bytes for {}", info.bytes_max, der.len());
    }
}
