use std::time::Duration;

use gatehouse::domain::Clock as _;
use gatehouse::domain::sync::conflict::Strategy;
use gatehouse::domain::sync::{LocalWrite, SyncType};
use gatehouse::flows::sync::RecordDue;
use gatehouse::queue::SyncMessage;
use serde_json::{Value, json};

use super::{Side, Stage, World, run_killed, world};

fn push_of(due: &RecordDue) -> SyncMessage {
    SyncMessage::Push {
        organization: due.organization,
        integration: due.integration,
        entity: due.entity.clone(),
        record: due.record,
    }
}

/// Lets the provider be known for recognising creates by their keys.
async fn recognise_keys(world: &World) {
    let change = |integration: &mut Value| {
        integration["apiProfile"] = json!({"idempotencyHeader": "Idempotency-Key"});
    };
    world.configure(world.integration.id, change).await;
}

/// A record that the provider has, as it is here.
async fn known(world: &World) -> Side<'_> {
    let side = Side::of(world);
    side.provider().put("r1");
    world.start(SyncType::Full).await;
    world.run().await;
    side
}

#[tokio::test]
async fn a_change_made_here_is_sent_by_its_difference_and_is_no_news_when_it_comes_back() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = known(&world).await;
    side.patch("r1", json!({"number": 70})).await;
    assert!(side.read("r1").await.unwrap().head.pending);
    world.run().await;
    assert_eq!(
        side.writes(),
        [("PATCH".to_owned(), "r1".to_owned(), Some(70))]
    );
    let record = side.read("r1").await.unwrap();
    assert!(!record.head.pending && record.body.base.is_none());
    let version = record.head.version;
    world.start(SyncType::Full).await;
    world.run().await;
    let job = world.job().await.unwrap();
    assert_eq!((job.counts.updated, job.counts.unchanged), (0, 1));
    assert_eq!(side.read("r1").await.unwrap().head.version, version);
    assert_eq!(side.writes().len(), 1);
}

#[tokio::test]
async fn a_record_made_here_goes_on_under_the_providers_id() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = Side::of(&world);
    side.create("new_1", json!({"number": 5})).await;
    world.run().await;
    let old = side.read("new_1").await.unwrap();
    assert!(old.head.deleted && !old.head.pending);
    assert_eq!(old.body.moved_to.as_deref(), Some("p1"));
    let new = side.read("p1").await.unwrap();
    assert!(!new.head.deleted && !new.head.pending);
    assert_eq!(new.body.content["number"], 5);
    assert_eq!(new.body.content["odd"], true);
    let look = world.look().await;
    assert_eq!(look.live(), [("p1".to_owned(), 5)].into());
    // The list shows what is here.
    world.start(SyncType::Full).await;
    world.run().await;
    assert_eq!(world.job().await.unwrap().counts.unchanged, 1);
    assert_eq!(side.read("p1").await.unwrap().head, new.head);
}

#[tokio::test]
async fn a_delete_made_here_is_sent_and_one_that_is_done_already_is_done() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = known(&world).await;
    side.provider().put("r2");
    world.start(SyncType::Full).await;
    world.run().await;
    side.provider().delete("r2");
    for id in ["r1", "r2"] {
        side.write(id, LocalWrite::Delete).await;
    }
    world.run().await;
    for id in ["r1", "r2"] {
        let record = side.read(id).await.unwrap();
        assert!(record.head.deleted && !record.head.pending, "{id}");
    }
    assert!(side.provider().live().is_empty());
    assert_eq!(world.look().await.state.records, 0);
}

#[tokio::test]
async fn a_change_of_what_the_provider_has_deleted_is_for_the_policy() {
    for (strategy, is_there) in [
        (Strategy::SourceWins, false),
        (Strategy::DestinationWins, true),
    ] {
        let stage = Stage::new().await;
        let rules = json!({"conflicts": {"strategy": strategy}});
        let world = world(&stage, rules).await;
        let side = known(&world).await;
        side.provider().delete("r1");
        side.patch("r1", json!({"number": 70})).await;
        world.run().await;
        let live = side.provider().live();
        assert_eq!(
            live.values().collect::<Vec<_>>(),
            vec![&70; usize::from(is_there)]
        );
        assert_eq!(world.look().await.live(), live);
    }
}

