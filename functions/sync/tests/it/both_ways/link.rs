use std::sync::Arc;

use gatehouse::domain::sync::{LocalWrite, SyncTrigger, SyncType};
use serde_json::{Value, json};

use super::{Side, Stage, World, calls, run_killed, world};

/// Two integrations, of which the first hands its records on to the second; and back, if it does.
pub(super) async fn pair<'a>(
    world: &'a World,
    back: bool,
    conflicts: &str,
) -> (Side<'a>, Side<'a>) {
    let policy = json!({"strategy": conflicts});
    let mut rules = json!({"calls": calls(), "conflicts": policy});
    if back {
        rules["target"] = target(world.integration.id);
    }
    let (other, provider) = world.beside(rules).await;
    let change = |integration: &mut Value| {
        let things = &mut integration["syncConfig"]["entities"]["things"];
        things["target"] = target(other.id);
        things["conflicts"] = policy.clone();
    };
    world.configure(world.integration.id, change).await;
    let there = Side {
        world,
        integration: other,
        provider: Arc::clone(&provider),
    };
    (Side::of(world), there)
}

pub(super) fn target(integration: gatehouse::domain::IntegrationId) -> Value {
    json!({"integration": integration, "entity": "things", "mapping": {"number": "number"}})
}

pub(super) async fn sync(side: &Side<'_>) {
    let world = side.world;
    let found = world
        .store
        .integration(side.integration.organization_id, side.integration.id);
    let found = found.await.unwrap().unwrap().item;
    let started = world
        .jobs()
        .start(&found, &world.entity, SyncType::Full, SyncTrigger::Manual);
    started.await.unwrap();
    world.run().await;
}

pub(super) fn numbers(side: &Side<'_>) -> Vec<u64> {
    let mut numbers: Vec<u64> = side.provider().live().into_values().collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn records_of_one_provider_are_made_changed_and_deleted_at_the_other() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (here, there) = pair(&world, false, "source_wins").await;
    here.provider().put("r1");
    here.provider().put("r2");
    sync(&here).await;
    assert_eq!(numbers(&there), [1, 2]);
    here.provider().put("r1");
    sync(&here).await;
    assert_eq!(numbers(&there), [2, 3]);
    let writes = there.writes().len();
    sync(&here).await;
    sync(&there).await;
    assert_eq!(there.writes().len(), writes, "nothing is new");
    here.provider().delete("r2");
    sync(&here).await;
    assert_eq!(numbers(&there), [3]);
    // Nothing comes back where nobody hands it on.
    there.provider().put("p1");
    sync(&there).await;
    assert!(here.writes().is_empty());
}

#[tokio::test]
async fn both_ways_a_change_arrives_and_ends() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (here, there) = pair(&world, true, "source_wins").await;
    here.provider().put("r1");
    sync(&here).await;
    sync(&there).await;
    assert_eq!(numbers(&there), [1]);
    assert!(here.writes().is_empty());
    assert_eq!(here.provider().live().len(), 1);
    // Made and changed at the other provider.
    there.provider().put("p1");
    there.provider().put("own");
    sync(&there).await;
    assert_eq!(numbers(&here), numbers(&there));
    let (mine, theirs) = (here.writes().len(), there.writes().len());
    sync(&here).await;
    sync(&there).await;
    assert_eq!((here.writes().len(), there.writes().len()), (mine, theirs));
    there.provider().delete("p1");
    sync(&there).await;
    assert_eq!(numbers(&here), numbers(&there));
    assert_eq!(numbers(&here).len(), 1);
}

#[tokio::test]
async fn what_only_the_other_side_changed_stays() {
    for (strategy, expected) in [("source_wins", 90), ("destination_wins", 80)] {
        let stage = Stage::new().await;
        let world = world(&stage, json!({})).await;
        let (here, there) = pair(&world, false, strategy).await;
        here.provider().put("r1");
        sync(&here).await;
        let id = there.provider().live().into_keys().next().unwrap();
        // Both change the same field: the policy of the side that hands on decides.
        there.patch(&id, json!({"number": 80})).await;
        world.run().await;
        here.patch("r1", json!({"number": 90})).await;
        world.run().await;
        assert_eq!(there.provider().live()[&id], expected, "{strategy}");
        assert_eq!(here.provider().live()["r1"], 90);
    }
}

