use gatehouse::domain::{Endpoint, IntegrationStatus};
use gatehouse::store::{StoreError, Versioned};

use super::samples::World;

#[tokio::test]
async fn an_endpoint_is_found_by_its_id_and_by_its_path() {
    let world = World::new().await;
    let endpoint = world.endpoint("/webhooks/a");
    world.store.create_endpoint(&endpoint).await.unwrap();
    let found = world
        .store
        .endpoint_at(&endpoint.path)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.endpoint, endpoint);
    assert_eq!(found.integration_status, IntegrationStatus::Active);
    let found = world
        .store
        .endpoint(world.organization, world.integration, endpoint.id);
    let (item, version) = (endpoint, 1);
    assert_eq!(found.await.unwrap(), Some(Versioned { item, version }));
}

#[tokio::test]
async fn a_path_belongs_to_one_endpoint_of_the_whole_deployment() {
    let mut world = World::new().await;
    let first = world.endpoint("/webhooks/a");
    world.store.create_endpoint(&first).await.unwrap();
    world.organization = world.id();
    let integration = world.integration();
    world.store.create_integration(&integration).await.unwrap();
    world.integration = integration.id;
    let second = world.endpoint("/webhooks/a");
    let taken = world.store.create_endpoint(&second).await;
    assert!(matches!(taken, Err(StoreError::PathTaken)));
    let absent = world
        .store
        .endpoint(world.organization, world.integration, second.id);
    assert_eq!(absent.await.unwrap(), None);
    let owner = world.store.endpoint_at(&first.path).await.unwrap().unwrap();
    assert_eq!(owner.endpoint.id, first.id);
}

#[tokio::test]
async fn of_twenty_that_want_a_path_at_once_one_gets_it() {
    let world = World::new().await;
    let endpoints: Vec<_> = (0..20).map(|_| world.endpoint("/webhooks/a")).collect();
    let creations = endpoints.iter().map(|it| world.store.create_endpoint(it));
    let created = futures::future::join_all(creations).await;
    assert_eq!(created.iter().filter(|it| it.is_ok()).count(), 1);
    assert!(
        created
            .iter()
            .flat_map(|it| it.as_ref().err())
            .all(|error| matches!(error, StoreError::PathTaken | StoreError::Throttled(_)))
    );
}

#[tokio::test]
async fn nothing_is_added_to_an_integration_that_does_not_exist() {
    let mut world = World::new().await;
    world.integration = world.id();
    let endpoint = world.endpoint("/webhooks/a");
    let created = world.store.create_endpoint(&endpoint).await;
    assert!(matches!(created, Err(StoreError::NotFound("integration"))));
    assert_eq!(world.store.endpoint_at(&endpoint.path).await.unwrap(), None);
}

#[tokio::test]
async fn an_endpoint_without_its_integration_takes_nothing() {
    let world = World::new().await;
    let endpoint = world.endpoint("/webhooks/a");
    world.store.create_endpoint(&endpoint).await.unwrap();
    let deleted = world
        .store
        .delete_integration(world.organization, world.integration, None);
    deleted.await.unwrap();
    assert_eq!(world.store.endpoint_at(&endpoint.path).await.unwrap(), None);
}

#[tokio::test]
async fn an_update_keeps_the_path_and_demands_the_version() {
    let world = World::new().await;
    let endpoint = world.endpoint("/webhooks/a");
    world.store.create_endpoint(&endpoint).await.unwrap();
    let renamed = Endpoint {
        path: "/webhooks/b".parse().unwrap(),
        ..endpoint.clone()
    };
    let refused = world.store.update_endpoint(&renamed, 1).await;
    assert!(matches!(refused, Err(StoreError::Conflict)));
    let changed = Endpoint {
        tolerance_seconds: None,
        ..endpoint
    };
    assert_eq!(world.store.update_endpoint(&changed, 1).await.unwrap(), 2);
    let late = world.store.update_endpoint(&renamed, 1).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    let unknown = world.endpoint("/webhooks/c");
    let unknown = world.store.update_endpoint(&unknown, 1).await;
    assert!(matches!(unknown, Err(StoreError::NotFound("endpoint"))));
}

#[tokio::test]
async fn a_deleted_endpoint_frees_its_path() {
    let world = World::new().await;
    let (store, organization) = (&world.store, world.organization);
    let first = world.endpoint("/webhooks/a");
    store.create_endpoint(&first).await.unwrap();
    let wrong = store.delete_endpoint(organization, world.integration, first.id, Some(9));
    assert!(matches!(wrong.await, Err(StoreError::Conflict)));
    let stranger = store.delete_endpoint(world.id(), world.integration, first.id, None);
    assert!(matches!(
        stranger.await,
        Err(StoreError::NotFound("endpoint"))
    ));
    let deleted = store.delete_endpoint(organization, world.integration, first.id, Some(1));
    deleted.await.unwrap();
    assert_eq!(store.endpoint_at(&first.path).await.unwrap(), None);
    let second = world.endpoint("/webhooks/a");
    store.create_endpoint(&second).await.unwrap();
}

#[tokio::test]
async fn endpoints_are_listed_by_integration_newest_first() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for path in ["/webhooks/a", "/webhooks/b", "/webhooks/c"] {
        let endpoint = world.endpoint(path);
        world.store.create_endpoint(&endpoint).await.unwrap();
        expected.insert(0, endpoint.id);
    }
    let (organization, integration) = (world.organization, world.integration);
    let first = world
        .store
        .endpoints(organization, integration, 2, None)
        .await
        .unwrap();
    assert_eq!(first.next, Some(expected[1]));
    let rest = world
        .store
        .endpoints(organization, integration, 2, first.next)
        .await
        .unwrap();
    let ids = first.items.iter().chain(&rest.items).map(|it| it.item.id);
    assert_eq!(ids.collect::<Vec<_>>(), expected);
    assert_eq!(rest.next, None);
    let other = world
        .store
        .endpoints(organization, world.id(), 2, None)
        .await
        .unwrap();
    assert_eq!(other.items, []);
}
