//! An answer with all that has to be known to give it again, and its stored form.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// An answer of the provider that may be given again.
#[derive(Clone, PartialEq, Eq)]
pub struct CachedAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers, without cookies and without what concerns one connection only.
    pub headers: HeaderMap,
    /// The body; empty, in answer to `HEAD`.
    pub body: Bytes,
    /// The method that was answered.
    pub(super) method: Method,
    /// Those of the request's headers that the answer depends on, by its `Vary`.
    pub(super) selecting: HeaderMap,
    /// When it was received, or was last said to hold still.
    pub(super) received_at: Timestamp,
    /// How long it is fresh if the provider does not say.
    pub(super) ttl: Option<Duration>,
}

/// What an answer holds of the provider's data is not for a log.
impl fmt::Debug for CachedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedAnswer")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .field("received_at", &self.received_at)
            .finish_non_exhaustive()
    }
}

/// All but the body. It stands before it, and its length before both.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    method: String,
    status: u16,
    headers: Vec<(String, String)>,
    selecting: Vec<(String, String)>,
    received_at: Timestamp,
    ttl_ms: Option<u64>,
}

impl CachedAnswer {
    /// Its stored form.
    pub(super) fn encode(&self) -> serde_json::Result<Vec<u8>> {
        let head = serde_json::to_vec(&Head {
            method: self.method.to_string(),
            status: self.status.as_u16(),
            headers: texts(&self.headers),
            selecting: texts(&self.selecting),
            received_at: self.received_at,
            ttl_ms: self
                .ttl
                .map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
        })?;
        let mut bytes = Vec::with_capacity(4 + head.len() + self.body.len());
        bytes.extend_from_slice(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(&self.body);
        Ok(bytes)
    }

    /// Reads what `encode` wrote; `None`, if it is anything else.
    pub(super) fn decode(bytes: &Bytes) -> Option<Self> {
        let (length, _) = bytes.split_first_chunk::<4>()?;
        let end = usize::try_from(u32::from_be_bytes(*length))
            .ok()?
            .checked_add(4)?;
        let head: Head = serde_json::from_slice(bytes.get(4..end)?).ok()?;
        Some(Self {
            method: head.method.parse().ok()?,
            status: StatusCode::from_u16(head.status).ok()?,
            headers: header_map(&head.headers)?,
            selecting: header_map(&head.selecting)?,
            received_at: head.received_at,
            ttl: head.ttl_ms.map(Duration::from_millis),
            body: bytes.slice(end..),
        })
    }
}

/// Values are bytes; each becomes the character of its number, so that none is lost.
fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| {
        value
            .as_bytes()
            .iter()
            .map(|byte| char::from(*byte))
            .collect()
    };
    let headers = headers.iter();
    headers
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

fn header_map(texts: &[(String, String)]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(texts.len());
    for (name, text) in texts {
        let bytes = text.chars().map(u8::try_from);
        let bytes = bytes.collect::<Result<Vec<u8>, _>>().ok()?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(&bytes).ok()?);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(values: &[Vec<u8>], body: Vec<u8>) -> CachedAnswer {
        let mut headers = HeaderMap::new();
        for value in values {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append("x-value", value);
            }
        }
        CachedAnswer {
            status: StatusCode::NOT_FOUND,
            selecting: headers.clone(),
            headers,
            body: body.into(),
            method: Method::HEAD,
            received_at: Timestamp::from_millisecond(1_790_000_000_123).unwrap(),
            ttl: Some(Duration::from_millis(1_500)),
        }
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_as_it_was(values: Vec<Vec<u8>>, body: Vec<u8>) {
            let answer = answer(&values, body);
            let stored = Bytes::from(answer.encode().unwrap());
            prop_assert_eq!(CachedAnswer::decode(&stored), Some(answer));
        }

        #[test]
        fn anything_else_is_no_answer(bytes: Vec<u8>) {
            prop_assert_eq!(CachedAnswer::decode(&bytes.into()), None);
        }
    }

    #[test]
    fn what_was_cut_off_is_no_answer() {
        let stored = Bytes::from(answer(&[b"a".to_vec()], Vec::new()).encode().unwrap());
        for end in 0..stored.len() {
            assert_eq!(CachedAnswer::decode(&stored.slice(..end)), None);
        }
    }

    #[test]
    fn nothing_of_the_providers_data_is_shown() {
        let shown = format!("{:?}", answer(&[b"canary".to_vec()], b"canary".to_vec()));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
