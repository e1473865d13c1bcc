use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use serde::{Deserialize, Serialize};

use super::error::sdk;
use super::items::{self, DATA, EXPIRES_AT};
use super::keys::{Digest256, ItemKey};
use super::{Store, StoreError};
use crate::domain::{OrganizationId, Sealed, Timestamp};

/// What becomes of a request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestStart {
    /// It is the first, or the first broke off: do it.
    Begun,
    /// The first is still running.
    Running,
    /// The first was another request.
    Mismatch,
    /// The first is over: answer what it was answered.
    Finished(FinishedRequest),
}

/// The answer of a finished request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinishedRequest {
    /// The HTTP status.
    pub status: u16,
    /// The whole answer; sealed, since it may show a secret that is shown once.
    pub sealed: Sealed,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    #[serde(with = "serde_bytes")]
    request_digest: Vec<u8>,
    running_until: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finished: Option<FinishedRequest>,
}

impl Store {
    /// Begins the request with the digest `request` under the idempotency key with the digest
    /// `key`, unless it was begun before. The first has until `running_until` to end.
    ///
    /// # Errors
    ///
    /// If the table does not answer or the item is corrupt.
    pub async fn begin_request(
        &self,
        organization: OrganizationId,
        key: Digest256,
        request: Digest256,
        now: Timestamp,
        (running_until, expires_at): (Timestamp, Timestamp),
    ) -> Result<RequestStart, StoreError> {
        let item_key = ItemKey::Idempotency(organization, key);
        let begun = Stored {
            request_digest: request.to_vec(),
            running_until,
            finished: None,
        };
        let sent = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(items::item(item_key, &begun, 1, Some(expires_at))?))
            .condition_expression(
                "attribute_not_exists(pk) OR #expires_at <= :second OR \
                 (attribute_not_exists(#data.finished) AND #data.runningUntil <= :now \
                 AND #data.requestDigest = :request)",
            )
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#expires_at", EXPIRES_AT)
            .expression_attribute_values(":second", items::seconds(now))
            .expression_attribute_values(":now", items::value(&now)?)
            .expression_attribute_values(
                ":request",
                aws_sdk_dynamodb::types::AttributeValue::B(request.to_vec().into()),
            )
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(_) => return Ok(RequestStart::Begun),
            Err(error) => error,
        };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
        else {
            return Err(sdk(error));
        };
        let item = failed.item().cloned().ok_or(StoreError::Conflict)?;
        let stored: Stored = items::read(item_key, item)?.item;
        Ok(if stored.request_digest != request {
            RequestStart::Mismatch
        } else {
            stored
                .finished
                .map_or(RequestStart::Running, RequestStart::Finished)
        })
    }

    /// Stores the answer of a request that was begun.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn finish_request(
        &self,
        organization: OrganizationId,
        key: Digest256,
        finished: &FinishedRequest,
    ) -> Result<(), StoreError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(ItemKey::Idempotency(organization, key).attributes()))
            .update_expression("SET #data.finished = :finished")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#data", DATA)
            .expression_attribute_values(":finished", items::value(finished)?)
            .send()
            .await
            .map_err(sdk)?;
        Ok(())
    }

    /// Forgets a request that was begun and had no effect, so that it can be made again.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn abandon_request(
        &self,
        organization: OrganizationId,
        key: Digest256,
    ) -> Result<(), StoreError> {
        self.delete(ItemKey::Idempotency(organization, key)).await
    }
}