#[tokio::test]
async fn what_was_refused_for_good_stands_with_the_record_until_somebody_asks() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = known(&world).await;
    side.provider().script = vec![(422, Vec::new(), r#"{"code": "bad_number"}"#.to_owned())];
    side.patch("r1", json!({"number": 70})).await;
    world.run().await;
    let error = side.push("r1").await.error.unwrap();
    assert_eq!((error.status, error.retrying), (Some(422), false));
    assert!(error.request_id.is_some());
    assert!(side.read("r1").await.unwrap().head.pending);
    assert!(side.writes().is_empty());
    let due = RecordDue {
        organization: world.integration.organization_id,
        integration: world.integration.id,
        entity: world.entity.clone(),
        record: gatehouse::domain::sync::record_digest("r1"),
    };
    // Nothing is sent by itself.
    world.send(&push_of(&due)).await;
    world.run().await;
    assert!(side.writes().is_empty());
    world.lucky.state.pusher().ask(&due).await.unwrap();
    world.run().await;
    assert_eq!(side.writes().len(), 1);
    assert!(side.push("r1").await.error.is_none());
    assert!(!side.read("r1").await.unwrap().head.pending);
}

#[tokio::test]
async fn trouble_that_passes_is_waited_for() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = known(&world).await;
    let broken = (503, Vec::new(), String::new());
    let busy = (429, vec![("retry-after", "30".to_owned())], String::new());
    side.provider().script = vec![broken.clone(), broken, busy];
    side.patch("r1", json!({"number": 70})).await;
    world.run().await;
    assert_eq!(side.writes().len(), 1);
    assert!(!side.read("r1").await.unwrap().head.pending);
    assert_eq!(side.push("r1").await, Default::default());
}

#[tokio::test]
async fn a_try_that_comes_before_its_time_is_made_at_its_time() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = known(&world).await;
    let busy = (429, vec![("retry-after", "60".to_owned())], String::new());
    side.provider().script = vec![busy];
    side.patch("r1", json!({"number": 70})).await;
    while let Some(letter) = world.take() {
        world.deliver(&world.lucky, &letter).await;
    }
    let due = side.push("r1").await.retry_at.unwrap();
    // The clock of who sent it was that much ahead.
    let early = due.minus(Duration::from_secs(20));
    for letter in world.stage.aws.letters.lock().unwrap().iter_mut() {
        letter.visible_at = letter.visible_at.min(early);
    }
    world.run().await;
    assert_eq!(side.writes().len(), 1);
    assert!(!side.read("r1").await.unwrap().head.pending);
    assert!(world.clock.now() >= due.minus(Duration::from_secs(1)));
}

#[tokio::test]
async fn a_create_that_was_not_made_is_made_later_though_it_is_not_recognised() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = Side::of(&world);
    let busy = (429, vec![("retry-after", "30".to_owned())], String::new());
    side.provider().script = vec![busy];
    side.create("new_1", json!({"number": 5})).await;
    world.run().await;
    assert_eq!(side.provider().live(), [("p1".to_owned(), 5)].into());
    let old = side.read("new_1").await.unwrap();
    assert_eq!(old.body.moved_to.as_deref(), Some("p1"));
    assert_eq!(world.counted("PushesFailed"), Vec::<String>::new());
}

#[tokio::test]
async fn many_changes_while_the_provider_is_busy_wait_for_one_try() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = known(&world).await;
    let busy = (429, vec![("retry-after", "30".to_owned())], String::new());
    side.provider().script = vec![busy];
    for number in 70..75 {
        side.patch("r1", json!({"number": number})).await;
    }
    while let Some(letter) = world.take() {
        world.deliver(&world.lucky, &letter).await;
    }
    // Those that make sure, and the next try.
    assert_eq!(world.stage.aws.letters.lock().unwrap().len(), 5 + 1);
    world.run().await;
    assert_eq!(side.writes().len(), 1);
    assert_eq!(side.provider().live()["r1"], 74);
    assert!(!side.read("r1").await.unwrap().head.pending);
}

#[tokio::test]
async fn what_a_conflict_held_back_is_sent_when_the_provider_takes_its_change_back() {
    let stage = Stage::new().await;
    let rules = json!({"conflicts": {"strategy": "manual"}});
    let world = world(&stage, rules).await;
    let side = known(&world).await;
    let before = side.provider().live()["r1"];
    side.provider().put("r1");
    side.provider().script = vec![(412, Vec::new(), String::new())];
    side.patch("r1", json!({"number": 70})).await;
    world.run().await;
    assert!(side.read("r1").await.unwrap().head.conflict.is_some());
    assert!(side.writes().is_empty());
    world.clock.pass(Duration::from_secs(5));
    {
        let (mut provider, now) = (side.provider(), world.clock.now());
        let record = &mut provider.records[0];
        (record.number, record.updated_at) = (before, now);
    }
    world.start(SyncType::Full).await;
    world.run().await;
    assert_eq!(side.provider().live()["r1"], 70);
    let head = side.read("r1").await.unwrap().head;
    assert!(!head.pending && head.conflict.is_none());
}

#[tokio::test]
async fn a_create_that_was_refused_is_another_when_it_is_asked_for() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    recognise_keys(&world).await;
    let side = Side::of(&world);
    side.provider().script = vec![(422, Vec::new(), String::new())];
    side.create("new_1", json!({"number": 5})).await;
    world.run().await;
    assert!(side.provider().live().is_empty());
    assert_eq!(world.counted("PushesFailed"), ["refused"]);
    let due = RecordDue {
        organization: world.integration.organization_id,
        integration: world.integration.id,
        entity: world.entity.clone(),
        record: gatehouse::domain::sync::record_digest("new_1"),
    };
    world.lucky.state.pusher().ask(&due).await.unwrap();
    world.run().await;
    assert_eq!(side.provider().live().len(), 1);
    let keys = side.provider().keys.clone();
    assert!(keys.len() == 2 && keys[0] != keys[1]);
}

