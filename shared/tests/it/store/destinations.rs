use gatehouse::domain::{
    Breaker, Destination, DestinationStatus, DestinationTarget, DisabledReason, SqsTarget,
};
use gatehouse::store::{StoreError, Versioned};

use super::samples::{World, at};

const OPENED: fn(u32) -> Option<Breaker> = |openings| {
    Some(Breaker {
        open_until: at(60),
        openings,
        is_held: false,
    })
};

/// A world with one destination.
async fn with_destination() -> (World, Destination) {
    let world = World::new().await;
    let destination = world.destination();
    world.store.create_destination(&destination).await.unwrap();
    (world, destination)
}

async fn read(world: &World, destination: &Destination) -> Versioned<Destination> {
    let found = world
        .store
        .destination(world.organization, world.integration, destination.id);
    found.await.unwrap().unwrap()
}

#[tokio::test]
async fn a_destination_reads_back_as_it_was_written() {
    let (world, http) = with_destination().await;
    let sqs = Destination {
        target: DestinationTarget::Sqs(SqsTarget {
            queue_url: "https://sqs.eu-central-1.amazonaws.com/1/q"
                .parse()
                .unwrap(),
        }),
        ..world.destination()
    };
    world.store.create_destination(&sqs).await.unwrap();
    assert_eq!(read(&world, &http).await.item, http);
    assert_eq!(read(&world, &sqs).await.item, sqs);
    let (organization, integration) = (world.organization, world.integration);
    let listed = world
        .store
        .destinations(organization, integration, 9, None)
        .await
        .unwrap();
    let ids: Vec<_> = listed.items.iter().map(|it| it.item.id).collect();
    assert_eq!(ids, [sqs.id, http.id]);
}

#[tokio::test]
async fn an_id_that_is_in_use_is_not_written_over() {
    let (world, destination) = with_destination().await;
    let other = Destination {
        filter: None,
        ..destination
    };
    let again = world.store.create_destination(&other).await;
    assert!(matches!(again, Err(StoreError::Conflict)));
}

#[tokio::test]
async fn nothing_is_added_to_an_integration_that_does_not_exist() {
    let mut world = World::new().await;
    world.integration = world.id();
    let created = world.store.create_destination(&world.destination()).await;
    assert!(matches!(created, Err(StoreError::NotFound("integration"))));
}

#[tokio::test]
async fn the_breaker_changes_only_from_what_was_expected() {
    let (world, destination) = with_destination().await;
    let set = |to, from| {
        let (organization, integration) = (world.organization, world.integration);
        world
            .store
            .set_breaker(organization, integration, destination.id, to, from)
    };
    set(OPENED(1), None).await.unwrap();
    assert!(matches!(
        set(OPENED(2), None).await,
        Err(StoreError::Conflict)
    ));
    set(OPENED(2), OPENED(1)).await.unwrap();
    let found = read(&world, &destination).await;
    assert_eq!((found.item.breaker, found.version), (OPENED(2), 1));
    set(None, OPENED(2)).await.unwrap();
    assert_eq!(read(&world, &destination).await.item, destination);
    let unknown = world.store.set_breaker(
        world.organization,
        world.integration,
        world.id(),
        None,
        None,
    );
    assert!(matches!(
        unknown.await,
        Err(StoreError::NotFound("destination"))
    ));
}

#[tokio::test]
async fn a_persons_update_does_not_undo_the_breaker() {
    let (world, destination) = with_destination().await;
    let (organization, integration) = (world.organization, world.integration);
    let opened =
        world
            .store
            .set_breaker(organization, integration, destination.id, OPENED(1), None);
    opened.await.unwrap();
    let changed = Destination {
        filter: None,
        ..destination.clone()
    };
    assert_eq!(
        world.store.update_destination(&changed, 1).await.unwrap(),
        2
    );
    let found = read(&world, &destination).await.item;
    assert_eq!((found.filter, found.breaker), (None, OPENED(1)));
    let late = world.store.update_destination(&destination, 1).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
}

#[tokio::test]
async fn disabling_takes_effect_in_any_version_and_counts_as_a_change() {
    let (world, destination) = with_destination().await;
    let (organization, integration) = (world.organization, world.integration);
    let gone = DisabledReason::Gone;
    let disabled = world
        .store
        .disable_destination(organization, integration, destination.id, gone);
    disabled.await.unwrap();
    let found = read(&world, &destination).await;
    assert_eq!(found.item.status, DestinationStatus::Disabled);
    assert_eq!(found.item.disabled_reason, Some(gone));
    assert_eq!(found.version, 2);
    let unknown = world
        .store
        .disable_destination(world.id(), integration, destination.id, gone);
    assert!(matches!(
        unknown.await,
        Err(StoreError::NotFound("destination"))
    ));
}

#[tokio::test]
async fn a_deleted_destination_is_gone() {
    let (world, destination) = with_destination().await;
    let (organization, integration) = (world.organization, world.integration);
    let delete = |version| {
        world
            .store
            .delete_destination(organization, integration, destination.id, version)
    };
    assert!(matches!(delete(Some(3)).await, Err(StoreError::Conflict)));
    delete(Some(1)).await.unwrap();
    assert!(matches!(
        delete(None).await,
        Err(StoreError::NotFound("destination"))
    ));
}
