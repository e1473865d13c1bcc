//! Data keys are replaced, wrapped anew, and what never expires is sealed anew: whatever dies when, and
//! whoever else writes, everything opens.

mod kills;
mod process;
mod world;

use std::time::Duration;

use gatehouse::domain::Error;
use gatehouse::domain::data_key::SETTLED_AFTER;
use gatehouse::flows::data_keys::DataKeyReport;
use gatehouse::store::WrappedKey;
use gatehouse::vault::{SealContext, VaultError};

use self::process::{desk, rotation, undisturbed};
use self::world::{World, number};
use crate::account::Account;
use crate::life::Life;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const EVERY: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

async fn run(world: &World) -> DataKeyReport {
    let until = world.now().plus(MINUTE);
    undisturbed(&world.account).run(until).await.unwrap()
}

#[tokio::test]
async fn a_key_is_replaced_when_it_is_old_and_all_that_never_expires_is_sealed_anew() {
    let world = World::new().await;
    assert_eq!(run(&world).await, DataKeyReport::default());
    // Looked at each day.
    world.account.clock.advance(DAY);
    assert_eq!((run(&world).await.seen, world.plan().await.newest), (1, 1));
    assert_eq!(run(&world).await, DataKeyReport::default());
    world.account.clock.advance(EVERY);
    let report = run(&world).await;
    assert_eq!((report.rotated, report.rewrapped), (1, 1), "{report:?}");
    assert_eq!(world.plan().await.newest, 2);
    // Not before nobody seals under the old key any more.
    assert_eq!(run(&world).await.resealed, 0);
    assert_eq!(world.opened().await, [1; 9]);
    world.account.clock.advance(SETTLED_AFTER);
    let report = run(&world).await;
    // The two secrets of the endpoint are one item.
    assert_eq!((report.resealed, report.failed), (8, 0), "{report:?}");
    assert_eq!(world.opened().await, [2; 9]);
    let plan = world.plan().await;
    assert_eq!(plan.resealing, None);
    let resealed = plan.resealed.unwrap();
    assert_eq!((resealed.target, resealed.done, resealed.left), (2, 8, 0));
    // The old key stays, and nothing more is to be done for a day.
    let keys = world.store.data_keys(world.organization, 10, None).await;
    assert_eq!(keys.unwrap().items.len(), 2);
    assert_eq!(run(&world).await, DataKeyReport::default());
}

#[tokio::test]
async fn a_key_is_never_replaced_by_itself_if_nobody_says_when() {
    let world = World::new().await;
    world.account.clock.advance(EVERY * 9);
    let never = rotation(&Life::default(), &world.account, None);
    let report = never.run(world.now().plus(MINUTE)).await.unwrap();
    assert_eq!((report.seen, report.rotated, report.rewrapped), (1, 0, 0));
}

#[tokio::test]
async fn others_seal_under_the_last_key_for_five_minutes_and_open_both() {
    let world = World::new().await;
    let context = SealContext::EventPayload {
        endpoint: world.endpoint,
        event: world.account.id(),
    };
    let (other, organization) = (world.account.data_keys(), world.organization);
    let seal = async || {
        let sealed = other.seal(organization, &context, b"text").await.unwrap();
        let stranger = world.account.data_keys();
        let opened = stranger.open(organization, &context, &sealed).await;
        assert_eq!(*opened.unwrap(), b"text");
        other.open(organization, &context, &sealed).await.unwrap();
        number(&sealed)
    };
    assert_eq!(seal().await, 1);
    let desk = desk(&Life::default(), &world.account);
    desk.rotate(organization).await.unwrap();
    assert_eq!(seal().await, 1);
    world.account.clock.advance(Duration::from_secs(299));
    assert_eq!(seal().await, 1);
    world.account.clock.advance(Duration::from_secs(1));
    assert_eq!(seal().await, 2);
    assert_eq!(world.opened().await, [1; 9]);
}

