//! How a program ends: 0 done, 1 failed, 2 not called as it has to be.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use super::arguments::Arguments;

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

/// Ends the program with status 2.
pub fn usage(message: impl Into<String>) -> Failed {
    Box::new(Usage(message.into()))
}

/// The arguments, or `None` if `--help` was asked for, which is printed.
pub fn arguments(help: &str) -> Result<Option<Arguments>, Failed> {
    if std::env::args_os().skip(1).any(|argument| argument == "--help") {
        println!("{help}");
        return Ok(None);
    }
    Arguments::of_program().map(Some).map_err(usage)
}

/// Prints what failed, with its sources, on one line.
pub fn end(name: &str, result: Result<(), Failed>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("{name}: {}", chain(&*error));
    if error.is::<Usage>() {
        eprintln!("{name} --help says how it is called");
        return ExitCode::from(2);
    }
    ExitCode::FAILURE
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
