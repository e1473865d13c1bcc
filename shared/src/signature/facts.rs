//! What is read of a request once it is verified.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::{EventFacts, HandshakeResponse, InboundRequest, Received, SchemeSettings};
use crate::catalog::{Handshake, Location, Scheme};
use crate::domain::SecretId;

/// Longer ids and types are not ids and types.
const MAX_BYTES: usize = 256;

pub(super) fn read(
    scheme: &Scheme,
    request: &InboundRequest<'_>,
    settings: &SchemeSettings,
    verified_with: Option<SecretId>,
) -> Received {
    let document = Document::new(request);
    if let Some(handshake) = scheme
        .handshakes
        .iter()
        .find(|handshake| document.is(&handshake.when.at, &handshake.when.equals))
    {
        return Received::Handshake(answer(handshake, &document));
    }
    let first = |configured: &Option<Location>, declared: &[Location]| {
        configured
            .iter()
            .chain(declared)
            .find_map(|place| document.text(place))
            .filter(|text| {
                text.len() <= MAX_BYTES && !text.is_empty() && !text.chars().any(char::is_control)
            })
    };
    Received::Event(EventFacts {
        provider_event_id: first(&settings.event_id, &scheme.event_id),
        event_type: first(&settings.event_type, &scheme.event_type),
        verified_with,
    })
}

/// Plain text, so that nothing of what is echoed is taken for markup.
fn answer(handshake: &Handshake, document: &Document<'_>) -> HandshakeResponse {
    let text = handshake
        .answer
        .as_ref()
        .and_then(|place| document.text(place));
    HandshakeResponse {
        status: StatusCode::OK,
        content_type: "text/plain; charset=utf-8",
        body: Bytes::from(text.unwrap_or_default()),
    }
}

/// A request whose body is parsed at most once, and only if somebody asks.
struct Document<'a> {
    request: &'a InboundRequest<'a>,
    json: std::cell::OnceCell<Option<Value>>,
}

impl<'a> Document<'a> {
    fn new(request: &'a InboundRequest<'a>) -> Self {
        Self {
            request,
            json: std::cell::OnceCell::new(),
        }
    }

    fn json(&self) -> Option<&Value> {
        self.json
            .get_or_init(|| serde_json::from_slice(self.request.body).ok())
            .as_ref()
    }

    fn text(&self, place: &Location) -> Option<String> {
        match place {
            Location::Header(name) => self
                .request
                .headers
                .get(name)?
                .to_str()
                .ok()
                .map(str::to_owned),
            Location::Body(pointer) => match self.json()?.pointer(pointer)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            },
            Location::Form(name) => form_urlencoded::parse(self.request.body)
                .find(|(found, _)| found == name)
                .map(|(_, value)| value.into_owned()),
            Location::Digest(_) => Some(hex::encode(digest(&SHA256, self.request.body))),
        }
    }

    fn is(&self, place: &Location, expected: &str) -> bool {
        self.text(place).as_deref() == Some(expected)
    }
}
