//! Answers that go wrong after, or instead of, the write.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use gatehouse::domain::{self, AttemptOutcome, EventStatus};
use gatehouse::store::{PutEvent, Recorded, Store, StoreError};

use super::samples::{World, after_attempt, at};

/// Replaces the next `left` answers. DynamoDB has done what it was asked by then.
#[derive(Clone, Debug)]
struct Fault {
    left: Arc<AtomicUsize>,
    status: u16,
    error: &'static str,
    /// Only of operations whose name ends like this.
    operation: &'static str,
    /// What was asked for last.
    target: Arc<Mutex<String>>,
}

impl Intercept for Fault {
    fn name(&self) -> &'static str {
        "Fault"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target");
        *self.target.lock().unwrap() = target.unwrap_or_default().to_owned();
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if !self.target.lock().unwrap().ends_with(self.operation) {
            return Ok(());
        }
        let spend = |left: usize| left.checked_sub(1);
        let (set, fetch) = (Ordering::SeqCst, Ordering::SeqCst);
        if self.left.fetch_update(set, fetch, spend).is_ok() {
            let name = self.error;
            let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{name}"}}"#);
            let status = self.status.try_into()?;
            *context.response_mut() = HttpResponse::new(status, SdkBody::from(body));
        }
        Ok(())
    }
}

/// The world's store, with this many answers lost.
fn losing(world: &World, answers: usize) -> Store {
    failing(world, answers, 500, "InternalServerError")
}

/// The world's store, with this many answers to transactions lost.
pub(super) fn losing_transactions(world: &World, answers: usize) -> Store {
    let fault = Fault {
        left: Arc::new(AtomicUsize::new(answers)),
        status: 500,
        error: "InternalServerError",
        operation: "TransactWriteItems",
        target: Arc::default(),
    };
    faulty(world, fault)
}

fn failing(world: &World, answers: usize, status: u16, error: &'static str) -> Store {
    let fault = Fault {
        left: Arc::new(AtomicUsize::new(answers)),
        status,
        error,
        operation: "",
        target: Arc::default(),
    };
    faulty(world, fault)
}

fn faulty(world: &World, fault: Fault) -> Store {
    let config = world.table.config().interceptor(fault).build();
    Store::new(Client::from_conf(config), world.table.name.clone())
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_succeeds_on_the_next_try() {
    let world = World::new().await;
    let integration = world.integration();
    let created = losing(&world, 1).create_integration(&integration).await;
    created.unwrap();
    let endpoint = world.endpoint("/webhooks/a");
    losing(&world, 1).create_endpoint(&endpoint).await.unwrap();
    let destination = world.destination();
    let created = losing(&world, 1).create_destination(&destination).await;
    created.unwrap();
}

#[tokio::test]
async fn an_update_whose_answer_is_lost_is_made_once() {
    let world = World::new().await;
    let found = world
        .store
        .integration(world.organization, world.integration);
    let mut integration = found.await.unwrap().unwrap().item;
    integration.name = "New".to_owned();
    let updated = losing(&world, 1).update_integration(&integration, 1).await;
    assert_eq!(updated.unwrap(), 2);
    let found = world
        .store
        .integration(world.organization, world.integration);
    assert_eq!(found.await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn an_event_whose_answer_is_lost_is_stored_once() {
    let world = World::new().await;
    let event = world.retrying_event(1);
    let put = losing(&world, 1).put_event(&event, at(86_400)).await;
    assert_eq!(put.unwrap(), PutEvent::AlreadyStored);
    assert_eq!(world.read(&event).await, event);
}

#[tokio::test]
async fn an_attempt_whose_answer_is_lost_is_recorded_once() {
    for answers in 1..=2 {
        let world = World::new().await;
        let event = world.retrying_event(1);
        world.put(&event).await;
        let done = after_attempt(&event.deliveries[0], AttemptOutcome::Delivered);
        let (organization, integration) = (world.organization, world.integration);
        let store = losing(&world, answers);
        let recorded = store.record_attempt(organization, integration, event.id, &done, 1);
        let delivered = Recorded::Stored(EventStatus::Delivered);
        assert_eq!(recorded.await.unwrap(), delivered);
        let earlier = world.store.earlier_attempts(organization, done.id);
        assert_eq!(earlier.await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_dynamodb_says_is_told_apart_by_whether_to_try_again() {
    let world = World::new().await;
    let cases = [
        (500, "InternalServerError", true),
        (503, "ServiceUnavailable", true),
        (400, "ThrottlingException", true),
        (400, "ProvisionedThroughputExceededException", true),
        (400, "AccessDeniedException", false),
        (400, "ResourceNotFoundException", false),
        (400, "ValidationException", false),
    ];
    for (status, name, retryable) in cases {
        let store = failing(&world, 99, status, name);
        let read = store
            .integration(world.organization, world.integration)
            .await;
        let error = read.unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{name}");
        let throttled = matches!(error, StoreError::Throttled(_));
        assert_eq!(throttled, status == 400 && retryable, "{name}");
        let unavailable = matches!(domain::Error::from(error), domain::Error::Unavailable(_));
        assert_eq!(unavailable, retryable, "{name}");
    }
}

#[tokio::test]
async fn a_table_that_nobody_serves_is_unavailable() {
    let world = World::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let config = world.table.config().endpoint_url(nobody).build();
    let store = Store::new(Client::from_conf(config), world.table.name.clone());
    let read = store
        .integration(world.organization, world.integration)
        .await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn an_update_that_meets_a_transaction_is_a_conflict() {
    let world = World::new().await;
    let destination = world.destination();
    world.store.create_destination(&destination).await.unwrap();
    let store = failing(&world, 9, 400, "TransactionConflictException");
    let (organization, integration) = (world.organization, world.integration);
    let set = store.set_breaker(organization, integration, destination.id, None, None);
    assert!(matches!(set.await, Err(StoreError::Conflict)));
}
