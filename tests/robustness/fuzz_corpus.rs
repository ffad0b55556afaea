//! The seeds of every fuzz target, replayed over its body.

#[allow(unreachable_pub)]
#[path = "../../fuzz/src/bodies.rs"]
mod bodies;

fn replay(target: &str, body: fn(&[u8])) {
    let directory = format!("{}/fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{directory} has no seeds");
    for path in paths {
        // Shown if it fails.
        println!("{}", path.display());
        let seed = std::fs::read(path).unwrap();
        body(&seed);
        // Seeds with something missing are what a fuzzer tries first.
        for part in 1..16 {
            body(&seed[..seed.len() * part / 16]);
            body(&seed[seed.len() * part / 16..]);
        }
    }
}

macro_rules! replays {
    ($( $target:ident )*) => { $(
        #[test]
        fn $target() {
            replay(stringify!($target), bodies::$target);
        }
    )* };
}

replays! {
    jws jwk csr_template csr_request certificate signature_cms provision_answer command_json callback_json activation_uri callback_address http_command
    http_mailbox callback_request config_toml
}

/// Each seed directory belongs to a target, and the other way round.
#[test]
fn every_target_is_replayed() {
    let manifest =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/Cargo.toml")).unwrap();
    let mut targets: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
        .collect();
    let seeds = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds")).unwrap();
    let mut seeds: Vec<String> =
        seeds.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    targets.sort_unstable();
    seeds.sort_unstable();
    assert_eq!(targets, seeds);
}

/// The later checks are met: what the seeds say verifies once it is signed.
#[test]
fn seeds_of_answers_verify_when_they_are_signed() {
    assert!(bodies::signed_payload(include_str!("../../fuzz/seeds/provision_answer/payload")));
    assert!(bodies::signed_key(include_str!("../../fuzz/seeds/provision_answer/said")));
    assert!(!bodies::signed_key(include_str!("../../fuzz/seeds/provision_answer/payload")));
}

/// With a good credential the seeds of requests are done.
#[test]
fn seeds_of_requests_are_done_with_a_credential() {
    for (seed, status) in [
        (include_bytes!("../../fuzz/seeds/http_command/ping").as_slice(), 200),
        (include_bytes!("../../fuzz/seeds/http_command/provision"), 200),
        (include_bytes!("../../fuzz/seeds/http_command/poll"), 404),
        (include_bytes!("../../fuzz/seeds/http_command/lengths"), 400),
    ] {
        assert_eq!(bodies::commanded(seed), Some(status));
    }
    for (seed, status) in [
        (include_bytes!("../../fuzz/seeds/http_mailbox/list").as_slice(), 200),
        (include_bytes!("../../fuzz/seeds/http_mailbox/fetch"), 410),
        (include_bytes!("../../fuzz/seeds/http_mailbox/answer"), 200),
        (include_bytes!("../../fuzz/seeds/http_mailbox/reserve"), 201),
        (include_bytes!("../../fuzz/seeds/http_mailbox/remove"), 204),
    ] {
        assert_eq!(bodies::posted(seed), Some(status));
    }
    for (seed, status) in [
        (include_bytes!("../../fuzz/seeds/callback_request/ping").as_slice(), 204),
        (include_bytes!("../../fuzz/seeds/callback_request/timeout"), 204),
        (include_bytes!("../../fuzz/seeds/callback_request/provision"), 204),
    ] {
        assert_eq!(bodies::called_back(seed), Some(status));
    }
}

/// So do the seeds of signatures, but for the one without signed attributes.
#[test]
fn seeds_of_signatures_verify() {
    assert!(bodies::cms(include_bytes!("../../fuzz/seeds/signature_cms/attached")));
    assert!(bodies::cms(include_bytes!("../../fuzz/seeds/signature_cms/detached")));
    assert!(bodies::cms(include_bytes!("../../fuzz/seeds/signature_cms/keyid")));
    assert!(!bodies::cms(include_bytes!("../../fuzz/seeds/signature_cms/noattr")));
}
