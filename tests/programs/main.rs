//! The example programs: what they decide, in this process, and how they end, as programs.
#![cfg(feature = "aws-lc-rs")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

/// What the example programs are made of.
#[allow(unreachable_pub, dead_code)]
#[path = "../../examples/support"]
mod program {
    pub mod files;
    #[cfg(all(feature = "hub", feature = "client", feature = "server"))]
    pub mod hub_config;
    pub mod lines;
    pub mod sch;
    pub mod verdict;
}

#[cfg(all(feature = "ca", feature = "ureq"))]
mod application_servers;
mod attacks;
#[cfg(all(feature = "hub", feature = "client", feature = "server"))]
mod hub_config;
#[cfg(all(feature = "ca", feature = "ureq"))]
mod hubs;
#[cfg(all(feature = "ca", feature = "ureq"))]
mod journeys;
#[cfg(all(feature = "ca", feature = "ureq"))]
mod outputs;
#[cfg(all(feature = "ca", feature = "ureq"))]
mod parties;
#[cfg(all(feature = "ca", feature = "ureq"))]
mod starts;

use std::io::{ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::jose::Jwk;
use program::lines::{MAX_LINE, Stopped, run};
use program::sch::read_sch;
use program::verdict::{Knowledge, Printed, judge, read_answer, read_command};
use serde_json::{Value, json};
use support::peers::Scratch;
use support::{
    ATTESTATION_KEY, CALLBACK, COMMAND, captured_answer, other_attestation, part, standard,
};

const FQDN: &str = "ext-cod1.test.nexusgroup.com";

/// The real run's `sch`.
fn sch() -> String {
    part(&captured_answer(), 0)["sch"].as_str().unwrap().to_owned()
}

fn pin() -> Jwk {
    Jwk::from_json(ATTESTATION_KEY).unwrap()
}

fn other_pin() -> Jwk {
    Jwk::new(other_attestation().public_key().clone())
}

/// The verdict on the real run, as the program prints it.
fn verdict(command: &str, answer: &str, known: Knowledge) -> Value {
    let (answer, envelope_fqdn) = read_answer(answer).unwrap();
    let known = Knowledge { envelope_fqdn, ..known };
    let verdict = judge(&AwsLcRs, &read_command(command).unwrap(), &answer, &known).unwrap();
    serde_json::to_value(Printed::of(&verdict, &AwsLcRs)).unwrap()
}

fn outcome<'a>(verdict: &'a Value, check: &str) -> &'a str {
    let report = verdict["report"].as_array().unwrap();
    report.iter().find(|entry| entry["check"] == check).unwrap()["outcome"].as_str().unwrap()
}

#[track_caller]
fn assert_class(verdict: &Value, class: &str) {
    assert_eq!(
        (&verdict["verified"], &verdict["error"]["class"]),
        (&json!(false), &json!(class)),
        "{verdict}"
    );
    assert!(!verdict["error"]["detail"].as_str().unwrap().is_empty());
}

// ---- Verdicts

#[test]
fn the_real_run_is_attested_with_its_key_and_the_switch_then_does_nothing() {
    let pinned =
        verdict(COMMAND, CALLBACK, Knowledge { pins: vec![pin()], ..Knowledge::default() });
    assert_eq!(
        (&pinned["verified"], &pinned["error"], &pinned["trust"]),
        (&json!(true), &Value::Null, &json!("attested"))
    );
    assert_eq!(outcome(&pinned, "pin"), "passed");
    let both = verdict(
        COMMAND,
        CALLBACK,
        Knowledge { pins: vec![pin()], allow_unpinned: true, ..Knowledge::default() },
    );
    assert_eq!(both, pinned);
    // One of several pins is enough.
    let several = verdict(
        COMMAND,
        CALLBACK,
        Knowledge { pins: vec![other_pin(), pin()], ..Knowledge::default() },
    );
    assert_eq!(several, pinned);
}

