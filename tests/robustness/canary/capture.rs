//! Everything that is said in the process: the events and spans of `tracing`, the records of `log`,
//! and the words of panics.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, Once};
use std::thread::ThreadId;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

/// What was said, by who said it and on which thread: a library may cut one text into several
/// records.
static SAID: Mutex<BTreeMap<String, Vec<(ThreadId, String)>>> = Mutex::new(BTreeMap::new());

fn say(target: &str, text: String) {
    SAID.lock()
        .unwrap()
        .entry(target.to_owned())
        .or_default()
        .push((std::thread::current().id(), text));
}

/// Listens from now on, to everybody, at trace level.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_boxed_logger(Box::new(Ears)).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Ears)).unwrap();
        std::panic::set_hook(Box::new(|panic| {
            // Those of the test itself are to be seen.
            if std::thread::current().name().is_some_and(|name| !name.starts_with("tokio")) {
                eprintln!("{panic}");
            }
            say("panic", panic.to_string());
        }));
    });
}

/// All that was said: by whom, and the lines, those of one thread one after the other.
pub(crate) fn said() -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (target, lines) in &*SAID.lock().unwrap() {
        let mut threads = BTreeMap::<String, String>::new();
        for (thread, line) in lines {
            let text = threads.entry(format!("{thread:?}")).or_default();
            text.push_str(line);
            text.push('\n');
        }
        texts.insert(target.clone(), threads.into_values().collect());
    }
    texts
}

struct Ears;

impl log::Log for Ears {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        say(record.target(), record.args().to_string());
    }

    fn flush(&self) {}
}

struct Fields(String);

impl Fields {
    fn of(metadata: &Metadata<'_>) -> Self {
        Self(format!("{} {}", metadata.level(), metadata.name()))
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl<S: Subscriber> Layer<S> for Ears {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut fields = Fields::of(attributes.metadata());
        attributes.record(&mut fields);
        say(attributes.metadata().target(), fields.0);
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut fields = Fields(String::from("span"));
        values.record(&mut fields);
        say("a span", fields.0);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::of(event.metadata());
        event.record(&mut fields);
        say(event.metadata().target(), fields.0);
    }
}
