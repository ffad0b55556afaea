//! The configuration of the example hub.

use std::time::Duration;

use keyferry::hermod::hub::{CallbackPolicy, HubLimits};
use keyferry::server::serve::ConnectionLimits;
use keyferry::server::{Proxies, ServerLimits};

use crate::program::hub_config::{HubFile, MAX_TEXT};

const SAMPLE: &str = include_str!("../../examples/hub.toml");

const LEAST: &str = r#"listen = "127.0.0.1:0"
public-url = "http://127.0.0.1:8080/hermod/rest/ms"
"#;

const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn integrator(lines: &str) -> String {
    format!("{LEAST}\n[[integrators]]\nclient-id = \"a\"\nkey-digests = [\"{DIGEST}\"]\n{lines}\n")
}

/// The faults, as they are printed.
fn faults(text: &str) -> Vec<String> {
    HubFile::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn the_file_may_begin_with_a_byte_order_mark() {
    assert_eq!(HubFile::parse(&format!("\u{feff}{SAMPLE}")), HubFile::parse(SAMPLE));
    assert!(HubFile::parse(SAMPLE).is_ok());
}

/// The sample with the lines that show a key turned on; those that follow "Example:" only if
/// `examples`.
fn turned_on(examples: bool) -> String {
    let mut lines = Vec::new();
    let mut is_example = false;
    for line in SAMPLE.lines() {
        match line.strip_prefix('#').filter(|line| !line.starts_with(' ') && !line.is_empty()) {
            Some(setting) if examples || !is_example => lines.push(setting),
            Some(_) => {}
            None => {
                is_example = line.starts_with('#') && line.contains("Example:");
                lines.push(line);
            }
        }
    }
    lines.join("\n")
}

#[test]
fn the_sample_is_read_and_says_what_the_defaults_are() {
    let sample = HubFile::parse(SAMPLE).unwrap();
    assert_eq!(sample.connections, ConnectionLimits::default());
    assert_eq!(
        (&sample.hub, &sample.server, &sample.callbacks),
        (&HubLimits::default(), &ServerLimits::default(), &CallbackPolicy::default())
    );
    assert_eq!(
        (sample.fqdn.as_str(), sample.tls.is_none(), sample.integrators.len()),
        ("127.0.0.1", true, 1)
    );
    assert_eq!(HubFile::parse(&turned_on(false)).unwrap(), sample);
}

#[test]
fn the_sample_has_every_key_with_a_value_that_can_be_used() {
    let all = HubFile::parse(&turned_on(true)).unwrap();
    assert_eq!((all.fqdn.as_str(), all.tls.is_some()), ("hub.example", true));
    let integrator = &all.integrators[0];
    assert!(
        integrator.callback.as_ref().unwrap().basic_auth.is_some()
            && integrator.content.as_ref().unwrap().basic_auth.is_some()
    );
    assert!(integrator.group.is_some() && integrator.signature_secrets.len() == 1);

    let code = include_str!("../../examples/support/hub_config.rs");
    let names: Vec<&str> = code.split('"').skip(1).step_by(2).collect();
    let is_key = |name: &&&str| {
        name.contains('-') && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let keys: Vec<_> = names.iter().filter(is_key).collect();
    assert!(keys.len() > 30, "{keys:?}");
    for key in keys {
        assert!(SAMPLE.contains(&format!("{key} = ")), "{key} is not in the sample");
    }
}

#[test]
fn a_missing_setting_has_its_default() {
    let file = HubFile::parse(LEAST).unwrap();
    assert_eq!(
        (file.listen.port(), file.fqdn.as_str(), file.integrators.len()),
        (0, "127.0.0.1", 0)
    );
    assert_eq!(file.public_url, "http://127.0.0.1:8080/hermod/rest/ms");
    let set = HubFile::parse(&format!(
        "{LEAST}[limits]\ncommand-bytes = 0x100\nlong-polls-per-mailbox = 2\nbody-seconds = 7\n"
    ))
    .unwrap();
    assert_eq!(
        (set.hub.command_bytes, set.hub.long_polls, set.server.device_long_polls),
        (256, 2, 2)
    );
    assert_eq!(
        set.server.body_bytes, set.hub.answer_bytes,
        "the server lets through what the hub takes"
    );
    assert_eq!(set.server.body_time, Duration::from_secs(7));
}

#[test]
fn limits_of_connections_follow_the_total_unless_they_are_given() {
    let limits = |lines: &str| {
        let file = HubFile::parse(&format!("{LEAST}[connections]\n{lines}")).unwrap();
        let limits = file.connections;
        (limits.total, limits.per_address, limits.half_open, limits.idle)
    };
    assert_eq!(limits(""), (1024, 256, 512, 512));
    assert_eq!(limits("max = 100"), (100, 25, 50, 50));
    assert_eq!(limits("max = 1"), (1, 1, 1, 1));
    let given = "max = 100\nmax-per-address = 3\nmax-half-open = 4\nmax-idle = 100";
    assert_eq!(limits(given), (100, 3, 4, 100));
    let more = format!("{LEAST}[connections]\nmax = 100\nmax-idle = 101\n");
    assert_eq!(
        faults(&more),
        ["line 5: connections.max-idle: not a whole number from 1 to 100 that fits"]
    );
}

#[test]
fn proxies_are_named_with_one_header_and_their_networks() {
    let proxies = |lines: &str| format!("{LEAST}[proxies]\n{lines}\n");
    let read = |lines: &str| HubFile::parse(&proxies(lines)).unwrap().proxies;
    let networks = ["10.0.0.0/8", "2001:db8::1"];
    let addresses = r#"addresses = ["10.0.0.0/8", "2001:db8::1"]"#;
    assert_eq!(HubFile::parse(LEAST).unwrap().proxies, Proxies::none());
    assert_eq!(read(addresses), Proxies::forwarded(networks).unwrap());
    assert_eq!(
        read(&format!("header = \"x-forwarded-for\"\n{addresses}")),
        Proxies::x_forwarded_for(networks).unwrap()
    );
    for (lines, fault) in [
        ("", "line 3: proxies.addresses: absent or empty"),
        ("addresses = []", "line 3: proxies.addresses: absent or empty"),
        (
            r#"addresses = ["10.0.0.0/8", "10.0.0.0/33"]"#,
            "line 4: proxies.addresses[1]: neither an IP address nor a network, such as 10.0.0.0/8",
        ),
        (
            "header = \"Via\"\naddresses = [\"10.0.0.1\"]",
            "line 4: proxies.header: neither Forwarded nor X-Forwarded-For",
        ),
        ("addresses = [\"::1\"]\nx = 1", "line 5: proxies: an unknown key"),
    ] {
        assert_eq!(faults(&proxies(lines)), [fault]);
    }
}

#[test]
fn every_fault_is_told_with_its_line_and_its_key() {
    let text = r#"listen = "localhost:80"
public-url = "https://hub.example/hermod"
fqdn = ""
surprise = 1

[tls]
certificate = "a.pem"

[limits]
outbox = 0
destinations = 1025
commands-kept = 4_294_967_296
integrator-rate = [1]
body-seconds = "30"

[callbacks]
first-delay-seconds = 60
max-delay-seconds = 30

[[integrators]]
client-id = "a:b"
key-digests = []
callback-basic-auth = "hub:secret"

[[integrators]]
key-digests = ["00", 1, 2]
callback-url = "http://10.0.0.1/"
callback-signature-secret = "short"
allow-plain-http-callbacks = 1
allow-callback-hosts = [""]
content-provider-url = "https://user@host/"
"#;
    let expected = [
        "line 1: listen: not an IP address with a port",
        "line 2: public-url: does not end in /ms",
        "line 3: fqdn: not a host name",
        "line 4: an unknown key",
        "line 6: tls.key: absent",
        "line 10: limits.outbox: not a whole number from 1 on that fits",
        "line 11: limits.destinations: not a whole number from 1 to 1024 that fits",
        "line 12: limits.commands-kept: not a whole number",
        "line 13: limits.integrator-rate: not two numbers",
        "line 14: limits.body-seconds: not a whole number from 1 to 86400",
        "line 16: callbacks: max-delay-seconds is less than first-delay-seconds",
        "line 21: integrators[0].client-id: empty, or with a colon",
        "line 22: integrators[0].key-digests: needs one digest, or two",
        "line 23: integrators[0].callback-basic-auth: needs callback-url",
        "line 25: integrators[1].client-id: absent",
        "line 26: integrators[1].key-digests: needs one digest, or two",
        "line 26: integrators[1].key-digests[0]: not 64 hexadecimal digits",
        "line 26: integrators[1].key-digests[1]: not 64 hexadecimal digits",
        "line 26: integrators[1].key-digests[2]: not 64 hexadecimal digits",
        "line 27: integrators[1].callback-url: not https, or internal",
        "line 28: integrators[1].callback-signature-secret: does not begin with whsec_",
        "line 29: integrators[1].allow-plain-http-callbacks: neither true nor false",
        "line 30: integrators[1].allow-callback-hosts[0]: not a host",
        "line 31: integrators[1].content-provider-url: no host, or a user before it",
    ];
    let told = faults(text);
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}, not {expected}");
    }
}

