//! The index of what is due.

use gatehouse::domain::Timestamp;
use gatehouse::store::{ChangeSet, Committed, DueSync};

use super::samples::Records;
use crate::store::samples::at;

async fn due(records: &Records, second: u64, limit: u16) -> Vec<DueSync> {
    let due = records.world.store.due_syncs(at(second), limit);
    due.await.unwrap()
}

async fn put_off(records: &Records, due_at: Option<Timestamp>) -> Committed {
    let (organization, integration) = (records.world.organization, records.world.integration);
    let state = records.state().await;
    let store = &records.world.store;
    let moved = store.move_due_sync(organization, integration, state, due_at);
    moved.await.unwrap()
}

#[tokio::test]
async fn an_entry_is_where_the_state_says_and_nowhere_else() {
    let records = Records::new().await;
    let entry = |second| DueSync {
        at: at(second),
        organization: records.world.organization,
        integration: records.world.integration,
        entity: records.entity.clone(),
    };
    for second in [300, 60, 60, 900] {
        let moved = put_off(&records, Some(at(second))).await;
        assert!(matches!(moved, Committed::Done(_)));
        assert_eq!(records.state().await.item.due_at, Some(at(second)));
        assert_eq!(due(&records, 9_999, 10).await, [entry(second)]);
    }
    assert_eq!(due(&records, 899, 10).await, []);
    assert_eq!(due(&records, 900, 10).await, [entry(900)]);
    put_off(&records, None).await;
    assert_eq!(due(&records, 9_999, 10).await, []);
}

#[tokio::test]
async fn who_decides_on_an_old_state_moves_nothing() {
    let records = Records::new().await;
    let old = records.state().await;
    put_off(&records, Some(at(60))).await;
    let dump = records.dump().await;
    let (organization, integration) = (records.world.organization, records.world.integration);
    let store = &records.world.store;
    let moved = store.move_due_sync(organization, integration, old, Some(at(9)));
    assert_eq!(moved.await.unwrap(), Committed::StateMoved);
    assert_eq!(records.dump().await, dump);
}

#[tokio::test]
async fn who_has_waited_longest_comes_first_of_all_integrations() {
    let records = Records::new().await;
    let store = &records.world.store;
    for second in [50, 20, 40, 10, 30, 90] {
        let (organization, integration) = (records.world.id(), records.world.id());
        let entity = "contacts".parse().unwrap();
        let state = store.entity_state(organization, integration, &entity).await;
        let mut set = ChangeSet::new(organization, integration, state.unwrap(), at(0));
        set.state.due_at = Some(at(second));
        records.commit(&set).await;
    }
    let seconds = async |second, limit| {
        let due = due(&records, second, limit).await;
        due.iter().map(|due| due.at).collect::<Vec<_>>()
    };
    assert_eq!(seconds(50, 10).await, [10, 20, 30, 40, 50].map(at));
    assert_eq!(seconds(90, 2).await, [10, 20].map(at));
    assert_eq!(seconds(9, 2).await, []);
    // One that no state knows of can be taken off, and is gone then.
    let first = due(&records, 90, 1).await.remove(0);
    for _ in 0..2 {
        store.remove_due_sync(&first).await.unwrap();
    }
    assert_eq!(seconds(30, 10).await, [20, 30].map(at));
}

#[tokio::test]
async fn all_kinds_of_an_integration_are_listed_by_name() {
    let records = Records::new().await;
    let (organization, integration) = (records.world.organization, records.world.integration);
    let store = &records.world.store;
    for name in ["deals", "contacts", "accounts"] {
        let entity = name.parse().unwrap();
        let state = store.entity_state(organization, integration, &entity).await;
        let set = ChangeSet::new(organization, integration, state.unwrap(), at(0));
        records.commit(&set).await;
    }
    let states = store
        .entity_states(organization, integration)
        .await
        .unwrap();
    let names: Vec<&str> = states
        .iter()
        .map(|state| state.item.entity.as_str())
        .collect();
    assert_eq!(names, ["accounts", "contacts", "deals"]);
    assert!(states.iter().all(|state| state.version == 1));
}
