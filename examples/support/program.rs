//! Common parts of the programs: help, secrets from the environment, the log, the exit status.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use super::console::{OutputFailed, complain, print};

/// The exit statuses, for the help of each program.
pub const EXIT: &str = "\
exit status: 0 done, 1 failed, 2 not called as described here,
             3 standard output could not be written";

/// The error that ends a program.
pub type Failed = Box<dyn Error + Send + Sync>;

/// The program was called with wrong arguments or variables.
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

/// Ends the program. An error is printed on one line of standard error, with its sources.
pub fn end(name: &str, result: Result<(), Failed>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if let Some(failed) = error.downcast_ref::<OutputFailed>() {
        // A reader that needs no more closes the pipe. That is not an error.
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

/// A secret from the environment, or `None`. White space around it is removed, because it often
/// comes from a file or from another program's output.
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

/// Logs to standard error by `RUST_LOG`, or without it by `default`, such as `info` or `off`.
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
        // Reporting a failure of standard error on standard error would panic.
        .log_internal_errors(false)
        .init();
    Ok(())
}

/// An error with its sources on one line, whatever text from outside it contains.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
