//! The models of the Hermod protocol: what is read, what is written, what is refused, what is not
//! shown.

use keyferry::hermod::Dialect;
use keyferry::hermod::model::*;
use keyferry::{Class, Error, Secret};
use serde_json::{Value, json};

mod activation;
mod examples;
mod secrets;

const PROVISION: &str = include_str!("../fixtures/hermod/provision-command.json");

/// The same JSON value. Numbers are compared apart: `Value` rewrites them.
fn same(left: &str, right: &str) {
    let [left, right] = [left, right].map(|text| serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(left, right);
}

fn provision_with(change: impl FnOnce(&mut Value)) -> String {
    let mut command: Value = serde_json::from_str(PROVISION).unwrap();
    change(&mut command);
    command.to_string()
}

fn key(command: &mut Value) -> &mut Value {
    &mut command["provCommand"]["profile"]["keygenrequests"][0]
}

fn rename(object: &mut Value, from: &str, to: &str) {
    let value = object.as_object_mut().unwrap().remove(from).unwrap();
    object[to] = value;
}

fn provision(text: &str) -> Result<ProvisionCommand, Error> {
    match Command::from_json(text)?.body {
        CommandBody::Provision(command) => Ok(command),
        other => panic!("{other:?}"),
    }
}

fn refusal<T: std::fmt::Debug>(read: Result<T, Error>) -> (Class, String, String) {
    let error = read.unwrap_err();
    (error.class(), error.part().to_owned(), error.detail().to_owned())
}

#[test]
fn reads_whole_numbers_in_every_notation_of_json() {
    let text = include_str!("../fixtures/field/11_whole_number_as_float.json");
    let command = Command::from_json(text).unwrap();
    assert_eq!((command.header.lifespan, command.header.timeout), (60, 60));
    assert_eq!(
        command.to_json(),
        r#"{"commandHeader":{"lifespan":60,"timeout":60},"pingCommand":{}}"#
    );

    let lifespan = |number: &str| {
        Command::from_json(&text.replace("60.0", number)).map(|command| command.header.lifespan)
    };
    for number in ["60", "60.000", "6E1", "0.6e+2", "600e-1", "\"60\""] {
        assert_eq!(lifespan(number), Ok(60), "{number}");
    }
    assert_eq!(lifespan("9007199254740993.0"), Ok(9_007_199_254_740_993));
    for number in ["60.5", "6e-1", "-60", "1e400", "1e999999999999999999", "true", "\"60.0\""] {
        let (class, part, _) = refusal(lifespan(number));
        assert_eq!((class, &*part), (Class::Malformed, "commandHeader.lifespan"), "{number}");
    }

    let callback = |status: &str, code: &str, id: &str| {
        Callback::from_json(&format!(
            r#"{{"responseHeader":{{"inReplyTo":"l","status":{status}}},"pingResponse":{{"code":{code}}},
            "commandId":{id},"destinations":[],"commandType":"PING","state":"COMPLETED"}}"#
        ))
    };
    let read = callback("2e2", "-1.0", "688.0").unwrap();
    assert_eq!(read.response_header.as_ref().unwrap().status, 200);
    assert_eq!(read.response.as_ref().unwrap().code(), Some(-1));
    assert_eq!(read.command_id, "688");
    let exact = callback("200", "0", "9007199254740993.0").unwrap();
    assert_eq!(exact.command_id, "9007199254740993");
    assert_eq!(callback("200", "0", "\"688.0\"").unwrap().command_id, "688.0");
    for (status, code, id, part) in [
        ("200.5", "0", "1", "responseHeader.status"),
        ("\"200\"", "0", "1", "responseHeader.status"),
        ("200", "1e-1", "1", "pingResponse.code"),
        ("200", "\"0\"", "1", "pingResponse.code"),
        ("200", "0", "1.5", "commandId"),
        ("200", "0", "-1", "commandId"),
        ("200", "0", "1e400", "commandId"),
    ] {
        assert_eq!(refusal(callback(status, code, id)).1, part);
    }

    let bits = |length: Value| {
        let text = provision_with(|command| {
            key(command)["keytypeprios"][0]["keylength"] = length;
        });
        provision(&text).unwrap().profile.key_gen_requests[0].key_type_prios[0].key_length.bits()
    };
    assert_eq!(bits(json!("2048")), Some(2048));
    assert_eq!(bits(json!(2048)), Some(2048));
    assert_eq!(bits(json!(2048.0)), Some(2048));
}

