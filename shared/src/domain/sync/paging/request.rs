//! How a page of a list is asked for.

use serde_json::{Map, Value};
use url::Url;

use super::Place;
use crate::domain::gateway::{Target, TargetError};
use crate::domain::sync::SourceVersion;
use crate::domain::{Entity, PageSize, Pagination};

/// The call that reads a page.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRequest {
    /// The path under the base URL, or a whole URL.
    pub endpoint: String,
    /// Parameters of its query besides.
    pub params: Vec<(String, String)>,
    /// A JSON body, for lists that are not read by `GET`.
    pub body: Option<Value>,
}

/// Why a page cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListRequestError {
    /// The URL that the page before gave is none.
    #[error("the place of the next page is no URL")]
    NotAUrl,
    /// The list's own path is not accepted.
    #[error("the list's path is not accepted: {0}")]
    Path(#[from] TargetError),
    /// A parameter does not fit the body.
    #[error("the body has something else where a parameter belongs")]
    Body,
}

impl ListRequest {
    /// The call that reads the page of `entity` at `place`, of what has changed since `since` if
    /// that is given and can be asked for.
    ///
    /// Parameters take the place of those of the same names in the list's path. For a list that is
    /// not read by `GET` or `HEAD` they go into its JSON body: one with a `/` in front is a JSON
    /// Pointer (RFC 6901) into it. A URL that a page gave already has them all.
    ///
    /// # Errors
    ///
    /// If the place is none that can be called.
    pub fn new(
        (base, hosts): (&Url, &[String]),
        entity: &Entity,
        pagination: &Pagination,
        place: Option<&Place>,
        since: Option<&SourceVersion>,
    ) -> Result<Self, ListRequestError> {
        let is_read = matches!(entity.method.as_str(), "GET" | "HEAD");
        let body = (!is_read).then(|| entity.body.clone().unwrap_or_else(|| Map::new().into()));
        if let Some(Place::Url(url)) = place {
            let list = Target::new(base, hosts, &entity.list_path, &[])?.into_url();
            let next = list.join(url).map_err(|_| ListRequestError::NotAUrl)?;
            return Ok(Self {
                endpoint: next.into(),
                params: Vec::new(),
                body,
            });
        }
        let params = params(entity, pagination, place, since);
        let Some(mut body) = body else {
            let params: Vec<(String, String)> = params
                .into_iter()
                .map(|(name, value)| (name.to_owned(), plain(value)))
                .collect();
            return Ok(Self {
                endpoint: without(&entity.list_path, &params),
                params,
                body: None,
            });
        };
        for (name, value) in params {
            put(&mut body, name, value)?;
        }
        Ok(Self {
            endpoint: entity.list_path.clone(),
            params: Vec::new(),
            body: Some(body),
        })
    }
}

fn params<'a>(
    entity: &'a Entity,
    pagination: &'a Pagination,
    place: Option<&Place>,
    since: Option<&SourceVersion>,
) -> Vec<(&'a str, Value)> {
    let mut params = Vec::new();
    let mut sized = |size: Option<&'a PageSize>| {
        if let Some(size) = size {
            params.push((size.parameter.as_str(), Value::from(size.max)));
        }
    };
    let placed = match (pagination, place) {
        (
            Pagination::Cursor {
                parameter, size, ..
            },
            place,
        ) => {
            sized(size.as_ref());
            match place {
                Some(Place::Cursor(cursor)) => Some((parameter, Value::from(cursor.as_str()))),
                _ => None,
            }
        }
        (
            Pagination::Offset {
                parameter, size, ..
            },
            place,
        ) => {
            sized(Some(size));
            Some((parameter, Value::from(number(pagination, place))))
        }
        (
            Pagination::Page {
                parameter, size, ..
            },
            place,
        ) => {
            sized(size.as_ref());
            Some((parameter, Value::from(number(pagination, place))))
        }
        (Pagination::Link { size, .. }, _) => {
            sized(size.as_ref());
            None
        }
        (Pagination::None {}, _) => None,
    };
    params.extend(placed.map(|(name, value)| (name.as_str(), value)));
    if let (Some(changed), Some(since)) = (&entity.changed_since, since) {
        let value = changed.template.replace("{cursor}", &since.0);
        params.push((changed.parameter.as_str(), value.into()));
    }
    params
}

/// The number of a page, or of its first item, in a list where they are counted.
fn number(pagination: &Pagination, place: Option<&Place>) -> u64 {
    match (pagination, place) {
        (Pagination::Offset { first, .. }, Some(Place::Offset(before))) => {
            before.saturating_add(u64::from(*first))
        }
        (Pagination::Page { .. }, Some(Place::Page(number))) => *number,
        (Pagination::Offset { first, .. } | Pagination::Page { first, .. }, _) => u64::from(*first),
        _ => 0,
    }
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        value => value.to_string(),
    }
}

/// The path without the parameters of its query that are given otherwise.
fn without(path: &str, params: &[(String, String)]) -> String {
    let Some((own, query)) = path.split_once('?') else {
        return path.to_owned();
    };
    let is_given = |pair: &str| {
        let mut named = form_urlencoded::parse(pair.as_bytes());
        let name = named.next().map(|(name, _)| name.into_owned());
        params.iter().any(|(given, _)| Some(given) == name.as_ref())
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_given(pair)).collect();
    if kept.is_empty() {
        own.to_owned()
    } else {
        format!("{own}?{}", kept.join("&"))
    }
}

fn put(body: &mut Value, name: &str, value: Value) -> Result<(), ListRequestError> {
    let Some(path) = name.strip_prefix('/') else {
        let object = body.as_object_mut().ok_or(ListRequestError::Body)?;
        object.insert(name.to_owned(), value);
        return Ok(());
    };
    let mut at = body;
    for member in path.split('/') {
        let member = member.replace("~1", "/").replace("~0", "~");
        let object = at.as_object_mut().ok_or(ListRequestError::Body)?;
        at = object.entry(member).or_insert(Value::Null);
        if at.is_null() {
            *at = Map::new().into();
        }
    }
    *at = value;
    Ok(())
}
