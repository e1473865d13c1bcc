use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;

use super::due;
use super::shards::beside_record;
use super::{SK, StoreError};
use crate::domain::health::Width;
use crate::domain::{
    DeliveryId, Digest, EventId, IncidentId, IntegrationId, OrganizationId, RotationId, SyncJobId,
    Timestamp,
};

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
    DataKeysDue,
    /// Those of the instant's day, in UTC.
    GrantsDue(Timestamp),
    Revocations(OrganizationId),
    ApiKeys(OrganizationId),
    Elevations(OrganizationId),
    Users(OrganizationId),
    AuditPages(OrganizationId, u8),
    AuditSpine(OrganizationId),
    EntityStates(OrganizationId, IntegrationId),
    FeedCursors(OrganizationId, IntegrationId),
    SyncJobs(OrganizationId, IntegrationId),
    RecordHeads(OrganizationId, IntegrationId, Digest, u8),
    RecordChanges(OrganizationId, IntegrationId, Digest),
    SeenRecords(OrganizationId, SyncJobId),
    MissingRecords(OrganizationId, SyncJobId),
    RecordConflicts(OrganizationId, IntegrationId),
    RecordLinks(OrganizationId, IntegrationId, Digest, Digest),
    SyncsDue(u8),
    Incidents(OrganizationId),
    LiveIncidents(OrganizationId),
    IncidentEntries(OrganizationId, IncidentId),
    Playbooks(OrganizationId),
    PlaybookRuns(OrganizationId),
    RunsDue,
    Alerts(OrganizationId),
    OpenAlerts(OrganizationId),
    NoticesDue(u8),
    RollUps(OrganizationId, IntegrationId, Width),
    Checks(OrganizationId, IntegrationId),
    WatchesDue(u8),
    Rotations(OrganizationId, IntegrationId),
    RotationsDue(u8),
    Emergencies(OrganizationId),
    EmergencyMembers(OrganizationId, RotationId),
    EmergenciesDue,
    SecretsDue(u8),
}

impl Collection {
    /// The partition key, and what every sort key in the collection starts with.
    #[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
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
            Self::DataKeysDue => ("DATA_KEYS_DUE".to_owned(), "DATA_KEYS#"),
            Self::GrantsDue(at) => (format!("GRANTS_DUE#{}", due::day(at)), "GRANT#"),
            Self::Revocations(organization) => {
                (format!("ORG#{organization}#REVOCATIONS"), "REVOCATION#")
            }
            Self::ApiKeys(organization) => (format!("ORG#{organization}"), "API_KEY#"),
            Self::Elevations(organization) => (format!("ORG#{organization}"), "ELEVATION#"),
            Self::Users(organization) => (format!("ORG#{organization}#USERS"), "USER#"),
            Self::AuditPages(organization, shard) => {
                (format!("ORG#{organization}#AUDIT#{shard}"), "AUDIT#")
            }
            Self::AuditSpine(organization) => (format!("ORG#{organization}#AUDIT_SPINE"), "SPINE#"),
            Self::EntityStates(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#SYNC"),
                "STATE#",
            ),
            Self::FeedCursors(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#SYNC"),
                "CURSOR#",
            ),
            Self::SyncJobs(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#SYNC_JOBS"),
                "JOB#",
            ),
            Self::RecordHeads(organization, integration, entity, shard) => (
                format!(
                    "ORG#{organization}#INTEGRATION#{integration}#ENTITY#{entity}#HEADS#{shard}"
                ),
                "HEAD#",
            ),
            Self::RecordChanges(organization, integration, entity) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#ENTITY#{entity}#FEED"),
                "CHANGE#",
            ),
            Self::SeenRecords(organization, job) => {
                (format!("ORG#{organization}#SYNC_JOB#{job}"), "SEEN#")
            }
            Self::MissingRecords(organization, job) => {
                (format!("ORG#{organization}#SYNC_JOB#{job}"), "MISSING#")
            }
            Self::RecordConflicts(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#CONFLICTS"),
                "CONFLICT#",
            ),
            Self::RecordLinks(organization, integration, entity, record) => (
                beside_record((organization, integration), entity, record),
                "LINK#",
            ),
            Self::SyncsDue(shard) => (format!("SYNC_DUE#{shard}"), "SYNC#"),
            Self::Incidents(organization) => (format!("ORG#{organization}#INCIDENTS"), "INCIDENT#"),
            Self::LiveIncidents(organization) => {
                (format!("ORG#{organization}#LIVE_INCIDENTS"), "LIVE#")
            }
            Self::IncidentEntries(organization, incident) => {
                (format!("ORG#{organization}#INCIDENT#{incident}"), "ENTRY#")
            }
            Self::Playbooks(organization) => (format!("ORG#{organization}#PLAYBOOKS"), "PLAYBOOK#"),
            Self::PlaybookRuns(organization) => {
                (format!("ORG#{organization}#PLAYBOOK_RUNS"), "RUN#")
            }
            Self::RunsDue => ("PLAYBOOK_RUNS_DUE".to_owned(), "RUN#"),
            Self::Alerts(organization) => (format!("ORG#{organization}#ALERTS"), "ALERT#"),
            Self::OpenAlerts(organization) => (format!("ORG#{organization}#OPEN_ALERTS"), "ALERT#"),
            Self::NoticesDue(shard) => (format!("NOTICE_DUE#{shard}"), "NOTICE#"),
            Self::RollUps(organization, integration, width) => {
                let of = match width {
                    Width::Minute => "MINUTE",
                    Width::FiveMinutes => "FIVE_MINUTES",
                    Width::Hour => "HOUR",
                };
                (
                    format!("ORG#{organization}#INTEGRATION#{integration}#ROLL_UPS#{of}"),
                    "ROLL_UP#",
                )
            }
            Self::Checks(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#CHECKS"),
                "CHECK#",
            ),
            Self::WatchesDue(shard) => (format!("WATCH_DUE#{shard}"), "WATCH#"),
            Self::Rotations(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#ROTATIONS"),
                "ROTATION#",
            ),
            Self::RotationsDue(shard) => (format!("ROTATION_DUE#{shard}"), "ROTATION#"),
            Self::Emergencies(organization) => {
                (format!("ORG#{organization}#EMERGENCIES"), "EMERGENCY#")
            }
            Self::EmergencyMembers(organization, emergency) => (
                format!("ORG#{organization}#EMERGENCY#{emergency}"),
                "INTEGRATION#",
            ),
            Self::EmergenciesDue => ("EMERGENCY_DUE".to_owned(), "EMERGENCY#"),
            Self::SecretsDue(shard) => (format!("SECRETS_DUE#{shard}"), "SECRETS#"),
        }
    }

    /// The partition key and the sort key of one of its items, which ends in `id`.
    pub(super) fn key(self, id: impl fmt::Display) -> (String, String) {
        let (pk, prefix) = self.render();
        (pk, format!("{prefix}{id}"))
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
