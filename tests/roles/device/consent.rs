//! Questions to the user: they show subject and extensions of each template, and no outside text
//! can imitate another part.

use base64_simd::STANDARD;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::csr::Template;
use keyferry::hermod::device::Action;
use keyferry::hermod::model::{
    CommandBody, DataFormat, DeviceInfo, Item, PingCommand, Response, SignCommand, SignMechanism,
    SignParams,
};
use serde_json::Value;

use crate::device::support::{P256, World, key, one_key, provision};
use crate::support::der;

const EXTENSION_REQUEST: &[u8] =
    &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
const MICROSOFT: &[u8] = &[0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0e];
const BASIC_CONSTRAINTS: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x13];
const KEY_USAGE: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x0f];
const ALT_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x11];
const EXT_KEY_USAGE: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x25];
const CA_TRUE: &[u8] = &[0x30, 0x03, 0x01, 0x01, 0xff];

fn extension(oid: &[u8], value: &[u8]) -> Vec<u8> {
    der(0x30, &[oid, &der(0x04, &[value])])
}

/// An attribute with a list of extensions.
fn requests(attribute: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let list: Vec<&[u8]> = extensions.iter().map(Vec::as_slice).collect();
    der(0x30, &[attribute, &der(0x31, &[&der(0x30, &list)])])
}

/// A template with these attributes, as base64.
fn with_attributes(attributes: &[Vec<u8>]) -> String {
    let template = Template::for_subject("CN=Jane,O=Acme", &AwsLcRs).unwrap();
    let whole = template.as_der();
    let body = |bytes: &[u8]| if bytes[1] < 0x80 { 2 } else { 2 + usize::from(bytes[1] & 0x7f) };
    let inner = &whole[body(whole)..];
    let info_end =
        if inner[1] < 0x80 { 2 + usize::from(inner[1]) } else { 3 + usize::from(inner[2]) };
    let info = &inner[body(inner)..info_end];
    let without = info.strip_suffix(&[0xa0, 0x00]).unwrap();
    let list: Vec<&[u8]> = attributes.iter().map(Vec::as_slice).collect();
    let info = der(0x30, &[without, &der(0xa0, &list)]);
    STANDARD.encode_to_string(der(0x30, &[&info, &inner[info_end..]]))
}

fn asking_for(attributes: &[Vec<u8>]) -> keyferry::hermod::model::Command {
    let mut request = key("signer", &[P256]);
    request.cert_req = Some(with_attributes(attributes).into());
    provision(vec![request])
}

#[test]
fn a_ca_template_is_refused_unless_the_policy_allows_it() {
    let bits = |first: u8| [0x03, 0x02, 0x00, first];
    let ca: Vec<(Vec<Vec<u8>>, &str)> = vec![
        (vec![requests(EXTENSION_REQUEST, &[extension(BASIC_CONSTRAINTS, CA_TRUE)])], "cA"),
        (vec![requests(MICROSOFT, &[extension(BASIC_CONSTRAINTS, CA_TRUE)])], "Microsoft's"),
        (vec![requests(EXTENSION_REQUEST, &[extension(KEY_USAGE, &bits(0x04))])], "keyCertSign"),
        (vec![requests(MICROSOFT, &[extension(KEY_USAGE, &bits(0x86))])], "among other bits"),
        (
            vec![
                requests(EXTENSION_REQUEST, &[extension(KEY_USAGE, &bits(0x80))]),
                requests(EXTENSION_REQUEST, &[extension(BASIC_CONSTRAINTS, CA_TRUE)]),
            ],
            "in a second attribute",
        ),
        (
            vec![requests(
                EXTENSION_REQUEST,
                &[der(0x30, &[BASIC_CONSTRAINTS, &[1, 1, 0xff], &der(4, &[CA_TRUE])])],
            )],
            "critical",
        ),
        (
            vec![requests(EXTENSION_REQUEST, &[extension(BASIC_CONSTRAINTS, &[0x30, 3, 1, 1, 1])])],
            "a TRUE that is not DER",
        ),
        (
            vec![requests(EXTENSION_REQUEST, &[extension(BASIC_CONSTRAINTS, &[0x05, 0x00])])],
            "unreadable constraints",
        ),
        (
            vec![der(0x30, &[EXTENSION_REQUEST, &der(0x31, &[&[0x05, 0x00]])])],
            "unreadable extensions",
        ),
    ];
    for (attributes, why) in &ca {
        let mut world = World::new();
        assert_eq!(world.code_of(asking_for(attributes)), 8, "{why}");
        assert!(world.asked.lock().unwrap().is_empty() && world.profiles().is_empty());
        world.policy = world.policy.clone().danger_allow_ca_requests();
        assert_eq!(world.code_of(asking_for(attributes)), 0, "{why}");
        let question = world.asked.lock().unwrap()[0].to_string();
        assert!(question.contains("WARNING"), "{question}");
    }
    for (attributes, why) in [
        (vec![], "nothing"),
        (vec![requests(EXTENSION_REQUEST, &[extension(BASIC_CONSTRAINTS, &[0x30, 0])])], "no CA"),
        (vec![requests(MICROSOFT, &[extension(KEY_USAGE, &bits(0xc0))])], "signatures"),
    ] {
        assert_eq!(World::new().code_of(asking_for(&attributes)), 0, "{why}");
    }
}

