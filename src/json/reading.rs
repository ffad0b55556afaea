//! The state of reading one document: its limits, and the fault that ended it.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _};

use super::{MAX_DEPTH, MAX_KEPT};
use crate::{Class, Error};

/// The meaning of `null` for an optional member.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// The member is absent.
    AreAbsent,
    /// An error: the value has the wrong type.
    AreWrong,
}

/// State that is shared by everything that reads one document.
pub(crate) struct Reading {
    nulls: Nulls,
    /// Whether serde_json reads from a text in memory. Other callers of serde may read from
    /// anything.
    of_text: bool,
    depth: Cell<u16>,
    kept: Cell<u16>,
    fault: RefCell<Option<Fault>>,
}

struct Fault {
    class: Class,
    detail: &'static str,
    /// The path of the fault, innermost member first.
    path: Vec<Step>,
}

enum Step {
    Member(Cow<'static, str>),
    Element(usize),
}

impl Reading {
    pub(crate) fn new(nulls: Nulls) -> Self {
        Self {
            nulls,
            of_text: false,
            depth: Cell::new(0),
            kept: Cell::new(0),
            fault: RefCell::new(None),
        }
    }

    pub(crate) fn is_of_text(&self) -> bool {
        self.of_text
    }

    pub(crate) fn null_is_absent(&self) -> bool {
        self.nulls == Nulls::AreAbsent
    }

    /// Records a fault. The returned error only unwinds the reading.
    #[cold]
    pub(crate) fn fail<E: serde::de::Error>(&self, class: Class, detail: &'static str) -> E {
        let mut fault = self.fault.borrow_mut();
        if fault.is_none() {
            *fault = Some(Fault { class, detail, path: Vec::new() });
        }
        E::custom(detail)
    }

    /// Adds the position of a fault while it propagates outwards. Faults that serde_json found
    /// itself are converted to our wording, because serde_json's text may repeat the input.
    #[cold]
    pub(crate) fn in_member<E: serde::de::Error>(
        &self,
        name: impl Into<Cow<'static, str>>,
        expected: &'static str,
        error: E,
    ) -> E {
        self.step(Step::Member(name.into()), expected, error)
    }

    #[cold]
    pub(crate) fn in_element<E: serde::de::Error>(
        &self,
        index: usize,
        expected: &'static str,
        error: E,
    ) -> E {
        self.step(Step::Element(index), expected, error)
    }

    fn step<E: serde::de::Error>(&self, step: Step, expected: &'static str, error: E) -> E {
        let mut fault = self.fault.borrow_mut();
        fault
            .get_or_insert_with(|| Fault {
                class: Class::Malformed,
                detail: expected,
                path: Vec::new(),
            })
            .path
            .push(step);
        error
    }

    /// Enters one more level.
    pub(crate) fn enter<E: serde::de::Error>(&self) -> Result<(), E> {
        let depth = self.depth.get() + 1;
        if depth > MAX_DEPTH {
            return Err(self.fail(Class::TooLarge, "nested deeper than 32"));
        }
        self.depth.set(depth);
        Ok(())
    }

    pub(crate) fn leave(&self) {
        self.depth.set(self.depth.get() - 1);
    }

    /// Counts one more kept member.
    pub(crate) fn count_kept<E: serde::de::Error>(&self) -> Result<(), E> {
        let kept = self.kept.get() + 1;
        if kept > MAX_KEPT {
            return Err(self.fail(Class::TooLarge, "more than 1024 unknown members"));
        }
        self.kept.set(kept);
        Ok(())
    }

    /// The error of a reading that ended with `error`.
    #[cold]
    pub(crate) fn error(&self, text: &str, error: &serde_json::Error) -> Error {
        let offset = offset(text, error);
        match self.fault.take() {
            // A syntax error replaces the type error that was recorded first.
            Some(fault)
                if !matches!(
                    error.classify(),
                    serde_json::error::Category::Syntax | serde_json::error::Category::Eof
                ) =>
            {
                let mut path = String::new();
                for step in fault.path.iter().rev() {
                    let wrote = match step {
                        Step::Member(name) if path.is_empty() => path.write_str(name),
                        Step::Member(name) => write!(path, ".{name}"),
                        Step::Element(index) => write!(path, "[{index}]"),
                    };
                    debug_assert!(wrote.is_ok(), "writing to memory");
                }
                // A count or the nesting exceeds a limit here, never the length of the whole body.
                let is_too_large = fault.class == Class::TooLarge;
                let error = Error::new(fault.class, path, fault.detail).at(offset);
                if is_too_large { error.with_http_status(400) } else { error }
            }
            _ => Error::malformed("", "not the JSON that is due here").at(offset),
        }
    }

