use gatehouse::store::{Claim, EventClaim};

use super::samples::{World, at};

/// A claim at the beginning, leased for a minute, kept for a week.
fn claim<'a>(world: &World, provider_event_id: Option<&'a str>) -> EventClaim<'a> {
    EventClaim {
        organization: world.organization,
        endpoint: world.id(),
        provider_event_id,
        event: world.id(),
        now: at(0),
        leased_until: at(60),
        expires_at: at(7 * 86_400),
    }
}

/// The same claim made later, leased for another minute.
fn later<'a>(claim: &EventClaim<'a>, seconds: u64) -> EventClaim<'a> {
    EventClaim {
        now: at(seconds),
        leased_until: at(seconds + 60),
        ..*claim
    }
}

#[tokio::test]
async fn the_first_event_wins_and_others_learn_of_it() {
    let world = World::new().await;
    let first = claim(&world, Some("evt #1 / of a provider"));
    let second = EventClaim {
        event: world.id(),
        ..later(&first, 90)
    };
    assert_eq!(world.store.claim_event(&first).await.unwrap(), Claim::Won);
    let owner = first.event;
    assert_eq!(
        world.store.claim_event(&second).await.unwrap(),
        Claim::Lost { owner }
    );
}

#[tokio::test]
async fn the_same_event_waits_for_its_lease_and_then_resumes() {
    let world = World::new().await;
    let first = claim(&world, Some("1"));
    assert_eq!(world.store.claim_event(&first).await.unwrap(), Claim::Won);
    let early = world.store.claim_event(&later(&first, 59)).await.unwrap();
    assert_eq!(early, Claim::Held { until: at(60) });
    let late = world.store.claim_event(&later(&first, 60)).await.unwrap();
    assert_eq!(late, Claim::Resumed);
    let after = world.store.claim_event(&later(&first, 61)).await.unwrap();
    assert_eq!(after, Claim::Held { until: at(120) });
}

#[tokio::test]
async fn a_claim_is_forgotten_when_it_expires_deleted_or_not() {
    let world = World::new().await;
    let first = claim(&world, Some("1"));
    world.store.claim_event(&first).await.unwrap();
    let second = |seconds| EventClaim {
        event: world.id(),
        ..later(&first, seconds)
    };
    let before = world
        .store
        .claim_event(&second(7 * 86_400 - 1))
        .await
        .unwrap();
    assert!(matches!(before, Claim::Lost { .. }));
    let after = world.store.claim_event(&second(7 * 86_400)).await.unwrap();
    assert_eq!(after, Claim::Won);
}

#[tokio::test]
async fn of_twenty_claims_at_once_exactly_one_wins() {
    let world = World::new().await;
    let base = claim(&world, Some("1"));
    let rivals: Vec<_> = (0..20)
        .map(|_| EventClaim {
            event: world.id(),
            ..base
        })
        .collect();
    let claims = rivals.iter().map(|rival| world.store.claim_event(rival));
    let results = futures::future::try_join_all(claims).await.unwrap();
    let winner = results.iter().position(|it| *it == Claim::Won).unwrap();
    let owner = rivals[winner].event;
    let lost = Claim::Lost { owner };
    assert_eq!(results.iter().filter(|it| **it == lost).count(), 19);
}

#[tokio::test]
async fn of_twenty_copies_of_one_message_exactly_one_works() {
    let world = World::new().await;
    let copy = claim(&world, None);
    let claims = (0..20).map(|_| world.store.claim_event(&copy));
    let results = futures::future::try_join_all(claims).await.unwrap();
    assert_eq!(results.iter().filter(|it| **it == Claim::Won).count(), 1);
    let held = Claim::Held { until: at(60) };
    assert_eq!(results.iter().filter(|it| **it == held).count(), 19);
}

#[tokio::test]
async fn endpoints_and_organizations_do_not_share_claims() {
    let world = World::new().await;
    let first = claim(&world, Some("1"));
    world.store.claim_event(&first).await.unwrap();
    let elsewhere = EventClaim {
        endpoint: world.id(),
        event: world.id(),
        ..first
    };
    let stranger = EventClaim {
        organization: world.id(),
        event: world.id(),
        ..first
    };
    assert_eq!(
        world.store.claim_event(&elsewhere).await.unwrap(),
        Claim::Won
    );
    assert_eq!(
        world.store.claim_event(&stranger).await.unwrap(),
        Claim::Won
    );
}

#[tokio::test]
async fn events_without_a_providers_id_never_repeat_each_other() {
    let world = World::new().await;
    let first = claim(&world, None);
    let second = EventClaim {
        event: world.id(),
        ..first
    };
    assert_eq!(world.store.claim_event(&first).await.unwrap(), Claim::Won);
    assert_eq!(world.store.claim_event(&second).await.unwrap(), Claim::Won);
}
