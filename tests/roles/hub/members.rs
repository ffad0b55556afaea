//! The members of a command: what is wrong with one is told at submission, with its path.

use keyferry::hermod::model::{Command, CommandId};
use keyferry::hermod::wire::CommandApi;
use keyferry::{Class, Error};
use serde_json::{Value, json};

use crate::hub::support::*;

/// The base64 of the beginning of a JPEG image.
const JPEG: &str = "/9j/4AAQ";
/// The base64 of the beginning of a PNG image.
const PNG: &str = "iVBORw0KGgo=";

/// Submits a command to a temporary mailbox.
async fn submit(world: &World, member: &str, body: &Value) -> Result<CommandId, Error> {
    let command = json!({ "commandHeader": { "lifespan": 300, "timeout": 200 }, member: body });
    let command = Command::from_json(&command.to_string())?;
    Ok(world.integrator("shop").await.submit(command).await?.command_id)
}

fn provision() -> Value {
    json!({
        "nonce": "n0nce", "userid": "jane",
        "responsesignaturekey": "ATTESTATION", "responseformat": "jws",
        "profile": {
            "servername": "Acme", "name": "Jane",
            "keygenrequests": [{
                "keyid": "signer", "usage": "SIG",
                "keytypeprios": [
                    { "keytype": "RSA", "keylength": "2048", "responsemechanism": "RS256" },
                    { "keytype": "EC", "keylength": "256", "responsemechanism": "ES256" }],
                "storageprios": ["APP"], "keystate": "ACTIVE",
            }],
            "visualData": { "profileCard": {
                "front": { "data": JPEG, "dataType": "IMAGE", "key": "front" },
                "back": { "data": "eyJ9.aW1n.c2ln", "dataType": "JOSE", "textColor": "WHITE" },
            }},
        },
    })
}

fn sign() -> Value {
    json!({ "params": {
        "description": [
            { "key": "requester", "content_type": "text/plain", "content_encoding": "base64", "data": "QWNtZQ==" },
            { "key": "auth_image", "content_type": "image/jpeg", "content_encoding": "base64", "data": JPEG }],
        "tbs": [{ "key": "tbs", "content_type": "text/plain", "content_encoding": "base64", "data": "SGVsbG8=" }],
        "filter": { "op": "eq", "param": "key.type", "value": "RSA" },
        "format": "pkcs7", "mechanism": "CKM_SHA256_RSA_PKCS",
    }})
}

fn certificates() -> Value {
    let command = certificate(user(USER), PROFILE);
    let mut body: Value = serde_json::from_str(&command.to_json()).unwrap();
    body["certCommand"].take()
}

/// Each of these changes makes the command one that is refused as malformed, at the path.
async fn are_refused(member: &str, good: Value, bad: &[(&str, Value, &str)]) {
    let world = World::new();
    submit(&world, member, &good).await.unwrap();
    for (pointer, value, path) in bad {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value.clone();
        let error = submit(&world, member, &body).await.expect_err(path);
        assert_eq!(
            (error.class(), error.part()),
            (Class::Malformed, &*format!("{member}.{path}")),
            "{pointer} {value}"
        );
    }
}