    /// Like the method above, for callers of serde: an error of their format.
    #[cold]
    pub(crate) fn foreign_error<E: serde::de::Error>(&self, _: E) -> E {
        match self.fault.take() {
            Some(fault) => E::custom(format_args!("{}: {}", fault.class, fault.detail)),
            // The format's own text may repeat the input.
            None => E::custom("malformed: not what is due here"),
        }
    }
}

/// serde_json reports line and column, counting bytes.
fn offset(text: &str, error: &serde_json::Error) -> usize {
    let before: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    (before + error.column().saturating_sub(1)).min(text.len())
}

/// A type that one [`Reading`] can read from JSON.
pub(crate) trait FromJson<'de>: Sized {
    /// The error detail for another type of value, for example "not a text".
    const EXPECTED: &'static str;
    /// Maximum number of such values in an array.
    const MAX_COUNT: usize = 64;

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error>;
}

/// Reads a `T`.
pub(crate) struct Seed<'r, T>(pub(crate) &'r Reading, PhantomData<T>);

impl<'r, T> Seed<'r, T> {
    pub(crate) fn new(reading: &'r Reading) -> Self {
        Self(reading, PhantomData)
    }
}

impl<'de, T: FromJson<'de>> DeserializeSeed<'de> for Seed<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::from_json(deserializer, self.0)
    }
}

/// Reads a whole document, which may begin with a byte order mark (RFC 8259 section 8.1), because
/// editors and tools put one into files.
pub(crate) fn read<'de, T: FromJson<'de>>(text: &'de str, nulls: Nulls) -> Result<T, Error> {
    read_by(text, nulls, |deserializer, reading| T::from_json(deserializer, reading))
}

/// Reads a document that was signed: nothing may precede it.
pub(crate) fn read_signed<'de, T: FromJson<'de>>(text: &'de str) -> Result<T, Error> {
    read_exactly(text, Nulls::AreWrong, |deserializer, reading| T::from_json(deserializer, reading))
}

/// The deserializer of a document.
pub(crate) type FromText<'de> = serde_json::Deserializer<serde_json::de::StrRead<'de>>;

/// Like [`read`], with the nulls and limits of `parse`.
pub(crate) fn read_by<'de, T, F>(text: &'de str, nulls: Nulls, parse: F) -> Result<T, Error>
where
    F: FnOnce(&mut FromText<'de>, &Reading) -> Result<T, serde_json::Error>,
{
    let bare = without_mark(text);
    read_exactly(bare, nulls, parse).map_err(|error| match error.offset() {
        Some(offset) => error.at(offset + (text.len() - bare.len())),
        None => error,
    })
}

/// Strips a leading byte order mark.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn read_exactly<'de, T, F>(text: &'de str, nulls: Nulls, parse: F) -> Result<T, Error>
where
    F: FnOnce(&mut FromText<'de>, &Reading) -> Result<T, serde_json::Error>,
{
    let reading = Reading { of_text: true, ..Reading::new(nulls) };
    let mut deserializer = FromText::from_str(text);
    let value = parse(&mut deserializer, &reading).and_then(|value| match deserializer.end() {
        Ok(()) => Ok(value),
        Err(_) => Err(serde_json::Error::custom("characters after the end")),
    });
    value.map_err(|error| reading.error(text, &error))
}

/// The JSON text of `value`, which may hold only texts, numbers, lists, objects and kept JSON.
pub(crate) fn write(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(value);
    debug_assert!(text.is_ok(), "none of these fails, nor does writing to memory");
    text.unwrap_or_default()
}
