//! Wakes the tasks that watch a topic.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Topic;
use crate::BoxFuture;

/// One channel per topic, for as long as it is watched.
#[derive(Clone, Default)]
pub(super) struct Signals(Arc<Mutex<HashMap<Topic, watch::Sender<()>>>>);

impl Signals {
    pub(super) fn send(&self, mailboxes: &[String], planned: bool) {
        if mailboxes.is_empty() && !planned {
            return;
        }
        let channels = self.channels();
        let topics =
            mailboxes.iter().cloned().map(Topic::Mailbox).chain(planned.then_some(Topic::Work));
        for topic in topics {
            if let Some(channel) = channels.get(&topic) {
                channel.send_replace(());
            }
        }
    }

    pub(super) fn watch(&self, topic: Topic) -> BoxFuture<'static, ()> {
        let receiver = self
            .channels()
            .entry(topic.clone())
            .or_insert_with(|| watch::channel(()).0)
            .subscribe();
        let mut watching = Watching { signals: self.clone(), topic, receiver: Some(receiver) };
        Box::pin(async move {
            if let Some(receiver) = &mut watching.receiver {
                // The sender exists as long as this task; without it, looking again would be right
                // too.
                let _ = receiver.changed().await;
            }
        })
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<Topic, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the channel when its last watcher is dropped.
struct Watching {
    signals: Signals,
    topic: Topic,
    receiver: Option<watch::Receiver<()>>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.receiver = None;
        let mut channels = self.signals.channels();
        if channels.get(&self.topic).is_some_and(|channel| channel.receiver_count() == 0) {
            channels.remove(&self.topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_happens_between_the_call_and_the_first_poll_is_not_lost() {
        let signals = Signals::default();
        let watch = signals.watch(Topic::Work);
        signals.send(&[], true);
        watch.await;
    }

    #[test]
    fn nothing_stays_behind_when_nobody_watches() {
        let signals = Signals::default();
        let topic = || Topic::Mailbox(String::from("b"));
        let (one, two) = (signals.watch(topic()), signals.watch(topic()));
        drop(one);
        assert_eq!(signals.channels().len(), 1);
        drop(two);
        assert!(signals.channels().is_empty());
    }
}
