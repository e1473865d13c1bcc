//! How lists go on: where the next page is, and how it is asked for.

mod link;
mod request;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::domain::{Expression, ExpressionError, Pagination};

pub use request::{ListRequest, ListRequestError};

/// The longest cursor or URL of a next page that is taken, in bytes.
const MAX_PLACE_BYTES: usize = 8 * 1024;
/// After so many pages more that are the same as the one before, a list goes round in circles. One may
/// be so by chance: what comes last in a list moves back by a place whenever something joins before it.
const MAX_SAME: u64 = 4;

/// Where a page of a list is, for all pages but the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// What the page before it gave, to be sent back.
    Cursor(String),
    /// A whole URL, or one that is relative to that of the page before.
    Url(String),
    /// So many items come before it.
    Offset(u64),
    /// Its number.
    Page(u64),
}

/// What is known of a list that is being read: where its next page is, and enough of the pages
/// before to see that it goes round in circles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bookmark {
    /// The next page; the first, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What later pages are compared with: the digest of an earlier place, or of the last page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    seen: String,
    /// How many pages ago that was, or how often in a row it was the same.
    #[serde(default)]
    lap: u64,
    /// After how many pages the next one is compared with.
    #[serde(default)]
    lap_ends: u64,
}

/// What a page says of the next one.
#[derive(Clone, Copy, Debug)]
pub struct PageSaid<'a> {
    /// The JSON of the answer.
    pub document: &'a Value,
    /// The values of the answer's `Link` headers.
    pub links: &'a [&'a str],
    /// The records that it has.
    pub items: &'a [Value],
}

/// Why nobody knows how a list goes on.
#[derive(Debug, thiserror::Error)]
pub enum PagingError {
    /// What says where the next page is fails on this one.
    #[error("what says where the next page is fails on this page: {0}")]
    Expression(#[from] ExpressionError),
    /// What was found is no cursor and no URL.
    #[error("the page has something else where the place of the next one is expected")]
    NotAPlace,
    /// There is to be another page, and it is not said where.
    #[error("the page says that there is another one, and not where")]
    NoPlace,
    /// The list goes round in circles.
    #[error("the list goes round in circles")]
    Loop,
}

impl Bookmark {
    /// Where the list goes on after this page. `None` if it was the last one.
    ///
    /// Lists by offset and by number end with a page that has no items: one that is short may be so
    /// because the provider gives fewer than it is asked for, and what is not read of a list is
    /// taken for deleted.
    ///
    /// # Errors
    ///
    /// If the page does not say it in the way that `pagination` says, or the list goes round in
    /// circles.
    pub fn next(
        &self,
        pagination: &Pagination,
        said: PageSaid<'_>,
    ) -> Result<Option<Self>, PagingError> {
        let place = match pagination {
            Pagination::Cursor { next, more, .. } => {
                let more = more.as_ref().map(|more| more.matches(said.document));
                match (more.transpose()?, text(next, said.document)?) {
                    (Some(false), _) | (None, None) => None,
                    (Some(true), None) => return Err(PagingError::NoPlace),
                    (_, Some(cursor)) => Some(Place::Cursor(cursor)),
                }
            }
            Pagination::Link { next, .. } => {
                let header = said.links.iter().find_map(|value| link::next(value));
                let body = next.as_ref().map(|next| text(next, said.document));
                let url = match header {
                    Some(url) => Some(url),
                    None => body.transpose()?.flatten(),
                };
                url.map(Place::Url)
            }
            Pagination::Offset { .. } | Pagination::Page { .. } if said.items.is_empty() => None,
            Pagination::Offset { .. } | Pagination::Page { .. } => {
                self.counted(pagination, said.items.len() as u64)
            }
            Pagination::None {} => None,
        };
        let Some(place) = place else { return Ok(None) };
        match &place {
            Place::Cursor(text) | Place::Url(text) if text.len() > MAX_PLACE_BYTES => {
                Err(PagingError::NotAPlace)
            }
            Place::Cursor(text) | Place::Url(text) => self.onward(digest(text.as_bytes()), place),
            Place::Offset(_) | Place::Page(_) => self.unless_same(said.items, place),
        }
        .map(Some)
    }

    /// Where the list goes on after a page that cannot be read. `None` if only that page says it.
    #[must_use]
    pub fn past_unreadable(&self, pagination: &Pagination) -> Option<Self> {
        let size = match pagination {
            Pagination::Offset { size, .. } => u64::from(size.max),
            _ => 0,
        };
        let place = self.counted(pagination, size)?;
        Some(Self {
            place: Some(place),
            ..Self::default()
        })
    }

    /// The same place, with nothing to see by that the list goes round in circles: a list that has changed
    /// while it was read may have looked as if it did.
    #[must_use]
    pub fn without_memory(&self) -> Self {
        Self {
            place: self.place.clone(),
            ..Self::default()
        }
    }

    /// The place after a page of so many items, for lists whose places can be counted.
    fn counted(&self, pagination: &Pagination, items: u64) -> Option<Place> {
        match pagination {
            Pagination::Offset { .. } => {
                let before = match self.place {
                    Some(Place::Offset(offset)) => offset,
                    _ => 0,
                };
                Some(Place::Offset(before.saturating_add(items)))
            }
            Pagination::Page { first, .. } => {
                let number = match self.place {
                    Some(Place::Page(number)) => number,
                    _ => u64::from(*first),
                };
                Some(Place::Page(number.saturating_add(1)))
            }
            Pagination::Cursor { .. } | Pagination::Link { .. } | Pagination::None {} => None,
        }
    }

    /// Compares the new place with one before, which is replaced after 1, 2, 4, … pages: so any
    /// circle is found, however long, within three rounds (Brent's algorithm).
    fn onward(&self, digest: String, place: Place) -> Result<Self, PagingError> {
        if digest == self.seen {
            return Err(PagingError::Loop);
        }
        let place = Some(place);
        if self.lap >= self.lap_ends {
            return Ok(Self {
                place,
                seen: digest,
                lap: 0,
                lap_ends: self.lap_ends.saturating_mul(2).max(1),
            });
        }
        Ok(Self {
            place,
            lap: self.lap.saturating_add(1),
            ..self.clone()
        })
    }

    /// Places that are counted never repeat, but some providers give the last page for any number
    /// beyond it.
    fn unless_same(&self, items: &[Value], place: Place) -> Result<Self, PagingError> {
        let mut text = String::new();
        for item in items {
            // Writing to a string does not fail.
            let _ = write!(text, "{item},");
        }
        let seen = digest(text.as_bytes());
        let lap = if seen == self.seen {
            self.lap.saturating_add(1)
        } else {
            0
        };
        if lap >= MAX_SAME {
            return Err(PagingError::Loop);
        }
        Ok(Self {
            place: Some(place),
            seen,
            lap,
            lap_ends: 0,
        })
    }
}

/// A text or a number that is there.
fn text(expression: &Expression, document: &Value) -> Result<Option<String>, PagingError> {
    match expression.evaluate(document)? {
        Value::Null | Value::Bool(false) => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => Err(PagingError::NotAPlace),
    }
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    hex::encode(digest.get(..16).unwrap_or_default())
}

#[cfg(test)]
mod tests;
