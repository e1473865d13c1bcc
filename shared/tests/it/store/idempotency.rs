use gatehouse::domain::Sealed;
use gatehouse::store::{Begun, Digest, IdempotentRequest, StoreError};

use super::samples::{World, at};

fn request(world: &World) -> IdempotentRequest {
    IdempotentRequest {
        organization: world.organization,
        key: Digest::of_parts(&[b"POST", b"/portal/integrations", b"key"]),
        request: Digest::of(b"body"),
        leased_until: at(60),
        expires_at: at(86_400),
    }
}

fn answer() -> Sealed {
    Sealed::from_bytes(b"answer".to_vec())
}

#[tokio::test]
async fn a_request_begins_once_and_is_then_answered_alike() {
    let world = World::new().await;
    let request = request(&world);
    let begin = |second| world.store.begin_idempotent(&request, at(second));
    assert_eq!(begin(0).await.unwrap(), Begun::New);
    assert_eq!(begin(1).await.unwrap(), Begun::InProgress { until: at(60) });
    let finished = world.store.finish_idempotent(&request, 201, answer());
    finished.await.unwrap();
    let done = Begun::Done {
        status: 201,
        response: answer(),
    };
    assert_eq!(begin(61).await.unwrap(), done);
    assert_eq!(begin(86_399).await.unwrap(), done);
    assert_eq!(begin(86_400).await.unwrap(), Begun::New);
}

#[tokio::test]
async fn the_key_of_another_request_is_refused_in_every_state() {
    let world = World::new().await;
    let first = request(&world);
    let other = IdempotentRequest {
        request: Digest::of(b"other body"),
        ..first
    };
    world.store.begin_idempotent(&first, at(0)).await.unwrap();
    let running = world.store.begin_idempotent(&other, at(1)).await.unwrap();
    assert_eq!(running, Begun::Mismatch);
    let lapsed = world.store.begin_idempotent(&other, at(61)).await.unwrap();
    assert_eq!(lapsed, Begun::Mismatch);
    let finished = world.store.finish_idempotent(&first, 200, answer());
    finished.await.unwrap();
    let done = world.store.begin_idempotent(&other, at(62)).await.unwrap();
    assert_eq!(done, Begun::Mismatch);
}

#[tokio::test]
async fn a_run_that_outlives_its_lease_can_neither_finish_nor_abandon() {
    let world = World::new().await;
    let first = request(&world);
    let second = IdempotentRequest {
        leased_until: at(120),
        ..first
    };
    world.store.begin_idempotent(&first, at(0)).await.unwrap();
    let taken = world.store.begin_idempotent(&second, at(60)).await.unwrap();
    assert_eq!(taken, Begun::New);
    let late = world.store.finish_idempotent(&first, 200, answer()).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    world.store.abandon_idempotent(&first).await.unwrap();
    let state = world.store.begin_idempotent(&first, at(61)).await.unwrap();
    assert_eq!(state, Begun::InProgress { until: at(120) });
    let finished = world.store.finish_idempotent(&second, 200, answer());
    finished.await.unwrap();
}

#[tokio::test]
async fn an_abandoned_request_can_begin_again_at_once() {
    let world = World::new().await;
    let request = request(&world);
    world.store.begin_idempotent(&request, at(0)).await.unwrap();
    world.store.abandon_idempotent(&request).await.unwrap();
    let again = world.store.begin_idempotent(&request, at(1)).await.unwrap();
    assert_eq!(again, Begun::New);
}

#[tokio::test]
async fn a_finished_request_is_not_abandoned() {
    let world = World::new().await;
    let request = request(&world);
    world.store.begin_idempotent(&request, at(0)).await.unwrap();
    let finished = world.store.finish_idempotent(&request, 200, answer());
    finished.await.unwrap();
    world.store.abandon_idempotent(&request).await.unwrap();
    let state = world.store.begin_idempotent(&request, at(1)).await.unwrap();
    assert!(matches!(state, Begun::Done { .. }));
}

#[tokio::test]
async fn of_twenty_that_begin_at_once_exactly_one_runs() {
    let world = World::new().await;
    let request = request(&world);
    let begins = (0..20).map(|_| world.store.begin_idempotent(&request, at(0)));
    let begun = futures::future::try_join_all(begins).await.unwrap();
    assert_eq!(begun.iter().filter(|it| **it == Begun::New).count(), 1);
}

#[tokio::test]
async fn organizations_do_not_share_keys() {
    let world = World::new().await;
    let first = request(&world);
    let stranger = IdempotentRequest {
        organization: world.id(),
        ..first
    };
    world.store.begin_idempotent(&first, at(0)).await.unwrap();
    let begun = world
        .store
        .begin_idempotent(&stranger, at(0))
        .await
        .unwrap();
    assert_eq!(begun, Begun::New);
}