#[tokio::test]
async fn a_record_that_has_changed_there_is_read_and_settled_and_sent_again() {
    let stage = Stage::new().await;
    let rules = json!({"conflicts": {"strategy": "destination_wins"}});
    let world = world(&stage, rules).await;
    let side = known(&world).await;
    side.provider().put("r1");
    side.provider().script = vec![(412, Vec::new(), String::new())];
    side.patch("r1", json!({"number": 70})).await;
    world.run().await;
    assert_eq!(side.provider().live()["r1"], 70);
    assert!(!side.read("r1").await.unwrap().head.pending);
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_made_again_only_where_it_is_recognised() {
    for recognises in [true, false] {
        let stage = Stage::new().await;
        let world = world(&stage, json!({})).await;
        let side = Side::of(&world);
        if recognises {
            recognise_keys(&world).await;
        }
        {
            let mut provider = side.provider();
            provider.recognises = recognises;
            provider.loses_answers = 1;
        }
        side.create("new_1", json!({"number": 5})).await;
        world.run().await;
        assert_eq!(side.provider().live().len(), 1, "{recognises}");
        let old = side.read("new_1").await.unwrap();
        let push = side.push("new_1").await;
        if recognises {
            assert_eq!(old.body.moved_to.as_deref(), Some("p1"));
        } else {
            let error = push.error.unwrap();
            assert_eq!(
                (error.code.as_str(), error.retrying),
                ("outcome_unknown", false)
            );
            assert!(old.head.pending);
        }
    }
}

#[tokio::test]
async fn wherever_a_process_dies_a_change_is_sent_and_settled() {
    let stage = Stage::new().await;
    for has_effect in [false, true] {
        for call in 0.. {
            let world = world(&stage, json!({})).await;
            let side = known(&world).await;
            side.patch("r1", json!({"number": 70})).await;
            let died = run_killed(&world, call, has_effect).await;
            assert_eq!(side.provider().live()["r1"], 70, "{call} {has_effect}");
            let record = side.read("r1").await.unwrap();
            assert!(!record.head.pending, "{call} {has_effect}");
            assert_eq!(
                side.push("r1").await,
                Default::default(),
                "{call} {has_effect}"
            );
            assert!(world.stage.aws.buried.lock().unwrap().is_empty());
            world.look().await;
            if !died {
                assert!(call > 5);
                break;
            }
        }
    }
}

#[tokio::test]
async fn wherever_a_process_dies_a_recognised_create_is_made_once() {
    let stage = Stage::new().await;
    for has_effect in [false, true] {
        for call in 0.. {
            let world = world(&stage, json!({})).await;
            recognise_keys(&world).await;
            let side = Side::of(&world);
            side.provider().recognises = true;
            side.create("new_1", json!({"number": 5})).await;
            let died = run_killed(&world, call, has_effect).await;
            assert_eq!(
                side.provider().live(),
                [("p1".to_owned(), 5)].into(),
                "{call} {has_effect}"
            );
            assert_eq!(
                world.look().await.live(),
                side.provider().live(),
                "{call} {has_effect}"
            );
            let old = side.read("new_1").await.unwrap();
            assert_eq!(
                old.body.moved_to.as_deref(),
                Some("p1"),
                "{call} {has_effect}"
            );
            if !died {
                assert!(call > 5);
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_create_that_is_not_recognised_is_never_made_twice() {
    let stage = Stage::new().await;
    for has_effect in [false, true] {
        for call in 0.. {
            let world = world(&stage, json!({})).await;
            let side = Side::of(&world);
            side.create("new_1", json!({"number": 5})).await;
            let died = run_killed(&world, call, has_effect).await;
            assert!(side.provider().live().len() <= 1, "{call} {has_effect}");
            let old = side.read("new_1").await.unwrap();
            if old.head.pending {
                let error = side.push("new_1").await.error.unwrap();
                assert_eq!(error.code, "outcome_unknown", "{call} {has_effect}");
            } else {
                assert_eq!(
                    old.body.moved_to.as_deref(),
                    Some("p1"),
                    "{call} {has_effect}"
                );
            }
            if !died {
                assert!(!old.head.pending);
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_list_that_shows_the_new_record_before_the_answer_is_here_does_not_double_it() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    recognise_keys(&world).await;
    let side = Side::of(&world);
    {
        let mut provider = side.provider();
        provider.recognises = true;
        provider.loses_answers = 1;
    }
    side.create("new_1", json!({"number": 5})).await;
    // The first call makes it; nobody hears of that.
    let letter = world.take().unwrap();
    world.deliver(&world.lucky, &letter).await;
    world.start(SyncType::Full).await;
    // What is written here meanwhile is not lost.
    side.patch("new_1", json!({"number": 6})).await;
    world.run().await;
    assert_eq!(side.provider().live(), [("p1".to_owned(), 6)].into());
    assert_eq!(world.look().await.live(), side.provider().live());
    assert!(!side.read("p1").await.unwrap().head.pending);
}
