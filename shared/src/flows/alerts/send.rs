use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;

use super::Notifier;
use crate::domain::alert::{
    AlertChannel, ChannelMessage, ChannelTarget, NoticeBody, PlaybookNotice, messages, told,
};
use crate::domain::{
    DestinationId, Digest, Error, Event, EventId, IntegrationId, NoticeId, OrganizationId, Origin,
    TraceParent,
};
use crate::flows::outbound::{OutboundAnswer, OutboundCall};
use crate::http::code_of;
use crate::lambda::telemetry::chain;
use crate::queue::ReceivedEvent;

/// How long a provider may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What a destination gets as the type of a test.
const TEST: &str = "alert.test";

/// Sends notices by a channel, as one where the channel can. The error is a stable code, and holds nothing
/// of what a provider has answered.
pub(super) async fn send(
    notifier: &Notifier,
    (organization, channel): (OrganizationId, &AlertChannel),
    bodies: &[NoticeBody],
    ids: &[NoticeId],
) -> Result<(), &'static str> {
    if let ChannelTarget::Destination {
        integration_id,
        destination_id,
    } = channel.target
    {
        let to = (organization, integration_id, destination_id);
        return send_events(notifier, to, bodies, ids).await;
    }
    let integration = channel.target.integration();
    for (index, message) in messages(&channel.target, bodies).into_iter().enumerate() {
        let key = format!("{}-{index}", of_all(ids));
        post(notifier, (organization, integration), channel, message, key).await?;
    }
    Ok(())
}

async fn post(
    notifier: &Notifier,
    (organization, integration): (OrganizationId, IntegrationId),
    channel: &AlertChannel,
    message: ChannelMessage,
    key: String,
) -> Result<(), &'static str> {
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    let call = OutboundCall {
        method: Method::POST,
        endpoint: message.endpoint,
        params: Vec::new(),
        headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json)]),
        body: Bytes::from(message.body.to_string()),
        timeout: Some(TIMEOUT),
        idempotency_key: Some(key),
        origin: Origin::default(),
    };
    let behalf = (organization, notifier.function);
    let answer = notifier
        .outbound
        .execute_as_system(behalf, integration, call);
    let answer = answer.await.map_err(|error| match error {
        Error::NotFound(_) => "integration_not_found",
        error => said(&error),
    })?;
    judged(channel, &answer)
}

/// Whether the provider took it.
fn judged(channel: &AlertChannel, answer: &OutboundAnswer) -> Result<(), &'static str> {
    if let Some(problem) = &answer.problem {
        return Err(problem.category.as_str());
    }
    if !answer.status.is_success() {
        return Err("not_taken");
    }
    // Slack says so in the body, whatever the integration knows of its errors.
    if matches!(channel.target, ChannelTarget::Slack { .. }) {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if body.get("ok") != Some(&Value::Bool(true)) {
            return Err("not_taken");
        }
    }
    Ok(())
}

/// One event for each type. It is for the one destination, and goes its way as all events do: durable,
/// signed, retried. One that is sent twice is recognised.
async fn send_events(
    notifier: &Notifier,
    (organization, integration, destination): (OrganizationId, IntegrationId, DestinationId),
    bodies: &[NoticeBody],
    ids: &[NoticeId],
) -> Result<(), &'static str> {
    let store = &notifier.store;
    let found = store.destination(organization, integration, destination);
    let found = found.await.map_err(|error| said(&error.into()))?;
    if found.is_none() {
        return Err("destination_not_found");
    }
    let mut by_type: BTreeMap<&'static str, Vec<NoticeBody>> = BTreeMap::new();
    for body in bodies {
        let event_type = match body {
            NoticeBody::Alert(notice) => notice.event.event_type(),
            NoticeBody::Playbook(_) => PlaybookNotice::EVENT_TYPE,
            NoticeBody::Test { .. } => TEST,
        };
        by_type.entry(event_type).or_default().push(body.clone());
    }
    let (now, randomness) = (notifier.sources.now(), &notifier.sources.randomness);
    let events: Vec<_> = by_type
        .into_iter()
        .map(|(event_type, bodies)| {
            let event = ReceivedEvent {
                id: EventId::generate(now, randomness.as_ref()),
                organization_id: organization,
                integration_id: integration,
                // It came in by none. So it says for whom it is: see `Event::addressee`.
                endpoint_id: destination.ulid().into(),
                received_at: now,
                scheme: Event::ALERTS.to_owned(),
                provider_event_id: Some(format!("{event_type}/{}", of_all(ids))),
                event_type: Some(event_type.to_owned()),
                occurred_at: Some(now),
                verified_with: None,
                content_type: Some("application/json".to_owned()),
                body: told(organization, event_type, &bodies).to_string().into(),
            };
            (event, TraceParent::generate(randomness.as_ref()))
        })
        .collect();
    let sent = notifier.events.send_events(&events).await;
    sent.map_err(|error| said(&error.into()))
}

/// The stable code of an error. What lies behind it is for the log.
fn said(error: &Error) -> &'static str {
    let code = code_of(error).code;
    if let Some(cause) = std::error::Error::source(error) {
        tracing::warn!(code, cause = chain(cause), "a notice was not sent");
    }
    code
}

/// What stands for the same notices, in whatever order they come.
fn of_all(ids: &[NoticeId]) -> Digest {
    let mut texts: Vec<String> = ids.iter().map(NoticeId::to_string).collect();
    texts.sort_unstable();
    Digest::of(texts.concat().as_bytes())
}