#[test]
fn with_another_pin_the_switch_does_nothing_and_with_neither_it_is_refused_as_attestation() {
    for (pins, allow_unpinned) in
        [(vec![other_pin()], false), (vec![other_pin()], true), (vec![], false)]
    {
        let refused =
            verdict(COMMAND, CALLBACK, Knowledge { pins, allow_unpinned, ..Knowledge::default() });
        assert_class(&refused, "attestation");
        assert_eq!(
            (outcome(&refused, "signature"), outcome(&refused, "pin"), outcome(&refused, "nonce")),
            ("passed", "failed", "not-reached")
        );
    }
    let unpinned =
        verdict(COMMAND, CALLBACK, Knowledge { allow_unpinned: true, ..Knowledge::default() });
    assert_eq!((&unpinned["verified"], &unpinned["trust"]), (&json!(true), &json!("consistent")));
    assert_eq!(outcome(&unpinned, "pin"), "not-asked");
}

#[test]
fn the_fqdn_that_was_given_takes_the_place_of_the_envelopes() {
    let with = |fqdn: Option<&str>, callback: &str| {
        verdict(
            COMMAND,
            callback,
            Knowledge { pins: vec![pin()], fqdn: fqdn.map(Into::into), ..Knowledge::default() },
        )
    };
    let right = with(Some(FQDN), CALLBACK);
    assert_eq!(
        (&right["verified"], outcome(&right, "fqdn"), outcome(&right, "fqdn-envelope")),
        (&json!(true), "passed", "not-asked")
    );
    let wrong = with(Some("evil.example"), CALLBACK);
    assert_class(&wrong, "channel");
    assert_eq!(outcome(&wrong, "fqdn"), "failed");

    let envelope = with(None, CALLBACK);
    assert_eq!(
        (&envelope["verified"], outcome(&envelope, "fqdn"), outcome(&envelope, "fqdn-envelope")),
        (&json!(true), "not-asked", "passed")
    );
    let mut callback: Value = serde_json::from_str(CALLBACK).unwrap();
    callback["fqdn"] = "evil.example".into();
    let wrong = with(None, &callback.to_string());
    assert_class(&wrong, "channel");
    assert_eq!(
        (outcome(&wrong, "fqdn"), outcome(&wrong, "fqdn-envelope")),
        ("not-asked", "failed")
    );
    // Then what is in the envelope does not matter.
    assert_eq!(with(Some(FQDN), &callback.to_string())["verified"], true);
    callback.as_object_mut().unwrap().remove("fqdn");
    let none = with(None, &callback.to_string());
    assert_eq!((&none["verified"], outcome(&none, "fqdn-envelope")), (&json!(true), "not-asked"));
}

#[test]
fn the_certificate_hash_is_compared_if_it_is_given() {
    let with = |sch: &[[u8; 32]]| {
        let (pins, sch) = (vec![pin()], sch.to_vec());
        verdict(COMMAND, CALLBACK, Knowledge { pins, sch, ..Knowledge::default() })
    };
    let signed = read_sch(&sch()).unwrap();
    let right = with(&[signed]);
    assert_eq!((&right["verified"], outcome(&right, "sch")), (&json!(true), "passed"));
    let wrong = with(&[[7; 32], [8; 32]]);
    assert_class(&wrong, "channel");
    assert_eq!(outcome(&wrong, "sch"), "failed");
    assert_eq!(outcome(&with(&[]), "sch"), "not-asked");
    // A certificate that is being renewed: the device saw the old one or the new one.
    assert_eq!(outcome(&with(&[[7; 32], signed]), "sch"), "passed");
    for text in [
        "",
        "AAAA",
        "not base64",
        &standard([0; 31]),
        &standard([0; 33]),
        &format!("{}=", standard([0; 33])),
    ] {
        read_sch(text).unwrap_err();
    }
}

#[test]
fn command_and_answer_may_be_whole_or_bare() {
    let (command, callback): (Value, Value) =
        (serde_json::from_str(COMMAND).unwrap(), serde_json::from_str(CALLBACK).unwrap());
    let commands = [
        COMMAND.to_owned(),
        command["provCommand"].to_string(),
        json!({"provCommand": command["provCommand"]}).to_string(),
        format!("\n{command} \r\n"),
    ];
    let answers = [
        (CALLBACK.to_owned(), "passed"),
        (callback["provResponse"].to_string(), "not-asked"),
        (json!({"provResponse": callback["provResponse"]}).to_string(), "not-asked"),
        (captured_answer(), "not-asked"),
        (format!("  {}\r\n", captured_answer()), "not-asked"),
    ];
    for command in &commands {
        for (answer, envelope) in &answers {
            let verdict =
                verdict(command, answer, Knowledge { pins: vec![pin()], ..Knowledge::default() });
            assert_eq!(
                (&verdict["verified"], outcome(&verdict, "fqdn-envelope")),
                (&json!(true), *envelope),
                "{verdict}"
            );
        }
    }
}

