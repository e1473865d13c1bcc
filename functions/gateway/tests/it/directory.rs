//! Directories, as far as they get without a server: shared/tests/it/directory.rs has one.

use serde_json::{Value, json};

use crate::provider::Provider;
use crate::world::World;

/// A directory where nobody listens.
async fn directory(world: &World) -> String {
    let fields = json!({"provider": "active-directory", "authMethod": "basic_auth"});
    let credentials = [("username", "svc"), ("password", "canary-of-the-password")];
    world
        .integration_with("ldaps://127.0.0.1:1", fields, &credentials)
        .await
}

fn lookup(value: &str) -> Value {
    json!({"attribute": "mail", "value": value})
}

#[tokio::test]
async fn a_directory_that_is_not_reached_is_a_providers_failure() {
    let world = World::new().await;
    let directory = directory(&world).await;
    let tested = world
        .post(
            &format!("{directory}/test"),
            &[],
            json!({"credentials": {"username": "a", "password": "b"}}),
        )
        .await;
    let said = tested.json();
    assert_eq!(
        (tested.status.as_u16(), &said["success"]),
        (200, &json!(false))
    );
    assert_eq!(
        said["details"]["problem"]["upstream"]["code"],
        "connection_failed"
    );
    let path = format!("{directory}/directory/users:lookup");
    let answer = world.post(&path, &[], lookup("a@example.com")).await;
    assert_eq!(answer.problem(), (502, "upstream_network".to_owned()));
    for text in [tested.text(), answer.text()] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn calls_and_lookups_are_not_taken_for_each_other() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let directory = directory(&world).await;
    let called = world
        .request(&directory, json!({"method": "GET", "endpoint": "/"}))
        .await;
    assert_ne!(called.status, 200, "{}", called.text());
    let http = world.integration(&provider.url, json!({})).await;
    let path = format!("{http}/directory/users:lookup");
    let answer = world.post(&path, &[], lookup("a")).await;
    assert_eq!(answer.problem(), (409, "conflict".to_owned()));
    assert!(provider.calls().is_empty());
    let path = format!("{directory}/directory/users:lookup");
    for wrong in [
        lookup(""),
        lookup(&"a".repeat(1025)),
        json!({"attribute": "cn", "value": "a"}),
    ] {
        let answer = world.post(&path, &[], wrong).await;
        assert_eq!(answer.problem(), (400, "invalid".to_owned()));
    }
}
