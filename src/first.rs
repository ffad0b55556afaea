//! Waiting for the first of two things.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// What `work` gives; `None` if `end` comes before it. The other one is dropped. Of two that are
/// there, it is `work`.
pub(crate) async fn first<T>(
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
