//! Whom records are handed on to: another than before, and one that hands them on itself.

use super::link::{numbers, pair, sync, target};
use super::{Side, Stage, World, calls, world};
use gatehouse::domain::sync::SyncType;
use serde_json::{Value, json};

/// One more integration.
async fn beside(world: &World, target: Option<Value>) -> Side<'_> {
    let mut rules = json!({"calls": calls(), "conflicts": {"strategy": "source_wins"}});
    if let Some(target) = target {
        rules["target"] = target;
    }
    let (integration, provider) = world.beside(rules).await;
    Side {
        world,
        integration,
        provider,
    }
}

/// Has `here` hand its records on to `there`, as a person does who says so.
async fn hand_on(here: &Side<'_>, there: &Side<'_>) {
    let (world, id) = (here.world, here.integration.id);
    let change = |integration: &mut Value| {
        let things = &mut integration["syncConfig"]["entities"]["things"];
        things["target"] = target(there.integration.id);
    };
    world.configure(id, change).await;
    let organization = here.integration.organization_id;
    let found = world.store.integration(organization, id).await;
    let found = found.unwrap().unwrap().item;
    world.jobs().reschedule(&found).await.unwrap();
    world.run().await;
}

#[tokio::test]
async fn another_target_is_told_of_all_and_nothing_that_it_has_is_overwritten() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (here, first) = pair(&world, false, "source_wins").await;
    let second = beside(&world, None).await;
    here.provider().put("r1");
    here.provider().put("r2");
    sync(&here).await;
    assert_eq!(numbers(&first), [1, 2]);
    // Records of its own, with the ids of those that were made at the first.
    let ids: Vec<String> = first.provider().live().into_keys().collect();
    for id in ids.iter().chain(&ids).chain(&ids) {
        second.provider().put(id);
    }
    sync(&second).await;
    let own = second.provider().live();
    assert_eq!(own.len(), 2);
    // No record changes: that there is another target is enough.
    hand_on(&here, &second).await;
    assert_eq!(second.provider().live().len(), 4);
    assert_eq!(numbers(&second)[..2], [1, 2]);
    here.provider().put("r1");
    sync(&here).await;
    assert_eq!(numbers(&second)[..2], [2, 3]);
    let live = second.provider().live();
    assert_eq!(live.len(), 4);
    for (id, number) in &own {
        assert_eq!(live[id], *number, "{id}");
    }
    // The first is told no more, until it is the target again: then of what has changed since.
    assert_eq!(numbers(&first), [1, 2]);
    hand_on(&here, &first).await;
    assert_eq!(numbers(&first), [2, 3]);
    assert_eq!(second.provider().live(), live);
}

#[tokio::test]
async fn in_a_chain_each_record_is_made_once_and_follows() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let third = beside(&world, None).await;
    let second = beside(&world, Some(target(third.integration.id))).await;
    let here = Side::of(&world);
    hand_on(&here, &second).await;
    for number in 1..=4 {
        here.provider().put("r1");
        world.start(SyncType::Full).await;
        world.run().await;
        assert_eq!(numbers(&second), [number]);
        assert_eq!(numbers(&third), [number]);
    }
    // The one in the middle has a link to each, under the id that its provider gave it.
    let id = second.provider().live().into_keys().next().unwrap();
    let links = world.store.record_links(second.at(&id)).await.unwrap();
    let mut sides: Vec<_> = links.iter().map(|link| link.item.integration).collect();
    sides.sort_unstable();
    let mut expected = vec![here.integration.id, third.integration.id];
    expected.sort_unstable();
    assert_eq!(sides, expected);
    for link in links {
        let record = link.item.record;
        let known = [&here, &third].into_iter().any(|side| {
            let ids: Vec<String> = side.provider().live().into_keys().collect();
            ids.iter().any(|id| side.at(id).record == record)
        });
        assert!(known, "{link:?}");
    }
    here.provider().delete("r1");
    sync(&here).await;
    assert_eq!((numbers(&second).len(), numbers(&third).len()), (0, 0));
}
