use std::time::Duration;

use gatehouse::domain::health::{Check, CheckKind, CheckState, CheckTrigger};
use gatehouse::domain::{IntegrationId, RequestStatus};
use serde_json::json;

use super::world::{MINUTE, World};

fn of(checks: &[Check], kind: CheckKind) -> Option<&Check> {
    checks.iter().find(|check| check.found.kind == kind)
}

/// Runs until the integration was checked once more; what that found.
async fn checked(world: &World, integration: IntegrationId) -> Vec<Check> {
    let before = world.watch(integration).await.checks;
    for _ in 0..70 {
        world.pass(MINUTE);
        world.run().await;
        let found = world.watch(integration).await.checks;
        if found != before {
            return found;
        }
    }
    panic!("it is not checked");
}

#[tokio::test]
async fn an_integration_is_checked_from_the_beginning_and_then_each_hour() {
    let world = World::new(11).await;
    let integration = world.integration(json!({})).await;
    world.run_for(12).await;
    assert_eq!(world.provider.asked(), ["GET /me Bearer not-so-secret"]);
    let watch = world.watch(integration).await;
    let verified = of(&watch.checks, CheckKind::Verification).unwrap();
    assert_eq!(verified.found.state, CheckState::Passed);
    assert_eq!(verified.found.code, "credentials_accepted");
    assert_eq!(verified.trigger, CheckTrigger::Schedule);
    let credential = of(&watch.checks, CheckKind::Credential).unwrap();
    assert_eq!(credential.found.state, CheckState::Passed);
    // The host is an address, and speaks no TLS.
    assert_eq!(of(&watch.checks, CheckKind::Dns), None);
    assert_eq!(of(&watch.checks, CheckKind::Tls), None);
    world.run_for(50).await;
    assert_eq!(world.provider.asked(), [""; 0]);
    for _ in 0..20 {
        world.run_for(1).await;
        world.pass(MINUTE * 14);
    }
    let asked = world.provider.asked().len();
    assert!((4..=6).contains(&asked), "{asked}");
}

#[tokio::test]
async fn what_the_provider_says_is_what_is_found_and_the_log_has_the_call() {
    let world = World::new(12).await;
    let integration = world.integration(json!({})).await;
    let cases = [
        (401, CheckState::Failed, "authentication"),
        (503, CheckState::Failed, "network"),
        (429, CheckState::Warned, "rate_limit"),
        (200, CheckState::Passed, "credentials_accepted"),
    ];
    for (status, state, code) in cases {
        world.provider.answers(status);
        let found = checked(&world, integration).await;
        let check = of(&found, CheckKind::Verification).unwrap();
        let told = (check.found.state, check.found.code.as_str());
        assert_eq!(told, (state, code), "{status}");
        assert_eq!(check.found.status, Some(status));
        let request = check.found.request_id.unwrap();
        let logged = world
            .store
            .request(world.organization, integration, request, world.now());
        let logged = logged.await.unwrap().unwrap();
        assert_eq!(logged.caller, "monitor");
        assert_eq!(logged.status == RequestStatus::Succeeded, status == 200);
        let text = format!("{found:?}{logged:?}");
        assert!(!text.contains("not-so-secret"), "{text}");
    }
}

#[tokio::test]
async fn what_is_switched_off_or_not_complete_is_not_called() {
    let world = World::new(13).await;
    let off = world.integration(json!({"status": "inactive"})).await;
    let waiting = world.integration(json!({"status": "pending"})).await;
    let bare = world.integration(json!({"credentials": null})).await;
    world.run_for(30).await;
    assert_eq!(world.provider.asked(), [""; 0]);
    assert_eq!(world.watch(off).await.checks, []);
    let found = world.watch(waiting).await.checks;
    let kinds: Vec<_> = found.iter().map(|check| check.found.kind).collect();
    assert_eq!(kinds, [CheckKind::Credential]);
    assert_eq!(world.watch(bare).await.checks, []);
}

#[tokio::test]
async fn a_set_up_that_cannot_be_used_holds_up_no_other_and_is_not_tried_each_minute() {
    let world = World::new(14).await;
    let broken = world
        .integration(json!({"authConfig": {"keyLocation": "nowhere"}}))
        .await;
    let good = world.integration(json!({})).await;
    world.run_for(15).await;
    assert_eq!(world.provider.asked().len(), 1);
    assert!(!world.watch(good).await.checks.is_empty());
    let watch = world.watch(broken).await;
    assert_eq!(watch.checks, []);
    assert!(watch.check_at > world.now());
}

#[tokio::test]
async fn an_organizations_checks_are_budgeted() {
    let world = World::new(15).await;
    let mut all_of_them = Vec::new();
    for _ in 0..100 {
        all_of_them.push(world.integration(json!({})).await);
    }
    // All are due by then.
    world.pass(Duration::from_secs(15 * 60));
    world.run().await;
    let first = world.provider.asked().len();
    assert!((40..=60).contains(&first), "{first}");
    // Those that came too late do not come again each minute.
    for one in all_of_them {
        let watch = world.watch(one).await;
        assert!(watch.check_at > world.now().plus(MINUTE * 4), "{watch:?}");
    }
    // In any minute.
    let mut all = first;
    for _ in 0..10 {
        world.pass(MINUTE);
        world.run().await;
        let asked = world.provider.asked().len();
        assert!(asked <= 60, "{asked}");
        all += asked;
    }
    assert_eq!(all, 100);
    // No integration waits in vain, and none is due again yet.
    assert_eq!(world.run().await.checks, 0);
}

/// A probe that cannot be made is one that says so: nothing else is lost, and nothing old is taken for new.
#[tokio::test]
async fn what_cannot_be_looked_at_is_unknown_and_keeps_nothing_else_from_being_seen() {
    let world = World::new(16).await;
    let integration = world.integration(json!({})).await;
    let secrets = &world.aws.refuses_secrets;
    secrets.store(true, std::sync::atomic::Ordering::SeqCst);
    let found = checked(&world, integration).await;
    let verified = of(&found, CheckKind::Verification).unwrap();
    assert_eq!(verified.found.state, CheckState::Unknown);
    assert_eq!(verified.found.code, "not_checked");
    let credential = of(&found, CheckKind::Credential).unwrap();
    assert_eq!(credential.found.state, CheckState::Passed);
    secrets.store(false, std::sync::atomic::Ordering::SeqCst);
    // It is looked at again soon.
    world.run_for(7).await;
    let found = world.watch(integration).await.checks;
    let verified = of(&found, CheckKind::Verification).unwrap();
    assert_eq!(verified.found.state, CheckState::Passed);
}
