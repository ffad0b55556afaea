//! The command line: options anywhere, `--` ends them.

use std::collections::VecDeque;

/// The arguments that are not looked at yet.
pub struct Arguments(VecDeque<String>);

/// One argument.
pub enum Argument {
    /// `--name`, without the dashes.
    Option(String),
    /// Anything else.
    Plain(String),
}

impl Arguments {
    /// Those of the program.
    pub fn of_program() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// The next one.
    pub fn next(&mut self) -> Option<Argument> {
        let argument = self.0.pop_front()?;
        Some(match argument.strip_prefix("--") {
            Some(name) if !name.is_empty() => Argument::Option(name.to_owned()),
            _ => Argument::Plain(argument),
        })
    }

    /// The value of the option that was just read.
    pub fn value(&mut self, option: &str) -> Result<String, String> {
        self.0.pop_front().ok_or_else(|| format!("--{option} wants a value"))
    }
}