#[test]
fn a_text_that_is_no_toml_is_told_with_its_line_and_not_repeated() {
    for (text, line) in [
        ("listen = \"s3cr3t", 1),
        ("listen = 's3cr3t'\nlisten = 's3cr3t'", 2),
        ("a = 1\n\n= s3cr3t", 3),
        ("[tls]\n[tls]\ns3cr3t = 1", 2),
        ("\u{0}s3cr3t", 1),
    ] {
        let told = faults(text);
        assert!(
            told[0].starts_with(&format!("line {line}: not TOML"))
                && !told.concat().contains("s3cr3t"),
            "{told:?}"
        );
    }
    assert_eq!(faults(&"#".repeat(MAX_TEXT + 1)), ["line 1: more than 1 MiB"]);
}

#[test]
fn a_client_id_stands_once() {
    let twice = format!(
        "{}\n[[integrators]]\nclient-id = \"a\"\nkey-digests = [\"{DIGEST}\"]\n",
        integrator("")
    );
    assert_eq!(faults(&twice), ["line 9: integrators[1]: another integrator has this client-id"]);
}

#[test]
fn callbacks_go_to_https_outside_unless_a_switch_says_otherwise() {
    let url = |lines: &str| HubFile::parse(&integrator(lines)).is_ok();
    assert!(url(r#"callback-url = "https://shop.example/hermod""#));
    assert!(!url(r#"callback-url = "http://shop.example/hermod""#));
    assert!(!url(r#"callback-url = "https://127.0.0.1/hermod""#));
    assert!(url(
        "callback-url = \"http://shop.example/hermod\"\nallow-plain-http-callbacks = true"
    ));
    assert!(!url(
        "callback-url = \"http://127.0.0.1:9/hermod\"\nallow-plain-http-callbacks = true"
    ));
    assert!(url(
        "callback-url = \"http://127.0.0.1:9/hermod\"\nallow-plain-http-callbacks = true\nallow-callback-hosts = [\"127.0.0.1\"]"
    ));
}

#[test]
fn no_secret_is_shown() {
    let lines = "callback-url = \"https://shop.example/\"\ncallback-basic-auth = \"hub:s3cr3t-0\"\n\
        callback-signature-secret = \"whsec_czNjcjN0LTEtczNjcjN0LTEtczNjcjN0LTE=\"\ncontent-provider-url = \"https://c.example/\"\n\
        content-provider-basic-auth = \"hub:s3cr3t-2\"";
    let shown = format!("{:?}", HubFile::parse(&integrator(lines)).unwrap());
    assert!(!shown.contains("s3cr3t") && !shown.contains(&DIGEST[..16]), "{shown}");
}
