//! What a program prints. The macros of the standard library panic when the output is a closed pipe
//! or a full disk; these functions return an error, which ends the program with a status of its own.

use std::fmt::{self, Display};
use std::io::{self, Write as _};

/// Standard output took no more.
#[derive(Debug)]
pub struct OutputFailed(io::Error);

impl OutputFailed {
    /// Whether the reader has closed the pipe: it wanted no more, and nobody has to be told.
    pub fn is_closed_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

impl Display for OutputFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "standard output cannot be written: {}", self.0)
    }
}

impl std::error::Error for OutputFailed {}

impl From<io::Error> for OutputFailed {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

/// Prints a text and a line end on standard output.
///
/// # Errors
/// [`OutputFailed`] if it took less than all of it.
pub fn print(text: impl Display) -> Result<(), OutputFailed> {
    write(&format!("{text}\n"))
}

/// Prints a text that a person answers on the same line.
///
/// # Errors
/// [`OutputFailed`] if it took less than all of it.
pub fn prompt(text: impl Display) -> Result<(), OutputFailed> {
    write(&format!("{text} "))
}

fn write(text: &str) -> Result<(), OutputFailed> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints a line on standard error. If that takes nothing, nobody can be told.
pub fn complain(text: impl Display) {
    let _ = try_complain(text);
}

/// The same, for a text that must not be lost.
///
/// # Errors
/// The reason if standard error took less than all of it.
pub fn try_complain(text: impl Display) -> io::Result<()> {
    io::stderr().lock().write_all(format!("{text}\n").as_bytes())
}
