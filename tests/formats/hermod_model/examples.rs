//! Made-up complete examples of what no listing shows.

use keyferry::hermod::model::*;
use serde_json::{Value, json};

use super::same;

/// Reads, writes the same value, and reads that again as the same.
macro_rules! round_trip {
    ($type:ty, $value:expr) => {{
        let text = Value::to_string(&$value);
        let read = <$type>::from_json(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        same(&text, &read.to_json());
        assert_eq!(<$type>::from_json(&read.to_json()).unwrap(), read);
        read
    }};
}

const PROFILE: &str = "3051e9f3-0e4d-436b-a512-2e18d8afe134";

fn command(member: &str, body: &Value) -> Value {
    json!({ "commandHeader": { "to": ["@userA"], "lifespan": 60, "timeout": 30, "externalId": "e" }, member: body })
}

fn callback(command_type: &str, member: &str, body: &Value) -> Value {
    json!({
        "responseHeader": { "inReplyTo": "https://h/ms/b/m", "status": 200 }, member: body, "commandId": "7", "externalId": "e",
        "destinations": [{ "to": "b", "bid": "b", "uri": "com.nexusgroup.plugout:///?url=u&token=t", "pid": PROFILE, "mid": "m", "location": "https://h/ms/b/m" }],
        "commandType": command_type, "state": "COMPLETED", "fqdn": "h"
    })
}

fn sign_body() -> Value {
    json!({ "params": {
        "description": [
            { "key": "requester", "description": "Requester", "content_type": "text/plain", "content_encoding": "base64", "data": "QWNtZQ==", "visible": true },
            { "key": "auth_image", "content_type": "application/hermod+content-id", "data": "AUTH:5f0c1d6e", "visible": true }
        ],
        "tbs": [{ "key": "tbs", "description": "Text", "content_type": "text/plain", "content_encoding": "base64", "data": "SGVsbG8=", "visible": false }],
        "filter": { "op": "and", "args": [
            { "op": "eq", "param": "key.type", "value": "RSA" },
            { "op": "in", "param": "key.usage", "value": ["SIG", "AUTH"] },
            { "op": "not", "args": [{ "op": "eq", "param": "key.state", "value": "INACTIVE" }] }
        ] },
        "format": "pkcs7", "mechanism": "CKM_SHA256_RSA_PKCS"
    } })
}

#[test]
fn sign_and_authenticate() {
    let read = round_trip!(Command, command("signCommand", &sign_body()));
    let CommandBody::Sign(sign) = &read.body else { panic!() };
    let filter = sign.params.filter.as_ref().unwrap();
    assert_eq!(filter.args.as_ref().unwrap()[0].value_text().as_deref(), Some("RSA"));
    assert_eq!(filter.args.as_ref().unwrap()[1].value_text(), None);
    assert_eq!(
        round_trip!(Command, command("authCommand", &sign_body())).body.kind(),
        Some(CommandKind::Authenticate)
    );
    let done = json!({ "code": 0, "result": { "contenttype": "pkcs7", "data": "MIIB" } });
    let read = round_trip!(Callback, callback("SIGN", "signResponse", &done));
    let Some(Response::Sign(response)) = &read.response else { panic!() };
    assert_eq!(response, &SignResponse::success(DataFormat::PKCS7, "MIIB"));
    let read = round_trip!(Callback, callback("AUTH", "authResponse", &json!({ "code": 1 })));
    assert_eq!(read.response.unwrap().code(), Some(1));
}

#[test]
fn ping() {
    round_trip!(Command, command("pingCommand", &json!({ "deviceinfo": "true" })));
    round_trip!(Command, command("pingCommand", &json!({ "params": { "deviceinfo": "false" } })));
    let body = json!({
        "code": 0, "deviceinfo": { "operatingsystem": "Windows 11", "name": "N’s PC", "model": "X", "apndevicetoken": "00ff", "appversion": "2.0" },
        "profile": { "id": PROFILE, "userid": "userA", "name": "N", "servername": "nexus", "boxurl": "https://h/ms/b", "signedkeys": ["a.b.c"] }
    });
    let read = round_trip!(Callback, callback("PING", "pingResponse", &body));
    let Some(Response::Ping(ping)) = &read.response else { panic!() };
    assert_eq!(ping.profile.as_ref().unwrap().user_id.as_deref(), Some("userA"));
}

#[test]
fn pin_reset() {
    let start = json!({ "smartcardid": "s", "profileid": PROFILE, "driver": { "Name": "yubi", "Type": "minidriver" }, "operation": "adminkeychange" });
    let read = round_trip!(Command, command("spinCommand", &start));
    let CommandBody::StartPinReset(start) = &read.body else { panic!() };
    assert_eq!(
        (start.operation(), start.driver.as_ref().unwrap().name.clone()),
        (PinOperation::ADMIN_KEY_CHANGE, Some(DriverName::YUBI))
    );
    round_trip!(
        Callback,
        callback(
            "SPIN",
            "spinResponse",
            &json!({ "code": 0, "nonce": "0011", "transportedkey": "MIIB" })
        )
    );
    let end = json!({ "encryptednonce": "ff", "smartcardid": "s", "profileid": PROFILE, "newadminkey": "0123" });
    let read = round_trip!(Command, command("epinCommand", &end));
    let CommandBody::EndPinReset(end) = &read.body else { panic!() };
    assert_eq!(end.new_admin_key.as_ref().unwrap().expose(), "0123");
    round_trip!(Callback, callback("EPIN", "epinResponse", &json!({ "code": 2 })));
}

#[test]
fn delete_and_desktop_certificates() {
    round_trip!(
        Command,
        command("deleteCommand", &json!({ "profileid": PROFILE, "confirmation": false }))
    );
    round_trip!(Callback, callback("DELETE", "deleteResponse", &json!({ "code": 5 })));
    let body = json!({
        "profileid": PROFILE, "smartcardid": "s", "desktopKeyProtectionLevel": "CONSENT",
        "certificates": [{ "keyid": "k", "keystate": "ACTIVE", "data": "MII=", "smartcardid": "s", "desktopKeyProtectionLevel": "NONE" }]
    });
    round_trip!(Command, command("certCommand", &body));
}

#[test]
fn provision_with_visual_data_for_an_existing_profile() {
    let body = json!({
        "nonce": "n", "userid": "john.doe@nexusgroup.com", "responsesignaturekey": "ATTESTATION", "responseformat": "jws",
        "profile": { "servername": "nexus", "name": "John Doe", "keygenrequests": [], "id": PROFILE, "visualData": {
            "contentId": "PROV:1",
            "profileCard": {
                "front": { "data": "/9j/", "dataType": "IMAGE", "key": "front", "textColor": "WHITE" },
                "back": { "data": "a.b.c", "dataType": "JOSE", "key": "back", "textColor": "CLEAR", "protection": "NONE" }
            }
        } }
    });
    let read = round_trip!(Command, command("provCommand", &body));
    let CommandBody::Provision(provision) = &read.body else { panic!() };
    let card = provision.profile.visual_data.as_ref().unwrap().profile_card.as_ref().unwrap();
    assert_eq!(card.front.as_ref().unwrap().text_color, Some(TextColor::WHITE));
}

#[test]
fn content_provider() {
    round_trip!(ContentRequest, json!({ "contentId": "PROV:1" }));
    let answer = round_trip!(
        ContentAnswer,
        json!({ "data": [
            { "content_encoding": "base64", "content_type": "image/jpeg", "key": "front", "data": "/9j/" },
            { "content_encoding": "text/plain", "content_type": "application/jose", "key": "back", "data": "a.b.c" }
        ] })
    );
    assert_eq!(answer.data[1].key, Some(CardSideKey::BACK));
}

#[test]
fn submitted_poll_and_timeout() {
    let submitted = json!({
        "commandId": "688", "externalId": "my-id", "commandType": "SIGN", "state": "IN_PROGRESS", "fqdn": "host.example",
        "destinations": [{ "to": "@tmp", "bid": "b", "uri": "com.nexusgroup.plugout:///?url=https%3a%2f%2fh%2Fms%2fb&token=t", "mid": "m", "location": "https://h/ms/b/m" }]
    });
    let read = round_trip!(Submitted, submitted);
    let Activation::Plugout(plugout) = read.destinations[0].activation().unwrap() else { panic!() };
    assert_eq!((&*plugout.url, plugout.bid()), ("https://h/ms/b", Some("b")));
    assert_eq!(Callback::from(read.clone()), round_trip!(Callback, submitted));
    let mut timeout = submitted;
    timeout["state"] = json!("TIMEOUT");
    assert_eq!(round_trip!(Callback, timeout).response, None);
    let completed = Callback::completed(
        read,
        ResponseHeader::new("https://h/ms/b/m"),
        Response::Sign(SignResponse::refusal(1)),
    );
    assert_eq!(
        (completed.state.as_str(), Callback::from_json(&completed.to_json()).unwrap() == completed),
        ("COMPLETED", true)
    );
}

#[test]
fn mailbox() {
    let (created, expires) = ("2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z");
    round_trip!(
        Listing,
        json!({ "messages": [{ "mid": "m", "location": "https://h/ms/b/m", "commandType": "PROV", "expires": expires }] })
    );
    round_trip!(Listing, json!({ "messages": [] }));
    let header = json!({ "mid": "m", "location": "https://h/ms/b/m", "commandType": "DELETE", "created": created, "expires": expires, "fqdn": "h" });
    let read = round_trip!(
        Message,
        json!({ "header": header, "deleteCommand": { "confirmation": true }, "trace": 1 })
    );
    let listed = ListedMessage::new("m", "https://h/ms/b/m", "DELETE".into(), expires);
    let mut command = Command::new(CommandHeader::new(300, 300), DeleteCommand::new(None, true));
    command.extra.insert("trace", &1).unwrap();
    assert_eq!(Message::new(MessageHeader::new(listed, created, "h"), command), read);
    round_trip!(
        Answer,
        json!({ "responseHeader": { "inReplyTo": "https://h/ms/b/m", "status": 200 }, "provResponse": { "code": 0, "result": { "contenttype": "jws", "data": "a.b.c" } } })
    );
    round_trip!(ReservedBox, json!({ "bid": "b", "boxurl": "https://h/ms/b", "token": "t" }));
    round_trip!(
        ErrorBody,
        json!({ "error": { "code": "GONE", "message": "m", "requestId": "r" } })
    );
    for text in [r#"{"header":{}}"#, r#"{"deleteCommand":{}}"#] {
        assert!(Message::from_json(text).is_err());
    }
    assert!(Answer::from_json(r#"{"responseHeader":{"inReplyTo":"l","status":200}}"#).is_err());
}

#[test]
fn api_users_in_both_spellings() {
    let newer = json!({ "allowed-clients": [{
        "client-id": "idm", "key": "k", "group": "g", "callback-url": "https://idm", "callback-basic-auth": "u:p",
        "content-provider-url": "https://cp", "content-provider-basic-auth": "u:p"
    }] });
    let older = json!({ "allowedClients": [{
        "clientId": "idm", "key": "k", "group": "g", "callbackUrl": "https://idm", "callbackBasicAuth": "u:p",
        "contentProviderUrl": "https://cp", "contentProviderBasicAuth": "u:p"
    }] });
    let read = round_trip!(ApiUsers, newer);
    assert_eq!(ApiUsers::from_json(&older.to_string()).unwrap(), read);
    let many = json!({ "allowed-clients": vec![json!({ "client-id": "a", "key": "k", "callback-url": "u" }); 100] });
    assert_eq!(round_trip!(ApiUsers, many).allowed_clients.len(), 100);
}
