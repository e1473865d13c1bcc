use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::operation::put_secret_value::builders::PutSecretValueFluentBuilder;
use aws_sdk_secretsmanager::primitives::Blob;

use crate::world::{World, code, message};

const DAY: i64 = 24 * 60 * 60;

/// A token of the form that the SDK makes, one per number.
fn token(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

impl World {
    /// Makes the secret `name` with the value `one` in the version `token(1)`.
    pub(crate) async fn secret(&self, name: &str) -> String {
        let request = self.secrets.create_secret().name(name);
        let request = request.client_request_token(token(1)).secret_string("one");
        request.send().await.unwrap().arn.unwrap()
    }

    pub(crate) fn put(&self, number: u32, value: &str) -> PutSecretValueFluentBuilder {
        let request = self.secrets.put_secret_value().secret_id("secret");
        request
            .client_request_token(token(number))
            .secret_string(value)
    }

    pub(crate) async fn read(&self, stage: &str) -> String {
        let request = self.secrets.get_secret_value().secret_id("secret");
        match request.version_stage(stage).send().await {
            Ok(output) => output.secret_string.unwrap(),
            Err(error) => code::<GetSecretValueOutput, _>(Err(error)),
        }
    }

    /// Moves a label; a number is a version's.
    async fn relabel(&self, stage: &str, from: Option<u32>, to: Option<u32>) -> String {
        let request = self.secrets.update_secret_version_stage();
        let request = request.secret_id("secret").version_stage(stage);
        let request = request.set_remove_from_version_id(from.map(token));
        code(request.set_move_to_version_id(to.map(token)).send().await)
    }

    /// `1: AWSCURRENT`, and so on: the labelled versions, each with its labels.
    async fn labels(&self) -> Vec<String> {
        let described = self.secrets.describe_secret().secret_id("secret");
        let described = described.send().await.unwrap();
        let versions = described.version_ids_to_stages.unwrap_or_default();
        let mut lines: Vec<_> = versions
            .into_iter()
            .map(|(version, mut stages)| {
                stages.sort();
                let number = version
                    .trim_start_matches(|c| "0-48".contains(c))
                    .to_owned();
                format!("{number}: {}", stages.join(" "))
            })
            .collect();
        lines.sort();
        lines
    }
}

#[tokio::test]
async fn a_new_value_is_current_and_the_one_before_it_previous() {
    let world = World::new().await;
    world.secret("secret").await;
    assert_eq!(world.labels().await, ["1: AWSCURRENT"]);
    world.put(2, "two").send().await.unwrap();
    assert_eq!(world.labels().await, ["1: AWSPREVIOUS", "2: AWSCURRENT"]);
    world.put(3, "three").send().await.unwrap();
    assert_eq!(world.labels().await, ["2: AWSPREVIOUS", "3: AWSCURRENT"]);
    assert_eq!(world.read("AWSCURRENT").await, "three");
    assert_eq!(world.read("AWSPREVIOUS").await, "two");
    let request = world.secrets.get_secret_value().secret_id("secret");
    let unnamed = request.send().await.unwrap();
    assert_eq!(unnamed.secret_string(), Some("three"));
    assert_eq!(unnamed.version_id(), Some(&*token(3)));
}

#[tokio::test]
async fn a_rotation_stages_a_value_tries_it_and_makes_it_current() {
    let world = World::new().await;
    world.secret("secret").await;
    let pending = world
        .put(2, "two")
        .version_stages("AWSPENDING")
        .send()
        .await;
    assert_eq!(pending.unwrap().version_stages(), ["AWSPENDING"]);
    assert_eq!(world.read("AWSCURRENT").await, "one");
    assert_eq!(world.read("AWSPENDING").await, "two");
    assert_eq!(world.relabel("AWSCURRENT", Some(1), Some(2)).await, "ok");
    let expected = ["1: AWSPREVIOUS", "2: AWSCURRENT AWSPENDING"];
    assert_eq!(world.labels().await, expected);
    assert_eq!(world.relabel("AWSPENDING", Some(2), None).await, "ok");
    assert_eq!(world.labels().await, ["1: AWSPREVIOUS", "2: AWSCURRENT"]);
    assert_eq!(world.read("AWSPENDING").await, "ResourceNotFoundException");
}

#[tokio::test]
async fn going_back_swaps_current_and_previous() {
    let world = World::new().await;
    world.secret("secret").await;
    world.put(2, "two").send().await.unwrap();
    assert_eq!(world.relabel("AWSCURRENT", Some(2), Some(1)).await, "ok");
    assert_eq!(world.labels().await, ["1: AWSCURRENT", "2: AWSPREVIOUS"]);
    assert_eq!(world.read("AWSCURRENT").await, "one");
}

#[tokio::test]
async fn a_label_moves_only_from_where_it_is() {
    let world = World::new().await;
    world.secret("secret").await;
    let pending = world.put(2, "two").version_stages("AWSPENDING");
    pending.send().await.unwrap();
    for (stage, from, to, expected) in [
        ("AWSCURRENT", None, Some(2), "InvalidParameterException"),
        ("AWSCURRENT", Some(2), Some(2), "InvalidParameterException"),
        ("AWSCURRENT", Some(1), None, "InvalidParameterException"),
        ("AWSCURRENT", Some(1), Some(9), "ResourceNotFoundException"),
        ("AWSPENDING", Some(1), None, "InvalidParameterException"),
        ("NOWHERE", Some(1), None, "InvalidParameterException"),
    ] {
        let moved = world.relabel(stage, from, to).await;
        assert_eq!(moved, expected, "{stage} {from:?} {to:?}");
    }
    assert_eq!(world.labels().await, ["1: AWSCURRENT", "2: AWSPENDING"]);
}

#[tokio::test]
async fn a_repeated_put_is_taken_once_and_moves_nothing() {
    let world = World::new().await;
    world.secret("secret").await;
    world.put(2, "two").send().await.unwrap();
    world.put(3, "three").send().await.unwrap();
    let again = world.put(2, "two").send().await.unwrap();
    assert_eq!(again.version_id(), Some(&*token(2)));
    assert_eq!(again.version_stages(), ["AWSPREVIOUS"]);
    assert_eq!(world.labels().await, ["2: AWSPREVIOUS", "3: AWSCURRENT"]);
}

#[tokio::test]
async fn a_token_that_bears_another_value_is_a_conflict() {
    let world = World::new().await;
    world.secret("secret").await;
    let error = world.put(1, "other").send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_exists_exception());
    assert_eq!(world.read("AWSCURRENT").await, "one");
    for (token, expected) in [
        ("t".repeat(31), "ValidationException"),
        ("t".repeat(32), "ok"),
        ("t".repeat(64), "ok"),
        ("t".repeat(65), "ValidationException"),
    ] {
        let put = world.put(2, &token).client_request_token(&token);
        assert_eq!(code(put.send().await), expected, "{token}");
    }
}