#[tokio::test]
async fn refuses_a_provision_command_whose_members_have_not_their_form() {
    let key = "/profile/keygenrequests/0";
    let priority = format!("{key}/keytypeprios/1");
    let keylength = format!("{priority}/keylength");
    let length_path = "profile.keygenrequests[0].keytypeprios[1].keylength";
    let card = "/profile/visualData/profileCard";
    let mut bad: Vec<(String, Value, &str)> = [
        "0", "-2048", "+2048", "02048", " 2048", "2048 ", "2048.0", "2e3", "0x800", "2048bits", "",
        "9999999", "٢٠٤٨",
    ]
    .map(|length| (keylength.clone(), json!(length), length_path))
    .into();
    bad.extend([
        (String::from("/responsesignaturekey"), json!(""), "responsesignaturekey"),
        (String::from("/responseformat"), json!(""), "responseformat"),
        (String::from("/profile/keygenrequests"), json!([]), "profile.keygenrequests"),
        (format!("{key}/keyid"), json!(""), "profile.keygenrequests[0].keyid"),
        (format!("{key}/usage"), json!(""), "profile.keygenrequests[0].usage"),
        (format!("{key}/keystate"), json!(""), "profile.keygenrequests[0].keystate"),
        (format!("{key}/keytypeprios"), json!([]), "profile.keygenrequests[0].keytypeprios"),
        (
            format!("{priority}/keytype"),
            json!(""),
            "profile.keygenrequests[0].keytypeprios[1].keytype",
        ),
        (
            format!("{priority}/responsemechanism"),
            json!(""),
            "profile.keygenrequests[0].keytypeprios[1].responsemechanism",
        ),
        (format!("{key}/storageprios"), json!([]), "profile.keygenrequests[0].storageprios"),
        (format!("{key}/storageprios/0"), json!(""), "profile.keygenrequests[0].storageprios[0]"),
        (format!("{card}/front/data"), json!(PNG), "profile.visualData.profileCard.front.data"),
        (format!("{card}/front/data"), json!("!"), "profile.visualData.profileCard.front.data"),
        (format!("{card}/front/data"), json!(""), "profile.visualData.profileCard.front.data"),
        (
            format!("{card}/front/dataType"),
            json!("JOSE"),
            "profile.visualData.profileCard.front.data",
        ),
        (
            format!("{card}/front/dataType"),
            json!("PNG"),
            "profile.visualData.profileCard.front.dataType",
        ),
        (format!("{card}/front/key"), json!("back"), "profile.visualData.profileCard.front.key"),
        (format!("{card}/back/data"), json!("a.b.c.d"), "profile.visualData.profileCard.back.data"),
        (
            format!("{card}/back/data"),
            json!("eyJ9.aW1n."),
            "profile.visualData.profileCard.back.data",
        ),
        (
            format!("{card}/back/dataType"),
            json!("IMAGE"),
            "profile.visualData.profileCard.back.data",
        ),
        (
            format!("{card}/back/textColor"),
            json!(""),
            "profile.visualData.profileCard.back.textColor",
        ),
    ]);
    let bad: Vec<(&str, Value, &str)> =
        bad.iter().map(|(pointer, value, path)| (&**pointer, value.clone(), *path)).collect();
    are_refused("provCommand", provision(), &bad).await;

    // Words that are not known here are passed on, and so is a number where digits are due.
    let world = World::new();
    let mut other = provision();
    other["profile"]["keygenrequests"][0]["usage"] = json!("WRAP");
    other["profile"]["keygenrequests"][0]["keytypeprios"][0]["keylength"] = json!(4096);
    other["profile"]["keygenrequests"][0]["storageprios"] = json!(["TPM", "APP"]);
    submit(&world, "provCommand", &other).await.unwrap();
}

#[tokio::test]
async fn refuses_a_certificate_command_whose_members_have_not_their_form() {
    let good = certificates();
    let data = "certificates[0].data";
    let certificate = good["certificates"][0]["data"].as_str().unwrap().to_owned();
    are_refused(
        "certCommand",
        good.clone(),
        &[
            ("/profileid", json!(""), "profileid"),
            ("/certificates", json!([]), "certificates"),
            ("/certificates/0/keyid", json!(""), "certificates[0].keyid"),
            ("/certificates/0/keystate", json!(""), "certificates[0].keystate"),
            ("/certificates/0/data", json!(""), data),
            ("/certificates/0/data", json!("!"), data),
            ("/certificates/0/data", json!("MIIDyDCCArCg"), data),
            (
                "/certificates/0/data",
                json!(certificate.trim_end_matches('=').replace('+', "-") + "-"),
                data,
            ),
            ("/certificates/0/data", json!(JPEG), data),
        ],
    )
    .await;
    let mut twice = good;
    let first = twice["certificates"][0].clone();
    twice["certificates"].as_array_mut().unwrap().push(first);
    let error = submit(&World::new(), "certCommand", &twice).await.unwrap_err();
    assert_eq!(
        (error.class(), error.part()),
        (Class::Malformed, "certCommand.certificates[1].keyid")
    );
}

