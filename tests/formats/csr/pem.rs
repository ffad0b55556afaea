//! Requests in PEM, and what integrators paste where base64 is due.

use keyferry::Class;
use keyferry::csr::{Request, Template};
use keyferry::hermod::model::Command;
use keyferry::hermod::proof::{Expectation, KeyRequest};

use crate::csr::PROVIDER;
use crate::support::peers::{Scratch, openssl};
use crate::support::*;

fn pem(der: &[u8]) -> String {
    Template::from_der(der).unwrap().to_pem()
}

/// The template as integrators write it.
fn pasted() -> Vec<(&'static str, String)> {
    let pem = pem(&captured_template());
    let base64 = standard(captured_template());
    let lines: Vec<String> = base64
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    vec![
        ("one line", base64.clone()),
        ("lines", lines.join("\n")),
        ("lines with CR", lines.join("\r\n")),
        ("a line end", format!("{base64}\r\n")),
        ("blanks around", format!("  {base64}\t\n")),
        ("a byte order mark", format!("\u{feff}{base64}")),
        ("PEM", pem.clone()),
        ("PEM with CR", pem.replace('\n', "\r\n")),
        ("PEM without a line end", pem.trim_end().to_owned()),
        ("PEM with a byte order mark", format!("\u{feff}{pem}")),
        ("PEM with blanks", format!("\n\n{pem}\n ")),
        ("PEM of older programs", pem.replace("CERTIFICATE", "NEW CERTIFICATE")),
        ("PEM with an explanation", format!("Certificate Request:\n    Data:\n{pem}")),
    ]
}

fn command(certreq: &str) -> Command {
    let mut command: serde_json::Value = serde_json::from_str(COMMAND).unwrap();
    command["provCommand"]["profile"]["keygenrequests"][0]["certreq"] = certreq.into();
    Command::from_json(&command.to_string()).unwrap()
}

#[test]
fn reads_the_template_of_a_command_in_pem_and_in_lines() {
    for (name, text) in pasted() {
        let asked = KeyRequest::from_command(command(&text).provision().unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let template = asked.keys[0].template.as_ref().unwrap();
        assert_eq!(template.as_der(), captured_template(), "{name}");
        Expectation::from_command(command(&text).provision().unwrap()).unwrap();
        assert_eq!(Template::from_base64(&text).unwrap(), *template, "{name}");
    }
}

#[test]
fn rejects_a_template_of_several_objects_or_another_label() {
    let pem = pem(&captured_template());
    for text in [
        format!("{pem}{pem}"),
        pem.replace("CERTIFICATE REQUEST", "CERTIFICATE"),
        pem.replace("CERTIFICATE REQUEST", "PRIVATE KEY"),
        pem.replace("-----END CERTIFICATE REQUEST", "-----END CERTIFICATE"),
        pem.replace("-----END CERTIFICATE REQUEST-----", ""),
        format!("{pem}MAA="),
        format!("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n{pem}"),
    ] {
        let error = KeyRequest::from_command(command(&text).provision().unwrap()).unwrap_err();
        assert_eq!(error.class(), Class::Malformed);
        assert!(error.part().starts_with("provCommand.profile.keygenrequests[0].certreq"));
        assert!(Template::from_pem(&text).is_err() && Request::from_pem(&text, PROVIDER).is_err());
    }
}

#[test]
fn writes_pem_and_reads_it_again() {
    let der = request(&captured_template());
    let read = Request::from_der(&der, PROVIDER).unwrap();
    let pem = read.to_pem();
    assert_eq!(Request::from_pem(&pem, PROVIDER).unwrap(), read);
    assert_eq!(Template::from_pem(&pem).unwrap().as_der(), der);
    assert!(Request::from_pem(&standard(&der), PROVIDER).is_err(), "base64 is not PEM");
    // A signature that does not verify is none in PEM, either.
    let mut changed = der;
    *changed.last_mut().unwrap() ^= 1;
    let changed = Template::from_der(&changed).unwrap().to_pem();
    assert!(Request::from_pem(&changed, PROVIDER).is_err());
}

fn request(template: &[u8]) -> Vec<u8> {
    Template::from_der(template).unwrap().replace_key(ed25519()).unwrap()
}

#[test]
fn openssl_reads_our_pem_and_we_read_its() {
    let Some(openssl) = openssl() else { return };
    let scratch = Scratch::new();
    let read = Request::from_der(&request(&captured_template()), PROVIDER).unwrap();
    let ours = scratch.write("ours.pem", read.to_pem().as_bytes());
    let theirs = scratch.path("theirs.pem");
    for options in [&["-text"][..], &[], &["-newhdr"]] {
        let mut arguments = vec!["req", "-in", &ours, "-verify", "-out", &theirs];
        arguments.extend(options);
        openssl.run(&arguments);
        let text = String::from_utf8(scratch.read("theirs.pem")).unwrap();
        assert_eq!(Request::from_pem(&text, PROVIDER).unwrap(), read, "{options:?}");
    }
}