#[tokio::test]
async fn a_key_is_replaced_when_it_is_asked_for_and_not_again_at_once() {
    let world = World::new().await;
    let desk = desk(&Life::default(), &world.account);
    let none = desk.rotate(world.account.id()).await;
    assert!(matches!(none, Err(Error::NotFound(_))), "{none:?}");
    assert_eq!(desk.rotate(world.organization).await.unwrap().newest, 2);
    let again = desk.rotate(world.organization).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    assert_eq!(world.plan().await.newest, 2);
    world.account.clock.advance(MINUTE * 10);
    assert_eq!(desk.rotate(world.organization).await.unwrap().newest, 3);
    // The pass for the last one does for both.
    world.account.clock.advance(SETTLED_AFTER);
    assert_eq!(run(&world).await.resealed, 8);
    assert_eq!(world.opened().await, [3; 9]);
}

/// A key as it was made before there were plans.
async fn older(account: &Account, world: &World) -> WrappedKey {
    let first = world.store.first_data_key(world.organization).await;
    let first = first.unwrap().unwrap();
    let older = WrappedKey {
        key_arn: None,
        ..first.item.clone()
    };
    let write = world
        .store
        .rewrap_data_key(world.organization, &first, &older);
    write.await.unwrap();
    for sk in ["DATA_KEYS".to_owned()] {
        let delete = account.dynamodb().delete_item();
        let text = aws_sdk_dynamodb::types::AttributeValue::S;
        let pk = text(format!("ORG#{}", world.organization));
        let delete = delete.key("pk", pk).key("sk", text(sk));
        let delete = delete.table_name(account.table.to_string()).send();
        delete.await.unwrap();
    }
    older
}

#[tokio::test]
async fn a_key_from_before_is_planned_for_by_whoever_needs_it_next() {
    let world = World::new().await;
    older(&world.account, &world).await;
    let keys = world.account.data_keys();
    keys.ensure(world.organization).await.unwrap();
    assert_eq!(world.plan().await.due_at, world.now());
    let report = run(&world).await;
    assert_eq!((report.rewrapped, report.rotated), (1, 0), "{report:?}");
    let first = world.store.data_key(world.organization, 1).await.unwrap();
    assert_eq!(first.unwrap().key_arn, Some(world.account.key_arn.clone()));
    assert_eq!(world.opened().await, [1; 9]);
    // The entry of the plan that is gone is taken off.
    world.account.clock.advance(DAY);
    let report = run(&world).await;
    assert_eq!((report.dropped, report.failed), (0, 0), "{report:?}");
}

#[tokio::test]
async fn keys_are_wrapped_anew_under_another_kms_key_and_the_former_is_needed_no_longer() {
    let mut world = World::new().await;
    let former = std::mem::take(&mut world.account.key_arn);
    world.account.key_arn = world.account.new_key().await;
    assert_eq!(world.opened().await, [1; 9]);
    world.account.clock.advance(DAY);
    assert_eq!(run(&world).await.rewrapped, 1);
    let (_, id) = former.rsplit_once('/').unwrap();
    let disable = world.account.kms().disable_key().key_id(id).send();
    disable.await.unwrap();
    assert_eq!(world.opened().await, [1; 9]);
    let first = world.store.data_key(world.organization, 1).await.unwrap();
    assert_eq!(first.unwrap().key_arn, Some(world.account.key_arn.clone()));
}

#[tokio::test]
async fn what_does_not_unwrap_to_the_same_key_is_not_written() {
    let world = World::new().await;
    let before = world.store.data_key(world.organization, 1).await.unwrap();
    let before = before.unwrap();
    let keys = world.account.data_keys();
    let other = keys.make(world.organization, 1).await.unwrap();
    let blob = aws_smithy_types::base64::encode(&other.wrapped);
    world.account.wire.answer(
        1,
        200,
        &serde_json::json!({"CiphertextBlob": blob}).to_string(),
    );
    let renewed = keys.rewrap(world.organization, &before).await;
    assert!(
        matches!(renewed, Err(VaultError::Corrupt(_))),
        "{renewed:?}"
    );
}
