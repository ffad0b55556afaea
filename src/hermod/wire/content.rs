//! What a hub asks of a content provider.

use std::sync::Arc;

use crate::hermod::model::ContentAnswer;
use crate::{BoxFuture, Error};

/// What a hub asks of a content provider: the pictures that a command names by an id.
pub trait ContentApi: Send + Sync {
    /// The content with this id: one or two pieces.
    ///
    /// # Errors
    /// Class `not-found` if there is none, `unauthorized`, `rate`, `storage`, `unavailable`.
    /// Whichever it is, the hub refuses the command that names it.
    fn content(
        &self,
        content_id: &str,
    ) -> impl Future<Output = Result<ContentAnswer, Error>> + Send;
}

trait Erased: Send + Sync {
    fn content<'a>(&'a self, content_id: &'a str) -> BoxFuture<'a, Result<ContentAnswer, Error>>;
}

impl<T: ContentApi> Erased for T {
    fn content<'a>(&'a self, content_id: &'a str) -> BoxFuture<'a, Result<ContentAnswer, Error>> {
        Box::pin(ContentApi::content(self, content_id))
    }
}

/// Any [`ContentApi`], for storage.
#[derive(Clone)]
pub struct AnyContentApi(Arc<dyn Erased>);

impl AnyContentApi {
    /// Erases `api`.
    #[must_use]
    pub fn new(api: impl ContentApi + 'static) -> Self {
        Self(Arc::new(api))
    }
}

impl ContentApi for AnyContentApi {
    async fn content(&self, content_id: &str) -> Result<ContentAnswer, Error> {
        self.0.content(content_id).await
    }
}

impl std::fmt::Debug for AnyContentApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnyContentApi")
    }
}
