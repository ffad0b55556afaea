//! Waiting with a deadline.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Returns the output of `work`, or `None` if `end` finishes first. The other future is dropped. If
/// both are ready, `work` wins.
pub(crate) async fn or_deadline<T>(
    work: impl Future<Output = T>,
    end: impl Future<Output = ()>,
) -> Option<T> {
    let (mut work, mut end) = (pin!(work), pin!(end));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => end.as_mut().poll(context).map(|()| None),
    })
    .await
}
