//! The text of a message.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{DeliveryDue, OpenError, QueueError, ReceivedEvent, Unreadable};
use crate::domain::{
    EndpointId, EventId, IntegrationId, OrganizationId, Sealed, SecretId, Timestamp,
};
use crate::vault::compression::decompress;
use crate::vault::{DataKeys, SealContext};

const VERSION: u64 = 1;
/// The largest body that Lambda hands over.
const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;
/// What an opened event may take up: such a body, and its facts.
const MAX_OPENED_BYTES: usize = MAX_BODY_BYTES + 64 * 1024;
/// Twice what SQS keeps a message for: once in the queue, once among the dead letters.
const MAX_AGE: Duration = Duration::from_secs(28 * 24 * 60 * 60);
/// By how much the clocks of two functions may differ.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// What can be read without a key: only where the message belongs.
#[derive(Debug, Serialize, Deserialize)]
struct SealedEvent {
    organization: OrganizationId,
    endpoint: EndpointId,
    event: EventId,
    sealed: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    v: u64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Event,
    Delivery,
    #[serde(other)]
    Unknown,
}

#[derive(Serialize)]
struct Outgoing<'a, T> {
    #[serde(flatten)]
    header: Header,
    #[serde(flatten)]
    content: &'a T,
}

/// The facts of an event, sealed together with its body.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    integration: IntegrationId,
    received_at: Timestamp,
    scheme: String,
    provider_event_id: Option<String>,
    event_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
    verified_with: Option<SecretId>,
    content_type: Option<String>,
}

/// What a message's text turned out to be.
#[derive(Debug)]
pub(super) enum Opened {
    Event(Box<ReceivedEvent>),
    Delivery(DeliveryDue),
}

pub(super) async fn seal_event(
    keys: &DataKeys,
    event: &ReceivedEvent,
) -> Result<String, QueueError> {
    let facts = Facts {
        integration: event.integration_id,
        received_at: event.received_at,
        scheme: event.scheme.clone(),
        provider_event_id: event.provider_event_id.clone(),
        event_type: event.event_type.clone(),
        occurred_at: event.occurred_at,
        verified_with: event.verified_with,
        content_type: event.content_type.clone(),
    };
    let packed = pack(&facts, &event.body)?;
    let context = SealContext::QueuedEvent {
        endpoint: event.endpoint_id,
        event: event.id,
    };
    let sealed = keys
        .seal(event.organization_id, &context, &packed)
        .await
        .map_err(QueueError::Seal)?;
    let content = SealedEvent {
        organization: event.organization_id,
        endpoint: event.endpoint_id,
        event: event.id,
        sealed: STANDARD.encode(sealed.as_bytes()),
    };
    let header = Header {
        v: VERSION,
        kind: Kind::Event,
    };
    serde_json::to_string(&Outgoing {
        header,
        content: &content,
    })
    .map_err(|error| QueueError::Refused(error.into()))
}

pub(super) fn write_delivery(due: &DeliveryDue) -> Result<String, serde_json::Error> {
    let header = Header {
        v: VERSION,
        kind: Kind::Delivery,
    };
    serde_json::to_string(&Outgoing {
        header,
        content: due,
    })
}

pub(super) async fn open(keys: &DataKeys, text: &str, now: Timestamp) -> Result<Opened, OpenError> {
    let header: Header = serde_json::from_str(text).map_err(|_| Unreadable::Malformed)?;
    match (header.v, header.kind) {
        (VERSION, Kind::Event) => open_event(keys, text, now)
            .await
            .map(|event| Opened::Event(Box::new(event))),
        (VERSION, Kind::Delivery) => {
            let due = serde_json::from_str(text).map_err(|_| Unreadable::Malformed)?;
            Ok(Opened::Delivery(due))
        }
        _ => Err(Unreadable::UnknownVersion.into()),
    }
}

async fn open_event(
    keys: &DataKeys,
    text: &str,
    now: Timestamp,
) -> Result<ReceivedEvent, OpenError> {
    let message: SealedEvent = serde_json::from_str(text).map_err(|_| Unreadable::Malformed)?;
    let sealed = STANDARD
        .decode(&message.sealed)
        .map_err(|_| Unreadable::Malformed)?;
    let context = SealContext::QueuedEvent {
        endpoint: message.endpoint,
        event: message.event,
    };
    let packed = keys
        .open(message.organization, &context, &Sealed::from_bytes(sealed))
        .await?;
    let (facts, body) = unpack(&packed).ok_or(Unreadable::Malformed)?;
    if now.since(facts.received_at) > MAX_AGE || facts.received_at.since(now) > CLOCK_SKEW {
        return Err(Unreadable::Age.into());
    }
    Ok(ReceivedEvent {
        id: message.event,
        organization_id: message.organization,
        integration_id: facts.integration,
        endpoint_id: message.endpoint,
        received_at: facts.received_at,
        scheme: facts.scheme,
        provider_event_id: facts.provider_event_id,
        event_type: facts.event_type,
        occurred_at: facts.occurred_at,
        verified_with: facts.verified_with,
        content_type: facts.content_type,
        body,
    })
}

