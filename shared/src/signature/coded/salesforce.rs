//! Salesforce's outbound messages are not signed. What can be compared is the organization that the
//! message names, which is no secret; the endpoint has to say which networks they come from.
//! <https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging.htm>

use bytes::Bytes;

use super::{Call, Verdict};
use crate::signature::sample::{Sample, SampleError, Signer};
use crate::signature::{BatchedEvent, EventFacts, Received, Refusal};

/// As many as a message can have.
const MAX_NOTIFICATIONS: usize = 100;
const OPEN: &str = "<Notification>";
const CLOSE: &str = "</Notification>";

pub(super) fn verify(call: &Call<'_>) -> Result<Verdict, Refusal> {
    let body = std::str::from_utf8(call.request.body).map_err(|_| Refusal::BadForm)?;
    let (head, rest) = body.split_once(OPEN).ok_or(Refusal::BadForm)?;
    let (rest, tail) = rest.rsplit_once(CLOSE).ok_or(Refusal::BadForm)?;
    let organization = element(head, "OrganizationId").ok_or(Refusal::BadForm)?;
    if call.settings.organization_id.as_deref() != Some(organization) {
        return Err(Refusal::BadSignature);
    }
    let mut events = Vec::new();
    for notification in rest.split(OPEN) {
        let inner = notification.trim_end().trim_end_matches(CLOSE);
        let payload = [head, OPEN, inner, CLOSE, tail].concat();
        events.push(BatchedEvent {
            facts: EventFacts {
                provider_event_id: element(inner, "Id").map(str::to_owned),
                event_type: object_type(inner).map(str::to_owned),
                ..EventFacts::default()
            },
            payload: Bytes::from(payload),
        });
    }
    if events.len() > MAX_NOTIFICATIONS {
        return Err(Refusal::TooMany);
    }
    Ok(Verdict::Done(Received::Batch(events)))
}

/// Puts the organization into a sample.
pub(super) fn sign(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    let organization = signer.settings.organization_id.as_deref();
    let organization = organization.ok_or(SampleError::Unusable)?;
    let body = std::str::from_utf8(&sample.body).map_err(|_| SampleError::NoSample)?;
    let place = element(body, "OrganizationId").ok_or(SampleError::NoSample)?;
    sample.body = body.replacen(place, organization, 1).into_bytes();
    Ok(())
}

/// The text of the first element of that name, which has no attributes.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let fits = (15..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then_some(text)
}

/// `Account`, of `<sObject xsi:type="sf:Account" …>`.
fn object_type(xml: &str) -> Option<&str> {
    let (_, rest) = xml.split_once("<sObject xsi:type=\"sf:")?;
    let (name, _) = rest.split_once('"')?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    ((1..=80).contains(&name.len()) && name.bytes().all(fits)).then_some(name)
}
