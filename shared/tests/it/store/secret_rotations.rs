use gatehouse::domain::secret_rotation::{
    SecretOwner, SecretPlan, SecretRotationPolicy, replace_secret,
};
use gatehouse::domain::{Breaker, Destination, StoredSecret, Timestamp};
use gatehouse::store::{DueSecrets, StoreError};

use super::samples::{World, at};

const DAY: u64 = 24 * 60 * 60;

fn every(days: u16) -> SecretPlan {
    let mut plan = SecretPlan::default();
    plan.set_policy(Some(SecretRotationPolicy {
        every_days: days,
        overlap_seconds: None,
        paused: false,
    }));
    plan
}

/// All that is due, ever.
async fn due(world: &World) -> Vec<(Timestamp, SecretOwner)> {
    let all = world.store.due_secrets(at(10_000 * DAY), 100).await;
    let all = all.unwrap().into_iter();
    all.map(|due| (due.at, due.owner)).collect()
}

async fn read(world: &World, destination: &Destination) -> (Destination, u64) {
    let found = world
        .store
        .destination(world.organization, world.integration, destination.id);
    let found = found.await.unwrap().unwrap();
    (found.item, found.version)
}

#[tokio::test]
async fn an_entry_is_where_the_destination_says_and_goes_with_it() {
    let world = World::new().await;
    let store = &world.store;
    let destination = Destination {
        secret_plan: every(30),
        ..world.destination()
    };
    store.create_destination(&destination).await.unwrap();
    let owner = SecretOwner::Destination(destination.id);
    assert_eq!(due(&world).await, [(at(30 * DAY), owner)]);
    // A change that has no part in it leaves it where it is.
    let (mut item, version) = read(&world, &destination).await;
    assert_eq!(item.secret_plan.due_at, Some(at(30 * DAY)));
    item.filter = None;
    let version = store.update_destination(&item, version).await.unwrap();
    assert_eq!(due(&world).await, [(at(30 * DAY), owner)]);
    // The end of an overlap comes first.
    let new = StoredSecret {
        created_at: at(DAY),
        ..world.secret()
    };
    replace_secret(&mut item, new, Some(60), at(DAY)).unwrap();
    let (stale, unchanged) = (item.clone(), version - 1);
    let refused = store.update_destination(&stale, unchanged).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(due(&world).await, [(at(30 * DAY), owner)]);
    // A breaker that opened meanwhile is kept, in a transaction, too.
    let breaker = Breaker {
        open_until: at(60),
        openings: 1,
        is_held: false,
    };
    let of = (world.organization, world.integration);
    let opened = store.set_breaker(of.0, of.1, item.id, Some(breaker), None);
    opened.await.unwrap();
    store.update_destination(&item, version).await.unwrap();
    assert_eq!(due(&world).await, [(at(DAY + 60), owner)]);
    let (mut item, version) = read(&world, &destination).await;
    assert_eq!(item.breaker, Some(breaker));
    // Without anything to come there is none.
    item.secrets.truncate(1);
    item.secret_plan.set_policy(None);
    let version = store.update_destination(&item, version).await.unwrap();
    assert_eq!(due(&world).await, []);
    let (mut item, _) = read(&world, &destination).await;
    item.secret_plan = SecretPlan {
        due_at: item.secret_plan.due_at,
        ..every(10)
    };
    store.update_destination(&item, version).await.unwrap();
    assert_eq!(due(&world).await.len(), 1);
    let refused = store.delete_destination(of.0, of.1, item.id, Some(version));
    assert!(matches!(refused.await, Err(StoreError::Conflict)));
    assert_eq!(due(&world).await.len(), 1);
    let deleted = store.delete_destination(of.0, of.1, item.id, None);
    deleted.await.unwrap();
    assert_eq!(due(&world).await, []);
    let again = store.delete_destination(of.0, of.1, item.id, None).await;
    assert!(matches!(again, Err(StoreError::NotFound(_))), "{again:?}");
}

#[tokio::test]
async fn an_entry_is_where_the_endpoint_says_and_goes_with_it() {
    let world = World::new().await;
    let (store, of) = (&world.store, (world.organization, world.integration));
    let mut endpoint = world.endpoint("/webhooks/a");
    store.create_endpoint(&endpoint).await.unwrap();
    assert_eq!(due(&world).await, []);
    endpoint.secret_plan = every(30);
    store.update_endpoint(&endpoint, 1).await.unwrap();
    let owner = SecretOwner::Endpoint(endpoint.id);
    assert_eq!(due(&world).await, [(at(30 * DAY), owner)]);
    let deleted = store.delete_endpoint(of.0, of.1, endpoint.id, None);
    deleted.await.unwrap();
    assert_eq!(due(&world).await, []);
}

#[tokio::test]
async fn what_waits_longest_comes_first_and_what_is_not_due_does_not() {
    let world = World::new().await;
    for days in [30, 10, 20] {
        let destination = Destination {
            secret_plan: every(days),
            ..world.destination()
        };
        world.store.create_destination(&destination).await.unwrap();
    }
    let found = world.store.due_secrets(at(20 * DAY), 10).await.unwrap();
    let instants: Vec<_> = found.iter().map(|due: &DueSecrets| due.at).collect();
    assert_eq!(instants, [at(10 * DAY), at(20 * DAY)]);
    world.store.remove_due_secrets(&found[0]).await.unwrap();
    world.store.remove_due_secrets(&found[0]).await.unwrap();
    assert_eq!(due(&world).await.len(), 2);
}