#[test]
fn the_question_shows_subject_and_extensions_of_each_template() {
    let world = World::new();
    let names = der(0x30, &[&der(0x82, &[b"vpn.acme.example"]), &der(0x87, &[&[10, 0, 0, 1]])]);
    let purposes = der(0x30, &[&[0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2]]);
    let attributes = [requests(
        EXTENSION_REQUEST,
        &[
            extension(ALT_NAME, &names),
            extension(EXT_KEY_USAGE, &purposes),
            extension(KEY_USAGE, &[0x03, 0x02, 0x05, 0xa0]),
            extension(&[0x06, 0x03, 0x2a, 0x03, 0x04], &[0xca, 0xfe]),
        ],
    )];
    assert_eq!(world.code_of(asking_for(&attributes)), 0);
    let question = world.asked.lock().unwrap().remove(0);
    let requested = question.keys[0].request.clone().unwrap();
    let shown: Vec<(String, &str)> =
        requested.extensions.iter().map(|one| (one.to_string(), one.value.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("subjectAltName (2.5.29.17)".into(), "DNS vpn.acme.example, IP 10.0.0.1"),
            ("extKeyUsage (2.5.29.37)".into(), "clientAuth (1.3.6.1.5.5.7.3.2)"),
            ("keyUsage (2.5.29.15)".into(), "digitalSignature, keyEncipherment"),
            ("1.2.3.4".into(), "cafe"),
        ]
    );
    // A long value continues on the next line behind a repeated label.
    let text = question.to_string().replace("\n       extension | 0.0.1", "0.0.1");
    for part in ["CN=Jane,O=Acme", "vpn.acme.example", "10.0.0.1", "clientAuth", "1.2.3.4: cafe"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn no_command_text_imitates_another_block_of_a_question() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    world.asked.lock().unwrap().clear();
    let evil =
        "x\nEnd of what will be SIGNED.\r\n        SIGNED | pay 1\n\u{1b}[2J\u{202e}\u{2028}y";
    let item = |key: &str, text: &str| {
        let mut item = Item::base64(key, "text/plain", STANDARD.encode_to_string(text));
        item.description = Some(evil.into());
        item
    };
    let mut params = SignParams::new(
        vec![item("tbs", "pay 1000")],
        DataFormat::JWS,
        SignMechanism::from("CKM_ECDSA_SHA256"),
    );
    let padded = format!("{}{evil}", "This is what will be SIGNED, 5 bytes: ".repeat(20));
    params.description = Some(vec![item(evil, evil), item("requester", &padded)]);
    let Response::Sign(response) = world.response_of(&profile, SignCommand::new(params)) else {
        panic!()
    };
    assert_eq!(response.code, 0);
    let question = world.asked.lock().unwrap().remove(0);
    assert!(matches!(question.action, Action::Sign(_)));
    let text = question.to_string();
    assert!(!text.contains(['\u{1b}', '\r', '\u{202e}', '\u{2028}']), "{text}");
    let mut in_block = false;
    let (mut blocks, mut signed) = (0, Vec::new());
    for line in text.lines() {
        assert!(line.chars().count() < 80, "a terminal would wrap {line}");
        match line {
            _ if line.starts_with("This is what will be SIGNED") => {
                assert!(!std::mem::replace(&mut in_block, true));
                blocks += 1;
            }
            "End of what will be SIGNED." => assert!(std::mem::take(&mut in_block)),
            _ => {
                if let Some((label, value)) = line.split_once(" | ") {
                    assert_eq!(label.len(), 16, "{line}");
                    if label.trim() == "SIGNED" {
                        assert!(in_block, "{line}");
                        signed.push(value);
                    }
                }
            }
        }
    }
    assert_eq!((blocks, &signed[..], in_block), (1, &["pay 1000"][..], false), "{text}");
}

#[test]
fn a_usage_that_is_not_known_is_unsupported() {
    for (usage, code) in [("SIG", 0), ("sig", 0), ("AUTH", 0), ("ENC", 0), ("WRAP", 4), ("", 4)] {
        let world = World::new();
        let mut request = key("signer", &[P256]);
        request.usage = usage.into();
        assert_eq!(world.code_of(provision(vec![request])), code, "{usage}");
        assert_eq!(world.asked.lock().unwrap().is_empty(), code != 0, "{usage}");
    }
}

#[test]
fn a_device_always_tells_operating_system_name_and_model() {
    let world = World::new();
    let command = one_key();
    let (link, bid) = world.hub.post(command);
    world.activate(&link).unwrap();
    let answer: Value = serde_json::from_str(&world.hub.answer_in(&bid).unwrap()).unwrap();
    let jws = answer["provResponse"]["result"]["data"].as_str().unwrap();
    let payload = jws.split('.').nth(1).unwrap();
    let payload: Value =
        serde_json::from_slice(&base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap())
            .unwrap();
    let profile = world.profiles().remove(0);
    let Response::Ping(pong) =
        world.response_of(&profile, CommandBody::Ping(PingCommand::new(true)))
    else {
        panic!()
    };
    let told: Value = serde_json::to_value(pong.device_info.unwrap()).unwrap();
    for info in [&payload["deviceinfo"], &told] {
        assert_eq!(info["operatingsystem"], "Linux");
        for member in ["name", "model"] {
            assert!(info[member].as_str().is_some_and(|text| !text.is_empty()), "{info}");
        }
    }
    let mut info = DeviceInfo::new("");
    info.name = Some("Jane\u{2019}s phone".into());
    let info = info.completed();
    assert_eq!(
        (info.operating_system.as_str(), info.name.as_deref(), info.model.as_deref()),
        ("unknown", Some("Jane\u{2019}s phone"), Some("unknown"))
    );
}
