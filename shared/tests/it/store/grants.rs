use std::time::Duration;

use gatehouse::domain::{Grant, GrantType, Sealed};
use gatehouse::store::{DueGrant, GrantWrite, StoredGrant};

use super::samples::{World, at};

fn grant(owner: &str) -> StoredGrant {
    let grant = Grant::new(GrantType::ClientCredentials, "basis".to_owned(), at(0));
    StoredGrant {
        grant: grant.leased(owner.to_owned(), at(0), Duration::from_secs(20)),
        tokens: Some(Sealed::from_bytes(vec![1, 2, 3])),
    }
}

#[tokio::test]
async fn of_those_who_read_the_same_grant_one_writes() {
    let world = World::new().await;
    let (organization, integration) = (world.organization, world.integration);
    let store = &world.store;
    assert_eq!(store.grant(organization, integration).await.unwrap(), None);
    let put = |grant, expected| async move {
        let put = store.put_grant(organization, integration, grant, expected);
        put.await.unwrap()
    };
    let (first, second) = (grant("first"), grant("second"));
    assert_eq!(put(&first, 0).await, GrantWrite::Done(1));
    // A try whose answer was lost knows its own.
    assert_eq!(put(&first, 0).await, GrantWrite::Done(1));
    for expected in [0, 2, 7] {
        let GrantWrite::Passed(Some(found)) = put(&second, expected).await else {
            panic!("it was written over {expected}");
        };
        assert_eq!((found.item, found.version), (first.clone(), 1));
    }
    assert_eq!(put(&second, 1).await, GrantWrite::Done(2));
    let found = store.grant(organization, integration).await.unwrap();
    assert_eq!(found.unwrap().item, second);
}

#[tokio::test]
async fn another_organization_finds_no_grant() {
    let world = World::new().await;
    let (organization, integration) = (world.organization, world.integration);
    let kept = grant("a");
    let put = world.store.put_grant(organization, integration, &kept, 0);
    put.await.unwrap();
    let other = "org_01ARZ3NDEKTSV4RRFFQ69G5FAZ".parse().unwrap();
    let found = world.store.grant(other, integration).await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn a_grant_and_its_place_in_the_index_are_written_together_or_not_at_all() {
    let world = World::new().await;
    let due = DueGrant {
        at: at(3_600),
        organization: world.organization,
        integration: world.integration,
    };
    let (first, second) = (grant("first"), grant("second"));
    let store = &world.store;
    let late = at(86_400);
    let missed = store.put_grant_due(&first, 3, &due).await.unwrap();
    assert_eq!(missed, GrantWrite::Passed(None));
    assert_eq!(store.due_grants(due.at, late, 10).await.unwrap(), []);
    let written = store.put_grant_due(&first, 0, &due).await.unwrap();
    assert_eq!(written, GrantWrite::Done(1));
    let again = store.put_grant_due(&first, 0, &due).await.unwrap();
    assert_eq!(again, GrantWrite::Done(1));
    assert!(matches!(
        store.put_grant_due(&second, 0, &due).await.unwrap(),
        GrantWrite::Passed(Some(_))
    ));
    assert_eq!(store.due_grants(due.at, late, 10).await.unwrap(), [due]);
    // Not before its time, and once only.
    assert_eq!(store.due_grants(due.at, at(3_599), 10).await.unwrap(), []);
    for _ in 0..2 {
        store.remove_due_grant(&due).await.unwrap();
    }
    assert_eq!(store.due_grants(due.at, late, 10).await.unwrap(), []);
}

#[tokio::test]
async fn who_has_waited_longest_comes_first() {
    let world = World::new().await;
    let due = |seconds| DueGrant {
        at: at(seconds),
        organization: world.organization,
        integration: world.integration,
    };
    for seconds in [300, 100, 200] {
        world.store.put_due_grant(&due(seconds)).await.unwrap();
    }
    let found = world.store.due_grants(at(0), at(300), 2).await.unwrap();
    assert_eq!(found, [due(100), due(200)]);
    let from = || world.store.grants_due_from();
    assert_eq!(from().await.unwrap(), None);
    for seconds in [5, 9] {
        world.store.put_grants_due_from(at(seconds)).await.unwrap();
        assert_eq!(from().await.unwrap(), Some(at(seconds)));
    }
}
