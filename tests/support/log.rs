//! What is logged on one thread.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once};

use tracing_subscriber::fmt::MakeWriter;

thread_local! {
    static LISTENING: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// The lines that are logged on the thread of a test, tasks on a runtime of that thread included.
///
/// The subscriber is that of the process and hands each line to the thread's own log. A subscriber
/// of one thread alone would miss lines: what other threads find nobody interested in is remembered
/// for the whole process.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Takes what is logged on this thread, at every level, until the guard is dropped.
    pub fn listen(&self) -> Listening {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .with_writer(ToThread)
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
        LISTENING.with_borrow_mut(|listening| *listening = Some(self.clone()));
        Listening
    }
}

/// A thread that listens.
pub struct Listening;

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENING.with_borrow_mut(|listening| *listening = None);
    }
}

struct ToThread;

impl<'a> MakeWriter<'a> for ToThread {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        Lines(LISTENING.try_with(|listening| listening.borrow().clone()).ok().flatten())
    }
}

struct Lines(Option<Log>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(log) = &self.0 {
            log.0.lock().unwrap().extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
