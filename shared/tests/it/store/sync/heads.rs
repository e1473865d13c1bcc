//! Heads, many at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use gatehouse::domain::{Digest, Sealed};
use gatehouse::store::{HeadQuery, MAX_RECORD_BYTES, RECORD_SHARDS, Store, StoreError};
use serde_json::{Value, json};

use super::samples::{Records, change, digest};
use crate::store::samples::at;

#[tokio::test]
async fn any_number_of_heads_is_read_in_the_order_that_is_asked_for() {
    let records = Records::new().await;
    let known: Vec<u64> = (0..120).collect();
    records.write(&known, 0).await;
    // Twice as many as there are, and some of them twice.
    let asked: Vec<u64> = (0..240).rev().chain([7, 7]).collect();
    let heads = records.heads(&asked, at(0)).await;
    assert_eq!(heads.len(), asked.len());
    for (record, head) in asked.iter().zip(heads) {
        let sequence = head.map(|head| head.item.sequence);
        assert_eq!(sequence, (*record < 120).then_some(record + 1));
    }
    assert_eq!(records.heads(&[], at(0)).await, []);
}

#[tokio::test]
async fn the_parts_have_every_head_once() {
    let records = Records::new().await;
    let known: Vec<u64> = (0..60).collect();
    records.write(&known, 0).await;
    records.delete(&[5], 1).await;
    let (organization, integration) = (records.world.organization, records.world.integration);
    let store = &records.world.store;
    let mut found = Vec::new();
    for shard in 0..RECORD_SHARDS {
        let mut query = HeadQuery {
            shard,
            limit: 4,
            after: None,
            now: at(3_601),
        };
        loop {
            let page = store.record_heads_of(organization, integration, &records.entity, query);
            let page = page.await.unwrap();
            found.extend(page.items.iter().map(|(record, _)| *record));
            query.after = page.next;
            if page.next.is_none() {
                break;
            }
        }
    }
    found.sort_unstable();
    // The one that was deleted has expired.
    let mut expected: Vec<Digest> = (0..60).filter(|n| *n != 5).map(digest).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn more_than_an_answer_holds_is_read_whole() {
    let records = Records::new().await;
    let mut record = 0;
    while record < 60 {
        let mut set = records.set(at(0)).await;
        while set.has_room_for(MAX_RECORD_BYTES, None) && record < 60 {
            change(&mut set, record, None, true);
            let write = set.changes.last_mut().unwrap().change.as_mut().unwrap();
            write.body = Sealed::from_bytes(vec![u8::try_from(record).unwrap(); MAX_RECORD_BYTES]);
            record += 1;
        }
        records.commit(&set).await;
    }
    let (organization, integration) = (records.world.organization, records.world.integration);
    let sequences: Vec<u64> = (1..=60).collect();
    let store = &records.world.store;
    let changes = store.record_changes(organization, integration, &records.entity, &sequences);
    for (record, change) in changes.await.unwrap().into_iter().enumerate() {
        let first = change.unwrap().body.as_bytes()[0];
        assert_eq!(usize::from(first), record);
    }
}

/// Answers the next `left` batches by saying that nothing of them was read.
#[derive(Clone, Debug, Default)]
struct Busy {
    left: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    items: Arc<std::sync::Mutex<Value>>,
}

impl Intercept for Busy {
    fn name(&self) -> &'static str {
        "Busy"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.request().body().bytes().unwrap_or_default();
        let body: Value = serde_json::from_slice(body)?;
        *self.items.lock().unwrap() = body["RequestItems"].clone();
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let spend = |left: usize| left.checked_sub(1);
        let (set, fetch) = (Ordering::SeqCst, Ordering::SeqCst);
        if self.left.fetch_update(set, fetch, spend).is_ok() {
            let items = self.items.lock().unwrap().clone();
            let body = json!({"Responses": {}, "UnprocessedKeys": items}).to_string();
            *context.response_mut() = HttpResponse::new(200_u16.try_into()?, SdkBody::from(body));
        }
        Ok(())
    }
}

#[tokio::test]
async fn what_a_busy_table_leaves_out_is_asked_for_again() {
    let records = Records::new().await;
    records.write(&[1, 2], 0).await;
    let (organization, integration) = (records.world.organization, records.world.integration);
    for (answers, is_read) in [(0, true), (1, true), (4, true), (5, false)] {
        let busy = Busy::default();
        busy.left.store(answers, Ordering::SeqCst);
        let config = records
            .world
            .table
            .config()
            .interceptor(busy.clone())
            .build();
        let store = Store::new(Client::from_conf(config), records.world.table.name.clone());
        let digests = [digest(2), digest(1), digest(9)];
        let heads = store.record_heads(organization, integration, &records.entity, &digests, at(0));
        match heads.await {
            Ok(heads) => {
                let found: Vec<bool> = heads.iter().map(Option::is_some).collect();
                assert_eq!(found, [true, true, false]);
                assert!(is_read, "{answers}");
                assert_eq!(busy.asked.load(Ordering::SeqCst), answers + 1);
            }
            Err(error) => {
                assert!(matches!(error, StoreError::Throttled(_)), "{error:?}");
                assert!(!is_read, "{answers}");
            }
        }
    }
}
