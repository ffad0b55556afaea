//! The command line: options anywhere, a value behind the option or behind `=`, `--` ends options.

use std::collections::VecDeque;

/// The arguments that are not looked at yet.
pub struct Arguments {
    left: VecDeque<String>,
    /// `--` was there: whatever follows is no option.
    plain: bool,
    /// What stood behind the `=` of the last option.
    attached: Option<String>,
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
        Self { left: arguments.into_iter().collect(), plain: false, attached: None }
    }

    /// Whether `--help` or `-h` is among them.
    pub fn ask_for_help(&self) -> bool {
        let options = self.left.iter().take_while(|argument| *argument != "--");
        options.into_iter().any(|argument| argument == "--help" || argument == "-h")
    }

    /// The next one; an error if a value was given to an option that takes none.
    pub fn next(&mut self) -> Result<Option<Argument>, String> {
        if self.attached.take().is_some() {
            return Err(String::from("a value stands behind an option that takes none"));
        }
        let Some(argument) = self.left.pop_front() else { return Ok(None) };
        if self.plain || argument == "-" {
            return Ok(Some(Argument::Plain(argument)));
        }
        match argument.strip_prefix("--") {
            Some("") => {
                self.plain = true;
                self.next()
            }
            Some(name) => {
                let (name, value) = match name.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (name, None),
                };
                self.attached = value;
                Ok(Some(Argument::Option(name.to_owned())))
            }
            // There are no short options but -h. A file of such a name stands behind `--`.
            None if argument.starts_with('-') => Err(format!("{argument} is not known here")),
            None => Ok(Some(Argument::Plain(argument))),
        }
    }

    /// The value of the option that was just read.
    pub fn value(&mut self, option: &str) -> Result<String, String> {
        let value = self.attached.take().or_else(|| self.left.pop_front());
        value.ok_or_else(|| format!("--{option} needs a value"))
    }
}
