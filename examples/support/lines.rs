//! Many verifications on all cores: reads one JSON object a line, and writes one verdict a line in
//! the same order.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};

use keyferry::crypto::Provider;
use keyferry::jose::Jwk;
use keyferry::{Class, Error};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::sch::read_sch;
use super::verdict::{Checker, Knowledge, Printed, judge_with, read_command};

/// The largest number of lines in a batch.
const BATCH: usize = 32;

/// The largest number of bytes that are read at once.
const BUFFER: usize = 256 * 1024;

/// The number of bytes after which a batch is complete, however few lines it has.
const BATCH_BYTES: usize = 1024 * 1024;

/// The largest number of bytes in a line, without its end. A longer line is skipped, and its
/// verdict says so.
pub const MAX_LINE: usize = 8 * 1024 * 1024;

/// Lines, and where each ends. A line that was too long is not stored.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    ends: Vec<Option<usize>>,
}

impl Batch {
    /// Reads one more line; `false` if there is none.
    fn read_line(&mut self, input: &mut impl BufRead) -> io::Result<bool> {
        let start = self.bytes.len();
        // One byte for the end, and one more to see that the line is longer.
        let limit = MAX_LINE as u64 + 2;
        if input.by_ref().take(limit).read_until(b'\n', &mut self.bytes)? == 0 {
            return Ok(false);
        }
        let line = &self.bytes[start..];
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        if content.len() <= MAX_LINE {
            self.ends.push(Some(self.bytes.len()));
            return Ok(true);
        }
        if content.len() == line.len() {
            skip_line(input)?;
        }
        self.bytes.truncate(start);
        self.bytes.shrink_to(BATCH_BYTES);
        self.ends.push(None);
        Ok(true)
    }

    /// Removes the byte order mark of the first line, which is the only one in the batch.
    fn drop_byte_order_mark(&mut self) {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        if let [Some(end)] = self.ends.as_mut_slice()
            && self.bytes.starts_with(MARK)
        {
            self.bytes.drain(..MARK.len());
            *end -= MARK.len();
        }
    }

    /// The lines; `None` for one that was too long.
    fn lines(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let line = &self.bytes[start..(*end)?];
            start += line.len();
            Some(line)
        })
    }
}

/// Reads to the end of the line and discards it.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let available = input.fill_buf()?;
        let (used, ended) = match available.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (available.len(), available.is_empty()),
        };
        input.consume(used);
        if ended {
            return Ok(());
        }
    }
}

/// One line; the help of the program describes the members.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    command: &'a RawValue,
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow, default)]
    attestation_keys: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    allow_unpinned: bool,
    #[serde(default)]
    fqdn: Option<String>,
    #[serde(default)]
    sch: Hashes,
}

/// Nothing, one text, or a list of texts.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Hashes {
    #[default]
    None,
    One(String),
    Several(Vec<String>),
}

impl Hashes {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::None => &[],
            Self::One(hash) => std::slice::from_ref(hash),
            Self::Several(hashes) => hashes,
        }
    }
}

/// Why a run ended before its input did.
#[derive(Debug)]
pub enum Stopped {
    /// The input could not be read.
    Input(io::Error),
    /// The output could not be written.
    Output(io::Error),
}

/// Reads until the input ends. Every line gets a verdict as soon as no more input is available
/// without waiting.
pub fn run(
    provider: &'static dyn Provider,
    input: impl Read,
    output: impl Write + Send,
) -> Result<(), Stopped> {
    let input = BufReader::with_capacity(BUFFER, input);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (to_workers, from_reader) = sync_channel::<(usize, Batch)>(2 * workers);
    let (to_writer, from_workers) = sync_channel::<(usize, Vec<u8>)>(2 * workers);
    // A bound on batches that are read and not yet written, so that others do not accumulate behind
    // a slow one.
    let (taken, free) = sync_channel::<()>(8 * workers);
    let from_reader = Arc::new(Mutex::new(from_reader));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (from_reader, to_writer) = (from_reader.clone(), to_writer.clone());
            scope.spawn(move || work(provider, &from_reader, &to_writer));
        }
        // The channels close when their last sender or receiver is dropped.
        drop((from_reader, to_writer));
        let writer = scope.spawn(move || write(&from_workers, &free, output));
        let read = read(input, &taken, &to_workers);
        drop(to_workers);
        let written = writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer failed")));
        // The reader of the verdicts must learn first that some are missing.
        written.map_err(Stopped::Output).and(read.map_err(Stopped::Input))
    })
}

