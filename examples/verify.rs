//! Verifies a captured provisioning run, or many.
//!
//! ```text
//! verify COMMAND.json CALLBACK.json [--attestation-key JWK.json]... [--allow-unpinned]
//!        [--fqdn NAME] [--sch BASE64]... [--json]
//! verify --lines < LINES.jsonl
//! ```
//!
//! A line is one JSON object with `id` (any value, repeated in the verdict), `command` (as
//! COMMAND.json), `data` (the compact JWS), and, where they are known, `attestation_keys` (JWKs),
//! `allow_unpinned`, `fqdn`, `sch` (one or a list). Its verdict is the object that `--json` prints,
//! with the `id`; `null` if the line cannot be read.
//!
//! Exit status: 0 verified, 1 refused, 2 arguments or files that cannot be read, 3 standard output
//! that could not be written. With `--lines` 0 once every line has its verdict.

#[allow(unreachable_pub, dead_code)]
mod support {
    pub mod arguments;
    pub mod console;
    pub mod files;
    pub mod lines;
    pub mod sch;
    pub mod verdict;
}

use std::io::BufWriter;
use std::path::Path;
use std::process::ExitCode;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::jose::Jwk;
use lexopt::prelude::{Long, Value, ValueExt as _};

use support::console::{OutputFailed, complain};
use support::lines::Stopped;
use support::sch::read_sch;
use support::verdict::{Knowledge, Printed, Verdict, judge, read_answer, read_command};

const USAGE: &str = "usage: verify COMMAND.json CALLBACK.json [OPTIONS]
       verify --lines < LINES.jsonl";

const HELP: &str = "\
verify COMMAND.json CALLBACK.json [OPTIONS]   verify one captured answer
verify --lines < LINES.jsonl                  verify many: read one JSON object a line, and
                                              print one verdict a line

  --attestation-key FILE  a file with an attestation key to trust, as a JWK; may be given several
                          times
  --allow-unpinned        without --attestation-key: accept any attestation key
  --fqdn NAME             the hub's name that the device must have signed
  --sch BASE64            SHA-256 of the hub's TLS certificate that the device must have signed,
                          in base64; may be given several times, while one certificate replaces
                          another
  --json                  print the verdict as one JSON object
  --lines                 read lines from standard input; each has an `id`, `command` and `data`
                          (the JWS), and may have `attestation_keys`, `allow_unpinned`, `fqdn` and `sch`
                          (one or a list)

exit status: 0 verified (with --lines: every line has its verdict), 1 refused, 2 arguments or files
that cannot be read, 3 standard output could not be written";

/// Why there is no verdict.
enum Failure {
    /// Arguments or files cannot be read.
    Input(String),
    Output(OutputFailed),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Input(message)
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Input(format!("{error}\n{USAGE}"))
    }
}

impl From<OutputFailed> for Failure {
    fn from(failed: OutputFailed) -> Self {
        Self::Output(failed)
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(verified) => ExitCode::from(u8::from(!verified)),
        Err(Failure::Input(message)) => {
            complain(format_args!("verify: {message}"));
            ExitCode::from(2)
        }
        Err(Failure::Output(failed)) => {
            // A reader that needs no more closes the pipe. That is not an error.
            if !failed.is_closed_pipe() {
                complain(format_args!("verify: {failed}"));
            }
            ExitCode::from(3)
        }
    }
}

fn run() -> Result<bool, Failure> {
    let (mut files, mut known, mut json, mut lines) =
        (Vec::new(), Knowledge::default(), false, false);
    if support::arguments::ask_for_help() {
        support::console::print(HELP)?;
        return Ok(true);
    }
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("attestation-key") => {
                let file = parser.value()?.string()?;
                let key = Jwk::from_json(&read(&file)?);
                known.pins.push(key.map_err(|error| format!("{file}: {error}"))?);
            }
            Long("allow-unpinned") => known.allow_unpinned = true,
            Long("fqdn") => known.fqdn = Some(parser.value()?.string()?),
            Long("sch") => {
                let sch = read_sch(&parser.value()?.string()?);
                known.sch.push(sch.map_err(|error| error.to_string())?);
            }
            Long("json") => json = true,
            Long("lines") => lines = true,
            Value(file) => files.push(file.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    if lines {
        if !files.is_empty() || known != Knowledge::default() {
            return Err(format!(
                "with --lines, each line has its own options: give none here\n{USAGE}"
            )
            .into());
        }
        let output = BufWriter::new(std::io::stdout());
        return support::lines::run(&AwsLcRs, std::io::stdin(), output).map(|()| true).map_err(
            |stopped| match stopped {
                Stopped::Input(error) => format!("standard input: {error}").into(),
                Stopped::Output(error) => OutputFailed::from(error).into(),
            },
        );
    }
    let [command_file, answer_file] = files.as_slice() else {
        return Err(USAGE.to_owned().into());
    };
    let command =
        read_command(&read(command_file)?).map_err(|error| format!("{command_file}: {error}"))?;
    let (answer, envelope_fqdn) =
        read_answer(&read(answer_file)?).map_err(|error| format!("{answer_file}: {error}"))?;
    known.envelope_fqdn = envelope_fqdn;
    let verdict = judge(&AwsLcRs, &command, &answer, &known).map_err(|error| error.to_string())?;
    print(&verdict, json).map_err(OutputFailed::from)?;
    Ok(!matches!(verdict, Verdict::Refused(_)))
}

fn read(file: &str) -> Result<String, String> {
    support::files::read_text(Path::new(file))
}

fn print(verdict: &Verdict, json: bool) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = BufWriter::new(std::io::stdout().lock());
    if json {
        serde_json::to_writer(&mut out, &Printed::of(verdict, &AwsLcRs))?;
        writeln!(out)?;
        return out.flush();
    }
    match verdict {
        Verdict::Refused(refusal) => {
            write!(out, "{}", refusal.report())?;
            writeln!(out, "refused: {}", refusal.error())
        }
        Verdict::Attested(answer) => {
            write!(out, "{}", answer.report())?;
            writeln!(
                out,
                "verified: profile {} of {}, attested",
                answer.profile_id().escape_debug(),
                answer.user_id().escape_debug()
            )
        }
        Verdict::Consistent(answer) => {
            write!(out, "{}", answer.report())?;
            writeln!(
                out,
                "verified: profile {} of {}; nobody vouches for the attestation key",
                answer.profile_id().escape_debug(),
                answer.user_id().escape_debug()
            )
        }
    }?;
    out.flush()
}
