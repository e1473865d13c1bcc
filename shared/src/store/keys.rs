//! Every key of the table. Nothing else formats one.
//!
//! A key is made of ids, digests and numbers, never of free text: none of them holds a `#`, so no
//! two keys collide. Whatever belongs to an organization starts with it, so that a read under the
//! wrong organization finds nothing. docs/data-model.md is the same list.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};

use crate::domain::{
    DeliveryId, DestinationId, EndpointId, EndpointPath, EventId, IntegrationId, OrganizationId,
};

/// The partition key's attribute.
pub(super) const PK: &str = "pk";
/// The sort key's attribute.
pub(super) const SK: &str = "sk";

/// Over how many partitions an integration's events are spread: one partition takes 1,000 writes
/// a second.
pub(super) const EVENT_SHARDS: u8 = 8;

/// Every primary key that the table can hold. What has no variant here cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKey<'a> {
    /// An integration.
    Integration(OrganizationId, IntegrationId),
    /// An endpoint.
    Endpoint(OrganizationId, IntegrationId, EndpointId),
    /// Which endpoint listens at a path: unique in the deployment, so it starts with no
    /// organization.
    EndpointPath(&'a EndpointPath),
    /// A destination.
    Destination(OrganizationId, IntegrationId, DestinationId),
    /// Who was first to take up an event of an endpoint.
    EventClaim(OrganizationId, EndpointId, ClaimedBy<'a>),
    /// An event, with its deliveries.
    Event(OrganizationId, IntegrationId, EventId),
    /// A part of an event's body, if that does not fit its own item.
    EventPart(OrganizationId, EventId, u16),
    /// An attempt that was followed by another.
    Attempt(OrganizationId, DeliveryId, u16),
    /// A wrapped data key.
    DataKey(OrganizationId, u32),
    /// What became of a request with an idempotency key.
    Idempotency(OrganizationId, Digest256),
}

/// What makes two events the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClaimedBy<'a> {
    /// The provider's id of it.
    ProviderEventId(&'a str),
    /// Our own, where the provider gives none.
    EventId(EventId),
}

/// A SHA-256 digest.
pub type Digest256 = [u8; 32];

impl ItemKey<'_> {
    /// The partition key and the sort key.
    pub(super) fn render(self) -> (String, String) {
        match self {
            Self::Integration(organization, integration) => (
                format!("ORG#{organization}"),
                format!("INTEGRATION#{integration}"),
            ),
            Self::Endpoint(organization, integration, endpoint) => (
                integration_partition(organization, integration),
                format!("ENDPOINT#{endpoint}"),
            ),
            Self::EndpointPath(path) => (
                format!("ENDPOINT_PATH#{}", digest(&[path.as_str().as_bytes()])),
                "ENDPOINT_PATH".to_owned(),
            ),
            Self::Destination(organization, integration, destination) => (
                integration_partition(organization, integration),
                format!("DESTINATION#{destination}"),
            ),
            Self::EventClaim(organization, endpoint, claimed_by) => (
                format!(
                    "ORG#{organization}#ENDPOINT#{endpoint}#CLAIM#{}",
                    claimed_by.digest()
                ),
                "CLAIM".to_owned(),
            ),
            Self::Event(organization, integration, event) => (
                event_partition(organization, integration, shard(event)),
                format!("EVENT#{event}"),
            ),
            Self::EventPart(organization, event, number) => (
                format!("ORG#{organization}#EVENT#{event}"),
                format!("PART#{number:05}"),
            ),
            Self::Attempt(organization, delivery, number) => (
                attempt_partition(organization, delivery),
                format!("ATTEMPT#{number:05}"),
            ),
            Self::DataKey(organization, version) => (
                format!("ORG#{organization}"),
                format!("DATA_KEY#{version:05}"),
            ),
            Self::Idempotency(organization, digest) => (
                format!("ORG#{organization}#IDEMPOTENCY#{}", hex::encode(digest)),
                "IDEMPOTENCY".to_owned(),
            ),
        }
    }

    /// The key as the SDK wants it.
    pub(super) fn attributes(self) -> HashMap<String, AttributeValue> {
        let (pk, sk) = self.render();
        HashMap::from([
            (PK.to_owned(), AttributeValue::S(pk)),
            (SK.to_owned(), AttributeValue::S(sk)),
        ])
    }
}

