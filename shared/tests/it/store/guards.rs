//! How many of a kind there may be.

use futures::future::join_all;
use gatehouse::domain::Integration;
use gatehouse::store::StoreError;

use super::costs::counted;
use super::samples::{World, at};

fn is_limit<T>(created: &Result<T, StoreError>, of: &str) -> bool {
    matches!(created, Err(StoreError::LimitReached { what, .. }) if *what == of)
}

#[tokio::test]
async fn many_who_add_at_once_never_pass_the_limit() {
    let world = World::new().await;
    let all: Vec<_> = (0..12).map(|_| world.integration()).collect();
    // One is there already.
    let created = all
        .iter()
        .map(|it| world.store.create_integration_within(it, 5));
    let created = join_all(created).await;
    let refused = created.iter().filter(|it| is_limit(it, "integrations"));
    assert_eq!(created.iter().filter(|it| it.is_ok()).count(), 4);
    assert_eq!(refused.count(), 8, "{created:?}");
    let listed = world.store.integrations(world.organization, 50, None).await;
    assert_eq!(listed.unwrap().items.len(), 5);
}

#[tokio::test]
async fn what_is_deleted_makes_room() {
    let world = World::new().await;
    let (first, second) = (world.integration(), world.integration());
    let store = &world.store;
    store.create_integration_within(&first, 2).await.unwrap();
    assert!(is_limit(
        &store.create_integration_within(&second, 2).await,
        "integrations"
    ));
    let deleted = store.delete_integration(world.organization, first.id, None);
    deleted.await.unwrap();
    store.create_integration_within(&second, 2).await.unwrap();
}

#[tokio::test]
async fn a_limit_is_an_organizations_own() {
    let (world, mut other) = (World::new().await, World::new().await.integration());
    let second = world.integration();
    let refused = world.store.create_integration_within(&second, 1);
    assert!(is_limit(&refused.await, "integrations"));
    other.organization_id = world.id();
    world
        .store
        .create_integration_within(&other, 1)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_integration_that_was_made_is_made_and_another_of_its_id_is_not() {
    let world = World::new().await;
    let integration = world.integration();
    let create = |it| world.store.create_integration_within(it, 9);
    create(&integration).await.unwrap();
    // The same again, as if the first answer had been lost.
    create(&integration).await.unwrap();
    let mut other = integration.clone();
    "Other".clone_into(&mut other.name);
    assert!(matches!(create(&other).await, Err(StoreError::Conflict)));
}

#[tokio::test]
async fn endpoints_are_counted_by_integration() {
    let world = World::new().await;
    let endpoints: Vec<_> = (0..8)
        .map(|n| world.endpoint(&format!("/webhooks/guarded-{n}")))
        .collect();
    let created = endpoints
        .iter()
        .map(|it| world.store.create_endpoint_within(it, 3));
    let created = join_all(created).await;
    assert_eq!(created.iter().filter(|it| it.is_ok()).count(), 3);
    let refused = created.iter().filter(|it| is_limit(it, "endpoints"));
    assert_eq!(refused.count(), 5, "{created:?}");
    for (endpoint, created) in endpoints.iter().zip(&created) {
        // Of those that were refused nothing is there, and no path is taken.
        let found = world.store.endpoint_at(&endpoint.path).await.unwrap();
        assert_eq!(found.is_some(), created.is_ok());
    }
    let mut elsewhere = endpoints[0].clone();
    elsewhere.integration_id = world.id();
    let created = world.store.create_endpoint_within(&elsewhere, 3).await;
    assert!(matches!(created, Err(StoreError::NotFound("integration"))));
}

#[tokio::test]
async fn a_path_that_is_taken_is_told_within_the_limit_too() {
    let world = World::new().await;
    let first = world.endpoint("/webhooks/taken");
    world.store.create_endpoint_within(&first, 9).await.unwrap();
    let second = world.endpoint("/webhooks/taken");
    let created = world.store.create_endpoint_within(&second, 9).await;
    assert!(matches!(created, Err(StoreError::PathTaken)));
}

#[tokio::test]
async fn what_is_there_is_counted_once_while_there_is_room() {
    let world = World::new().await;
    let (store, count) = counted(&world);
    for _ in 0..5 {
        let integration = world.integration();
        store
            .create_integration_within(&integration, 9)
            .await
            .unwrap();
    }
    let asked = count.operations();
    let queries = asked.iter().filter(|operation| *operation == "Query");
    assert_eq!(queries.count(), 1, "{asked:?}");
    assert_eq!(asked.len(), 5 * 2 + 1, "{asked:?}");
}

#[tokio::test]
async fn what_was_added_without_a_limit_is_counted_a_day_later() {
    let world = World::new().await;
    let of = |day: u64| Integration {
        created_at: at(day * 86_400),
        ..world.integration()
    };
    let store = &world.store;
    store.create_integration_within(&of(0), 4).await.unwrap();
    for _ in 0..3 {
        store.create_integration(&of(0)).await.unwrap();
    }
    let refused = store.create_integration_within(&of(1), 4).await;
    assert!(is_limit(&refused, "integrations"), "{refused:?}");
}
