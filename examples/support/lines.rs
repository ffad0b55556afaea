//! Many verifications: one JSON object a line in, one verdict a line out, in the same order, on all cores.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use keyferry::crypto::Provider;
use keyferry::jose::Jwk;
use keyferry::{Class, Error};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::verdict::{Knowledge, Printed, judge, read_command};

/// Lines that travel together.
const BATCH: usize = 32;

/// Longest line that is read.
const MAX_LINE: usize = 8 * 1024 * 1024;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    command: &'a RawValue,
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow, default)]
    attestation_keys: Vec<&'a RawValue>,
    #[serde(default)]
    allow_unpinned: bool,
    #[serde(default)]
    fqdn: Option<String>,
    #[serde(default)]
    sch: Option<String>,
}

/// Reads until the input ends; every line gets a verdict.
pub fn run(provider: &dyn Provider, input: impl BufRead, output: impl Write + Send) -> std::io::Result<()> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (to_workers, from_reader) = sync_channel::<(usize, Vec<u8>)>(2 * workers);
    let (to_writer, from_workers) = sync_channel::<(usize, Vec<u8>)>(2 * workers);
    let from_reader = Arc::new(Mutex::new(from_reader));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (from_reader, to_writer) = (from_reader.clone(), to_writer.clone());
            scope.spawn(move || work(provider, &from_reader, &to_writer));
        }
        // The channels close when their last sender or receiver is gone.
        drop((from_reader, to_writer));
        let writer = scope.spawn(move || write(&from_workers, output));
        let read = read(input, &to_workers);
        drop(to_workers);
        let written = writer.join().unwrap_or_else(|_| Err(std::io::Error::other("the writer failed")));
        read.and(written)
    })
}

fn read(mut input: impl BufRead, to_workers: &SyncSender<(usize, Vec<u8>)>) -> std::io::Result<()> {
    let mut number = 0;
    loop {
        let mut batch = Vec::new();
        let mut lines = 0;
        while lines < BATCH && batch.len() < MAX_LINE {
            if input.read_until(b'\n', &mut batch)? == 0 {
                break;
            }
            lines += 1;
        }
        if lines == 0 {
            return Ok(());
        }
        if to_workers.send((number, batch)).is_err() {
            // Nobody is there to take it: the writer has failed, and says so.
            return Ok(());
        }
        number += 1;
    }
}

fn work(provider: &dyn Provider, from_reader: &Mutex<Receiver<(usize, Vec<u8>)>>, to_writer: &SyncSender<(usize, Vec<u8>)>) {
    loop {
        let next = match from_reader.lock() {
            Ok(receiver) => receiver.recv(),
            Err(_) => return,
        };
        let Ok((number, batch)) = next else { return };
        let mut verdicts = Vec::with_capacity(batch.len() / 2);
        for line in batch.split_inclusive(|octet| *octet == b'\n') {
            verdict(provider, line, &mut verdicts);
        }
        if to_writer.send((number, verdicts)).is_err() {
            return;
        }
    }
}

fn write(from_workers: &Receiver<(usize, Vec<u8>)>, mut output: impl Write) -> std::io::Result<()> {
    let mut early = BTreeMap::new();
    let mut due = 0;
    for (number, verdicts) in from_workers {
        early.insert(number, verdicts);
        while let Some(verdicts) = early.remove(&due) {
            output.write_all(&verdicts)?;
            due += 1;
        }
    }
    output.flush()
}

/// Writes the verdict on one line.
fn verdict(provider: &dyn Provider, line: &[u8], out: &mut Vec<u8>) {
    let unreadable = |_| Error::new(Class::Malformed, "line", "not the object that is due here");
    let parsed = std::str::from_utf8(line).map_err(|_| Error::new(Class::Malformed, "line", "not UTF-8"));
    let parsed = parsed.and_then(|text| serde_json::from_str::<Line<'_>>(text).map_err(unreadable));
    let wrote = match &parsed {
        Ok(line) => {
            let judged = judge_line(provider, line);
            let mut printed = match &judged {
                Ok(verdict) => Printed::of(verdict, provider),
                Err(error) => Printed::unreadable(error),
            };
            printed.id = Some(line.id);
            serde_json::to_writer(&mut *out, &printed)
        }
        Err(error) => {
            let mut printed = Printed::unreadable(error);
            printed.id = Some(RawValue::NULL);
            serde_json::to_writer(&mut *out, &printed)
        }
    };
    debug_assert!(wrote.is_ok(), "writing to memory");
    out.push(b'\n');
}

fn judge_line(provider: &dyn Provider, line: &Line<'_>) -> Result<super::verdict::Verdict, Error> {
    let known = Knowledge {
        pins: line.attestation_keys.iter().map(|key| Jwk::from_json(key.get())).collect::<Result<_, _>>()?,
        allow_unpinned: line.allow_unpinned,
        fqdn: line.fqdn.clone(),
        sch: line.sch.as_deref().map(super::verdict::read_sch).transpose()?,
        envelope_fqdn: None,
    };
    judge(provider, &read_command(line.command.get())?, &line.data, &known)
}
