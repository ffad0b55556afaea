//! The command line: options anywhere, `--` ends them.

use std::collections::VecDeque;

/// The arguments that are not looked at yet.
pub struct Arguments {
    left: VecDeque<String>,
    /// `--` was there: whatever follows is no option.
    plain: bool,
}

/// One argument.
pub enum Argument {
    /// `--name`, without the dashes.
    Option(String),
    /// Anything else.
    Plain(String),
}

impl Arguments {
    /// Those of the program. One that is not UTF-8 is an error.
    pub fn of_program() -> Result<Self, String> {
        let arguments = std::env::args_os().skip(1).map(std::ffi::OsString::into_string);
        let arguments: Result<Vec<String>, _> = arguments.collect();
        arguments.map(Self::new).map_err(|argument| format!("{} is not UTF-8", argument.display()))
    }

    /// These.
    pub fn new(arguments: impl IntoIterator<Item = String>) -> Self {
        Self { left: arguments.into_iter().collect(), plain: false }
    }

    /// The next one.
    pub fn next(&mut self) -> Option<Argument> {
        let argument = self.left.pop_front()?;
        match argument.strip_prefix("--").filter(|_| !self.plain) {
            Some("") => {
                self.plain = true;
                self.next()
            }
            Some(name) => Some(Argument::Option(name.to_owned())),
            None => Some(Argument::Plain(argument)),
        }
    }

    /// The value of the option that was just read.
    pub fn value(&mut self, option: &str) -> Result<String, String> {
        self.left.pop_front().ok_or_else(|| format!("--{option} wants a value"))
    }
}
