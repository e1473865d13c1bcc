//! Every key of the table. Nothing else formats one.
//!
//! A key is made of ids, digests, padded numbers and fixed words only. None of these can hold a
//! `#`, so two different keys never render alike. Whatever an organization owns has a partition
//! that starts with the organization's id, so a read under the wrong one finds nothing.

use std::collections::HashMap;
use std::fmt;

use crate::domain::health::Width;
use crate::domain::{
    ApiKeyId, AuditId, CheckId, ConflictId, DeliveryId, DestinationId, Digest, ElevationId,
    EndpointId, EndpointPath, EventId, IntegrationId, OrganizationId, RequestId, RotationId,
    SyncJobId, Timestamp,
};
use aws_sdk_dynamodb::types::AttributeValue;

use super::StoreError;

mod alerts;
mod collection;
mod due;
mod incidents;
mod item_type;
mod shards;

pub(crate) use alerts::{AlertKey, NoticeDue};
pub(crate) use collection::Collection;
pub(crate) use due::{DataKeyDue, Due, EmergencyDue, SecretsDue, SyncDue};
pub(crate) use incidents::{IncidentKey, RunDue};
use shards::beside_record;
pub(crate) use shards::{shard_of, shard_of_digest};

/// The partition key's attribute.
pub(crate) const PK: &str = "pk";
/// The sort key's attribute.
pub(crate) const SK: &str = "sk";

/// In how many partitions the events of one integration, its requests, the heads of the records of one
/// kind, an organization's audit trail, and the index of what is to be synchronized are spread: DynamoDB takes some 1,000 writes a second in one partition, and a busy integration
/// may need more.
pub(crate) const SHARDS: u8 = 8;

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
    DataKeyPlan(OrganizationId),
    RecordRetention(OrganizationId),
    /// Belongs to no organization: it is found by its instant.
    DataKeyDue(DataKeyDue),
    Idempotency(OrganizationId, Digest),
    Request(OrganizationId, IntegrationId, RequestId),
    /// The digest of the route that is limited; of nothing, for the integration as a whole.
    Quota(OrganizationId, IntegrationId, Digest),
    /// The digest of the caller that is limited; of nothing, for the organization as a whole.
    CallerQuota(OrganizationId, Digest),
    /// Changes with every integration that is added.
    IntegrationsGuard(OrganizationId),
    /// Changes with every endpoint that is added.
    EndpointsGuard(OrganizationId, IntegrationId),
    Gateway(OrganizationId, IntegrationId),
    CachedResponse(OrganizationId, IntegrationId, Digest),
    /// Belongs to no organization: a provider's answer names none.
    PendingConsent(Digest),
    /// Belongs to no organization: a browser that follows a link names none.
    ConsentTicket(Digest),
    SeenLogout(OrganizationId, IntegrationId, Digest),
    Grant(OrganizationId, IntegrationId),
    /// Belongs to no organization: it is found by its day.
    GrantDue(Due),
    /// Belongs to no organization, either.
    GrantsDueFrom,
    /// The digest of a token's id, or of a subject.
    Revocation(OrganizationId, Digest),
    ApiKey(OrganizationId, ApiKeyId),
    /// Belongs to no organization: a caller shows a key before it is known whose it is.
    ApiKeyOwner(ApiKeyId),
    ApiKeyUse(OrganizationId, ApiKeyId),
    Elevation(OrganizationId, ElevationId),
    /// The digest of who is elevated.
    Elevated(OrganizationId, Digest),
    /// The digest of the token's `sub`.
    User(OrganizationId, Digest),
    AuditPage(OrganizationId, AuditId),
    /// By its place in the chain, so that of two writers of one place only one succeeds.
    AuditSpine(OrganizationId, u64),
    /// The digest of the kind of record, here and below.
    EntityState(OrganizationId, IntegrationId, Digest),
    SyncJob(OrganizationId, IntegrationId, SyncJobId),
    /// The second digest is that of the record's id.
    RecordHead(OrganizationId, IntegrationId, Digest, Digest),
    /// By its place in the order of changes.
    RecordChange(OrganizationId, IntegrationId, Digest, u64),
    /// By the number of the page.
    SeenRecords(OrganizationId, SyncJobId, u64),
    MissingRecords(OrganizationId, SyncJobId, u64),
    RecordConflict(OrganizationId, IntegrationId, ConflictId),
    /// Belongs to no organization: it is found by its instant.
    SyncDue(SyncDue),
    /// Of a kind of record.
    FeedCursor(OrganizationId, IntegrationId, Digest),
    /// Of a record, by the digests of its kind's name and of its id.
    RecordPush(OrganizationId, IntegrationId, Digest, Digest),
    /// Of a record, as above; and by what stands for the kind that it leads to.
    RecordLink(OrganizationId, IntegrationId, Digest, Digest, Digest),
    /// Of an incident, a playbook, or a run of one.
    OfIncidents(IncidentKey),
    /// Of an alert, of how alerts are wanted, or of what people are owed.
    OfAlerts(AlertKey),
    /// By when it begins.
    RollUp(OrganizationId, IntegrationId, Width, Timestamp),
    Check(OrganizationId, IntegrationId, CheckId),
    Watch(OrganizationId, IntegrationId),
    /// Belongs to no organization: it is found by its instant.
    WatchDue(Due),
    RotationPlan(OrganizationId, IntegrationId),
    Rotation(OrganizationId, IntegrationId, RotationId),
    /// Belongs to no organization: it is found by its instant.
    RotationDue(Due),
    Emergency(OrganizationId, RotationId),
    EmergencyMember(OrganizationId, RotationId, IntegrationId),
    /// Belongs to no organization: it is found by its instant.
    EmergencyDue(EmergencyDue),
    /// Belongs to no organization: it is found by its instant.
    SecretsDue(SecretsDue),
}

