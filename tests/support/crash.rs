//! Power loss: a future that stops at one of its steps and is never polled again.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use keyferry::BoxFuture;
use keyferry::crypto::{KeyKind, Signer};
use keyferry::keys::{
    CertificateInstall, Channel, KeptAnswer, KeyStore, KeyStoreError, MessageId, Pending, Profile,
    Provisioning,
};

/// Counts steps down; the last one never ends.
pub(crate) struct Crash(AtomicUsize);

impl Crash {
    pub(crate) fn never() -> Arc<Self> {
        Self::at(usize::MAX)
    }

    /// Stops at the step of that number, from 0.
    pub(crate) fn at(step: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(step)))
    }

    /// A step.
    pub(crate) async fn point(&self) {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.0.store(0, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
    }
}

/// What a future gives that waits for nothing; `None` if it crashed.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// A key store that crashes before or after a step.
pub(crate) struct CrashingStore(pub(crate) Arc<dyn KeyStore>, pub(crate) Arc<Crash>);

macro_rules! steps {
    ($( fn $name:ident<'a>(&'a self $(, $argument:ident: $type:ty)*) -> $output:ty; )*) => {
        $( fn $name<'a>(&'a self $(, $argument: $type)*) -> BoxFuture<'a, Result<$output, KeyStoreError>> {
            Box::pin(async move {
                self.1.point().await;
                let done = self.0.$name($($argument),*).await;
                self.1.point().await;
                done
            })
        } )*
    };
}

impl KeyStore for CrashingStore {
    fn takes(&self, kind: KeyKind, storage: &str) -> bool {
        self.0.takes(kind, storage)
    }

    steps! {
        fn open_activation<'a>(&'a self, channel: Channel) -> Channel;
        fn activations<'a>(&'a self) -> Vec<Channel>;
        fn close_activation<'a>(&'a self, address: &'a str) -> ();
        fn begin<'a>(&'a self, provisioning: Provisioning) -> Pending;
        fn all_pending<'a>(&'a self) -> Vec<Pending>;
        fn pending<'a>(&'a self, message: &'a MessageId) -> Option<Pending>;
        fn pending_signer<'a>(&'a self, message: &'a MessageId, key_id: &'a str) -> Option<Arc<dyn Signer>>;
        fn record_answer<'a>(&'a self, message: &'a MessageId, mailbox: Channel, answer: &'a str) -> KeptAnswer;
        fn commit<'a>(&'a self, message: &'a MessageId) -> Option<Profile>;
        fn abandon<'a>(&'a self, message: &'a MessageId) -> ();
        fn keep_answer<'a>(&'a self, message: &'a MessageId, answer: &'a str) -> KeptAnswer;
        fn answer<'a>(&'a self, message: &'a MessageId) -> Option<KeptAnswer>;
        fn unsent<'a>(&'a self, mailbox: &'a str) -> Vec<KeptAnswer>;
        fn mark_sent<'a>(&'a self, message: &'a MessageId) -> ();
        fn profiles<'a>(&'a self) -> Vec<Profile>;
        fn profile<'a>(&'a self, profile_id: &'a str) -> Option<Profile>;
        fn signer<'a>(&'a self, profile_id: &'a str, key_id: &'a str) -> Option<Arc<dyn Signer>>;
        fn install<'a>(&'a self, profile_id: &'a str, certificates: Vec<CertificateInstall>) -> ();
        fn retire<'a>(&'a self, profile_id: &'a str) -> ();
        fn remove_profile<'a>(&'a self, profile_id: &'a str) -> ();
    }
}
