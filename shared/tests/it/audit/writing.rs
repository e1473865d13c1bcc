use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use gatehouse::audit::verify::{Carried, Evidence, verify};
use gatehouse::audit::{AuditQuery, ExportPosition, VerifyRange, chain};
use gatehouse::domain::{AuditEntry, AuditOutcome};

use super::{RETENTION, World, entry};

#[tokio::test]
async fn an_entry_costs_one_write_and_no_read_once_the_lane_is_open() {
    let world = World::new().await;
    let trail = world.trail();
    world.record_many(&trail, 1).await;
    let opening = world.account.wire.operations();
    assert_eq!(opening, ["Query", "TransactWriteItems"]);
    world.record_many(&trail, 10).await;
    assert_eq!(world.account.wire.operations(), ["PutItem"; 10]);
    assert_eq!(world.findings(None).await, []);
}

#[tokio::test]
async fn entries_at_the_same_time_go_together_and_leave_no_gap() {
    let world = World::new().await;
    let trail = world.trail();
    world.record_many(&trail, 1).await;
    world.account.wire.said();
    let ids = world.record_at_once(&trail, 500).await;
    let writes = world.account.wire.operations().len();
    assert!(writes <= 12, "{writes}");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 500);
    let mut entries = world.entries().await;
    entries.reverse();
    let places: Vec<u64> = entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(places, (1..=501).collect::<Vec<_>>());
    let listed: BTreeSet<_> = entries.iter().map(|entry| entry.id).collect();
    assert!(ids.iter().all(|id| listed.contains(id)));
    assert_eq!(world.findings(None).await, []);
}

#[tokio::test]
async fn functions_that_start_at_once_have_lanes_of_their_own() {
    let world = World::new().await;
    let trails: Vec<_> = (0..6).map(|_| world.trail()).collect();
    join_all(trails.iter().map(|trail| world.record_at_once(trail, 20))).await;
    let entries = world.entries().await;
    let lanes: BTreeSet<_> = entries.iter().map(|entry| entry.lane).collect();
    assert_eq!((entries.len(), lanes.len()), (120, 6));
    let checked = world.check(None).await;
    assert_eq!(checked.report.findings, []);
    // With the spine.
    assert_eq!((checked.report.entries, checked.report.lanes), (126, 7));
}

