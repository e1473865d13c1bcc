//! What a seal is bound to.

use ulid::Ulid;

use super::seal::FORMAT;
use crate::domain::{
    ConflictId, Digest, EndpointId, EventId, IntegrationId, OrganizationId, RequestId, SecretId,
    SyncJobId,
};

/// Where a sealed value is kept, and what it is. It opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealContext {
    /// A signing secret of an endpoint or a destination.
    SigningSecret {
        /// The endpoint's or the destination's ULID.
        owner: Ulid,
        /// The secret.
        secret: SecretId,
    },
    /// The body of an event.
    EventPayload {
        /// The endpoint it came in by.
        endpoint: EndpointId,
        /// The event.
        event: EventId,
    },
    /// An event on its way through the queue.
    QueuedEvent {
        /// The endpoint it came in by.
        endpoint: EndpointId,
        /// The event.
        event: EventId,
    },
    /// The answer to a request with an idempotency key.
    FinishedRequest {
        /// The digest of that key.
        key: Digest,
    },
    /// An answer of a provider that may be given again.
    CachedResponse {
        /// The digest of all that it depends on.
        key: Digest,
    },
    /// The bodies of an outbound call, masked, as its log keeps them.
    RequestBodies {
        /// The integration.
        integration: IntegrationId,
        /// The call.
        request: RequestId,
    },
    /// What is secret of a consent that is asked for.
    PendingConsent {
        /// The digest of its state.
        state: Digest,
    },
    /// Where a link to a consent page leads.
    ConsentTicket {
        /// The digest of its ticket.
        ticket: Digest,
    },
    /// The tokens of a grant.
    Tokens {
        /// The integration.
        integration: IntegrationId,
        /// The number of this set of tokens.
        version: u64,
    },
    /// What a record holds.
    Record {
        /// The integration.
        integration: IntegrationId,
        /// The digest of the name of its kind.
        entity: Digest,
        /// The digest of its id.
        record: Digest,
        /// Its version.
        version: u64,
    },
    /// What the record that another one is linked to was last told of it.
    RecordLink {
        /// The integration of the one that it is about.
        integration: IntegrationId,
        /// The digest of the name of its kind.
        entity: Digest,
        /// The digest of its id.
        record: Digest,
        /// What stands for the kind of the one that was told.
        other: Digest,
        /// The number of what was told.
        version: u64,
    },
    /// Where the next page of a job starts.
    SyncCursor {
        /// The job.
        job: SyncJobId,
    },
    /// Both sides of a conflict.
    Conflict {
        /// The conflict.
        conflict: ConflictId,
    },
}

/// Every part has a fixed length for its purpose, and the purpose comes first, so that no two
/// contexts give the same bytes.
pub(super) fn additional_data(
    organization: OrganizationId,
    context: &SealContext,
    version: u16,
) -> Vec<u8> {
    let mut data = Vec::with_capacity(64);
    let number = match context {
        SealContext::Tokens { version, .. } => u128::from(*version).to_be_bytes(),
        _ => [0; 16],
    };
    let record = record_of(context);
    let (purpose, parts): (u8, [&[u8]; 2]) = match context {
        SealContext::SigningSecret { owner, secret } => {
            (1, [&owner.to_bytes(), &secret.ulid().to_bytes()])
        }
        SealContext::EventPayload { endpoint, event } => {
            (2, [&endpoint.ulid().to_bytes(), &event.ulid().to_bytes()])
        }
        SealContext::QueuedEvent { endpoint, event } => {
            (3, [&endpoint.ulid().to_bytes(), &event.ulid().to_bytes()])
        }
        SealContext::FinishedRequest { key } => (4, [key.as_bytes(), &[]]),
        SealContext::CachedResponse { key } => (5, [key.as_bytes(), &[]]),
        SealContext::RequestBodies {
            integration,
            request,
        } => (
            6,
            [&integration.ulid().to_bytes(), &request.ulid().to_bytes()],
        ),
        SealContext::PendingConsent { state } => (8, [state.as_bytes(), &[]]),
        SealContext::ConsentTicket { ticket } => (9, [ticket.as_bytes(), &[]]),
        SealContext::Tokens { integration, .. } => (7, [&integration.ulid().to_bytes(), &number]),
        SealContext::Record { .. } => (10, [record.as_bytes(), &[]]),
        SealContext::RecordLink { .. } => (13, [record.as_bytes(), &[]]),
        SealContext::SyncCursor { job } => (11, [&job.ulid().to_bytes(), &number]),
        SealContext::Conflict { conflict } => (12, [&conflict.ulid().to_bytes(), &number]),
    };
    data.push(FORMAT);
    data.push(purpose);
    data.extend_from_slice(&version.to_be_bytes());
    data.extend_from_slice(&organization.ulid().to_bytes());
    for part in parts {
        data.extend_from_slice(part);
    }
    data
}

/// The digest of all that says which record it is, and which version: more than two parts.
fn record_of(context: &SealContext) -> Digest {
    match context {
        SealContext::Record {
            integration,
            entity,
            record,
            version,
        } => Digest::of_parts(&[
            &integration.ulid().to_bytes(),
            entity.as_bytes(),
            record.as_bytes(),
            &version.to_be_bytes(),
        ]),
        SealContext::RecordLink {
            integration,
            entity,
            record,
            other,
            version,
        } => Digest::of_parts(&[
            &integration.ulid().to_bytes(),
            entity.as_bytes(),
            record.as_bytes(),
            other.as_bytes(),
            &version.to_be_bytes(),
        ]),
        _ => Digest::of(&[]),
    }
}