#[tokio::test]
async fn a_record_made_here_is_handed_on_and_linked_under_its_new_id() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (here, there) = pair(&world, true, "source_wins").await;
    here.create("new_1", json!({"number": 5})).await;
    world.run().await;
    assert_eq!((numbers(&here), numbers(&there)), (vec![5], vec![5]));
    let mine = here.provider().live().into_keys().next().unwrap();
    let theirs = there.provider().live().into_keys().next().unwrap();
    let link = world
        .store
        .record_link(linked(&here, &mine, &there))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(link.item.record, there.at(&theirs).record);
    let back = world
        .store
        .record_link(linked(&there, &theirs, &here))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(back.item.record, here.at(&mine).record);
    there.write(&theirs, LocalWrite::Delete).await;
    world.run().await;
    assert_eq!((numbers(&here).len(), numbers(&there).len()), (0, 0));
}

#[tokio::test]
async fn wherever_a_process_dies_the_other_record_is_made_once_and_follows() {
    let stage = Stage::new().await;
    for has_effect in [false, true] {
        for call in 0.. {
            let world = world(&stage, json!({})).await;
            let (here, there) = pair(&world, true, "source_wins").await;
            recognise(&there).await;
            here.provider().put("r1");
            world.start(SyncType::Full).await;
            let died = run_killed(&world, call, has_effect).await;
            assert_eq!(numbers(&there), [1], "{call} {has_effect}");
            assert_eq!(here.provider().live().len(), 1, "{call} {has_effect}");
            assert!(here.writes().is_empty(), "{call} {has_effect}");
            if !died {
                assert!(call > 20);
                break;
            }
        }
    }
}

/// Where the record of this id is linked to one of the other side.
fn linked(side: &Side<'_>, id: &str, other: &Side<'_>) -> gatehouse::store::LinkRef {
    let entity = other.world.entity.digest();
    side.at(id).link_to(other.integration.id, entity)
}

async fn recognise(side: &Side<'_>) {
    let change = |integration: &mut Value| {
        integration["apiProfile"] = json!({"idempotencyHeader": "Idempotency-Key"});
    };
    side.world.configure(side.integration.id, change).await;
    side.provider().recognises = true;
}

#[tokio::test]
async fn what_cannot_be_handed_on_is_counted_by_its_reason_and_the_other_record_stays() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (here, there) = pair(&world, false, "source_wins").await;
    here.provider().put("r1");
    sync(&here).await;
    let id = there.provider().live().into_keys().next().unwrap();
    assert!(world.counted("LinksFailed").is_empty());
    // What the other side has of its own leaves no room for what it is told.
    let large = "y".repeat(100_000);
    let shows = |id: &str, number: &Value, odd: &Value| {
        let item = json!({"id": id, "number": number, "updatedAt": "2036-01-01T00:00:00Z",
            "nested": {"odd": odd}});
        let page = json!({"items": [item], "next": null}).to_string();
        vec![(200, Vec::new(), page)]
    };
    there.provider().script = shows(&id, &json!(1), &json!(large));
    sync(&there).await;
    let before = there.read(&id).await.unwrap();
    assert_eq!(before.body.content["odd"], large);
    here.provider().script = shows("r1", &json!(large), &json!(true));
    sync(&here).await;
    assert_eq!(there.read(&id).await.unwrap(), before);
    assert_eq!(world.counted("LinksFailed"), ["too_large"]);
    let change = |integration: &mut Value| {
        integration["syncConfig"]["entities"]["things"]["calls"] = json!({});
    };
    world.configure(there.integration.id, change).await;
    here.provider().script = shows("r1", &json!(3), &json!(true));
    sync(&here).await;
    assert_eq!(world.counted("LinksFailed"), ["too_large", "not_writable"]);
    assert_eq!(there.read(&id).await.unwrap(), before);
}