impl ClaimedBy<'_> {
    fn digest(self) -> String {
        match self {
            Self::ProviderEventId(id) => digest(&[b"provider", id.as_bytes()]),
            Self::EventId(id) => digest(&[b"event", id.to_string().as_bytes()]),
        }
    }
}

/// The partition of an organization's integrations and keys.
pub(super) fn organization_partition(organization: OrganizationId) -> String {
    format!("ORG#{organization}")
}

/// The partition of an integration's endpoints and destinations.
pub(super) fn integration_partition(
    organization: OrganizationId,
    integration: IntegrationId,
) -> String {
    format!("ORG#{organization}#INTEGRATION#{integration}")
}

/// One of the partitions of an integration's events.
pub(super) fn event_partition(
    organization: OrganizationId,
    integration: IntegrationId,
    shard: u8,
) -> String {
    format!("ORG#{organization}#INTEGRATION#{integration}#EVENTS#{shard}")
}

/// The partition of a delivery's attempts.
pub(super) fn attempt_partition(organization: OrganizationId, delivery: DeliveryId) -> String {
    format!("ORG#{organization}#DELIVERY#{delivery}")
}

/// The sort key of the first event that can have been received at `millisecond`.
pub(super) fn first_event_at(millisecond: u64) -> String {
    format!(
        "EVENT#{}",
        EventId::from(ulid::Ulid::from_parts(millisecond, 0))
    )
}

/// The sort key of the last event that can have been received at `millisecond`.
pub(super) fn last_event_at(millisecond: u64) -> String {
    format!(
        "EVENT#{}",
        EventId::from(ulid::Ulid::from_parts(millisecond, u128::MAX))
    )
}

/// The sort key of an event.
pub(super) fn event_sort_key(event: EventId) -> String {
    format!("EVENT#{event}")
}

/// What the sort keys of a kind of item start with.
pub(super) mod prefix {
    pub(in crate::store) const INTEGRATION: &str = "INTEGRATION#";
    pub(in crate::store) const ENDPOINT: &str = "ENDPOINT#";
    pub(in crate::store) const DESTINATION: &str = "DESTINATION#";
    pub(in crate::store) const ATTEMPT: &str = "ATTEMPT#";
}

fn shard(event: EventId) -> u8 {
    // The random part of a ULID is spread evenly already.
    let random = event.ulid().to_bytes();
    random.last().map_or(0, |byte| byte % EVENT_SHARDS)
}

