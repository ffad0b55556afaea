//! Futures that run concurrently in one task.

use std::future::poll_fn;
use std::task::{Context, Poll};

use crate::BoxFuture;

/// Futures in flight, each with a name.
#[derive(Default)]
pub(super) struct InFlight(Vec<(String, BoxFuture<'static, ()>)>);

impl InFlight {
    pub(super) fn add(&mut self, name: String, future: BoxFuture<'static, ()>) {
        self.0.push((name, future));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The names with at least `count` futures in flight.
    pub(super) fn names(&self, count: u32) -> Vec<String> {
        let mut counts = std::collections::HashMap::<&str, u32>::new();
        self.0.iter().for_each(|(name, _)| *counts.entry(name).or_default() += 1);
        counts
            .into_iter()
            .filter(|(_, number)| *number >= count)
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// Polls all futures. It is ready if some have ended.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let before = self.0.len();
        self.0.retain_mut(|(_, future)| future.as_mut().poll(context).is_pending());
        if self.0.len() < before { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits for all futures.
    pub(super) async fn join_all(&mut self) {
        poll_fn(|context| {
            let _ = self.poll(context);
            if self.0.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
