//! A receiver of callbacks that does what the test says and records what came.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyferry::hermod::model::Callback;
use keyferry::hermod::wire::{CallbackApi, Delivery};
use keyferry::{Class, Error};
use tokio::sync::Notify;

/// What the receiver does with callbacks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Mood {
    #[default]
    Takes,
    /// Says that it took them, and forgets them.
    Loses,
    Refuses(Class),
    /// With this time to wait.
    RefusesFor(Class, Duration),
    /// Never answers.
    Hangs,
}

#[derive(Default)]
struct State {
    mood: Mood,
    seen: Vec<Delivery>,
    taken: Vec<Delivery>,
    /// What was taken, by its `externalId`.
    by_id: HashMap<String, Vec<Callback>>,
}

#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<State>>, Arc<Notify>);

impl Inbox {
    pub fn is_now(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    /// What came, whether it was taken or not.
    pub fn seen(&self) -> Vec<Delivery> {
        self.0.lock().unwrap().seen.clone()
    }

    /// What was taken since the last time that the test asked.
    pub fn take(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.0.lock().unwrap().taken)
    }

    /// Every callback with this `externalId` that was taken.
    pub fn of(&self, id: &str) -> Vec<Callback> {
        self.0.lock().unwrap().by_id.get(id).cloned().unwrap_or_default()
    }

    /// The next callback that is taken.
    pub async fn next(&self) -> Callback {
        loop {
            let told = self.1.notified();
            {
                let mut state = self.0.lock().unwrap();
                if !state.taken.is_empty() {
                    return state.taken.remove(0).callback;
                }
            }
            told.await;
        }
    }
}

impl CallbackApi for Inbox {
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        let mood = {
            let mut state = self.0.lock().unwrap();
            state.seen.push(delivery.clone());
            if state.mood == Mood::Takes {
                if let Some(id) = &delivery.callback.external_id {
                    state.by_id.entry(id.clone()).or_default().push(delivery.callback.clone());
                }
                state.taken.push(delivery);
                self.1.notify_one();
            }
            state.mood
        };
        match mood {
            Mood::Takes | Mood::Loses => Ok(()),
            Mood::Refuses(class) => Err(Error::new(class, "", "not now")),
            Mood::RefusesFor(class, pause) => {
                Err(Error::new(class, "", "not now").with_retry_after(pause))
            }
            Mood::Hangs => std::future::pending().await,
        }
    }
}
