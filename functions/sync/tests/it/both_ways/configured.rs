//! A configuration that is changed: what is due follows it, wherever the one that changes it fails.

use std::time::Duration;

use gatehouse::domain::Integration;
use gatehouse::domain::sync::SyncType;
use gatehouse::store::Store;
use serde_json::{Value, json};

use super::link::{numbers, pair, target};
use crate::world::{Dice, Kill, Life, Paging, Stage, World, until_killed};

/// What the function does that changes a configuration, by a process that `life` is of. Whether it answers
/// that it has been changed, if it does not die; and how many calls of AWS it made.
async fn reconfigure(
    world: &World,
    life: Life,
    change: impl FnOnce(&mut Value),
) -> (Option<bool>, usize) {
    let doomed = world.process(life);
    let config = world.stage.aws.config(&doomed.life);
    let table = "gatehouse".parse().unwrap();
    let store = Store::new(aws_sdk_dynamodb::Client::new(&config), table);
    let (organization, id) = (world.integration.organization_id, world.integration.id);
    let found = world.store.integration(organization, id).await;
    let found = found.unwrap().unwrap();
    let mut json = serde_json::to_value(&found.item).unwrap();
    change(&mut json);
    let changed: Integration = serde_json::from_value(json).unwrap();
    let jobs = doomed.state.jobs();
    let reconfigured = async {
        jobs.follow_later(organization, id).await.ok()?;
        store
            .update_integration(&changed, found.version)
            .await
            .ok()?;
        jobs.follow(&changed).await;
        Some(())
    };
    let ended = until_killed(&doomed, reconfigured).await;
    (ended.map(|ended| ended.is_some()), doomed.life.calls())
}

/// The lives of processes in which something happens with one call of AWS: they die before it, or after it,
/// or are throttled.
fn lives(call: usize) -> [Life; 3] {
    let kill = |has_effect| {
        let kill = Kill { call, has_effect };
        Life::new(Dice::new(1), Some(kill), 0, 0)
    };
    [kill(false), kill(true), Life::throttled_at(call)]
}

#[tokio::test]
async fn schedules_and_targets_follow_wherever_the_one_that_sets_them_fails() {
    let stage = Stage::new().await;
    for which in 0..3 {
        for call in 0.. {
            let seed = 9_000 + which as u64 * 100 + call as u64;
            let world = World::new(&stage, seed, Paging::Cursor, json!({})).await;
            let (here, there) = pair(&world, false, "source_wins").await;
            let without = |json: &mut Value| {
                let things = json["syncConfig"]["entities"]["things"].as_object_mut();
                things.unwrap().remove("target");
            };
            world.configure(world.integration.id, without).await;
            here.provider().put("r1");
            world.start(SyncType::Full).await;
            world.run().await;
            let life = lives(call).into_iter().nth(which).unwrap();
            let set = |json: &mut Value| {
                let things = &mut json["syncConfig"]["entities"]["things"];
                things["target"] = target(there.integration.id);
                things["schedule"] = "rate(7 minutes)".into();
            };
            let (answered, calls) = Box::pin(reconfigure(&world, life, set)).await;
            let at = format!("{which} {call}");
            world.clock.pass(Duration::from_secs(1));
            world.run().await;
            let (organization, id) = (world.integration.organization_id, world.integration.id);
            let found = world.store.integration(organization, id).await;
            let config = found.unwrap().unwrap().item.sync_config.unwrap();
            let is_set = config["entities"]["things"]["schedule"].is_string();
            // What is answered is so; and what is so is followed, without another change.
            if let Some(is_done) = answered {
                assert_eq!(is_done, is_set, "{at}");
            }
            let due = world.look().await.state.due_at;
            assert_eq!(due.is_some(), is_set, "{at}");
            assert_eq!(
                numbers(&there),
                if is_set { vec![1] } else { vec![] },
                "{at}"
            );
            if calls <= call {
                assert!(call > 4 && is_set, "{at}");
                break;
            }
        }
    }
}
