use aws_sdk_secretsmanager::types::Tag;

use crate::world::{World, code, message};

const DAY: i64 = 24 * 60 * 60;

impl World {
    async fn remove(&self, days: Option<i64>, by_force: bool) -> String {
        let request = self.secrets.delete_secret().secret_id("secret");
        let request = request.set_recovery_window_in_days(days);
        let force = by_force.then_some(true);
        let request = request.set_force_delete_without_recovery(force);
        code(request.send().await)
    }

    async fn restore(&self) -> String {
        let request = self.secrets.restore_secret().secret_id("secret");
        code(request.send().await)
    }
}

#[tokio::test]
async fn a_deleted_secret_can_be_neither_read_nor_written_and_its_name_is_taken() {
    let world = World::new().await;
    world.secret("secret").await;
    assert_eq!(world.remove(Some(7), false).await, "ok");
    assert_eq!(world.read("AWSCURRENT").await, "InvalidRequestException");
    let put = world.put(2, "two").send().await.unwrap_err();
    assert!(put.into_service_error().is_invalid_request_exception());
    let tag = Tag::builder().key("k").value("v").build();
    let tagged = world.secrets.tag_resource().secret_id("secret").tags(tag);
    assert_eq!(
        message(tagged.send().await),
        "You can't perform this operation on the secret because it was marked for deletion."
    );
    let request = world.secrets.create_secret().name("secret");
    let created = request.secret_string("x").send().await;
    assert_eq!(
        message(created),
        "You can't create this secret because a secret with this name is already scheduled for deletion."
    );
    assert_eq!(
        world.remove(Some(7), false).await,
        "InvalidRequestException"
    );
}

#[tokio::test]
async fn a_deleted_secret_is_described_with_when_it_was_deleted() {
    let world = World::new().await;
    world.secret("secret").await;
    let request = world.secrets.delete_secret().secret_id("secret");
    let deleted = request.recovery_window_in_days(7).send().await.unwrap();
    let gone = deleted.deletion_date().unwrap().secs();
    assert_eq!(gone, 1_800_000_000 + 7 * DAY);
    let described = world.secrets.describe_secret().secret_id("secret");
    let described = described.send().await.unwrap();
    assert_eq!(described.deleted_date().unwrap().secs(), 1_800_000_000);
}

#[tokio::test]
async fn a_deleted_secret_comes_back_as_it_was_until_its_window_is_over() {
    let world = World::new().await;
    world.secret("secret").await;
    world.put(2, "two").send().await.unwrap();
    assert_eq!(world.remove(Some(7), false).await, "ok");
    world.pass(7 * DAY - 1);
    assert_eq!(world.restore().await, "ok");
    assert_eq!(world.read("AWSCURRENT").await, "two");
    assert_eq!(world.read("AWSPREVIOUS").await, "one");
    // The window that was left does not go on.
    world.pass(30 * DAY);
    assert_eq!(world.read("AWSCURRENT").await, "two");
}

#[tokio::test]
async fn after_its_window_a_deleted_secret_is_gone_and_its_name_free() {
    let world = World::new().await;
    let arn = world.secret("secret").await;
    assert_eq!(world.remove(Some(7), false).await, "ok");
    world.pass(7 * DAY);
    assert_eq!(world.restore().await, "ResourceNotFoundException");
    assert_eq!(world.read("AWSCURRENT").await, "ResourceNotFoundException");
    assert_ne!(world.secret("secret").await, arn);
    assert_eq!(world.read("AWSPREVIOUS").await, "ResourceNotFoundException");
}

#[tokio::test]
async fn the_window_is_thirty_days_unless_it_is_given_from_seven_to_thirty() {
    let world = World::new().await;
    world.secret("secret").await;
    for (days, by_force) in [
        (Some(6), false),
        (Some(31), false),
        (Some(0), false),
        (Some(7), true),
    ] {
        let deleted = world.remove(days, by_force).await;
        assert_eq!(deleted, "InvalidParameterException", "{days:?}");
    }
    assert_eq!(world.read("AWSCURRENT").await, "one");
    assert_eq!(world.remove(None, false).await, "ok");
    world.pass(30 * DAY - 1);
    assert_eq!(world.restore().await, "ok");
}

#[tokio::test]
async fn by_force_a_secret_is_gone_at_once_and_also_if_it_never_was() {
    let world = World::new().await;
    world.secret("secret").await;
    assert_eq!(world.remove(None, true).await, "ok");
    assert_eq!(world.read("AWSCURRENT").await, "ResourceNotFoundException");
    assert_eq!(world.restore().await, "ResourceNotFoundException");
    assert_eq!(world.remove(None, true).await, "ok");
    assert_eq!(world.remove(None, false).await, "ResourceNotFoundException");
}

#[tokio::test]
async fn by_force_also_a_deleted_secret_is_gone_at_once() {
    let world = World::new().await;
    world.secret("secret").await;
    assert_eq!(world.remove(Some(30), false).await, "ok");
    assert_eq!(world.remove(None, true).await, "ok");
    assert_eq!(world.restore().await, "ResourceNotFoundException");
}
