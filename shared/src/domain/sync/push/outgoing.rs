use std::fmt::Write as _;

use http::Method;
use serde_json::{Value, json};

use crate::domain::ExpressionError;
use crate::domain::sync::conflict::Change;
use crate::domain::sync::{EntitySync, Fields, MappingError, RecordCall};

/// A call that tells a provider of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingCall {
    /// Its method.
    pub method: Method,
    /// Its path under the base URL.
    pub path: String,
    /// What is sent; nothing, if none.
    pub body: Option<Value>,
}

/// Why a change cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    /// No call is configured for it.
    #[error("no call is configured for it")]
    NoCall,
    /// The call's method is none.
    #[error("the call's method is none")]
    Method,
    /// The record's fields cannot be written by the provider's names.
    #[error("{0}")]
    Mapping(MappingError),
    /// The expression of the call's body has no result.
    #[error("the body: {0}")]
    Body(ExpressionError),
}

impl OutgoingError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCall | Self::Method => "no_call",
            Self::Mapping(_) | Self::Body(_) => "unmappable",
        }
    }
}

impl OutgoingCall {
    /// The call that tells the provider of `change` of the record `id`, which holds `content` now.
    ///
    /// # Errors
    ///
    /// If it is not configured, or the fields cannot be written.
    pub fn of(
        change: &Change,
        (id, content): (&str, &Fields),
        rules: &EntitySync,
    ) -> Result<Self, OutgoingError> {
        let mapper = rules.mapper();
        let calls = &rules.calls;
        let record = mapper
            .write_what_can_be(content)
            .map_err(OutgoingError::Mapping)?;
        let (call, changes) = match change {
            Change::Create(_) => (&calls.create, Some(record.clone())),
            Change::Update(update) => {
                let removed = update.removed.iter();
                let removed = removed.map(|name| (name.clone(), Value::Null));
                let all: Fields = update.set.clone().into_iter().chain(removed).collect();
                let changes = mapper.write(&all).map_err(OutgoingError::Mapping)?;
                (&calls.update, Some(changes))
            }
            Change::Delete => (&calls.delete, None),
        };
        let call = call.as_ref().ok_or(OutgoingError::NoCall)?;
        Ok(Self {
            body: body(call, id, changes, record)?,
            ..Self::plain(call, id)?
        })
    }

    /// The call that reads the record `id`, if one is configured.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn read(id: &str, rules: &EntitySync) -> Result<Self, OutgoingError> {
        let call = rules.calls.read.as_ref().ok_or(OutgoingError::NoCall)?;
        Ok(Self {
            body: match &call.body {
                Some(_) => body(call, id, None, Fields::new())?,
                None => None,
            },
            ..Self::plain(call, id)?
        })
    }

    fn plain(call: &RecordCall, id: &str) -> Result<Self, OutgoingError> {
        let method = Method::from_bytes(call.method.as_bytes());
        Ok(Self {
            method: method.map_err(|_| OutgoingError::Method)?,
            path: call.path.replace("{id}", &segment(id)),
            body: None,
        })
    }
}

fn body(
    call: &RecordCall,
    id: &str,
    changes: Option<Fields>,
    record: Fields,
) -> Result<Option<Value>, OutgoingError> {
    match &call.body {
        Some(body) => {
            let document = json!({"id": id, "changes": changes, "record": record});
            let value = body.evaluate(&document).map_err(OutgoingError::Body)?;
            Ok(Some(value))
        }
        None => Ok(changes.map(Value::Object)),
    }
}

/// An id as one segment of a path, or one value of a query: all but what RFC 3986 section 2.3 calls
/// unreserved is escaped.
fn segment(id: &str) -> String {
    let mut escaped = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => {
                // Writing to a string does not fail.
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}