#[test]
fn what_is_no_command_or_has_no_answer_cannot_be_read() {
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "{\"provCommand\":{}}",
        "{\"provCommand\":1}",
        "{\"commandHeader\":{}}",
        CALLBACK,
        "{\"value\":{}}",
    ] {
        read_command(text).unwrap_err();
    }
    let command: Value = serde_json::from_str(COMMAND).unwrap();
    // The error is about the form that was meant.
    let mut whole = command.clone();
    whole["commandHeader"]["timeout"] = "soon".into();
    assert_eq!(read_command(&whole.to_string()).unwrap_err().part(), "commandHeader.timeout");
    let mut bare = command["provCommand"].clone();
    bare.as_object_mut().unwrap().remove("nonce");
    assert_eq!(read_command(&bare.to_string()).unwrap_err().part(), "nonce");

    let mut refusal: Value = serde_json::from_str(CALLBACK).unwrap();
    refusal["provResponse"] = json!({"code": 1});
    for text in [
        "{}",
        "{\"code\":1}",
        "{\"provResponse\":{\"code\":1}}",
        &refusal.to_string(),
        COMMAND,
        "{\"commandId\":1}",
        "{",
    ] {
        read_answer(text).unwrap_err();
    }
}

#[test]
fn the_json_has_the_members_that_are_documented() {
    let names = |value: &Value| {
        let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let good = verdict(COMMAND, CALLBACK, Knowledge { pins: vec![pin()], ..Knowledge::default() });
    for member in ["verified", "error", "report"] {
        assert!(names(&good).contains(&member.to_owned()), "{good}");
    }
    assert!(!names(&good).contains(&"id".to_owned()));
    assert_eq!(good["profile"]["userid"], "userA");
    assert_eq!(good["keys"].as_array().unwrap().len(), 1);
    let bad = verdict(COMMAND, "e30.e30.AA", Knowledge::default());
    assert_eq!(names(&bad), ["error", "report", "verified"]);
    assert_eq!(names(&bad["error"]), ["class", "detail"]);
    for verdict in [good, bad] {
        for entry in verdict["report"].as_array().unwrap() {
            let mut members = names(entry);
            members.retain(|name| name != "key");
            assert_eq!(members, ["check", "detail", "outcome"]);
            assert!(
                ["passed", "failed", "not-asked", "not-reached"]
                    .contains(&entry["outcome"].as_str().unwrap())
            );
            assert!(entry["detail"].is_string() || entry["detail"].is_null());
        }
    }
}

#[test]
fn command_and_answer_may_begin_with_a_byte_order_mark() {
    let callback = include_str!("../fixtures/field/18_callback_with_bom.json");
    assert!(callback.starts_with('\u{feff}'));
    let marked = |text: &str| format!("\u{feff}{text}");
    let command: Value = serde_json::from_str(COMMAND).unwrap();
    let callback_value: Value = serde_json::from_str(CALLBACK).unwrap();
    for command in [marked(COMMAND), marked(&command["provCommand"].to_string())] {
        let bare = marked(&callback_value["provResponse"].to_string());
        for answer in [callback.to_owned(), bare, marked(&captured_answer())] {
            let known = Knowledge { pins: vec![pin()], ..Knowledge::default() };
            assert_eq!(verdict(&command, &answer, known)["verified"], true);
        }
    }
    assert_eq!(Jwk::from_json(&marked(ATTESTATION_KEY)).unwrap(), pin());
}

// ---- Lines

fn lines(input: impl AsRef<[u8]>) -> Vec<Value> {
    let mut out = Vec::new();
    run(&AwsLcRs, input.as_ref(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A line for the real run.
fn line(id: &Value) -> Value {
    let command: Value = serde_json::from_str(COMMAND).unwrap();
    let key: Value = serde_json::from_str(ATTESTATION_KEY).unwrap();
    json!({"id": id, "command": command, "data": captured_answer(), "attestation_keys": [key]})
}

#[track_caller]
fn assert_unreadable(verdict: &Value) {
    assert!(verdict.as_object().unwrap().contains_key("id"));
    assert_eq!(verdict["id"], Value::Null);
    assert_class(verdict, "malformed");
}

#[test]
fn the_first_line_of_a_stream_may_begin_with_a_byte_order_mark() {
    let good = line(&json!(1)).to_string();
    let verdicts = lines(format!("\u{feff}{good}\n{good}\n"));
    assert_eq!(verdicts.len(), 2);
    assert!(verdicts.iter().all(|verdict| verdict["verified"] == true), "{verdicts:?}");
    // It begins a stream, not a line.
    assert_unreadable(&lines(format!("{good}\n\u{feff}{good}\n"))[1]);
    assert_unreadable(&lines("\u{feff}")[0]);
}

#[test]
fn verdicts_come_in_the_order_of_the_lines() {
    let (good, tampered) = (line(&json!("@")).to_string(), {
        let mut line = line(&json!("@"));
        line["data"] = "e30.e30.AA".into();
        line.to_string()
    });
    let mut input = String::new();
    for n in 0..3000 {
        match n % 10 {
            // Slow ones, quick ones, and ones that cannot be read.
            0 => input += &good.replacen("\"@\"", &n.to_string(), 1),
            1..=6 => input += &tampered.replacen("\"@\"", &n.to_string(), 1),
            7 => input += "{\"id\":1",
            8 => {}
            _ => input += "[1]",
        }
        input.push('\n');
    }
    let verdicts = lines(&input);
    assert_eq!(verdicts.len(), 3000);
    for (n, verdict) in verdicts.iter().enumerate() {
        match n % 10 {
            0 => assert_eq!((&verdict["id"], &verdict["verified"]), (&json!(n), &json!(true))),
            1..=6 => {
                assert_eq!(verdict["id"], n);
                assert_eq!(verdict["verified"], false);
            }
            _ => assert_unreadable(verdict),
        }
    }
}

#[test]
fn no_input_has_no_verdicts_and_every_line_has_one() {
    assert!(lines("").is_empty());
    for (input, count) in
        [("\n", 1), ("\n\n", 2), ("x", 1), ("x\n", 1), ("\r\n \r\n", 2), ("\u{feff}{}", 1)]
    {
        let verdicts = lines(input);
        assert_eq!(verdicts.len(), count, "{input:?}");
        verdicts.iter().for_each(assert_unreadable);
    }
    assert_unreadable(&lines(b"\xff\xfe\n".as_slice())[0]);
}

#[test]
fn the_last_line_needs_no_end_and_an_end_may_be_crlf() {
    let (one, two) = (line(&json!(1)), line(&json!(2)));
    for input in [
        format!("{one}\n{two}"),
        format!("{one}\n{two}\n"),
        format!("{one}\r\n{two}\r\n"),
        format!(" {one} \r\n\t{two}\r"),
    ] {
        let verdicts = lines(input);
        let ids: Vec<_> =
            verdicts.iter().map(|verdict| (&verdict["id"], &verdict["verified"])).collect();
        assert_eq!(ids, [(&json!(1), &json!(true)), (&json!(2), &json!(true))]);
    }
}

#[test]
fn an_id_of_any_type_comes_back_as_it_was() {
    let ids = [
        "1",
        "\"a\\u00e9\"",
        "null",
        "true",
        "1.50",
        "1e400",
        "12345678901234567890123",
        "[1, 2]",
        "{\"a\":{\"a\":1},\"a\":2}",
        "\"\"",
    ];
    let line = line(&json!("@")).to_string();
    let input: String = ids.iter().map(|id| line.replacen("\"@\"", id, 1) + "\n").collect();
    let mut out = Vec::new();
    run(&AwsLcRs, input.as_bytes(), &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    for (verdict, id) in out.lines().zip(ids) {
        assert!(
            verdict.contains(&format!("\"id\":{id},")) && verdict.contains("\"verified\":true"),
            "{verdict}"
        );
    }
    assert_eq!(out.lines().count(), ids.len());
}

#[test]
fn each_line_says_what_is_known() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut line = line(&json!("x"));
        change(&mut line);
        let verdict = lines(line.to_string()).remove(0);
        assert_eq!(verdict["id"], "x");
        verdict
    };
    let none = |line: &mut Value| drop(line.as_object_mut().unwrap().remove("attestation_keys"));
    assert_eq!(with(&|_| {})["trust"], "attested");
    assert_class(&with(&none), "attestation");
    assert_class(&with(&|line| line["attestation_keys"] = json!([])), "attestation");
    let unpinned = with(&|line| {
        none(line);
        line["allow_unpinned"] = true.into();
    });
    assert_eq!(unpinned["trust"], "consistent");
    let other: Value = serde_json::from_str(&other_pin().to_string()).unwrap();
    assert_class(
        &with(&|line| {
            line["attestation_keys"] = json!([other]);
            line["allow_unpinned"] = true.into();
        }),
        "attestation",
    );
    assert_eq!(with(&|line| line["fqdn"] = FQDN.into())["verified"], true);
    assert_class(&with(&|line| line["fqdn"] = "evil.example".into()), "channel");
    assert_eq!(with(&|line| line["sch"] = sch().into())["verified"], true);
    assert_class(&with(&|line| line["sch"] = standard([0; 32]).into()), "channel");
    let renewed = with(&|line| line["sch"] = json!([standard([0; 32]), sch()]));
    assert_eq!(renewed["verified"], true);
    let absent = with(&|line| (line["sch"], line["fqdn"]) = (Value::Null, Value::Null));
    assert_eq!(
        (outcome(&absent, "sch"), outcome(&absent, "fqdn"), outcome(&absent, "fqdn-envelope")),
        ("not-asked", "not-asked", "not-asked")
    );
    // The bare command; what is not known.
    assert_eq!(
        with(&|line| line["command"] = line["command"]["provCommand"].clone())["verified"],
        true
    );
    assert_eq!(with(&|line| line["later"] = json!([1]))["verified"], true);

    // A line that can be read, with a part that cannot: its id is known.
    for change in [
        (|line| line["sch"] = "AAAA".into()) as fn(&mut Value),
        |line| line["command"] = json!({}),
        |line| line["attestation_keys"] = json!([{}]),
        |line| line["data"] = "".into(),
        |line| line["data"] = "{}".into(),
    ] {
        assert_class(&with(&change), "malformed");
    }
    // One that is not the object that is due.
    for change in [
        (|line| line["data"] = 1.into()) as fn(&mut Value),
        |line| line["allow_unpinned"] = "yes".into(),
        |line| line["attestation_keys"] = json!({}),
        |line| drop(line.as_object_mut().unwrap().remove("id")),
        |line| drop(line.as_object_mut().unwrap().remove("command")),
        |line| drop(line.as_object_mut().unwrap().remove("data")),
    ] {
        let mut line = line(&json!("x"));
        change(&mut line);
        assert_unreadable(&lines(line.to_string())[0]);
    }
    let twice = line(&json!("x")).to_string().replacen('{', "{\"id\":2,", 1);
    assert_unreadable(&lines(twice)[0]);
}

#[test]
fn a_line_that_is_too_long_is_read_over_and_the_next_one_is_not() {
    let good = line(&json!(1)).to_string();
    let padded = |length: usize| format!("{good}{}", " ".repeat(length - good.len()));
    let too_long = "malformed";
    for (length, class) in [
        (MAX_LINE - 1, None),
        (MAX_LINE, None),
        (MAX_LINE + 1, Some(too_long)),
        (MAX_LINE + 2, Some(too_long)),
        (MAX_LINE + 3, Some(too_long)),
    ] {
        for end in ["\n", ""] {
            let mut input = format!("{good}\n{}{end}", padded(length));
            if !end.is_empty() {
                input += &good;
            }
            let verdicts = lines(input);
            assert_eq!(verdicts.len(), if end.is_empty() { 2 } else { 3 });
            match class {
                None => assert_eq!(verdicts[1]["verified"], true),
                Some(_) => assert_unreadable(&verdicts[1]),
            }
            for other in verdicts.iter().enumerate().filter(|(n, _)| *n != 1) {
                assert_eq!(other.1["verified"], true);
            }
        }
    }
}

/// Bytes without end, up to a number of them, that never lie in memory.
struct Endless(u64);

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = out.len().min(usize::try_from(self.0).unwrap_or(usize::MAX));
        out[..count].fill(b'x');
        self.0 -= count as u64;
        Ok(count)
    }
}

#[test]
fn a_line_without_end_takes_no_more_memory_than_the_longest_that_is_read() {
    let good = line(&json!(1)).to_string();
    let length = 64 * MAX_LINE as u64;
    let input = Endless(length).chain("\n".as_bytes()).chain(good.as_bytes());
    let mut out = Vec::new();
    let info = allocation_counter::measure(|| run(&AwsLcRs, input, &mut out).unwrap());
    // What this thread holds: it is the one that reads.
    assert!(info.bytes_max < 4 * MAX_LINE as u64, "{} bytes", info.bytes_max);
    let verdicts: Vec<Value> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(verdicts.len(), 2);
    assert_unreadable(&verdicts[0]);
    assert_eq!(verdicts[1]["verified"], true);
}

/// Gives a line only when the verdict on the one before has been written.
struct Asks {
    lines: Vec<String>,
    verdicts: std::sync::mpsc::Receiver<()>,
    first: bool,
}

impl Read for Asks {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if !std::mem::take(&mut self.first) {
            self.verdicts
                .recv_timeout(Duration::from_secs(60))
                .map_err(|_| std::io::ErrorKind::TimedOut)?;
        }
        let line = self.lines.pop().unwrap_or_default();
        assert!(line.len() <= out.len());
        out[..line.len()].copy_from_slice(line.as_bytes());
        Ok(line.len())
    }
}

