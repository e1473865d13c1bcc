use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use serde::{Deserialize, Serialize};

use super::error::sdk;
use super::items::{self, DATA, EXPIRES_AT};
use super::keys::{ClaimedBy, ItemKey};
use super::{Store, StoreError};
use crate::domain::{EndpointId, EventId, OrganizationId, Timestamp};

/// A wish to be the one that takes up an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventClaim {
    /// Who owns the event.
    pub organization_id: OrganizationId,
    /// The endpoint it came in by.
    pub endpoint_id: EndpointId,
    /// The provider's id of it: two events of an endpoint that share it are one. Without it, an
    /// event equals only itself.
    pub provider_event_id: Option<String>,
    /// The event.
    pub event_id: EventId,
    /// Until when nobody else may take it up.
    pub leased_until: Timestamp,
    /// Until when repetitions are recognised.
    pub expires_at: Timestamp,
}

/// Whether a claim was granted.
///
/// A claim is one conditional write on one item, which is in one of four states:
///
/// | The item is           | and the claim is for | then it is |
/// |-----------------------|----------------------|------------|
/// | absent, or expired    | any event            | won        |
/// | owned, lease running  | the owner            | held       |
/// | owned, lease ended    | the owner            | won        |
/// | owned                 | another event        | lost       |
///
/// There is no fourth "done" state to be written: an event that is done is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is ours until the lease ends.
    Won,
    /// The provider had sent it before, and it became this event.
    Lost {
        /// The event that it repeats.
        owner: EventId,
    },
    /// The same event is being worked on, or was, until its lease ends.
    Held {
        /// When the lease ends.
        until: Timestamp,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Owner {
    event_id: EventId,
    leased_until: Timestamp,
}

impl Store {
    /// Claims an event: one write.
    ///
    /// # Errors
    ///
    /// If the table does not answer or the claim's item is corrupt.
    pub async fn claim_event(
        &self,
        claim: &EventClaim,
        now: Timestamp,
    ) -> Result<Claim, StoreError> {
        let claimed_by = match claim.provider_event_id.as_deref() {
            Some(id) => ClaimedBy::ProviderEventId(id),
            None => ClaimedBy::EventId(claim.event_id),
        };
        let key = ItemKey::EventClaim(claim.organization_id, claim.endpoint_id, claimed_by);
        let owner = Owner {
            event_id: claim.event_id,
            leased_until: claim.leased_until,
        };
        let sent = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(items::item(key, &owner, 1, Some(claim.expires_at))?))
            .condition_expression(
                "attribute_not_exists(pk) OR #expires_at <= :second \
                 OR (#data.eventId = :event AND #data.leasedUntil <= :now)",
            )
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#expires_at", EXPIRES_AT)
            .expression_attribute_values(":second", items::seconds(now))
            .expression_attribute_values(":event", items::value(&claim.event_id)?)
            .expression_attribute_values(":now", items::value(&now)?)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(_) => return Ok(Claim::Won),
            Err(error) => error,
        };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
        else {
            return Err(sdk(error));
        };
        let owned = failed.item().cloned().ok_or(StoreError::Conflict)?;
        let owner: Owner = items::read(key, owned)?.item;
        Ok(if owner.event_id == claim.event_id {
            Claim::Held {
                until: owner.leased_until,
            }
        } else {
            Claim::Lost {
                owner: owner.event_id,
            }
        })
    }
}
