//! Outbound calls. Each is written before it is made: whatever ends the function, a person sees
//! that the call may have been made.

use std::collections::HashMap;

use crate::domain::{
    IntegrationId, OrganizationId, RequestId, RequestRecord, RequestStatus, Timestamp,
};

use super::items::{
    self, Attributes, DATA, EXPIRES_AT, ITEM_TYPE, SCHEMA_VERSION, Stored, VERSION,
};
use super::keys::{Collection, ItemKey, SK};
use super::sharded::{Owner, Range, Sharded};
use super::table::ABSENT;
use super::{Page, Store, StoreError};

/// Every field of a request but its bodies.
const LISTED_FIELDS: [&str; 20] = [
    "id",
    "organizationId",
    "integrationId",
    "caller",
    "method",
    "path",
    "queryNames",
    "status",
    "responseStatus",
    "attempts",
    "cache",
    "error",
    "upstreamCode",
    "requestBytes",
    "responseBytes",
    "startedAt",
    "endedAt",
    "durationMs",
    "credentialVersion",
    "traceId",
];

struct Listed;

impl Sharded for Listed {
    type Owner = Owner;
    type Id = RequestId;
    type Data = RequestRecord;

    fn collection(owner: Owner, shard: u8) -> Collection {
        Collection::Requests(owner.0, owner.1, shard)
    }

    fn key(owner: Owner, id: RequestId) -> ItemKey {
        ItemKey::Request(owner.0, owner.1, id)
    }

    fn projection() -> (String, HashMap<String, String>) {
        let mut paths = Vec::new();
        let mut names = HashMap::from([("#data".to_owned(), DATA.to_owned())]);
        for (index, attribute) in [SK, ITEM_TYPE, SCHEMA_VERSION, VERSION, EXPIRES_AT]
            .into_iter()
            .enumerate()
        {
            paths.push(format!("#a{index}"));
            names.insert(format!("#a{index}"), attribute.to_owned());
        }
        for (index, field) in LISTED_FIELDS.into_iter().enumerate() {
            paths.push(format!("#data.#f{index}"));
            names.insert(format!("#f{index}"), field.to_owned());
        }
        (paths.join(", "), names)
    }

    fn read(key: ItemKey, attributes: Attributes) -> Result<Stored<RequestRecord>, StoreError> {
        items::read(key, attributes)
    }
}

/// Which requests to list.
#[derive(Clone, Debug)]
pub struct RequestQuery {
    /// Only those that stand like this.
    pub status: Option<RequestStatus>,
    /// Only those with this method.
    pub method: Option<String>,
    /// Only those whose path starts like this.
    pub path_prefix: Option<String>,
    /// Only those that the provider answered with this status.
    pub response_status: Option<u16>,
    /// Only those started at this instant or later.
    pub from: Option<Timestamp>,
    /// Only those started before this instant.
    pub to: Option<Timestamp>,
    /// At most this many.
    pub limit: u16,
    /// Go on after this request: the `next` of the page before.
    pub after: Option<RequestId>,
    /// The current instant: what has expired is not listed.
    pub now: Timestamp,
}

impl RequestQuery {
    fn accepts(&self, stored: &Stored<RequestRecord>) -> bool {
        let request = &stored.data;
        stored.is_alive(self.now)
            && self.status.is_none_or(|wanted| request.status == wanted)
            && self
                .method
                .as_ref()
                .is_none_or(|wanted| request.method == *wanted)
            && self
                .path_prefix
                .as_ref()
                .is_none_or(|wanted| request.path.starts_with(wanted))
            && self
                .response_status
                .is_none_or(|wanted| request.response_status == Some(wanted))
    }
}

impl Store {
    /// Adds a request that is about to be made.
    ///
    /// # Errors
    ///
    /// If the table does not answer: the request must not be made then.
    pub async fn start_request(
        &self,
        request: &RequestRecord,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let stored = Stored::first(request.clone()).until(expires_at);
        self.create(request_key(request), &stored).await
    }

    /// Says how a request ended.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn end_request(
        &self,
        request: &RequestRecord,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let stored = Stored {
            version: 2,
            ..Stored::first(request.clone()).until(expires_at)
        };
        let put = self.client().put_item();
        self.put_if(put, request_key(request), &stored).await?;
        Ok(())
    }

    /// Adds a request that ended without anything having been sent: it is written once.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn add_request(
        &self,
        request: &RequestRecord,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let stored = Stored::first(request.clone()).until(expires_at);
        let put = self.client().put_item().condition_expression(ABSENT);
        self.put_if(put, request_key(request), &stored).await?;
        Ok(())
    }

    /// Reads a request with its bodies, if they were kept.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn request(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        request: RequestId,
        now: Timestamp,
    ) -> Result<Option<RequestRecord>, StoreError> {
        let key = ItemKey::Request(organization, integration, request);
        let stored = self.get::<RequestRecord>(key).await?;
        Ok(stored
            .filter(|stored| stored.is_alive(now))
            .map(|stored| stored.data))
    }

    /// At most `query.limit` requests without their bodies, newest first. Work is bounded: a page
    /// can be short, even empty, and still have a next one.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn requests(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        query: &RequestQuery,
    ) -> Result<Page<RequestRecord, RequestId>, StoreError> {
        let range = Range {
            from: query.from,
            to: query.to,
            after: query.after.map(RequestId::ulid),
            limit: query.limit,
        };
        let accepts = |stored: &Stored<RequestRecord>| query.accepts(stored);
        self.newest::<Listed>((organization, integration), range, accepts)
            .await
    }

    /// Every request that began from `from` until before `to`, in no order, without bodies.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn each_request(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        span: (Timestamp, Timestamp),
        mut fold: impl FnMut(RequestRecord),
    ) -> Result<(), StoreError> {
        self.each::<Listed>((organization, integration), span, |stored| {
            fold(stored.data)
        })
        .await
    }
}

fn request_key(request: &RequestRecord) -> ItemKey {
    ItemKey::Request(request.organization_id, request.integration_id, request.id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_has_every_field_but_the_bodies() {
        let id = |prefix: &str| format!("{prefix}01K72Z5QSW0123456789ABCDEF");
        let request: RequestRecord = serde_json::from_value(json!({
            "id": id("req_"), "organizationId": id("org_"), "integrationId": id("int_"),
            "caller": "me", "method": "GET", "path": "/", "queryNames": ["a"],
            "status": "failed", "responseStatus": 500, "attempts": 1, "cache": "miss",
            "error": "upstream_network", "upstreamCode": "x", "requestBytes": 1,
            "responseBytes": 1, "startedAt": "2026-01-01T00:00:00Z",
            "endedAt": "2026-01-01T00:00:00Z", "durationMs": 1, "credentialVersion": "v",
            "traceId": "0",
        }))
        .unwrap();
        let fields = serde_json::to_value(request).unwrap();
        let mut expected: Vec<_> = fields.as_object().unwrap().keys().collect();
        expected.sort_unstable();
        let mut named = LISTED_FIELDS.to_vec();
        named.sort_unstable();
        assert_eq!(named, expected);
    }
}