fn read(
    mut input: BufReader<impl Read>,
    taken: &SyncSender<()>,
    to_workers: &SyncSender<(usize, Batch)>,
) -> io::Result<()> {
    let mut number = 0;
    loop {
        let mut batch = Batch::default();
        while batch.ends.len() < BATCH && batch.bytes.len() < BATCH_BYTES {
            // The peer may send the next line only after it has the verdict on this one.
            let waits = !batch.ends.is_empty() && input.buffer().is_empty();
            if waits || !batch.read_line(&mut input)? {
                break;
            }
            if number == 0 && batch.ends.len() == 1 {
                batch.drop_byte_order_mark();
            }
        }
        if batch.ends.is_empty() {
            return Ok(());
        }
        if taken.send(()).is_err() || to_workers.send((number, batch)).is_err() {
            // The writer has failed, and reports that.
            return Ok(());
        }
        number += 1;
    }
}

fn work(
    provider: &'static dyn Provider,
    from_reader: &Mutex<Receiver<(usize, Batch)>>,
    to_writer: &SyncSender<(usize, Vec<u8>)>,
) {
    let mut checkers = Checkers::default();
    loop {
        let next = match from_reader.lock() {
            Ok(receiver) => receiver.recv(),
            Err(_) => return,
        };
        let Ok((number, batch)) = next else { return };
        let mut verdicts = Vec::with_capacity(batch.bytes.len() / 2);
        for line in batch.lines() {
            verdict(provider, line, &mut checkers, &mut verdicts);
        }
        if to_writer.send((number, verdicts)).is_err() {
            return;
        }
    }
}

fn write(
    from_workers: &Receiver<(usize, Vec<u8>)>,
    free: &Receiver<()>,
    mut output: impl Write,
) -> io::Result<()> {
    let mut early = BTreeMap::new();
    let mut due = 0;
    loop {
        let next = match from_workers.try_recv() {
            Err(TryRecvError::Empty) => {
                output.flush()?;
                from_workers.recv().ok()
            }
            next => next.ok(),
        };
        let Some((number, verdicts)) = next else { break };
        early.insert(number, verdicts);
        while let Some(verdicts) = early.remove(&due) {
            output.write_all(&verdicts)?;
            due += 1;
            // Each batch took a place before it was sent.
            let _ = free.recv();
        }
    }
    output.flush()
}

/// Writes the verdict on one line.
fn verdict(
    provider: &'static dyn Provider,
    line: Option<&[u8]>,
    checkers: &mut Checkers,
    out: &mut Vec<u8>,
) {
    let unreadable = |why| Error::new(Class::Malformed, "line", why);
    let parsed = line.ok_or_else(|| unreadable("longer than 8 MiB"));
    let parsed =
        parsed.and_then(|line| std::str::from_utf8(line).map_err(|_| unreadable("not UTF-8")));
    let parsed = parsed.and_then(|text| {
        serde_json::from_str::<Line<'_>>(text)
            .map_err(|_| unreadable("not the expected JSON object"))
    });
    let wrote = match &parsed {
        Ok(line) => {
            let judged = judge_line(provider, line, checkers);
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

/// The verifiers of earlier lines by their pins. An archive has few of them.
#[derive(Default)]
struct Checkers(Vec<(Vec<String>, bool, Checker)>);

impl Checkers {
    /// The largest number of verifiers that are stored.
    const MAX: usize = 16;

    fn of(&mut self, provider: &'static dyn Provider, line: &Line<'_>) -> Result<&Checker, Error> {
        let keys = || line.attestation_keys.iter().flatten().map(|key| key.get());
        let known = self.0.iter().position(|(pins, unpinned, _)| {
            *unpinned == line.allow_unpinned && keys().eq(pins.iter().map(String::as_str))
        });
        let at = match known {
            Some(at) => at,
            None => {
                let pins = keys().map(Jwk::from_json).collect::<Result<Vec<_>, _>>()?;
                let checker = Checker::new(provider, &pins, line.allow_unpinned)?;
                self.0.truncate(Self::MAX - 1);
                self.0.push((keys().map(String::from).collect(), line.allow_unpinned, checker));
                self.0.len() - 1
            }
        };
        Ok(&self.0[at].2)
    }
}

fn judge_line(
    provider: &'static dyn Provider,
    line: &Line<'_>,
    checkers: &mut Checkers,
) -> Result<super::verdict::Verdict, Error> {
    let known = Knowledge {
        pins: Vec::new(),
        allow_unpinned: line.allow_unpinned,
        fqdn: line.fqdn.clone(),
        sch: line.sch.as_slice().iter().map(|text| read_sch(text)).collect::<Result<_, _>>()?,
        envelope_fqdn: None,
    };
    judge_with(checkers.of(provider, line)?, &read_command(line.command.get())?, &line.data, &known)
}
