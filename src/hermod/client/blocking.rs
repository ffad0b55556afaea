//! The same clients for those who wait: every call blocks its thread until the answer is there,
//! pauses included. Not for use inside an asynchronous runtime.

mod command;
mod mailbox;
mod timer;

pub use command::CommandClient;
pub use mailbox::MailboxClient;
pub use timer::{SystemTimer, Timer};

use super::attempts::{Attempts, Party};
use super::settings::Settings;
use crate::Error;
use crate::transport::BlockingTransport;

/// Makes all attempts of a call.
fn call<P: Party>(
    transport: &dyn BlockingTransport,
    timer: &dyn Timer,
    settings: &Settings,
    party: &P,
    call: &P::Call,
) -> Result<P::Answer, Error> {
    let mut attempts = Attempts::begin(settings, party, call, timer.monotonic());
    loop {
        let request = attempts.write(timer.monotonic())?;
        let exchanged = transport.send(request);
        let error = match attempts.read(exchanged, timer.now()) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match attempts.again(&error, timer.monotonic()) {
            Some(time) => timer.sleep_until(time),
            None => return Err(error),
        }
    }
}

/// The setter of a timer.
macro_rules! with_timer {
    () => {
        /// The same with another timer, which pauses are waited for on. Without one it is the
        /// [`SystemTimer`](super::SystemTimer).
        #[must_use]
        pub fn with_timer(mut self, timer: std::sync::Arc<dyn super::Timer>) -> Self {
            self.timer = timer;
            self
        }
    };
}

use with_timer;