#[tokio::test]
async fn what_is_not_acknowledged_leaves_a_trail_that_is_whole() {
    for acknowledged in 0..4 {
        let world = World::new().await;
        let trail = world.trail();
        world.record_many(&trail, acknowledged).await;
        // The table has done it by then; the function hears nothing of it, however often it asks.
        world.account.wire.fail(30, 500, "InternalServerError");
        assert!(world.record(&trail).await.is_err());
        world.account.wire.heal();
        assert_eq!(world.findings(None).await, []);
        // The same function goes on in another lane, and so does another function.
        world.record_many(&trail, 2).await;
        world.record_many(&world.trail(), 2).await;
        assert_eq!(world.findings(None).await, []);
        let entries = world.entries().await;
        assert!(entries.len() >= acknowledged + 4);
        let anchor = world.trail().anchor(world.organization).await.unwrap();
        assert_eq!(world.findings(Some(anchor)).await, []);
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_once_is_asked_for_again() {
    let world = World::new().await;
    let trail = world.trail();
    world.record_many(&trail, 1).await;
    world.account.wire.fail(1, 500, "InternalServerError");
    world.record(&trail).await.unwrap();
    let entries = world.entries().await;
    let places: Vec<u64> = entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(places, [2, 1]);
    assert_eq!(world.findings(None).await, []);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_gap() {
    let world = World::new().await;
    let trail = world.trail();
    for _ in 0..20 {
        let recorded = world.record(&trail);
        let gone = tokio::time::timeout(Duration::ZERO, recorded);
        let _ = gone.await;
    }
    world.record(&trail).await.unwrap();
    assert_eq!(world.entries().await.len(), 21);
    assert_eq!(world.findings(None).await, []);
}

#[tokio::test]
async fn a_clock_that_goes_back_does_not_take_the_lane_with_it() {
    let world = World::new().await;
    let trail = world.trail();
    world.record_many(&trail, 3).await;
    world.account.clock.go_back(Duration::from_secs(60));
    world.record_many(&trail, 3).await;
    let entries = world.entries().await;
    let places: Vec<u64> = entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(places, [6, 5, 4, 3, 2, 1]);
    assert_eq!(world.findings(None).await, []);
}

#[tokio::test]
async fn lists_have_each_entry_once_and_filters_pick() {
    let world = World::new().await;
    let trail = world.trail();
    world.record_at_once(&trail, 60).await;
    world.account.clock.advance(Duration::from_secs(10));
    let between = world.account.sources().now();
    let mut denied = entry("c.d");
    denied.outcome = AuditOutcome::Denied;
    trail.record(world.organization, denied).await.unwrap();
    let mut query = AuditQuery {
        limit: 7,
        ..AuditQuery::default()
    };
    let mut listed: Vec<AuditEntry> = Vec::new();
    loop {
        let page = trail.entries(world.organization, &query).await.unwrap();
        assert!(page.items.len() <= 7);
        listed.extend(page.items);
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    let places: Vec<u64> = listed.iter().map(|entry| entry.sequence).collect();
    assert_eq!(places, (1..=61).rev().collect::<Vec<_>>());
    let only = |change: fn(&mut AuditQuery)| {
        let mut query = AuditQuery {
            limit: 200,
            ..AuditQuery::default()
        };
        change(&mut query);
        query
    };
    let count = async |query: AuditQuery| {
        let page = trail.entries(world.organization, &query).await;
        page.unwrap().items.len()
    };
    assert_eq!(count(only(|q| q.action = Some("c.d".to_owned()))).await, 1);
    assert_eq!(
        count(only(|q| q.outcome = Some(AuditOutcome::Denied))).await,
        1
    );
    assert_eq!(count(only(|q| q.actor = Some("you".to_owned()))).await, 0);
    assert_eq!(count(only(|q| q.subject = Some("x".to_owned()))).await, 0);
    let since = AuditQuery {
        from: Some(between),
        ..only(|_| ())
    };
    assert_eq!(count(since).await, 1);
    let until = AuditQuery {
        to: Some(between),
        ..only(|_| ())
    };
    assert_eq!(count(until).await, 60);
}

#[tokio::test]
async fn an_export_is_all_that_a_verifier_needs() {
    let world = World::new().await;
    let (one, other) = (world.trail(), world.trail());
    world.record_many(&one, 5).await;
    world.record_at_once(&other, 30).await;
    let anchor = one.anchor(world.organization).await.unwrap();
    let mut lines = String::new();
    let mut position = Some(ExportPosition::Spine(None));
    while let Some(at) = position {
        let page = one
            .export(world.organization, (None, None), at)
            .await
            .unwrap();
        lines.push_str(&page.lines);
        position = page.next;
    }
    let all: Vec<AuditEntry> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let spine = chain::spine_lane();
    let (links, entries): (Vec<_>, Vec<_>) = all.into_iter().partition(|e| e.lane == spine);
    assert_eq!((links.len(), entries.len()), (3, 35));
    let report = verify(&Evidence {
        organization: world.organization,
        entries: &entries,
        links: &links,
        opened_since: &BTreeSet::new(),
        from: None,
        to: None,
        goes_on: false,
        carried: &Carried::default(),
        anchor: Some(&anchor),
        now: world.account.sources().now(),
        slack: Duration::ZERO,
    });
    assert_eq!(report.findings, []);
}

#[tokio::test]
async fn what_expires_does_not_look_like_tampering() {
    let world = World::new().await;
    let trail = world.trail();
    world.record_many(&trail, 5).await;
    world.account.clock.advance(RETENTION / 2);
    world.record_many(&world.trail(), 5).await;
    world.account.clock.advance(RETENTION / 2);
    let checked = world.check(None).await;
    assert_eq!(checked.report.findings, []);
    assert_eq!(world.entries().await.len(), 5);
    world.account.clock.advance(RETENTION);
    assert_eq!(world.findings(None).await, []);
    assert!(world.entries().await.is_empty());
    // And it goes on.
    world.record_many(&trail, 2).await;
    assert_eq!(world.findings(None).await, []);
}

#[tokio::test]
async fn a_lane_is_closed_after_a_day() {
    let world = World::new().await;
    let trail = world.trail();
    world.record_many(&trail, 2).await;
    world
        .account
        .clock
        .advance(Duration::from_secs(24 * 60 * 60));
    world.record_many(&trail, 2).await;
    let entries = world.entries().await;
    assert_ne!(entries[0].lane, entries[3].lane);
    assert_eq!(world.findings(None).await, []);
}

#[tokio::test]
async fn a_trail_that_is_too_long_is_verified_in_parts() {
    let world = World::new().await;
    let trails = [world.trail(), world.trail()];
    for round in 0..12 {
        world.record_at_once(&trails[round % 2], 100).await;
        world.account.clock.advance(Duration::from_secs(1));
    }
    let anchor = world.trail().anchor(world.organization).await.unwrap();
    let (mut resumption, mut parts, mut entries) = (None, 0, 0);
    loop {
        let range = VerifyRange {
            anchor: Some(anchor.clone()),
            resumption,
            window: Some(150),
            ..VerifyRange::default()
        };
        let checked = trails[0].check(world.organization, range).await.unwrap();
        assert_eq!(checked.report.findings, []);
        (parts, entries) = (parts + 1, entries + checked.report.entries);
        resumption = checked.next;
        if resumption.is_none() {
            break;
        }
    }
    // With three links of the spine.
    assert_eq!(entries, 1_203);
    assert!(parts >= 2, "{parts}");
}
