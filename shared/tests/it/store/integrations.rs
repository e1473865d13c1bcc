use gatehouse::domain::{Integration, IntegrationStatus};
use gatehouse::store::{StoreError, Versioned};

use super::samples::World;

#[tokio::test]
async fn an_integration_reads_back_as_it_was_written() {
    let world = World::new().await;
    let integration = world.integration();
    world.store.create_integration(&integration).await.unwrap();
    let found = world.store.integration(world.organization, integration.id);
    let (item, version) = (integration, 1);
    assert_eq!(found.await.unwrap(), Some(Versioned { item, version }));
}

#[tokio::test]
async fn another_organization_finds_nothing_and_changes_nothing() {
    let world = World::new().await;
    let stranger = world.id();
    let store = &world.store;
    assert_eq!(
        store
            .integration(stranger, world.integration)
            .await
            .unwrap(),
        None
    );
    let listed = store.integrations(stranger, 10, None).await.unwrap();
    assert_eq!(listed.items, []);
    let deleted = store.delete_integration(stranger, world.integration, None);
    assert!(matches!(
        deleted.await,
        Err(StoreError::NotFound("integration"))
    ));
    let own = store.integration(world.organization, world.integration);
    assert!(own.await.unwrap().is_some());
}

#[tokio::test]
async fn an_id_that_is_in_use_is_not_written_over() {
    let world = World::new().await;
    let other = Integration {
        id: world.integration,
        name: "Other".to_owned(),
        ..world.integration()
    };
    let created = world.store.create_integration(&other).await;
    assert!(matches!(created, Err(StoreError::Conflict)));
}

#[tokio::test]
async fn an_update_demands_the_version_that_was_read() {
    let world = World::new().await;
    let store = &world.store;
    let found = store.integration(world.organization, world.integration);
    let mut found = found.await.unwrap().unwrap();
    found.item.name = "First".to_owned();
    assert_eq!(store.update_integration(&found.item, 1).await.unwrap(), 2);
    found.item.name = "Second".to_owned();
    let late = store.update_integration(&found.item, 1).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    found.item.status = IntegrationStatus::Inactive;
    assert_eq!(store.update_integration(&found.item, 2).await.unwrap(), 3);
    let unknown = store.update_integration(&world.integration(), 1).await;
    assert!(matches!(unknown, Err(StoreError::NotFound("integration"))));
}

#[tokio::test]
async fn a_deletion_can_demand_a_version() {
    let world = World::new().await;
    let (store, organization) = (&world.store, world.organization);
    let wrong = store.delete_integration(organization, world.integration, Some(2));
    assert!(matches!(wrong.await, Err(StoreError::Conflict)));
    let right = store.delete_integration(organization, world.integration, Some(1));
    right.await.unwrap();
    let again = store.delete_integration(organization, world.integration, Some(1));
    assert!(matches!(
        again.await,
        Err(StoreError::NotFound("integration"))
    ));
}

#[tokio::test]
async fn pages_go_from_the_newest_to_the_oldest_without_gaps() {
    let world = World::new().await;
    let mut expected = vec![world.integration];
    for _ in 0..6 {
        let integration = world.integration();
        world.store.create_integration(&integration).await.unwrap();
        expected.insert(0, integration.id);
    }
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = world.store.integrations(world.organization, 3, after);
        let page = page.await.unwrap();
        found.extend(page.items.iter().map(|it| it.item.id));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((found, pages), (expected, 3));
}

#[tokio::test]
async fn the_last_full_page_has_no_next_one() {
    let world = World::new().await;
    let page = world.store.integrations(world.organization, 1, None);
    assert_eq!(page.await.unwrap().next, None);
}
