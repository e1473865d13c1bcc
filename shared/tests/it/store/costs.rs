//! What is paid for: requests to DynamoDB, counted where they leave.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use gatehouse::store::{Claim, EventClaim, Store};

use super::samples::{World, at};

/// The names of the operations that were requested.
#[derive(Clone, Debug, Default)]
pub(super) struct Count(Arc<Mutex<Vec<String>>>);

impl Count {
    pub(super) fn operations(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Intercept for Count {
    fn name(&self) -> &'static str {
        "Count"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target");
        let operation = target.and_then(|target| target.rsplit('.').next());
        let mut operations = self.0.lock().unwrap();
        operations.push(operation.unwrap_or_default().to_owned());
        Ok(())
    }
}

/// The world's store, and what it asks for.
pub(super) fn counted(world: &World) -> (Store, Count) {
    let count = Count::default();
    let config = world.table.config().interceptor(count.clone()).build();
    let store = Store::new(Client::from_conf(config), world.table.name.clone());
    (store, count)
}

#[tokio::test]
async fn an_event_with_its_first_delivery_costs_two_writes_and_no_read() {
    let world = World::new().await;
    let (store, count) = counted(&world);
    let event = world.retrying_event(1);
    let claim = EventClaim {
        organization: world.organization,
        endpoint: event.endpoint_id,
        provider_event_id: Some("1"),
        event: event.id,
        now: at(0),
        leased_until: at(60),
        expires_at: at(7 * 86_400),
    };
    assert_eq!(store.claim_event(&claim).await.unwrap(), Claim::Won);
    store.put_event(&event, at(86_400)).await.unwrap();
    assert_eq!(*count.0.lock().unwrap(), ["PutItem", "PutItem"]);
}

#[tokio::test]
async fn a_path_costs_three_reads() {
    let world = World::new().await;
    let endpoint = world.endpoint("/webhooks/a");
    world.store.create_endpoint(&endpoint).await.unwrap();
    let (store, count) = counted(&world);
    store.endpoint_at(&endpoint.path).await.unwrap().unwrap();
    assert_eq!(*count.0.lock().unwrap(), ["GetItem"; 3]);
}

#[tokio::test]
async fn a_first_page_of_events_asks_each_shard_once() {
    let world = World::new().await;
    for second in 0..40 {
        world.put(&world.event_at(at(second))).await;
    }
    let (store, count) = counted(&world);
    let query = gatehouse::store::EventQuery::newest(10, at(0));
    let page = store.events(world.organization, world.integration, &query);
    assert_eq!(page.await.unwrap().items.len(), 10);
    assert_eq!(*count.0.lock().unwrap(), ["Query"; 8]);
}
