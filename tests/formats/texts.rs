//! JSON, addresses and links that two readers could understand in two ways.

use keyferry::Class;
use keyferry::hermod::device::DevicePolicy;
use keyferry::hermod::model::{Activation, Command};
use keyferry::jose::{Header, Jwk};

fn header(member: &str) -> Result<Header, keyferry::Error> {
    Header::from_json(&format!(r#"{{"alg":"ES256",{member}}}"#))
}

/// What is kept is handed on to other readers, which make other things of it, or refuse the whole.
#[test]
fn a_lone_surrogate_is_refused_everywhere() {
    for half in [
        r"\ud800",
        r"\udc00",
        r"\ud800\ud800",
        r"\udc00\ud800",
        r"\uD83D\n",
        r"\ud83d\\ude00",
        r"\ud83dude00x",
    ] {
        for member in [
            format!(r#""kid":"{half}""#),
            format!(r#""x":"{half}""#),
            format!(r#""x":["",{{"y":"{half}"}}]"#),
            format!(r#""x":{{"{half}":0}}"#),
            format!(r#""{half}":0"#),
        ] {
            assert_eq!(header(&member).unwrap_err().class(), Class::Malformed, "{member}");
        }
    }
    for whole in [
        r"\ud83d\ude00",
        r#"\uD83D\uDE00\"\\\/\b\u0000"#,
        r"\\ud800",
        r"\\\\udc00",
        r"\ud7ff\ue000",
    ] {
        for member in [
            format!(r#""kid":"{whole}""#),
            format!(r#""x":"{whole}""#),
            format!(r#""x":[{{"{whole}":"{whole}"}}]"#),
        ] {
            header(&member).unwrap();
        }
    }
}

#[test]
fn a_name_is_the_same_name_in_every_spelling() {
    for member in [
        r#""\u0061lg":"ES256""#,
        r#""x":{"a":0,"\u0061":0}"#,
        r#""x":[[{"":0},{"\"":1,"\u0022":1}]]"#,
        r#""x":{"a":{"b":","},"c":":","\u0063":0}"#,
        r#""x":{"\ud83d\ude00":0,"😀":0}"#,
    ] {
        assert_eq!(header(member).unwrap_err().class(), Class::Malformed, "{member}");
    }
    for member in [
        r#""x":{"a":{"a":["a","a"]},"b":"a","A":0}"#,
        r#""x":[{"a":0},{"a":0}]"#,
        r#""x":{"a":"\",\"a\":0"}"#,
        r#""x":[{},[],"",{"a":[]}]"#,
    ] {
        header(member).unwrap();
    }
}

#[test]
fn a_text_includes_its_first_and_its_last_byte() {
    let key = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    Jwk::from_json(key).unwrap();
    for text in [
        format!("\u{feff}\u{feff}{key}"),
        format!("{key}\u{feff}"),
        format!("{key}\0"),
        format!("{key}{key}"),
        format!("{key},"),
        format!("\u{a0}{key}"),
    ] {
        assert_eq!(Jwk::from_json(&text).unwrap_err().class(), Class::Malformed);
    }
    for number in [
        "1e-2",
        "60.5",
        "-60",
        "+60",
        "0x3c",
        "1e999",
        "18446744073709551616",
        "\"6 0\"",
        "\"+60\"",
        "\"\u{0666}\u{0660}\"",
    ] {
        let text = format!(
            r#"{{"commandHeader":{{"lifespan":{number},"timeout":60}},"pingCommand":{{}}}}"#
        );
        assert_eq!(Command::from_json(&text).unwrap_err().class(), Class::Malformed, "{number}");
    }
}

/// Servlet containers take what follows a semicolon out of a segment before they look at its dots.
#[test]
fn no_segment_of_an_address_leads_out_of_the_base() {
    let policy = DevicePolicy::new().with_hub("https://hub.example/hermod/rest/ms").unwrap();
    for address in [
        "https://hub.example/hermod/rest/ms/..;/admin",
        "https://hub.example/hermod/rest/ms/..;x=y/..;/admin",
        "https://hub.example/hermod/rest/ms/.;/b1",
        "https://hub.example/hermod/rest/ms/%2e./admin",
        "https://hub.example/hermod/rest/ms/%252e%252e/admin",
        "https://hub.example/hermod/rest/ms/..%5cadmin",
        "https://hub.example/hermod/rest/ms\\..\\admin",
        "https://hub.example:443@evil.example/hermod/rest/ms/b1",
        "https://hub.example%40evil.example/hermod/rest/ms/b1",
        "https://[fe80::1%25eth0]/hermod/rest/ms/b1",
        "https://hub.example:0443x/hermod/rest/ms/b1",
        "https://hub.example:65536/hermod/rest/ms/b1",
        "https://hub.example../hermod/rest/ms/b1",
        "https://hub\u{ff0e}example/hermod/rest/ms/b1",
        "https://hub.ex\u{430}mple/hermod/rest/ms/b1",
        "https:/hub.example/hermod/rest/ms/b1",
        "https:///hub.example/hermod/rest/ms/b1",
        "https://hub.example/hermod/rest/ms/b1\t",
        "https://hub.example/hermod/rest/ms/b1\0",
    ] {
        assert!(policy.check_address(address).is_err(), "{address}");
    }
    assert!(policy.check_address("https://hub.example/hermod/rest/ms/b1;v=1").is_ok());
}

#[test]
fn no_segment_of_a_link_leads_out_of_its_path() {
    for link in [
        "personal://hub.example/ms/..;/b1/m1",
        "personal://hub.example/ms/..%2fadmin/b1/m1",
        "personal://hub.example/ms/%2e%2e%2fadmin/b1/m1",
        "personal://hub.example/ms/..%5Cadmin/b1/m1",
        "personal://hub.example/ms/%252e%252e/b1/m1",
        "personal://hub.example/ms/b1/..;",
        "personal://hub.example%2f@evil.example/ms/b1/m1",
        "com.nexusgroup.plugout:///?url=https%3a%2f%2fhub.example%2fms%2fb1&u%72l=https%3a%2f%2fevil.example%2fms%2fb1&token=t",
        "com.nexusgroup.plugout:///?url=https%3a%2f%2fhub.example%2fms%2fb1&token=%ed%a0%80",
    ] {
        assert!(Activation::parse(link).is_err(), "{link}");
    }
}
