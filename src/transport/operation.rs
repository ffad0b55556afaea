//! The operations of a wire as a table of [`Operation`]s. Servers route by it, and clients take
//! their paths from it.

use ::http::{Method, StatusCode};

use super::message::{last_segments, method_not_allowed, no_such_address, split_path};
use crate::{BaseUrl, Error};

/// One operation of a wire.
#[cfg_attr(not(feature = "server"), allow(dead_code, reason = "what a server reads"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation<'a, I> {
    /// Identifies the operation.
    pub(crate) id: I,
    pub(crate) method: OperationMethod,
    pub(crate) path: PathPattern<'a>,
    pub(crate) body: BodyKind,
    pub(crate) effect: Effect,
    /// The status of a successful response.
    pub(crate) success: StatusCode,
}

/// The methods of operations. A server answers `HEAD` wherever there is `GET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OperationMethod {
    Get,
    Post,
    Delete,
}

impl OperationMethod {
    pub(crate) fn to_method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Delete => Method::DELETE,
        }
    }

    /// The method in `Allow`.
    #[cfg(feature = "server")]
    fn allow(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// The kind of a body; a server has a size limit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// No body.
    Empty,
    Ordinary,
    /// A body that may hold pictures.
    Large,
    /// A body that holds the answer of another party.
    Callback,
}

/// The effect of a call on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It changes nothing, and ends when the client disconnects.
    Reads,
    /// It may wait for an event, and changes nothing.
    Waits,
    /// It changes state, so it runs to completion even if the client disconnects.
    Changes,
}

/// A path relative to the base of a wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathPattern<'a> {
    segments: [Option<Segment<'a>>; 2],
    /// Whether other segments may come before these.
    has_any_prefix: bool,
}

/// One segment of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Segment<'a> {
    /// This exact word.
    Word(&'a str),
    /// The value of a parameter.
    Parameter,
}

impl<'a> PathPattern<'a> {
    /// The base itself.
    pub(crate) const BASE: Self = Self { segments: [None, None], has_any_prefix: false };

    pub(crate) const fn one(segment: Segment<'a>) -> Self {
        Self { segments: [Some(segment), None], has_any_prefix: false }
    }

    pub(crate) const fn two(first: Segment<'a>, second: Segment<'a>) -> Self {
        Self { segments: [Some(first), Some(second)], has_any_prefix: false }
    }

    /// A path that ends in this segment, after any others.
    pub(crate) const fn last(segment: Segment<'a>) -> Self {
        Self { segments: [Some(segment), None], has_any_prefix: true }
    }

    /// Whether a request's path has this pattern.
    fn matches(&self, path: &mut RequestPath<'_>) -> Result<bool, Error> {
        let given = path.segments(self.has_any_prefix)?;
        let pattern = self.segments.iter().flatten();
        Ok(given.len() == pattern.clone().count()
            && pattern.zip(given).all(|(segment, given)| match segment {
                Segment::Word(word) => word == given,
                Segment::Parameter => true,
            }))
    }

    /// The values of the parameters in a path that [matches](Self::matches).
    fn values(&self, path: &mut RequestPath<'_>) -> Result<Vec<String>, Error> {
        let given = path.segments(self.has_any_prefix)?.iter();
        let pairs = self.segments.iter().flatten().zip(given);
        let values = pairs.filter(|(segment, _)| matches!(segment, Segment::Parameter));
        Ok(values.map(|(_, given)| given.clone()).collect())
    }

    /// The address below `base`, with the values of the parameters in order.
    pub(crate) fn address(&self, base: &BaseUrl, values: &[&str]) -> BaseUrl {
        let mut values = values.iter();
        let segments: Vec<&str> = self
            .segments
            .iter()
            .flatten()
            .map(|segment| match segment {
                Segment::Word(word) => *word,
                Segment::Parameter => values.next().copied().unwrap_or_default(),
            })
            .collect();
        base.join(&segments)
    }
}

/// The path of a request, which is split once for all the patterns that it is held against.
struct RequestPath<'p> {
    path: &'p str,
    all: Option<Vec<String>>,
    last: Option<[String; 1]>,
}

impl<'p> RequestPath<'p> {
    fn new(path: &'p str) -> Self {
        Self { path, all: None, last: None }
    }

