use std::time::Duration;

use gatehouse::domain::{
    Delivery, DeliveryId, DeliveryStatus, DestinationId, EndpointId, Event, EventId, EventStatus,
    IntegrationId, OrganizationId, PayloadLocation, Timestamp,
};
use gatehouse::lambda::system_sources;
use gatehouse::vault::SealContext;
use serde_json::{Value, json};

use crate::portal::Portal;

/// An event with these deliveries, and `{"a": "b"}` as its body.
pub(crate) async fn event(
    portal: &Portal,
    organization_id: OrganizationId,
    integration_id: IntegrationId,
    deliveries: Vec<Delivery>,
) -> Event {
    let body = r#"{"a": "b"}"#;
    let sources = system_sources();
    let (now, randomness) = (sources.now(), sources.randomness.as_ref());
    let id = EventId::generate(now, randomness);
    let endpoint_id = EndpointId::generate(now, randomness);
    let context = SealContext::EventPayload {
        endpoint: endpoint_id,
        event: id,
    };
    portal.keys.ensure(organization_id).await.unwrap();
    let sealed = portal
        .keys
        .seal_payload(organization_id, &context, body.as_bytes());
    let event = Event {
        error: None,
        id,
        organization_id,
        integration_id,
        endpoint_id,
        provider_event_id: None,
        event_type: None,
        occurred_at: None,
        scheme: "none".to_owned(),
        verified_with: None,
        status: EventStatus::of(&deliveries),
        received_at: now,
        content_type: None,
        body_bytes: body.len() as u64,
        payload: PayloadLocation::Inline(sealed.await.unwrap()),
        deliveries,
        trace_id: None,
    };
    let expires_at = now.plus(Duration::from_secs(3_600));
    portal.store.put_event(&event, expires_at).await.unwrap();
    event
}

/// A delivery that has been due since then.
fn due(destination_id: DestinationId, since: Timestamp) -> Delivery {
    Delivery {
        id: DeliveryId::generate(since, system_sources().randomness.as_ref()),
        destination_id,
        status: DeliveryStatus::Retrying,
        attempts: 3,
        earlier_attempts: 0,
        started_at: since,
        next_attempt_at: Some(since),
        leased_until: None,
        error: None,
        last_attempt: None,
    }
}

/// Whoever began a new round may have died before it sent a message for it.
#[tokio::test]
async fn a_delivery_whose_message_is_lost_is_made_again() {
    let portal = Portal::new().await;
    let sources = system_sources();
    let organization = OrganizationId::generate(sources.now(), sources.randomness.as_ref());
    let token = portal.token(organization);
    let path = portal.integration(&token).await;
    let (_, integration) = path.rsplit_once('/').unwrap();
    let integration: IntegrationId = integration.parse().unwrap();
    let destination = DestinationId::generate(sources.now(), sources.randomness.as_ref());
    for (seconds, status, deliveries) in [(10, 409, Value::Null), (70, 202, json!(1))] {
        let since = sources.now().minus(Duration::from_secs(seconds));
        let delivery = due(destination, since);
        let event = event(&portal, organization, integration, vec![delivery]).await;
        let retry = format!("{path}/webhooks/events/{}/retry", event.id);
        let retried = portal.post(&retry, &token, Value::Null).await;
        assert_eq!(retried.status, status, "{}", retried.text);
        assert_eq!(retried.json()["deliveries"], deliveries);
        let stored = portal
            .store
            .event(organization, integration, event.id, sources.now());
        let delivery = stored.await.unwrap().unwrap().deliveries.remove(0);
        let (attempts, earlier) = (delivery.attempts, delivery.earlier_attempts);
        assert_eq!((attempts, earlier == attempts), (3, status == 202));
    }
}