#[tokio::test]
async fn a_secret_is_created_once_and_a_repetition_of_that_is_no_error() {
    let world = World::new().await;
    let arn = world.secret("secret").await;
    assert_eq!(world.secret("secret").await, arn);
    for (number, value) in [(1, "other"), (2, "one")] {
        let request = world.secrets.create_secret().name("secret");
        let request = request.client_request_token(token(number));
        let error = request.secret_string(value).send().await.unwrap_err();
        assert!(error.into_service_error().is_resource_exists_exception());
    }
}

#[tokio::test]
async fn the_first_value_is_current_whatever_else_it_is() {
    let world = World::new().await;
    let created = world.secrets.create_secret().name("secret");
    created.send().await.unwrap();
    assert_eq!(world.read("AWSCURRENT").await, "ResourceNotFoundException");
    let pending = world.put(1, "one").version_stages("AWSPENDING");
    pending.send().await.unwrap();
    assert_eq!(world.labels().await, ["1: AWSCURRENT AWSPENDING"]);
}

#[tokio::test]
async fn a_secret_goes_by_its_name_its_arn_and_that_without_the_random_end() {
    let world = World::new().await;
    let arn = world.secret("secret").await;
    let (partial, end) = arn.rsplit_once('-').unwrap();
    assert_eq!(end.len(), 6);
    for id in ["secret", &arn, partial] {
        let read = world.secrets.get_secret_value().secret_id(id).send().await;
        assert_eq!(read.unwrap().secret_string(), Some("one"), "{id}");
    }
    for id in ["secre", arn.split_at(arn.len() - 1).0, "other"] {
        let read = world.secrets.get_secret_value().secret_id(id).send().await;
        let error = read.unwrap_err().into_service_error();
        assert!(error.is_resource_not_found_exception(), "{id}");
    }
}

