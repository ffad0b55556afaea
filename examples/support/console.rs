//! Output. The macros of the standard library panic when the output is a closed pipe or a full
//! disk. These functions return an error, which ends the program with a separate status.

use std::fmt::{self, Display};
use std::io::{self, Write as _};

/// Standard output could not be written.
#[derive(Debug)]
pub struct OutputFailed(io::Error);

impl OutputFailed {
    /// Whether the reader has closed the pipe, because it needs no more. That is not reported.
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
/// [`OutputFailed`] if the text was not written completely.
pub fn print(text: impl Display) -> Result<(), OutputFailed> {
    write(&format!("{text}\n"))
}

/// Prints a text and leaves the cursor on its line for the user's answer.
///
/// # Errors
/// [`OutputFailed`] if the text was not written completely.
pub fn prompt(text: impl Display) -> Result<(), OutputFailed> {
    write(&format!("{text} "))
}

fn write(text: &str) -> Result<(), OutputFailed> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints a line on standard error. A failure is ignored, because there is no other output.
pub fn complain(text: impl Display) {
    let _ = try_complain(text);
}

/// The same, for a text that must not be lost.
///
/// # Errors
/// The reason if the text was not written completely.
pub fn try_complain(text: impl Display) -> io::Result<()> {
    io::stderr().lock().write_all(format!("{text}\n").as_bytes())
}