/// The parts are set apart by their lengths, so that no two lists give the same digest.
fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ULID: &str = "01K72Z5QSW0123456789ABCDEF";

    fn organization() -> OrganizationId {
        format!("org_{ULID}").parse().unwrap()
    }

    fn integration() -> IntegrationId {
        format!("int_{ULID}").parse().unwrap()
    }

    fn event() -> EventId {
        format!("evt_{ULID}").parse().unwrap()
    }

    fn assert_spelled(key: ItemKey<'_>, pk: &str, sk: &str) {
        let org = format!("ORG#org_{ULID}");
        let int = format!("{org}#INTEGRATION#int_{ULID}");
        let fill = |text: &str| {
            text.replace("{int}", &int)
                .replace("{org}", &org)
                .replace("{ulid}", ULID)
        };
        assert_eq!(key.render(), (fill(pk), fill(sk)), "{key:?}");
    }

    #[test]
    fn keys_of_what_people_set_up_are_spelled_as_the_data_model_says() {
        let path: EndpointPath = "/webhooks/salesforce".parse().unwrap();
        let endpoint: EndpointId = format!("whk_{ULID}").parse().unwrap();
        let destination: DestinationId = format!("dst_{ULID}").parse().unwrap();
        let (org, int) = (organization(), integration());
        assert_spelled(
            ItemKey::Integration(org, int),
            "{org}",
            "INTEGRATION#int_{ulid}",
        );
        assert_spelled(
            ItemKey::Endpoint(org, int, endpoint),
            "{int}",
            "ENDPOINT#whk_{ulid}",
        );
        let partition = format!("ENDPOINT_PATH#{}", digest(&[b"/webhooks/salesforce"]));
        assert_spelled(ItemKey::EndpointPath(&path), &partition, "ENDPOINT_PATH");
        let key = ItemKey::Destination(org, int, destination);
        assert_spelled(key, "{int}", "DESTINATION#dst_{ulid}");
        assert_spelled(ItemKey::DataKey(org, 1), "{org}", "DATA_KEY#00001");
    }

    #[test]
    fn keys_of_what_traffic_leaves_are_spelled_as_the_data_model_says() {
        let endpoint: EndpointId = format!("whk_{ULID}").parse().unwrap();
        let delivery: DeliveryId = format!("dlv_{ULID}").parse().unwrap();
        let org = organization();
        let claim = ItemKey::EventClaim(org, endpoint, ClaimedBy::ProviderEventId("evt_1"));
        let claim_digest = digest(&[b"provider", b"evt_1"]);
        let partition = format!("{{org}}#ENDPOINT#whk_{{ulid}}#CLAIM#{claim_digest}");
        assert_spelled(claim, &partition, "CLAIM");
        let event_key = ItemKey::Event(org, integration(), event());
        assert_spelled(event_key, "{int}#EVENTS#7", "EVENT#evt_{ulid}");
        let part = ItemKey::EventPart(org, event(), 1);
        assert_spelled(part, "{org}#EVENT#evt_{ulid}", "PART#00001");
        let attempt = ItemKey::Attempt(org, delivery, 2);
        assert_spelled(attempt, "{org}#DELIVERY#dlv_{ulid}", "ATTEMPT#00002");
        let partition = format!("{{org}}#IDEMPOTENCY#{}", "ab".repeat(32));
        assert_spelled(
            ItemKey::Idempotency(org, [0xab; 32]),
            &partition,
            "IDEMPOTENCY",
        );
    }

    #[test]
    fn the_bounds_of_a_millisecond_hold_its_events() {
        let millisecond = event().ulid().timestamp_ms();
        let key = event_sort_key(event());
        assert!(first_event_at(millisecond) <= key && key <= last_event_at(millisecond));
        assert!(last_event_at(millisecond - 1) < key && key < first_event_at(millisecond + 1));
    }

    proptest! {
        #[test]
        fn two_provider_ids_never_share_a_claim(a in ".{0,40}", b in ".{0,40}") {
            let endpoint: EndpointId = format!("whk_{ULID}").parse().unwrap();
            let key = |id| ItemKey::EventClaim(organization(), endpoint, ClaimedBy::ProviderEventId(id)).render();
            prop_assert_eq!(a == b, key(&a) == key(&b));
        }

        #[test]
        fn keys_of_two_organizations_never_meet(a: u128, b: u128, n: u16) {
            let (first, second) = (ulid::Ulid::from(a), ulid::Ulid::from(b));
            let keys = |organization: OrganizationId| {
                [
                    ItemKey::Integration(organization, integration()).render(),
                    ItemKey::Event(organization, integration(), event()).render(),
                    ItemKey::EventPart(organization, event(), n).render(),
                    ItemKey::DataKey(organization, n.into()).render(),
                    ItemKey::Idempotency(organization, [0; 32]).render(),
                ]
            };
            let (first, second) = (keys(first.into()), keys(second.into()));
            prop_assert_eq!(a == b, first.iter().any(|key| second.contains(key)));
        }
    }
}