#[tokio::test]
async fn a_version_and_a_label_that_do_not_go_together_are_refused() {
    let world = World::new().await;
    world.secret("secret").await;
    world.put(2, "two").send().await.unwrap();
    let get = |version: u32| {
        let request = world.secrets.get_secret_value().secret_id("secret");
        request.version_id(token(version))
    };
    let both = get(2).version_stage("AWSCURRENT").send().await;
    assert_eq!(both.unwrap().secret_string(), Some("two"));
    let apart = get(1).version_stage("AWSCURRENT").send().await;
    assert_eq!(
        message(apart),
        "You provided a VersionStage that is not associated to the provided VersionId."
    );
    let unknown = get(9).send().await.unwrap_err().into_service_error();
    assert!(unknown.is_resource_not_found_exception());
}

#[tokio::test]
async fn a_version_without_a_label_is_read_by_its_id_and_listed_if_asked_for() {
    let world = World::new().await;
    world.secret("secret").await;
    for (number, value) in [(2, "two"), (3, "three")] {
        world.pass(1);
        world.put(number, value).send().await.unwrap();
    }
    let request = world.secrets.get_secret_value().secret_id("secret");
    let old = request.version_id(token(1)).send().await.unwrap();
    assert_eq!(old.secret_string(), Some("one"));
    assert_eq!(old.version_stages(), [] as [&str; 0]);
    for (deprecated, expected) in [(false, vec![2, 3]), (true, vec![1, 2, 3])] {
        let request = world.secrets.list_secret_version_ids().secret_id("secret");
        let listed = request.include_deprecated(deprecated).send().await.unwrap();
        let ids: Vec<_> = listed.versions().iter().map(|v| v.version_id()).collect();
        let expected: Vec<_> = expected.into_iter().map(token).collect();
        let expected: Vec<_> = expected.iter().map(|id| Some(id.as_str())).collect();
        assert_eq!(ids, expected);
    }
}

#[tokio::test]
async fn a_secret_has_a_hundred_versions_of_which_old_ones_without_a_label_make_room() {
    let world = World::new().await;
    world.secret("secret").await;
    for number in 2..=100 {
        world.put(number, "value").send().await.unwrap();
    }
    let more = world.put(101, "value").send().await.unwrap_err();
    assert!(more.into_service_error().is_limit_exceeded_exception());
    world.pass(DAY + 1);
    world.put(101, "value").send().await.unwrap();
    let request = world.secrets.list_secret_version_ids().secret_id("secret");
    let listed = request.include_deprecated(true).send().await.unwrap();
    assert_eq!(listed.versions().len(), 100);
    assert_eq!(
        world.labels().await,
        ["100: AWSPREVIOUS", "101: AWSCURRENT"]
    );
}

#[tokio::test]
async fn a_secret_has_at_most_twenty_labels() {
    let world = World::new().await;
    world.secret("secret").await;
    for (count, expected) in [(0, "ValidationException"), (21, "ValidationException")] {
        let labels = (0..count).map(|label| format!("l{label}")).collect();
        let put = world.put(2, "two").set_version_stages(Some(labels));
        assert_eq!(code(put.send().await), expected, "{count}");
    }
    // Together with AWSCURRENT on the first version.
    for (count, expected) in [(20, "LimitExceededException"), (19, "ok")] {
        let labels = (0..count).map(|label| format!("l{label}")).collect();
        let put = world.put(2, "two").set_version_stages(Some(labels));
        assert_eq!(code(put.send().await), expected, "{count}");
    }
    let one_more = world.relabel("one-more", None, Some(1)).await;
    assert_eq!(one_more, "LimitExceededException");
}

