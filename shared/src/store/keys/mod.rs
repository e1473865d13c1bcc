//! Every key of the table. Nothing else formats one.
//!
//! A key is made of ids, digests, padded numbers and fixed words only. None of these can hold a
//! `#`, so two different keys never render alike. Whatever an organization owns has a partition
//! that starts with the organization's id, so a read under the wrong one finds nothing.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest as _, Sha256};
use ulid::Ulid;

use crate::domain::{
    DeliveryId, DestinationId, EndpointId, EndpointPath, EventId, IntegrationId, OrganizationId,
    RequestId,
};

use super::StoreError;

/// The partition key's attribute.
pub(crate) const PK: &str = "pk";
/// The sort key's attribute.
pub(crate) const SK: &str = "sk";

/// In how many partitions the events of one integration, and its requests, are spread: DynamoDB
/// takes some 1,000 writes a second in one partition, and a busy integration may need more.
pub(crate) const SHARDS: u8 = 8;

/// A SHA-256 digest: how free text gets into a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of `parts`, each preceded by its length, so that `ab|c` and `a|bc` differ.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl Digest {
    /// The digest itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A text is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 lowercase hexadecimal digits")]
pub struct DigestError;

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(|_| DigestError)?;
        let digest = Self(digest);
        (digest.to_string() == text)
            .then_some(digest)
            .ok_or(DigestError)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Every primary key that the table can hold; an item with no variant here cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemKey {
    Integration(OrganizationId, IntegrationId),
    Endpoint(OrganizationId, IntegrationId, EndpointId),
    /// Belongs to no organization: a path is unique in the deployment.
    EndpointPath(Digest),
    Destination(OrganizationId, IntegrationId, DestinationId),
    EventClaim(OrganizationId, EndpointId, Digest),
    Event(OrganizationId, IntegrationId, EventId),
    EventPart(OrganizationId, EventId, u16),
    Attempt(OrganizationId, DeliveryId, u16),
    DataKey(OrganizationId, u16),
    Idempotency(OrganizationId, Digest),
    Request(OrganizationId, IntegrationId, RequestId),
    /// The digest of the route that is limited; of nothing, for the integration as a whole.
    Quota(OrganizationId, IntegrationId, Digest),
    Gateway(OrganizationId, IntegrationId),
    CachedResponse(OrganizationId, IntegrationId, Digest),
    /// The digest of a token's id, or of a subject.
    Revocation(OrganizationId, Digest),
}

impl ItemKey {
    /// The key of an endpoint path.
    pub(crate) fn endpoint_path(path: &EndpointPath) -> Self {
        Self::EndpointPath(Digest::of(path.as_str().as_bytes()))
    }