    /// Its segments, or only the last one.
    fn segments(&mut self, only_last: bool) -> Result<&[String], Error> {
        if only_last {
            return Ok(self.last.get_or_insert_with(|| [last_segments(self.path).1]));
        }
        if self.all.is_none() {
            self.all = Some(split_path(self.path)?);
        }
        Ok(self.all.as_deref().unwrap_or_default())
    }
}

/// The operation that a request is for.
#[cfg_attr(not(feature = "server"), allow(dead_code, reason = "what a server reads"))]
#[derive(Debug)]
pub(crate) struct Route<I> {
    pub(crate) id: I,
    pub(crate) body: BodyKind,
    pub(crate) effect: Effect,
    pub(crate) success: StatusCode,
    /// The values of the path's parameters, in order.
    pub(crate) values: Vec<String>,
}

/// Finds the operation with this path and method.
///
/// # Errors
/// Class `not-found` if there is no such path, `malformed` for a path with bad escapes, empty
/// segments or dot segments, and with status 405 if the path has other methods.
pub(crate) fn route<'a, I>(
    operations: impl Iterator<Item = Operation<'a, I>>,
    path: &str,
    method: &Method,
) -> Result<Route<I>, Error> {
    let (mut path, mut is_known) = (RequestPath::new(path), false);
    for operation in operations {
        if !operation.path.matches(&mut path)? {
            continue;
        }
        if operation.method.to_method() == *method {
            let values = operation.path.values(&mut path)?;
            let Operation { id, body, effect, success, .. } = operation;
            return Ok(Route { id, body, effect, success, values });
        }
        is_known = true;
    }
    Err(if is_known { method_not_allowed() } else { no_such_address() })
}

/// The methods of a path, as they stand in `Allow`.
#[cfg(feature = "server")]
pub(crate) fn allowed<'a, I>(
    operations: impl Iterator<Item = Operation<'a, I>>,
    path: &str,
) -> String {
    let mut path = RequestPath::new(path);
    let mut methods: Vec<OperationMethod> = operations
        .filter(|operation| matches!(operation.path.matches(&mut path), Ok(true)))
        .map(|operation| operation.method)
        .collect();
    methods.sort_unstable();
    methods.dedup();
    methods.iter().map(|method| method.allow()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;

    fn operations() -> impl Iterator<Item = Operation<'static, u8>> {
        let operation = |id, method, path| Operation {
            id,
            method,
            path,
            body: BodyKind::Ordinary,
            effect: Effect::Reads,
            success: StatusCode::OK,
        };
        let item = PathPattern::two(Segment::Word("items"), Segment::Parameter);
        [
            operation(1, OperationMethod::Delete, item),
            operation(2, OperationMethod::Get, item),
            operation(3, OperationMethod::Post, PathPattern::BASE),
        ]
        .into_iter()
    }

    #[test]
    fn a_request_finds_its_operation_by_path_and_method() {
        let find = |path: &str, method: &Method| route(operations(), path, method);
        let found = find("/items/a%2Fb", &Method::GET).unwrap();
        assert_eq!((found.id, found.values), (2, vec!["a/b".to_owned()]));
        assert_eq!(find("", &Method::POST).unwrap().id, 3);
        assert_eq!(find("/things/1", &Method::GET).unwrap_err().class(), Class::NotFound);
        assert_eq!(find("/items/1", &Method::POST).unwrap_err().http_status(), 405);
        assert_eq!(find("/items/%zz", &Method::GET).unwrap_err().class(), Class::Malformed);
    }

    #[cfg(feature = "server")]
    #[test]
    fn allow_lists_each_method_of_a_path_once_and_head_beside_get() {
        assert_eq!(allowed(operations(), "/items/1"), "GET, HEAD, DELETE");
        assert_eq!(allowed(operations(), "/nothing"), "");
    }

    #[test]
    fn an_address_has_the_words_and_the_values_of_its_operation() {
        let base = BaseUrl::parse("https://hub.example/rest").unwrap();
        let path = PathPattern::two(Segment::Word("items"), Segment::Parameter);
        assert_eq!(
            path.address(&base, &["a/b"]).to_string(),
            "https://hub.example/rest/items/a%2Fb"
        );
    }
}