#[tokio::test]
async fn a_value_is_text_or_bytes_of_up_to_64_kibibytes() {
    let world = World::new().await;
    world.secret("secret").await;
    let blank = || {
        let request = world.secrets.put_secret_value();
        request.secret_id("secret")
    };
    let bytes = |length| Blob::new(vec![0xff_u8; length]);
    let text = |length| "x".repeat(length);
    for (name, request, expected) in [
        ("longest", blank().secret_string(text(65_536)), "ok"),
        (
            "too long",
            blank().secret_string(text(65_537)),
            "ValidationException",
        ),
        ("empty", blank().secret_string(""), "ValidationException"),
        ("neither", blank(), "InvalidParameterException"),
        (
            "both",
            blank().secret_string("x").secret_binary(bytes(1)),
            "InvalidParameterException",
        ),
        (
            "too many bytes",
            blank().secret_binary(bytes(65_537)),
            "ValidationException",
        ),
        ("most bytes", blank().secret_binary(bytes(65_536)), "ok"),
    ] {
        assert_eq!(code(request.send().await), expected, "{name}");
    }
    let read = world.secrets.get_secret_value().secret_id("secret");
    let read = read.send().await.unwrap();
    assert_eq!(read.secret_binary(), Some(&bytes(65_536)));
    assert_eq!(read.secret_string(), None);
}

#[tokio::test]
async fn a_secrets_name_is_checked() {
    let world = World::new().await;
    for (name, expected) in [
        ("n".repeat(512), "ok"),
        ("n".repeat(513), "ValidationException"),
        ("Valid/_+=.@-!Name-1".to_owned(), "ok"),
        ("In valid".to_owned(), "ValidationException"),
        (String::new(), "ValidationException"),
    ] {
        let request = world.secrets.create_secret().name(&name);
        let created = request.secret_string("x").send().await;
        assert_eq!(code(created), expected, "{name}");
    }
}

#[tokio::test]
async fn what_is_not_offered_is_refused() {
    let world = World::new().await;
    world.secret("secret").await;
    let request = world.secrets.get_resource_policy().secret_id("secret");
    let read = request.send().await;
    assert_eq!(message(read), "`GetResourcePolicy` is not offered here");
}

impl World {
    async fn rotate(&self, number: u32) -> String {
        let request = self.secrets.rotate_secret().secret_id("secret");
        let request = request.client_request_token(token(number));
        code(request.rotation_lambda_arn("arn").send().await)
    }
}

#[tokio::test]
async fn a_rotation_labels_a_version_that_is_to_come() {
    let world = World::new().await;
    world.secret("secret").await;
    let described = world.secrets.describe_secret().secret_id("secret");
    assert_eq!(
        described.clone().send().await.unwrap().rotation_enabled,
        None
    );
    assert_eq!(world.rotate(2).await, "ok");
    let enabled = described.clone().send().await.unwrap();
    assert_eq!(enabled.rotation_enabled, Some(true));
    assert_eq!(enabled.rotation_lambda_arn.as_deref(), Some("arn"));
    assert_eq!(world.labels().await, ["1: AWSCURRENT", "2: AWSPENDING"]);
    assert_eq!(world.read("AWSPENDING").await, "ResourceNotFoundException");
    // The same again is one; another one has to wait.
    assert_eq!(world.rotate(2).await, "ok");
    assert_eq!(world.rotate(3).await, "InvalidRequestException");
    let staged = world.put(2, "two").version_stages("AWSPENDING");
    staged.send().await.unwrap();
    assert_eq!(world.relabel("AWSCURRENT", Some(1), Some(2)).await, "ok");
    assert_eq!(
        world.labels().await,
        ["1: AWSPREVIOUS", "2: AWSCURRENT AWSPENDING"]
    );
    assert_eq!(world.rotate(3).await, "ok");
    let cancel = world.secrets.cancel_rotate_secret().secret_id("secret");
    cancel.send().await.unwrap();
    assert_eq!(described.send().await.unwrap().rotation_enabled, None);
}
