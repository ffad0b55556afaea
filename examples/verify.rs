//! Verifies a captured provisioning run, or many.
//!
//! ```text
//! verify COMMAND.json CALLBACK.json [--attestation-key JWK.json]... [--allow-unpinned] [--fqdn NAME] [--sch BASE64] [--json]
//! verify --lines < LINES.jsonl
//! ```
//!
//! A line is one JSON object: `id` (anything, repeated in the verdict), `command` (as
//! COMMAND.json), `data` (the compact JWS), and, where they are known, `attestation_keys` (JWKs),
//! `allow_unpinned`, `fqdn`, `sch`. Its verdict is the object that `--json` prints, with the `id`;
//! `null` if the line cannot be read.
//!
//! Exit status: 0 verified, 1 refused, 2 arguments or files that cannot be read. With `--lines` 0
//! once every line has its verdict.

#[allow(unreachable_pub, dead_code)]
mod support {
    pub mod arguments;
    pub mod lines;
    pub mod verdict;
}

use std::io::{BufWriter, Write as _};
use std::process::ExitCode;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::jose::Jwk;

use support::arguments::{Argument, Arguments};
use support::verdict::{Knowledge, Printed, Verdict, judge, read_answer, read_command, read_sch};

const USAGE: &str =
    "usage: verify COMMAND.json CALLBACK.json [--attestation-key JWK.json]... [--allow-unpinned] [--fqdn NAME] [--sch BASE64] [--json]
       verify --lines < LINES.jsonl";

fn main() -> ExitCode {
    match run() {
        Ok(verified) => ExitCode::from(u8::from(!verified)),
        Err(message) => {
            eprintln!("verify: {message}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, String> {
    let (mut files, mut known, mut json, mut lines) =
        (Vec::new(), Knowledge::default(), false, false);
    let mut arguments = Arguments::of_program()?;
    while let Some(argument) = arguments.next() {
        match argument {
            Argument::Plain(file) => files.push(file),
            Argument::Option(name) => match name.as_str() {
                "attestation-key" => {
                    let file = arguments.value(&name)?;
                    known.pins.push(
                        Jwk::from_json(&read(&file)?)
                            .map_err(|error| format!("{file}: {error}"))?,
                    );
                }
                "allow-unpinned" => known.allow_unpinned = true,
                "fqdn" => known.fqdn = Some(arguments.value(&name)?),
                "sch" => {
                    known.sch = Some(
                        read_sch(&arguments.value(&name)?).map_err(|error| error.to_string())?,
                    )
                }
                "json" => json = true,
                "lines" => lines = true,
                _ => return Err(format!("--{name} is not known here\n{USAGE}")),
            },
        }
    }
    if lines {
        if !files.is_empty() || known != Knowledge::default() {
            return Err(format!("with --lines, each line says what is known\n{USAGE}"));
        }
        let output = BufWriter::new(std::io::stdout());
        return support::lines::run(&AwsLcRs, std::io::stdin(), output)
            .map(|()| true)
            .map_err(|error| error.to_string());
    }
    let [command_file, answer_file] = files.as_slice() else { return Err(USAGE.to_owned()) };
    let command =
        read_command(&read(command_file)?).map_err(|error| format!("{command_file}: {error}"))?;
    let (answer, envelope_fqdn) =
        read_answer(&read(answer_file)?).map_err(|error| format!("{answer_file}: {error}"))?;
    known.envelope_fqdn = envelope_fqdn;
    let verdict = judge(&AwsLcRs, &command, &answer, &known).map_err(|error| error.to_string())?;
    print(&verdict, json).map_err(|error| error.to_string())?;
    Ok(!matches!(verdict, Verdict::Refused(_)))
}

fn read(file: &str) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))
}

fn print(verdict: &Verdict, json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, &Printed::of(verdict, &AwsLcRs))?;
        return writeln!(out);
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
    }
}
