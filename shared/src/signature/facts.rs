//! What is read of a request once it is verified.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;

use super::batch::{Item, split};
use super::{
    BatchedEvent, EventFacts, HandshakeResponse, InboundRequest, Received, Refusal, SchemeSettings,
    json, timestamp,
};
use crate::catalog::{DigestOf, Handshake, Location, Scheme, Tolerance, Verification};
use crate::domain::SecretId;

/// Longer ids and types are not ids and types.
const MAX_BYTES: usize = 256;
/// What is echoed as this is text to whoever receives it, and nothing else.
pub(super) const PLAIN: &str = "text/plain; charset=utf-8";
const FORM: &str = "application/x-www-form-urlencoded";

/// How a request was verified.
pub(super) struct Verified {
    /// The secret, if it was one.
    pub(super) by: Option<SecretId>,
    /// The events in it, if who verified it has taken it apart.
    pub(super) items: Option<Vec<Item>>,
}

pub(super) fn read(
    scheme: &Scheme,
    request: &InboundRequest<'_>,
    settings: &SchemeSettings,
    verified: Verified,
    now: Timestamp,
) -> Result<Received, Refusal> {
    let document = Document::new(request);
    if let Some((tolerance, at)) = scheme.tolerance().and_then(placed)
        && !matches!(scheme.verification, Verification::Code { .. })
    {
        let text = document.text(at)?.ok_or(Refusal::BadForm)?;
        timestamp::check(&text, tolerance, settings.tolerance_seconds, now)?;
    }
    for handshake in &scheme.handshakes {
        let found = document.text(&handshake.when.at)?;
        if found.as_deref() == Some(&handshake.when.equals) {
            return Ok(Received::Handshake(answer(handshake, &document)?));
        }
    }
    let items = match (verified.items, &scheme.batch) {
        (Some(items), _) => Some(items),
        (None, Some(batch)) => split(batch, request)?,
        (None, None) => None,
    };
    let facts = |document: &Document<'_>| {
        let occurred_at = match &scheme.event_time {
            Some(time) => document.text(&time.at)?.map(|text| (text, time.unit)),
            None => None,
        };
        Ok(EventFacts {
            provider_event_id: document.first_id(&settings.event_id, &scheme.event_id)?,
            event_type: document.first(&settings.event_type, &scheme.event_type)?,
            occurred_at: occurred_at.and_then(|(text, unit)| timestamp::parse(&text, unit)),
            verified_with: verified.by,
        })
    };
    let Some(items) = items else {
        return Ok(Received::Event(facts(&document)?));
    };
    let event = |item: Item| {
        let request = InboundRequest {
            body: &item.payload,
            ..*request
        };
        let facts = facts(&Document::of_item(&request, &item.item))?;
        let payload = item.payload;
        Ok(BatchedEvent { facts, payload })
    };
    let events = items.into_iter().map(event);
    Ok(Received::Batch(events.collect::<Result<_, _>>()?))
}

fn placed(tolerance: &Tolerance) -> Option<(&Tolerance, &Location)> {
    Some((tolerance, tolerance.at.as_ref()?))
}

/// Plain text, so that nothing of what is echoed is taken for markup.
fn answer(handshake: &Handshake, document: &Document<'_>) -> Result<HandshakeResponse, Refusal> {
    let text = match &handshake.answer {
        Some(place) => document.text(place)?,
        None => None,
    };
    Ok(HandshakeResponse {
        status: StatusCode::OK,
        content_type: PLAIN,
        headers: Vec::new(),
        body: Bytes::from(text.unwrap_or_default()),
    })
}

/// Whether the body says that it is a form. A body of another kind may look like one: a chat
/// message can hold `&name=value&`.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(FORM))
}

/// A request, and what is read of it.
struct Document<'a> {
    request: &'a InboundRequest<'a>,
    /// The item of a batch that it is about.
    item: Option<&'a [u8]>,
}

impl<'a> Document<'a> {
    fn new(request: &'a InboundRequest<'a>) -> Self {
        Self {
            request,
            item: None,
        }
    }

    fn of_item(request: &'a InboundRequest<'a>, item: &'a [u8]) -> Self {
        Self {
            item: Some(item),
            ..Self::new(request)
        }
    }

    fn digest(&self, of: DigestOf) -> String {
        let bytes = match (of, self.item) {
            (DigestOf::Item, Some(item)) => item,
            _ => self.request.body,
        };
        hex::encode(digest(&SHA256, bytes))
    }

    /// The first text that is short and printable.
    fn first(
        &self,
        configured: &Option<Location>,
        declared: &[Location],
    ) -> Result<Option<String>, Refusal> {
        for place in configured.iter().chain(declared) {
            let text = self.text(place)?;
            if let Some(text) = text.filter(|text| is_presentable(text)) {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// As `first`. Two ids in one header, joined by a comma, are no id.
    fn first_id(
        &self,
        configured: &Option<Location>,
        declared: &[Location],
    ) -> Result<Option<String>, Refusal> {
        for place in configured.iter().chain(declared) {
            self.refuse_joined(place)?;
        }
        self.first(configured, declared)
    }

    fn refuse_joined(&self, place: &Location) -> Result<(), Refusal> {
        match place {
            Location::Header(name) if self.header(name)?.is_some_and(|text| text.contains(',')) => {
                Err(Refusal::RepeatedHeader)
            }
            Location::Join(places) => places.iter().try_for_each(|one| self.refuse_joined(one)),
            _ => Ok(()),
        }
    }

    fn header(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.request.headers.get_all(name).iter();
        let value = values.next();
        if values.next().is_some() {
            return Err(Refusal::RepeatedHeader);
        }
        Ok(value.and_then(|value| value.to_str().ok()))
    }

    fn form(&self, name: &str) -> Option<String> {
        if !is_form(self.request.headers) {
            return None;
        }
        form_urlencoded::parse(self.request.body)
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.into_owned())
    }

    fn joined(&self, places: &[Location]) -> Result<Option<String>, Refusal> {
        let texts = places.iter().map(|place| self.text(place));
        let texts: Option<Vec<String>> = texts.collect::<Result<_, _>>()?;
        Ok(texts.map(|texts| texts.join(".")))
    }

    fn text(&self, place: &Location) -> Result<Option<String>, Refusal> {
        Ok(match place {
            Location::Header(name) => self.header(name)?.map(str::to_owned),
            Location::Body(pointer) => json::text_at(self.request.body, pointer),
            Location::Form(name) => self.form(name),
            Location::FormJson(place) => self
                .form(&place.name)
                .and_then(|text| json::text_at(text.as_bytes(), &place.pointer)),
            Location::Digest(of) => Some(self.digest(*of)),
            Location::Join(places) => self.joined(places)?,
            Location::MemberBesides(names) => member_besides(self.request.body, names),
        })
    }
}

fn member_besides(json: &[u8], known: &[String]) -> Option<String> {
    let mut others = json::names(json)?;
    others.retain(|name| !known.contains(name));
    let found = others.pop()?;
    others.is_empty().then_some(found)
}

fn is_presentable(text: &str) -> bool {
    text.len() <= MAX_BYTES && !text.trim().is_empty() && !text.chars().any(char::is_control)
}