impl ItemKey {
    /// The key of an endpoint path.
    pub(crate) fn endpoint_path(path: &EndpointPath) -> Self {
        Self::EndpointPath(Digest::of(path.as_str().as_bytes()))
    }

    /// The partition key and the sort key.
    #[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
    pub(crate) fn render(self) -> (String, String) {
        match self {
            Self::Integration(organization, integration) => {
                Collection::Integrations(organization).key(integration)
            }
            Self::Endpoint(organization, integration, endpoint) => {
                Collection::Endpoints(organization, integration).key(endpoint)
            }
            Self::EndpointPath(path) => {
                (format!("ENDPOINT_PATH#{path}"), "ENDPOINT_PATH".to_owned())
            }
            Self::Destination(organization, integration, destination) => {
                Collection::Destinations(organization, integration).key(destination)
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
            Self::DataKeyPlan(organization) => {
                (format!("ORG#{organization}"), "DATA_KEYS".to_owned())
            }
            Self::RecordRetention(organization) => {
                (format!("ORG#{organization}"), "RECORD_RETENTION".to_owned())
            }
            Self::DataKeyDue(due) => Collection::DataKeysDue.key(due),
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
            Self::CallerQuota(organization, caller) => (
                format!("ORG#{organization}#CALLER_QUOTA#{caller}"),
                "CALLER_QUOTA".to_owned(),
            ),
            Self::IntegrationsGuard(organization) => (
                format!("ORG#{organization}"),
                "GUARD#INTEGRATIONS".to_owned(),
            ),
            Self::EndpointsGuard(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}"),
                "GUARD#ENDPOINTS".to_owned(),
            ),
            Self::Gateway(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}"),
                "GATEWAY".to_owned(),
            ),
            Self::CachedResponse(organization, integration, digest) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#CACHE#{digest}"),
                "CACHE".to_owned(),
            ),
            Self::PendingConsent(state) => (format!("CONSENT#{state}"), "CONSENT".to_owned()),
            Self::ConsentTicket(ticket) => (
                format!("CONSENT_TICKET#{ticket}"),
                "CONSENT_TICKET".to_owned(),
            ),
            Self::SeenLogout(organization, integration, token) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#LOGOUT#{token}"),
                "LOGOUT".to_owned(),
            ),
            Self::Grant(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}"),
                "GRANT".to_owned(),
            ),
            Self::GrantDue(due) => Collection::GrantsDue(due.at).key(due),
            Self::GrantsDueFrom => ("GRANTS_DUE".to_owned(), "FROM".to_owned()),
            Self::Revocation(organization, digest) => {
                Collection::Revocations(organization).key(digest)
            }
            Self::ApiKey(organization, key) => Collection::ApiKeys(organization).key(key),
            Self::ApiKeyOwner(key) => (format!("API_KEY#{key}"), "API_KEY".to_owned()),
            Self::ApiKeyUse(organization, key) => {
                (format!("ORG#{organization}"), format!("API_KEY_USE#{key}"))
            }
            Self::Elevation(organization, elevation) => {
                Collection::Elevations(organization).key(elevation)
            }
            Self::Elevated(organization, subject) => {
                (format!("ORG#{organization}"), format!("ELEVATED#{subject}"))
            }
            Self::User(organization, subject) => Collection::Users(organization).key(subject),
            Self::AuditPage(organization, id) => {
                let shard = shard_of(id.ulid());
                let (pk, prefix) = Collection::AuditPages(organization, shard).render();
                (pk, format!("{prefix}{id}"))
            }
            Self::AuditSpine(organization, place) => {
                let (pk, prefix) = Collection::AuditSpine(organization).render();
                (pk, format!("{prefix}{place:012}"))
            }
            Self::EntityState(organization, integration, entity) => {
                Collection::EntityStates(organization, integration).key(entity)
            }
            Self::SyncJob(organization, integration, job) => {
                Collection::SyncJobs(organization, integration).key(job)
            }
            Self::RecordHead(organization, integration, entity, record) => {
                let shard = shard_of_digest(record);
                let heads = Collection::RecordHeads(organization, integration, entity, shard);
                let (pk, prefix) = heads.render();
                (pk, format!("{prefix}{record}"))
            }
            Self::RecordChange(organization, integration, entity, sequence) => {
                let feed = Collection::RecordChanges(organization, integration, entity);
                let (pk, prefix) = feed.render();
                (pk, format!("{prefix}{sequence:016}"))
            }
            Self::SeenRecords(organization, job, page) => {
                let (pk, prefix) = Collection::SeenRecords(organization, job).render();
                (pk, format!("{prefix}{page:09}"))
            }
            Self::MissingRecords(organization, job, page) => {
                let (pk, prefix) = Collection::MissingRecords(organization, job).render();
                (pk, format!("{prefix}{page:09}"))
            }
            Self::RecordConflict(organization, integration, conflict) => {
                Collection::RecordConflicts(organization, integration).key(conflict)
            }
            Self::SyncDue(due) => Collection::SyncsDue(due.shard()).key(due),
            Self::FeedCursor(organization, integration, entity) => {
                let (pk, prefix) = Collection::FeedCursors(organization, integration).render();
                (pk, format!("{prefix}{entity}"))
            }
            Self::RecordPush(organization, integration, entity, record) => (
                beside_record((organization, integration), entity, record),
                "PUSH".to_owned(),
            ),
            Self::RecordLink(organization, integration, entity, record, other) => {
                let links = Collection::RecordLinks(organization, integration, entity, record);
                let (pk, prefix) = links.render();
                (pk, format!("{prefix}{other}"))
            }
            Self::OfIncidents(key) => key.render(),
            Self::OfAlerts(key) => key.render(),
            Self::RollUp(organization, integration, width, start) => {
                let (pk, prefix) = Collection::RollUps(organization, integration, width).render();
                (pk, format!("{prefix}{start}"))
            }
            Self::Check(organization, integration, check) => {
                let (pk, prefix) = Collection::Checks(organization, integration).render();
                (pk, format!("{prefix}{check}"))
            }
            Self::Watch(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}"),
                "WATCH".to_owned(),
            ),
            Self::WatchDue(due) => {
                let (pk, prefix) = Collection::WatchesDue(due.shard()).render();
                (pk, format!("{prefix}{due}"))
            }
            Self::RotationPlan(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}"),
                "ROTATION_PLAN".to_owned(),
            ),
            Self::Rotation(organization, integration, rotation) => {
                Collection::Rotations(organization, integration).key(rotation)
            }
            Self::RotationDue(due) => Collection::RotationsDue(due.shard()).key(due),
            Self::Emergency(organization, emergency) => {
                Collection::Emergencies(organization).key(emergency)
            }
            Self::EmergencyMember(organization, emergency, integration) => {
                Collection::EmergencyMembers(organization, emergency).key(integration)
            }
            Self::EmergencyDue(due) => Collection::EmergenciesDue.key(due),
            Self::SecretsDue(due) => Collection::SecretsDue(due.shard()).key(due),
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

#[cfg(test)]
mod incident_samples;
#[cfg(test)]
mod ownership_tests;
#[cfg(test)]
mod tests;
