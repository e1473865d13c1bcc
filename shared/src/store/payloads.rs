//! Bodies that do not fit the item of their event: DynamoDB's items hold 400 KB.

use serde::{Deserialize, Serialize};

use super::items;
use super::keys::ItemKey;
use super::{Store, StoreError};
use crate::domain::{Event, EventId, OrganizationId, PayloadLocation, Sealed, Timestamp};

/// A longer body goes into items of its own. The rest of an event's item is its deliveries.
const MAX_INLINE_BYTES: usize = 250 * 1024;
const PART_BYTES: usize = 380 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Part {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
}

impl Store {
    /// Writes the parts of a long body. Without their event they mean nothing, so they go first.
    pub(super) async fn put_parts(
        &self,
        event: &Event,
        expires_at: Timestamp,
    ) -> Result<PayloadLocation, StoreError> {
        let sealed = match &event.payload {
            PayloadLocation::Inline(sealed) if sealed.as_bytes().len() > MAX_INLINE_BYTES => sealed,
            other => return Ok(other.clone()),
        };
        let mut number = 0_u16;
        for bytes in sealed.as_bytes().chunks(PART_BYTES) {
            number = number.saturating_add(1);
            let key = ItemKey::EventPart(event.organization_id, event.id, number);
            let item = items::item(
                key,
                &Part {
                    bytes: bytes.to_vec(),
                },
                1,
                Some(expires_at),
            )?;
            self.client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(item))
                .send()
                .await
                .map_err(super::error::sdk)?;
        }
        Ok(PayloadLocation::Parts(number))
    }

    /// The sealed body of an event.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or a part is missing or corrupt.
    pub async fn payload(
        &self,
        organization: OrganizationId,
        event: EventId,
        location: &PayloadLocation,
    ) -> Result<Sealed, StoreError> {
        let count = match location {
            PayloadLocation::Inline(sealed) => return Ok(sealed.clone()),
            PayloadLocation::Parts(count) => *count,
        };
        let mut whole = Vec::new();
        for number in 1..=count {
            let key = ItemKey::EventPart(organization, event, number);
            let part = self
                .get_as::<Part>(key)
                .await?
                .ok_or_else(|| StoreError::Corrupt {
                    key: key.render().1,
                    field: "is missing".to_owned(),
                })?;
            whole.extend_from_slice(&part.item.bytes);
        }
        Ok(Sealed::from_bytes(whole))
    }
}