#[test]
fn text_for_a_number_or_flag_is_read_only_where_documented() {
    let ping = |text: &str| PingCommand::from_json(text).map(|ping| ping.wants_device_info());
    assert_eq!(ping(r#"{"deviceinfo":"true"}"#), Ok(true));
    assert_eq!(ping(r#"{"deviceinfo":true}"#), Ok(true));
    let delete = |flag: &str| DeleteCommand::from_json(&format!(r#"{{"confirmation":{flag}}}"#));
    assert_eq!(delete("true").unwrap().confirmation, Some(true));
    assert_eq!(refusal(delete("\"true\"")).1, "confirmation");
    let item = |flag: &str| {
        SignCommand::from_json(&format!(
            r#"{{"params":{{"tbs":[{{"key":"tbs","data":"AA==","visible":{flag}}}],"format":"jws","mechanism":"m"}}}}"#
        ))
        .map(|command| command.params)
    };
    assert_eq!(item("true").unwrap().tbs[0].visible, Some(true));
    assert_eq!(refusal(item("\"true\"")).1, "params.tbs[0].visible");
}

#[test]
fn reads_a_document_that_begins_with_a_byte_order_mark() {
    let command = Command::from_json(PROVISION).unwrap();
    assert_eq!(Command::from_json(&format!("\u{feff}{PROVISION}")), Ok(command));
    assert!(Command::from_json(&format!("\u{feff}\u{feff}{PROVISION}")).is_err());
    assert!(Command::from_json(&format!(" \u{feff}{PROVISION}")).is_err());
    let error = Command::from_json("\u{feff}x").unwrap_err();
    assert_eq!((error.class(), error.offset()), (Class::Malformed, Some(3)));
}

#[test]
fn every_real_listing_reads_and_is_written_as_the_same_value() {
    let mut read = 0;
    for entry in
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/hermod")).unwrap()
    {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let (written, again) = if name.ends_with("-command.json") {
            let command = Command::from_json(&text).unwrap();
            (
                command.to_json(),
                serde_json::to_string(&serde_json::from_str::<Command>(&text).unwrap()).unwrap(),
            )
        } else if name.ends_with("-callback.json") {
            let callback = Callback::from_json(&text).unwrap();
            (
                callback.to_json(),
                serde_json::to_string(&serde_json::from_str::<Callback>(&text).unwrap()).unwrap(),
            )
        } else {
            continue;
        };
        same(&text, &written);
        assert_eq!(written, again, "by serde and by the dialect");
        read += 1;
    }
    assert!(read >= 4);
}

#[test]
fn the_real_provision_command_is_read_correctly() {
    let command = Command::from_json(PROVISION).unwrap();
    assert_eq!(
        (command.header.lifespan, command.header.timeout, command.header.external_id.as_deref()),
        (300, 300, Some("my-id"))
    );
    assert_eq!(command.header.recipients(), [Address::Tmp]);
    assert_eq!(command.body.kind(), Some(CommandKind::Provision));
    let command = provision(PROVISION).unwrap();
    assert_eq!((&*command.nonce, &*command.user_id), ("123456789", "userA"));
    assert_eq!(
        (command.response_signature_key, command.response_format),
        (SignatureKey::ATTESTATION, DataFormat::JWS)
    );
    let key = &command.profile.key_gen_requests[0];
    assert_eq!(
        (&*key.key_id, &key.usage, &key.key_state, &*key.storage_prios),
        ("signer", &KeyUsage::SIG, &KeyState::ACTIVE, &[Storage::APP][..])
    );
    let prio = &key.key_type_prios[0];
    assert_eq!(
        (&prio.key_type, prio.key_length.bits(), &prio.response_mechanism),
        (&KeyType::RSA, Some(2048), &ResponseMechanism::RS256)
    );
    assert!(key.template().unwrap().starts_with("MIIC2zCC"));
}

#[test]
fn reads_both_spellings_of_the_lists_and_writes_the_later_one() {
    for (documented, old) in [
        ("keytypeprios", "keytypepriors"),
        ("storageprios", "storagepriors"),
        ("keystate", "key_state"),
    ] {
        let text = provision_with(|command| rename(key(command), documented, old));
        assert_eq!(provision(&text), provision(PROVISION), "{old}");
        same(&Command::from_json(&text).unwrap().to_json(), PROVISION);
    }
}

#[test]
fn two_spellings_have_to_say_the_same() {
    for (documented, old, other) in [
        ("keytypeprios", "keytypepriors", json!([])),
        ("storageprios", "storagepriors", json!(["TPM"])),
    ] {
        let equal = provision_with(|command| key(command)[old] = key(command)[documented].clone());
        same(&Command::from_json(&equal).unwrap().to_json(), PROVISION);
        let different = provision_with(|command| key(command)[old] = other);
        let (class, part, _) = refusal(provision(&different));
        assert_eq!(
            (class, part),
            (Class::Malformed, format!("provCommand.profile.keygenrequests[0].{documented}"))
        );
    }
    let users = r#"{"client-id":"a","clientId":"b","key":"k","callback-url":"u"}"#;
    assert_eq!(refusal(ApiUser::from_json(users)).1, "client-id");
}

#[test]
fn numbers_and_texts_are_interchangeable_where_services_mix_them() {
    let text = provision_with(|command| {
        key(command)["keytypeprios"][0]["keylength"] = json!(2048);
        command["commandHeader"]["lifespan"] = json!("300");
        command["commandHeader"]["timeout"] = json!("300");
    });
    same(&Command::from_json(&text).unwrap().to_json(), PROVISION);

    let submitted = r#"{"commandId":18446744073709551615,"destinations":[],"commandType":"PROV","state":"IN_PROGRESS"}"#;
    assert_eq!(Submitted::from_json(submitted).unwrap().command_id, "18446744073709551615");
    for (text, asked) in [
        ("true", true),
        ("\"true\"", true),
        ("false", false),
        ("\"false\"", false),
        ("null", false),
    ] {
        let ping = PingCommand::from_json(&format!(r#"{{"deviceinfo":{text}}}"#)).unwrap();
        assert_eq!(ping.wants_device_info(), asked, "{text}");
    }
    assert_eq!(
        PingCommand::from_json(r#"{"deviceinfo":true}"#).unwrap().to_json(),
        r#"{"deviceinfo":"true"}"#
    );
}

#[test]
fn an_empty_template_means_none_and_stays_empty() {
    let text = provision_with(|command| key(command)["certreq"] = json!(""));
    let command = provision(&text).unwrap();
    assert_eq!(command.profile.key_gen_requests[0].template(), None);
    same(&Command::from_json(&text).unwrap().to_json(), &text);
    let text =
        provision_with(|command| drop(key(command).as_object_mut().unwrap().remove("certreq")));
    assert_eq!(provision(&text).unwrap().profile.key_gen_requests[0].template(), None);
    same(&Command::from_json(&text).unwrap().to_json(), &text);
}

#[test]
fn members_that_only_some_versions_have_are_optional() {
    let text = provision_with(|command| {
        drop(command["commandHeader"].as_object_mut().unwrap().remove("externalId"))
    });
    assert_eq!(Command::from_json(&text).unwrap().header.external_id, None);
    same(&Command::from_json(&text).unwrap().to_json(), &text);
    let response = r#"{"code":0,"deviceinfo":{"operatingsystem":"iOS (10.3.2)","name":"N’s iPhone","model":"iPhone","apndevicetoken":"00ff"}}"#;
    same(&PingResponse::from_json(response).unwrap().to_json(), response);
    let old =
        PingResponse::from_json(r#"{"code":0,"deviceinfo":{"operatingsystem":"iOS"}}"#).unwrap();
    assert_eq!(old.device_info.unwrap().apn_device_token, None);
}

#[test]
fn slashes_may_be_escaped() {
    let escaped = include_str!("../fixtures/hermod/provision-callback.json").replace('/', "\\/");
    same(&Callback::from_json(&escaped).unwrap().to_json(), &escaped);
    let callback = Callback::from_json(&escaped).unwrap();
    assert!(callback.response_header.unwrap().in_reply_to.starts_with("https://ext-cod1"));
}

#[test]
fn states_and_usages_ignore_case_and_stay_as_received() {
    let text = provision_with(|command| {
        key(command)["keystate"] = json!("active");
        key(command)["usage"] = json!("sig");
    });
    let command = provision(&text).unwrap();
    let key = &command.profile.key_gen_requests[0];
    assert!(key.key_state.same_as(&KeyState::ACTIVE) && key.key_state != KeyState::ACTIVE);
    assert!(key.usage.same_as(&KeyUsage::SIG));
    same(&Command::from_json(&text).unwrap().to_json(), &text);
}

#[test]
fn unknown_members_words_and_numbers_survive_as_they_came() {
    let kept = r#"{"a":[1.50,1e400,-0.0,123456789012345678901234567890],"b":null}"#;
    let text = format!(
        r#"{{"commandHeader":{{"lifespan":1,"timeout":2,"priority":1.50}},"trace":{kept},
            "authCommand":{{"params":{{"tbs":[],"format":"xmldsig","mechanism":"CKM_NEW","n":1e400,
            "filter":{{"op":"near","param":"key.age","value":{kept},"more":7.0}}}}}}}}"#
    );
    let command = Command::from_json(&text).unwrap();
    let written = command.to_json();
    assert_eq!(Command::from_json(&written).unwrap(), command);
    assert_eq!(written.matches(kept).count(), 2);
    for part in [
        r#""priority":1.50"#,
        r#""n":1e400"#,
        r#""more":7.0"#,
        r#""format":"xmldsig""#,
        r#""op":"near""#,
        r#""mechanism":"CKM_NEW""#,
    ] {
        assert!(written.contains(part), "{part}");
    }
    let callback = include_str!("../fixtures/hermod/certificate-callback.json")
        .replace("COMPLETED", "ON_HOLD")
        .replace("CERT\"", "SCAN\"");
    let read = Callback::from_json(&callback).unwrap();
    assert_eq!(
        (
            Dialect::default().progress(&read.state),
            Dialect::default().kind_of_type(&read.command_type)
        ),
        (Progress::Unknown, None)
    );
    same(&read.to_json(), &callback);
}

#[test]
fn unknown_commands_and_responses_are_kept() {
    let text =
        r#"{"commandHeader":{"lifespan":1,"timeout":1},"otpCommand":{"digits":6.0},"note":1}"#;
    let command = Command::from_json(text).unwrap();
    let CommandBody::Other { member, value } = &command.body else { panic!() };
    assert_eq!(
        (&**member, value.as_json(), command.body.kind()),
        ("otpCommand", r#"{"digits":6.0}"#, None)
    );
    assert_eq!(command.to_json(), text);
    let text = r#"{"otpResponse":[1e400],"commandId":"1","destinations":[],"commandType":"OTP","state":"COMPLETED"}"#;
    let callback = Callback::from_json(text).unwrap();
    assert_eq!(callback.response.as_ref().and_then(Response::code), None);
    assert_eq!(callback.to_json(), text);
}

#[test]
fn exactly_one_command_and_at_most_one_response() {
    let envelope =
        |bodies: &str| format!(r#"{{"commandHeader":{{"lifespan":1,"timeout":1}}{bodies}}}"#);
    let read = |bodies: &str| Command::from_json(&envelope(bodies));
    let (ping, delete) = (r#","pingCommand":{}"#, r#","deleteCommand":{}"#);
    assert!(read(ping).is_ok());
    assert!(read(&format!(r#"{ping},"provCommand":null,"otpCommand":null"#)).is_ok());
    for bodies in [
        format!("{ping}{delete}"),
        format!(r#"{ping},"otpCommand":{{}}"#),
        r#","otpCommand":1,"xCommand":1"#.to_owned(),
    ] {
        assert_eq!(
            refusal(read(&bodies)),
            (Class::Malformed, String::new(), "more than one command".into()),
            "{bodies}"
        );
    }
    assert_eq!(
        refusal(read(&format!("{ping}{ping}"))),
        (Class::Malformed, "pingCommand".into(), "given twice".into())
    );
    for bodies in ["", r#","pingCommand":null"#] {
        assert_eq!(refusal(read(bodies)).2, "no command");
    }
    let rest = r#""commandId":"1","destinations":[],"commandType":"PING","state":"COMPLETED"}"#;
    let two = format!(r#"{{"pingResponse":{{"code":0}},"certResponse":{{"code":0}},{rest}"#);
    assert_eq!(refusal(Callback::from_json(&two)).2, "more than one response");
    assert_eq!(Callback::from_json(&format!("{{{rest}")).unwrap().response, None);
}

#[test]
fn errors_name_class_member_and_place_without_the_input() {
    let text = provision_with(|command| key(command)["keyid"] = json!(["s3cret"]));
    let error = Command::from_json(&text).unwrap_err();
    assert_eq!(
        (error.class(), error.part()),
        (Class::Malformed, "provCommand.profile.keygenrequests[0].keyid")
    );
    let at = text.find("[\"s3cret\"]").unwrap();
    assert!(error.offset().is_some_and(|offset| offset.abs_diff(at) <= 1), "{error}");
    let absent = provision_with(|command| {
        drop(command["provCommand"].as_object_mut().unwrap().remove("userid"))
    });
    assert_eq!(refusal(Command::from_json(&absent)).1, "provCommand.userid");
    let twice = PROVISION.replacen("\"userid\"", "\"us\\u0065rid\": \"x\", \"userid\"", 1);
    assert_eq!(
        refusal(Command::from_json(&twice)),
        (Class::Malformed, "provCommand.userid".into(), "given twice".into())
    );
    for bad in
        ["0.5", "-1", "\"\"", "\" \"", "\"1 \"", "null", "[1]", "1e-3", "\"18446744073709551616\""]
    {
        let text =
            format!(r#"{{"commandHeader":{{"lifespan":{bad},"timeout":1}},"pingCommand":{{}}}}"#);
        assert_eq!(
            refusal(Command::from_json(&text)),
            (Class::Malformed, "commandHeader.lifespan".into(), "not a whole number".into()),
            "{bad}"
        );
    }
    let shown =
        serde_json::from_str::<Command>(r#"{"commandHeader":"s3cret"}"#).unwrap_err().to_string();
    assert!(!shown.contains("s3cret") && !error.to_string().contains("s3cret"), "{shown}");
    for text in ["", "{", "[]", "null", "{}x", "\u{feff}\u{feff}{}"] {
        assert_eq!(refusal(Command::from_json(text)).0, Class::Malformed, "{text}");
    }
}

#[test]
fn the_header_is_checked_by_the_hub_alone() {
    let read = |header: &str| CommandHeader::from_json(header).unwrap();
    for (header, part) in [
        (r#"{"lifespan":0,"timeout":1}"#, "commandHeader.lifespan"),
        (r#"{"lifespan":1,"timeout":2592001}"#, "commandHeader.timeout"),
        (r#"{"to":[],"lifespan":1,"timeout":1}"#, "commandHeader.to"),
    ] {
        let (class, at, _) = refusal(read(header).check());
        assert_eq!((class, &*at), (Class::Malformed, part));
    }
    read(r#"{"to":["@tmp","@a@b","box"],"lifespan":2592000,"timeout":"1"}"#).check().unwrap();
    assert_eq!(
        refusal(CommandHeader::from_json(r#"{"to":["a","@"],"lifespan":1,"timeout":1}"#)).1,
        "to[1]"
    );
}

#[test]
fn input_at_a_limit_is_accepted_and_above_it_refused() {
    let keys = |count: usize| {
        provision_with(|command| {
            command["provCommand"]["profile"]["keygenrequests"] =
                vec![key(command).clone(); count].into()
        })
    };
    assert_eq!(provision(&keys(16)).unwrap().profile.key_gen_requests.len(), 16);
    assert_eq!(refusal(provision(&keys(17))).0, Class::TooLarge);

    let certificates = |count: usize| {
        let mut command: Value =
            serde_json::from_str(include_str!("../fixtures/hermod/certificate-command.json"))
                .unwrap();
        command["certCommand"]["certificates"] =
            vec![json!({"keyid": "k", "keystate": "ACTIVE", "data": "MII="}); count].into();
        Command::from_json(&command.to_string())
    };
    assert!(certificates(16).is_ok());
    assert_eq!(
        refusal(certificates(17)),
        (Class::TooLarge, "certCommand.certificates".into(), "too many elements".into())
    );

    let user = |length| {
        provision(&provision_with(|command| {
            command["provCommand"]["userid"] = "u".repeat(length).into()
        }))
    };
    assert!(user(64 * 1024).is_ok());
    assert_eq!(
        refusal(user(64 * 1024 + 1)),
        (Class::TooLarge, "provCommand.userid".into(), "a text that is too long".into())
    );
    let template = |length| {
        provision(&provision_with(|command| key(command)["certreq"] = "M".repeat(length).into()))
    };
    assert!(template(64 * 1024).is_ok());
    assert_eq!(refusal(template(64 * 1024 + 1)).0, Class::TooLarge);

    let jws = |length| {
        ProvisionResponse::from_json(&ProvisionResponse::success("e".repeat(length)).to_json())
    };
    assert!(jws(256 * 1024).is_ok());
    assert_eq!(refusal(jws(256 * 1024 + 1)).0, Class::TooLarge);
    let image = |length| {
        ContentAnswer::from_json(
            &ContentAnswer::new(vec![ContentItem::image(None, "image/jpeg", "/".repeat(length))])
                .to_json(),
        )
    };
    assert!(image(MAX_DATA).is_ok());
    assert_eq!(
        refusal(image(MAX_DATA + 1)),
        (Class::TooLarge, "data[0].data".into(), "a text that is too long".into())
    );

    let filter = |depth: usize| {
        let filter = (0..depth).fold(Filter::eq(FilterParam::KEY_TYPE, "RSA"), |inner, _| {
            Filter::combine("not".into(), vec![inner])
        });
        let mut params =
            SignParams::new(vec![], DataFormat::JWS, SignMechanism::CKM_SHA256_RSA_PKCS);
        params.filter = Some(filter);
        SignCommand::from_json(&SignCommand::new(params).to_json())
    };
    assert!(filter(14).is_ok());
    assert_eq!(refusal(filter(15)).2, "nested deeper than 32");
}

#[test]
fn another_dialect_has_other_words() {
    let mut dialect = Dialect::default();
    dialect.delete.command_member = "removeCommand".into();
    dialect.sign.response_member = "signatureResponse".into();
    dialect.timeout_state = "EXPIRED".into();
    let command = Command::new(CommandHeader::new(1, 1), DeleteCommand::new(None, true));
    let text = dialect.write_command(&command);
    assert!(text.contains("\"removeCommand\":"), "{text}");
    assert_eq!(dialect.read_command(&text).unwrap(), command);
    assert!(matches!(Command::from_json(&text).unwrap().body, CommandBody::Other { .. }));
    assert_eq!(
        refusal(dialect.read_command(&text.replace("true", "1"))).1,
        "removeCommand.confirmation"
    );
    let answer = Answer::new(
        "https://h/ms/b/m",
        Response::Sign(SignResponse::refusal(dialect.codes.no_key)),
    );
    assert_eq!(dialect.read_answer(&dialect.write_answer(&answer)).unwrap(), answer);
    assert_eq!(dialect.progress(&"EXPIRED".into()), Progress::TimedOut);
    assert_eq!(dialect.kind_of_path("delete"), Some(CommandKind::Delete));
    assert_eq!(dialect.kind_of_callback_path("startpinreset"), Some(CommandKind::StartPinReset));
}

#[test]
fn null_counts_as_absent_for_optional_members_only() {
    let text = r#"{"responseHeader":null,"provResponse":null,"commandId":"1","externalId":null,"destinations":[],"commandType":"PROV","state":"TIMEOUT","fqdn":null}"#;
    let callback = Callback::from_json(text).unwrap();
    assert_eq!(
        (callback.response, callback.response_header, callback.external_id, callback.fqdn),
        (None, None, None, None)
    );
    assert_eq!(refusal(Callback::from_json(&text.replace("\"1\"", "null"))).1, "commandId");
}

#[test]
fn secrets_are_the_same_after_writing_and_reading() {
    let reserved = ReservedBox::new("b", "https://h/ms/b", Secret::new("t\"\\/é"));
    assert_eq!(ReservedBox::from_json(&reserved.to_json()).unwrap().token.expose(), "t\"\\/é");
}