/// Tells of everything that leaves it.
struct Tells(std::sync::mpsc::Sender<()>, bool);

impl std::io::Write for Tells {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.1 = true;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if std::mem::take(&mut self.1) {
            let _ = self.0.send(());
        }
        Ok(())
    }
}

#[test]
fn a_verdict_does_not_wait_for_the_next_line() {
    let (tell, verdicts) = std::sync::mpsc::channel();
    let lines = (0..5).map(|n| format!("{}\n", line(&json!(n)))).collect();
    run(&AwsLcRs, Asks { lines, verdicts, first: true }, Tells(tell, false)).unwrap();
}

/// Takes some, then no more.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(1).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Gives some, then fails.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn an_output_that_is_full_or_an_input_that_fails_ends_the_run() {
    let input = "x\n".repeat(100_000);
    for writes in [0, 1, 7] {
        let stopped = run(&AwsLcRs, input.as_bytes(), Full(writes)).unwrap_err();
        assert!(
            matches!(&stopped, Stopped::Output(error) if error.kind() == ErrorKind::StorageFull),
            "{stopped:?}"
        );
    }
    let mut out = Vec::new();
    let stopped = run(&AwsLcRs, input.as_bytes().chain(Broken), &mut out).unwrap_err();
    assert!(
        matches!(&stopped, Stopped::Input(error) if error.kind() == ErrorKind::BrokenPipe),
        "{stopped:?}"
    );
    assert!(!out.is_empty());
}

