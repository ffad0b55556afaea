//! `Debug` shows nothing that must not be seen.

use keyferry::hermod::model::*;
use serde_json::json;

const CANARY: &str = "canary-5f0c1d6e";

/// Reads, makes sure that the canary was read, and that it is not shown.
macro_rules! hides {
    ($type:ty, $value:expr) => {{
        let read = <$type>::from_json(&serde_json::Value::to_string(&$value)).unwrap();
        assert!(read.to_json().contains(CANARY));
        for shown in [format!("{read:?}"), format!("{read:#?}")] {
            assert!(!shown.contains(CANARY), "{shown}");
        }
    }};
}

#[test]
fn debug_shows_no_secret() {
    let header = json!({ "lifespan": 1, "timeout": 1 });
    let command =
        |member: &str, body: serde_json::Value| json!({ "commandHeader": header, member: body });
    let item = json!({ "key": "tbs", "data": CANARY });
    hides!(Command, command("epinCommand", json!({ "encryptednonce": CANARY })));
    hides!(
        Command,
        command("epinCommand", json!({ "encryptednonce": "x", "newadminkey": CANARY }))
    );
    hides!(
        Command,
        command(
            "signCommand",
            json!({ "params": { "tbs": [item], "format": "jws", "mechanism": "m" } })
        )
    );
    hides!(
        Command,
        command(
            "authCommand",
            json!({ "params": { "tbs": [], "description": [item], "format": "jws", "mechanism": "m" } })
        )
    );
    hides!(
        Command,
        command(
            "signCommand",
            json!({ "params": { "tbs": [], "format": "jws", "mechanism": "m", "filter": { "op": "x", "value": CANARY } } })
        )
    );
    hides!(Command, command("newCommand", json!({ "pin": CANARY })));
    hides!(Command, command("pingCommand", json!({ "pin": CANARY })));
    hides!(
        Command,
        command(
            "certCommand",
            json!({ "profileid": "p", "certificates": [{ "keyid": "k", "keystate": "ACTIVE", "data": CANARY }] })
        )
    );
    let mut provision: serde_json::Value = serde_json::from_str(super::PROVISION).unwrap();
    provision["provCommand"]["profile"]["keygenrequests"][0]["certreq"] = json!(CANARY);
    provision["provCommand"]["profile"]["visualData"] =
        json!({ "profileCard": { "back": { "data": CANARY } } });
    hides!(Command, provision);

    let destination = json!({ "to": "b", "bid": "b", "uri": format!("com.nexusgroup.plugout:///?url=u&token={CANARY}"), "mid": "m", "location": "l" });
    let callback = |member: &str, body: serde_json::Value| json!({ member: body, "commandId": "1", "destinations": [destination], "commandType": "PROV", "state": "COMPLETED", "fqdn": "h" });
    let signed = json!({ "code": 0, "result": { "contenttype": "jws", "data": CANARY } });
    for member in ["provResponse", "signResponse", "authResponse", "newResponse"] {
        hides!(Callback, callback(member, signed.clone()));
    }
    hides!(Callback, callback("spinResponse", json!({ "code": 0, "transportedkey": CANARY })));
    hides!(
        Callback,
        callback(
            "pingResponse",
            json!({ "code": 0, "deviceinfo": { "operatingsystem": "o", "apndevicetoken": CANARY } })
        )
    );
    hides!(
        Submitted,
        json!({ "commandId": "1", "destinations": [destination], "commandType": "PROV", "state": "COMPLETED" })
    );
    hides!(
        Answer,
        json!({ "responseHeader": { "inReplyTo": "l", "status": 200 }, "provResponse": signed })
    );
    hides!(ReservedBox, json!({ "bid": "b", "boxurl": "u", "token": CANARY }));
    hides!(ContentAnswer, json!({ "data": [{ "data": CANARY }] }));
    let user =
        |member: &str| json!({ "client-id": "a", "callback-url": "u", "key": "k", member: CANARY });
    for member in [
        "key",
        "callback-basic-auth",
        "callbackBasicAuth",
        "content-provider-basic-auth",
        "contentProviderBasicAuth",
    ] {
        hides!(ApiUser, user(member));
        hides!(ApiUsers, json!({ "allowed-clients": [user(member)] }));
    }
    let links = [
        format!("com.nexusgroup.plugout:///?url=https%3A%2F%2Fh%2Fb&token={CANARY}"),
        format!("com.nexusgroup.plugout:///?url=https%3A%2F%2Fh%2Fb&token=t&pin={CANARY}"),
        format!("personal://h/ms/b/{CANARY}?title=x"),
        format!("personal://h/ms/{CANARY}/m"),
        format!("personal://h/ms/b/m?redirect={CANARY}"),
        format!("personal://start?session={CANARY}&redirect={CANARY}"),
    ];
    for link in links {
        let link = Activation::parse(&link).unwrap();
        assert!(link.to_uri().expose().contains(CANARY));
        assert!(!format!("{link:?} {:?}", link.to_uri()).contains(CANARY));
    }
}