    /// What the item's `item_type` attribute says.
    pub(crate) fn item_type(self) -> &'static str {
        match self {
            Self::Integration(..) => "integration",
            Self::Endpoint(..) => "endpoint",
            Self::EndpointPath(..) => "endpoint_path",
            Self::Destination(..) => "destination",
            Self::EventClaim(..) => "event_claim",
            Self::Event(..) => "event",
            Self::EventPart(..) => "event_part",
            Self::Attempt(..) => "attempt",
            Self::DataKey(..) => "data_key",
            Self::Idempotency(..) => "idempotency",
            Self::Request(..) => "request",
            Self::Quota(..) => "quota",
            Self::Gateway(..) => "gateway",
            Self::CachedResponse(..) => "cached_response",
            Self::Revocation(..) => "revocation",
        }
    }

    /// The partition key and the sort key.
    #[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
    pub(crate) fn render(self) -> (String, String) {
        match self {
            Self::Integration(organization, integration) => {
                let (pk, prefix) = Collection::Integrations(organization).render();
                (pk, format!("{prefix}{integration}"))
            }
            Self::Endpoint(organization, integration, endpoint) => {
                let (pk, prefix) = Collection::Endpoints(organization, integration).render();
                (pk, format!("{prefix}{endpoint}"))
            }
            Self::EndpointPath(path) => {
                (format!("ENDPOINT_PATH#{path}"), "ENDPOINT_PATH".to_owned())
            }
            Self::Destination(organization, integration, destination) => {
                let (pk, prefix) = Collection::Destinations(organization, integration).render();
                (pk, format!("{prefix}{destination}"))
            }
            Self::EventClaim(organization, endpoint, digest) => (
                format!("ORG#{organization}#ENDPOINT#{endpoint}#CLAIM#{digest}"),
                "CLAIM".to_owned(),
            ),
            Self::Event(organization, integration, event) => {
                let shard = shard_of(event.ulid());
                let (pk, prefix) = Collection::Events(organization, integration, shard).render();
                (pk, format!("{prefix}{event}"))
            }
            Self::EventPart(organization, event, number) => {
                let (pk, prefix) = Collection::EventParts(organization, event).render();
                (pk, format!("{prefix}{number:05}"))
            }
            Self::Attempt(organization, delivery, number) => {
                let (pk, prefix) = Collection::Attempts(organization, delivery).render();
                (pk, format!("{prefix}{number:05}"))
            }
            Self::DataKey(organization, number) => {
                let (pk, prefix) = Collection::DataKeys(organization).render();
                (pk, format!("{prefix}{number:05}"))
            }
            Self::Idempotency(organization, digest) => (
                format!("ORG#{organization}#IDEMPOTENCY#{digest}"),
                "IDEMPOTENCY".to_owned(),
            ),
            Self::Request(organization, integration, request) => {
                let shard = shard_of(request.ulid());
                let (pk, prefix) = Collection::Requests(organization, integration, shard).render();
                (pk, format!("{prefix}{request}"))
            }
            Self::Quota(organization, integration, route) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#QUOTA"),
                format!("QUOTA#{route}"),
            ),
            Self::Gateway(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}"),
                "GATEWAY".to_owned(),
            ),
            Self::CachedResponse(organization, integration, digest) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#CACHE#{digest}"),
                "CACHE".to_owned(),
            ),
            Self::Revocation(organization, digest) => {
                let (pk, prefix) = Collection::Revocations(organization).render();
                (pk, format!("{prefix}{digest}"))
            }
        }
    }

    /// The key's two attributes.
    pub(crate) fn attributes(self) -> HashMap<String, AttributeValue> {
        let (pk, sk) = self.render();
        HashMap::from([
            (PK.to_owned(), AttributeValue::S(pk)),
            (SK.to_owned(), AttributeValue::S(sk)),
        ])
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pk, sk) = self.render();
        write!(f, "{pk} / {sk}")
    }
}

/// Items of one kind that share a partition, in the order of their ids or numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collection {
    Integrations(OrganizationId),
    Endpoints(OrganizationId, IntegrationId),
    Destinations(OrganizationId, IntegrationId),
    Events(OrganizationId, IntegrationId, u8),
    Requests(OrganizationId, IntegrationId, u8),
    EventParts(OrganizationId, EventId),
    Attempts(OrganizationId, DeliveryId),
    DataKeys(OrganizationId),
    Revocations(OrganizationId),
}

impl Collection {
    /// The partition key, and what every sort key in the collection starts with.
    pub(crate) fn render(self) -> (String, &'static str) {
        match self {
            Self::Integrations(organization) => (format!("ORG#{organization}"), "INTEGRATION#"),
            Self::Endpoints(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}"),
                "ENDPOINT#",
            ),
            Self::Destinations(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}"),
                "DESTINATION#",
            ),
            Self::Events(organization, integration, shard) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#EVENTS#{shard}"),
                "EVENT#",
            ),
            Self::Requests(organization, integration, shard) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#REQUESTS#{shard}"),
                "REQUEST#",
            ),
            Self::EventParts(organization, event) => {
                (format!("ORG#{organization}#EVENT#{event}"), "PART#")
            }
            Self::Attempts(organization, delivery) => (
                format!("ORG#{organization}#DELIVERY#{delivery}"),
                "ATTEMPT#",
            ),
            Self::DataKeys(organization) => (format!("ORG#{organization}"), "DATA_KEY#"),
            Self::Revocations(organization) => {
                (format!("ORG#{organization}#REVOCATIONS"), "REVOCATION#")
            }
        }
    }

    /// The id or number that the sort key of one of its items ends in.
    pub(crate) fn id_of<Id: FromStr>(
        self,
        attributes: &HashMap<String, AttributeValue>,
    ) -> Result<Id, StoreError> {
        let (pk, prefix) = self.render();
        let id = match attributes.get(SK) {
            Some(AttributeValue::S(sk)) => sk.strip_prefix(prefix),
            _ => None,
        };
        id.and_then(|id| id.parse().ok())
            .ok_or_else(|| StoreError::Corrupt {
                key: format!("{pk} / {prefix}"),
                field: SK,
            })
    }
}

/// The shard of an event or a request. It follows from the id alone, so each is found by its id.
pub(crate) fn shard_of(ulid: Ulid) -> u8 {
    let Digest([first, ..]) = Digest::of(&ulid.to_bytes());
    first % SHARDS
}

#[cfg(test)]
mod tests;