#[tokio::test]
async fn refuses_a_sign_or_authenticate_command_whose_members_have_not_their_form() {
    for member in ["signCommand", "authCommand"] {
        are_refused(
            member,
            sign(),
            &[
                ("/params/tbs", json!([]), "params.tbs"),
                ("/params/tbs/0/data", json!("!"), "params.tbs[0].data"),
                ("/params/tbs/0/data", json!("SGVsbG8"), "params.tbs[0].data"),
                ("/params/tbs/0/data", json!("-_8="), "params.tbs[0].data"),
                ("/params/tbs/0/data", json!(PNG), "params.tbs[0].data"),
                ("/params/tbs/0/key", json!(""), "params.tbs[0].key"),
                ("/params/tbs/0/content_type", json!(""), "params.tbs[0].content_type"),
                ("/params/tbs/0/content_encoding", json!("hex"), "params.tbs[0].content_encoding"),
                ("/params/description/1/data", json!("%"), "params.description[1].data"),
                ("/params/description/1/data", json!(PNG), "params.description[1].data"),
                ("/params/description/1/data", json!("AUTH:1"), "params.description[1].data"),
                (
                    "/params/description/1/content_encoding",
                    json!("BASE32"),
                    "params.description[1].content_encoding",
                ),
                ("/params/filter/op", json!(""), "params.filter.op"),
                ("/params/format", json!(""), "params.format"),
                ("/params/mechanism", json!(""), "params.mechanism"),
            ],
        )
        .await;
        // What a device may know is passed on: other formats, mechanisms, types and operators.
        let world = World::new();
        let mut other = sign();
        other["params"]["format"] = json!("XMLDSIG");
        other["params"]["mechanism"] = json!("CKM_RSA_PKCS");
        other["params"]["filter"] = json!({ "op": "like", "param": "key.colour" });
        other["params"]["tbs"][0]["content_type"] = json!("application/pdf");
        other["params"]["tbs"][0]["data"] = json!(PNG);
        other["params"]["tbs"][0]["content_encoding"] = json!("BASE64");
        submit(&world, member, &other).await.unwrap();
        // Nobody reads a text that is not shown, and not every text is UTF-8.
        let mut unseen = sign();
        unseen["params"]["tbs"][0]["data"] = json!(PNG);
        unseen["params"]["tbs"][0]["visible"] = json!(false);
        submit(&world, member, &unseen).await.unwrap();
        let mut latin = sign();
        latin["params"]["tbs"][0]["data"] = json!("/A==");
        latin["params"]["tbs"][0]["content_type"] = json!("text/plain; charset=ISO-8859-1");
        submit(&world, member, &latin).await.unwrap();
        latin["params"]["tbs"][0]["content_type"] = json!("Text/Plain; charset=\"UTF-8\"");
        submit(&world, member, &latin).await.unwrap_err();
    }
}

#[tokio::test]
async fn refuses_a_pin_reset_whose_members_have_not_their_form() {
    let good =
        json!({ "encryptednonce": "ff", "smartcardid": "s", "newadminkey": "0f".repeat(24) });
    are_refused(
        "epinCommand",
        good,
        &[
            ("/encryptednonce", json!(""), "encryptednonce"),
            ("/smartcardid", json!(""), "smartcardid"),
            ("/newadminkey", json!("0f".repeat(23)), "newadminkey"),
            ("/newadminkey", json!("0F".repeat(24)), "newadminkey"),
            ("/newadminkey", json!("0g".repeat(24)), "newadminkey"),
        ],
    )
    .await;
    are_refused(
        "spinCommand",
        json!({ "smartcardid": "s", "profileid": PROFILE, "operation": "pinreset" }),
        &[
            ("/smartcardid", json!(""), "smartcardid"),
            ("/profileid", json!(""), "profileid"),
            ("/operation", json!(""), "operation"),
        ],
    )
    .await;
}
