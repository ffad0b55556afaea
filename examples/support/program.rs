//! How a program begins and ends, and what all of them have: help, secrets from the environment, a
//! log.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use super::console::{OutputFailed, complain, print};

/// How the programs end, for their help.
pub const EXIT: &str = "\
exit status: 0 done, 1 failed, 2 not called as described here, 3 standard output could not be written";

/// Whatever ends a program.
pub type Failed = Box<dyn Error + Send + Sync>;

/// The program was not called as it has to be.
#[derive(Debug)]
struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Usage {}

/// An error that ends the program with status 2.
pub fn usage(message: impl Into<String>) -> Failed {
    Box::new(Usage(message.into()))
}

/// The arguments, or `None` if help was asked for, which is printed.
pub fn arguments(help: &str) -> Result<Option<lexopt::Parser>, Failed> {
    if super::arguments::ask_for_help() {
        print(format_args!("{help}\n\n{EXIT}"))?;
        return Ok(None);
    }
    Ok(Some(lexopt::Parser::from_env()))
}

/// The end of the program: what failed is one line on standard error, with its sources.
pub fn end(name: &str, result: Result<(), Failed>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if let Some(failed) = error.downcast_ref::<OutputFailed>() {
        // A reader that has seen enough closes the pipe. That is no fault.
        if !failed.is_closed_pipe() {
            complain(format_args!("{name}: {failed}"));
        }
        return ExitCode::from(3);
    }
    complain(format_args!("{name}: {}", chain(&*error)));
    if error.is::<Usage>() || error.is::<lexopt::Error>() {
        complain(format_args!("`{name} --help` describes how it is called"));
        return ExitCode::from(2);
    }
    ExitCode::FAILURE
}

/// A secret of the environment; `None` if there is none. It often comes from a file or from what
/// another program printed, so white space around it is no part of it.
pub fn secret(variable: &str) -> Result<Option<zeroize::Zeroizing<String>>, Failed> {
    match std::env::var(variable) {
        Ok(text) => {
            let text = zeroize::Zeroizing::new(text);
            let trimmed = text.trim_start_matches('\u{feff}').trim();
            if trimmed.is_empty() {
                return Err(usage(format!("{variable} is empty")));
            }
            Ok(Some(zeroize::Zeroizing::new(trimmed.to_owned())))
        }
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(usage(format!("{variable} is not UTF-8"))),
    }
}

/// Logs to standard error what `RUST_LOG` asks for; without it, what `default` says (`info`, `off`
/// and the like).
pub fn log(default: &str) -> Result<(), Failed> {
    let directives = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.trim().is_empty() => directives,
        Ok(_) | Err(std::env::VarError::NotPresent) => default.to_owned(),
        Err(std::env::VarError::NotUnicode(_)) => return Err(usage("RUST_LOG is not UTF-8")),
    };
    let filter = EnvFilter::try_new(&directives)
        .map_err(|error| usage(format!("RUST_LOG is not a list of filters: {error}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // It would say on standard error, by a macro that panics, that standard error failed.
        .log_internal_errors(false)
        .init();
    Ok(())
}

/// An error with its sources. Text from outside cannot make a second line of it.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
