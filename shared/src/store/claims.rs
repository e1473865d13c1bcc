//! Which event stands for a provider's event: the first one that claims it.
//!
//! ```text
//!   absent ──claim──▶ leased by event E until T ──E again, before T──▶ Held
//!     ▲                        │            └──────another event──────▶ Lost to E
//!     │                        └──E again, after T──▶ leased by E until T' (Resumed)
//!     └──── expires_at ────────┘
//! ```
//!
//! One conditional put decides. An event that stops half-way is taken up by the next message
//! that carries it, once the lease has ended; until then two functions never work on it at the
//! same time.

use aws_sdk_dynamodb::types::ReturnValue;
use serde::{Deserialize, Serialize};

use crate::domain::{EndpointId, EventId, OrganizationId, Timestamp};

use super::error::contended;
use super::items::{self, DATA, EXPIRES_AT, Stored, number, text};
use super::keys::ItemKey;
use super::table::Put;
use super::{Digest, Store, StoreError};

/// An event's bid to be the one that stands for a provider's event.
#[derive(Clone, Copy, Debug)]
pub struct EventClaim<'a> {
    /// Who owns the endpoint.
    pub organization: OrganizationId,
    /// Where it came in.
    pub endpoint: EndpointId,
    /// The provider's own id of it. Without one, only the event itself counts as a repetition.
    pub provider_event_id: Option<&'a str>,
    /// The event that claims it.
    pub event: EventId,
    /// The current instant.
    pub now: Timestamp,
    /// Until when nobody else may work on the event.
    pub leased_until: Timestamp,
    /// When the claim is forgotten: the end of the window in which repetitions are recognised.
    pub expires_at: Timestamp,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The event stands for the provider's event, and the caller works on it.
    Won,
    /// The same, but the event had claimed it before: an earlier run may have got anywhere, so
    /// look whether the event is stored.
    Resumed,
    /// Another event stands for it: this one is a repetition.
    Lost {
        /// That event.
        owner: EventId,
    },
    /// Somebody is working on this very event.
    Held {
        /// Until when, at most.
        until: Timestamp,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Owner {
    event_id: EventId,
    leased_until: Timestamp,
}

/// Absent, forgotten, or ours with a lease that has ended.
const CLAIMABLE: &str = "attribute_not_exists(pk) OR #expires_at <= :second \
    OR (#data.#event = :event AND #data.#until <= :now)";

impl Store {
    /// Claims a provider's event for an event of ours, in one conditional put.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn claim_event(&self, claim: &EventClaim<'_>) -> Result<Claim, StoreError> {
        let own_id = claim.event.to_string();
        let id = claim.provider_event_id.unwrap_or(&own_id);
        let digest = Digest::of(id.as_bytes());
        let key = ItemKey::EventClaim(claim.organization, claim.endpoint, digest);
        let owner = Owner {
            event_id: claim.event,
            leased_until: claim.leased_until,
        };
        let request = self
            .client()
            .put_item()
            .condition_expression(CLAIMABLE)
            .return_values(ReturnValue::AllOld)
            .expression_attribute_names("#expires_at", EXPIRES_AT)
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#event", "eventId")
            .expression_attribute_names("#until", "leasedUntil")
            .expression_attribute_values(":event", text(claim.event))
            .expression_attribute_values(":now", text(claim.now))
            .expression_attribute_values(":second", number(claim.now.as_second()));
        let stored = Stored::first(owner).until(claim.expires_at);
        match self.put_if(request, key, &stored).await? {
            Put::Done(None) => Ok(Claim::Won),
            Put::Done(Some(replaced)) => {
                let replaced: Stored<Owner> = items::read(key, replaced)?;
                Ok(if replaced.data.event_id == claim.event {
                    Claim::Resumed
                } else {
                    Claim::Won
                })
            }
            // The very same claim may be another function's: hold, rather than work twice.
            Put::Same => Ok(Claim::Held {
                until: claim.leased_until,
            }),
            Put::Other(found) if found.data.event_id == claim.event => Ok(Claim::Held {
                until: found.data.leased_until,
            }),
            Put::Other(found) => Ok(Claim::Lost {
                owner: found.data.event_id,
            }),
            Put::Missing => Err(contended()),
        }
    }
}