// ---- The programs themselves

/// A program beside this test; `None`, with the reason printed, if it has not been built since
/// something in it was changed.
fn example(name: &str) -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let path = test
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if is_current(&path) {
        return Some(path);
    }
    assert!(
        std::env::var_os("KEYFERRY_REQUIRE_PEERS").is_none_or(|value| value != "1"),
        "the example {name} is required and not built"
    );
    eprintln!("skipped: the example {name} is not built, or not since it was changed");
    None
}

#[cfg(all(feature = "ca", feature = "ureq"))]
#[track_caller]
fn assert_no_panic(said: &str) {
    assert!(!said.contains("panicked"), "{said}");
}

/// Whether a program is there and no older than what it was made of, which cargo lists beside it.
fn is_current(program: &Path) -> bool {
    let changed =
        |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let Some(built) = changed(program) else { return false };
    let list = std::fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let sources = list.split_once(": ").map_or("", |(_, sources)| sources).replace("\\ ", "\0");
    sources.split_whitespace().all(|source| {
        changed(Path::new(&source.replace('\0', " "))).is_none_or(|changed| changed <= built)
    })
}

/// Runs a program with this input, for at most a minute.
fn end_of(program: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let mut stdin = child.stdin.take().unwrap();
    // One that does not read its input may have ended by now.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(60));
    output
}