/// The length of the facts (4 bytes, big-endian), the facts as JSON, the body: compressed. What
/// could not be opened again is refused, however small it gets.
fn pack(facts: &Facts, body: &[u8]) -> Result<Zeroizing<Vec<u8>>, QueueError> {
    let facts = serde_json::to_vec(facts).map_err(|error| QueueError::Refused(error.into()))?;
    let length = 4 + facts.len() + body.len();
    let too_large = QueueError::BodyTooLarge {
        limit_bytes: MAX_BODY_BYTES as u64,
    };
    let (true, Ok(facts_length)) = (length <= MAX_OPENED_BYTES, u32::try_from(facts.len())) else {
        return Err(too_large);
    };
    let mut plain = Zeroizing::new(Vec::with_capacity(length));
    plain.extend_from_slice(&facts_length.to_be_bytes());
    plain.extend_from_slice(&facts);
    plain.extend_from_slice(body);
    zstd::bulk::compress(&plain, zstd::DEFAULT_COMPRESSION_LEVEL)
        .map(Zeroizing::new)
        .map_err(|error| QueueError::Refused(error.into()))
}

fn unpack(packed: &[u8]) -> Option<(Facts, Bytes)> {
    let plain = Bytes::from(decompress(packed, MAX_OPENED_BYTES)?);
    let length = u32::from_be_bytes(plain.get(..4)?.try_into().ok()?);
    let end = 4_usize.checked_add(usize::try_from(length).ok()?)?;
    let facts = serde_json::from_slice(plain.get(4..end)?).ok()?;
    Some((facts, plain.slice(end..)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(text: &str) -> Facts {
        Facts {
            integration: ulid::Ulid::from(1_u128).into(),
            received_at: Timestamp::UNIX_EPOCH,
            scheme: text.to_owned(),
            provider_event_id: Some(text.to_owned()),
            event_type: None,
            occurred_at: Some(Timestamp::UNIX_EPOCH),
            verified_with: None,
            content_type: Some(text.to_owned()),
        }
    }

    proptest! {
        #[test]
        fn any_body_and_any_text_come_out_as_they_went_in(text: String, body: Vec<u8>) {
            let packed = pack(&facts(&text), &body).unwrap();
            let (read, unpacked) = unpack(&packed).unwrap();
            prop_assert_eq!(unpacked, body);
            prop_assert_eq!(read.content_type.as_ref(), Some(&text));
            prop_assert_eq!(read.scheme, text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = unpack(&bytes);
            let compressed = zstd::bulk::compress(&bytes, 1).unwrap();
            let _ = unpack(&compressed);
        }
    }

    /// A compressed event whose plaintext has `length` bytes, by another hand than ours.
    fn forged(length: usize) -> Vec<u8> {
        let facts = serde_json::to_vec(&facts("stripe")).unwrap();
        let mut plain = u32::try_from(facts.len()).unwrap().to_be_bytes().to_vec();
        plain.extend_from_slice(&facts);
        plain.resize(length, 0);
        zstd::bulk::compress(&plain, 1).unwrap()
    }

    #[test]
    fn what_would_open_to_too_much_is_refused() {
        assert!(unpack(&forged(MAX_OPENED_BYTES)).is_some());
        let bomb = forged(MAX_OPENED_BYTES + 1);
        assert!(bomb.len() < 10_000);
        assert!(unpack(&bomb).is_none());
    }

    #[test]
    fn what_could_not_be_opened_again_is_not_packed() {
        let facts = facts("stripe");
        let room = MAX_OPENED_BYTES - 4 - serde_json::to_vec(&facts).unwrap().len();
        let body = vec![0; room + 1];
        assert!(unpack(&pack(&facts, &body[1..]).unwrap()).is_some());
        let refused = pack(&facts, &body);
        assert!(matches!(refused, Err(QueueError::BodyTooLarge { .. })));
    }
}