#[test]
fn verify_ends_with_0_verified_1_refused_2_unreadable() {
    let Some(verify) = example("verify") else { return };
    let scratch = Scratch::new();
    let command = scratch.write("command.json", COMMAND.as_bytes());
    let callback = scratch.write("callback.json", CALLBACK.as_bytes());
    let key = scratch.write("key.json", ATTESTATION_KEY.as_bytes());
    let other = scratch.write("other.json", other_pin().to_string().as_bytes());
    let bad = scratch.write("bad.json", b"{");
    let (sch, zeros) = (sch(), standard([0; 32]));
    let (command, callback, key, other, bad) = (&*command, &*callback, &*key, &*other, &*bad);
    let cases: &[(i32, &[&str])] = &[
        (0, &[command, callback, "--attestation-key", key]),
        (0, &["--attestation-key", key, "--attestation-key", other, "--", command, callback]),
        (0, &[command, callback, "--allow-unpinned", "--fqdn", FQDN, "--sch", &sch]),
        (0, &[command, callback, "--allow-unpinned", "--sch", &zeros, "--sch", &sch]),
        (1, &[command, callback, "--allow-unpinned", "--sch", &zeros]),
        (1, &[command, callback]),
        (1, &[command, callback, "--attestation-key", other, "--allow-unpinned"]),
        (1, &[command, callback, "--attestation-key", key, "--fqdn", "evil.example"]),
        (2, &[]),
        (2, &[command]),
        (2, &[command, callback, callback]),
        (2, &[command, callback, "--attestation-key"]),
        (2, &[command, callback, "--attestation-key", bad]),
        (2, &[command, callback, "--sch", "AAAA"]),
        (2, &[command, callback, "--unknown"]),
        (2, &[bad, callback]),
        (2, &[command, bad]),
        (2, &[command, "no such file"]),
        (2, &["--lines", command]),
        (2, &["--lines", "--allow-unpinned"]),
        (0, &["--lines"]),
    ];
    for (code, arguments) in cases {
        let output = end_of(&verify, arguments, "");
        assert_eq!(
            output.status.code(),
            Some(*code),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(output.stderr.is_empty(), *code != 2);
        // The same with one JSON object.
        if *code != 2 && *arguments != ["--lines"] {
            let output = end_of(&verify, &[&["--json"], *arguments].concat(), "");
            assert_eq!(output.status.code(), Some(*code));
            let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(printed["verified"], *code == 0);
        }
    }
    let output = end_of(&verify, &["--lines"], &format!("{}\nx\n", line(&json!([1]))));
    assert_eq!(output.status.code(), Some(0));
    let verdicts: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(
        (verdicts.len(), &verdicts[0]["id"], &verdicts[0]["verified"]),
        (2, &json!([1]), &json!(true))
    );
    assert_unreadable(&verdicts[1]);
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf_8_is_unreadable() {
    use std::os::unix::ffi::OsStringExt as _;
    let Some(verify) = example("verify") else { return };
    let output = Command::new(&verify)
        .arg(std::ffi::OsString::from_vec(vec![0xff]))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn provision_prints_report_and_certificates() {
    let Some(provision) = example("provision") else { return };
    let output = end_of(&provision, &["--json", "--keys", "rsa2048,p256"], "");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed.as_object().unwrap().len(), 2);
    let report = printed["report"].as_array().unwrap();
    assert!(
        report.iter().all(|entry| entry["outcome"] == "passed" || entry["outcome"] == "not-asked"),
        "{report:?}"
    );
    let certificates = printed["certificates"].as_array().unwrap();
    assert_eq!(
        certificates
            .iter()
            .map(|certificate| certificate["keyid"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["rsa2048", "p256"]
    );
    for certificate in certificates {
        assert!(certificate["subject"].as_str().unwrap().contains("User A"));
        assert_eq!(certificate["fingerprint"].as_str().unwrap().len(), 64);
    }

    let output = end_of(&provision, &["--keys", "p256"], "");
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).unwrap();
    for part in
        ["com.nexusgroup.plugout:///?", "\u{2588}", "key-request", "\"subject\"", "\"fingerprint\""]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(end_of(&provision, &["--keys", "p256,p256"], "").status.code(), Some(1));
    for way in [["--framework", "axum"], ["--transport", "ureq"]] {
        let output = end_of(&provision, &[&["--json", "--keys", "p256"], &way[..]].concat(), "");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
