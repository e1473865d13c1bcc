use gatehouse::domain::alert::NoticeBody;

use super::*;
use crate::portal::with;

#[tokio::test]
async fn a_channel_is_made_changed_seen_and_deleted() {
    let scene = Scene::new().await;
    let made = scene.post(CHANNELS, slack(&scene.id)).await;
    assert_eq!(etag(&made), "\"1\"");
    let path = made.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(path, format!("{CHANNELS}/{}", made.id()));
    let view = made.json();
    assert_eq!(
        (&view["enabled"], &view["sendResolved"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(view["state"], json!({"failures": 0, "givenUp": 0}));
    let body = with(
        slack(&scene.id),
        "matcher",
        json!({"minSeverity": "critical"}),
    );
    let changed = scene
        .put(&path, 1, with(body, "enabled", json!(false)))
        .await;
    assert_eq!(
        (changed.status.as_u16(), etag(&changed)),
        (200, "\"2\""),
        "{changed:?}"
    );
    let read = scene.get(&path).await;
    assert_eq!(read.json()["matcher"], json!({"minSeverity": "critical"}));
    assert_eq!(read.json()["createdAt"], view["createdAt"]);
    let late = scene.put(&path, 1, slack(&scene.id)).await;
    assert_eq!(late.code(), "precondition_failed");
    let list = scene.get(CHANNELS).await.json();
    assert_eq!(list["items"], json!([read.json()]));
    assert_eq!(scene.portal.delete(&path, &scene.token).await.status, 204);
    assert_eq!(scene.get(&path).await.status, 404);
    assert_eq!(scene.portal.delete(&path, &scene.token).await.status, 404);
}

#[tokio::test]
async fn every_target_has_its_form_and_belongs_to_the_organization() {
    let scene = Scene::new().await;
    let destination = json!({"type": "http", "url": "https://example.com/"});
    let path = format!("{}/destinations", scene.integration);
    let destination = scene.post(&path, destination).await.id();
    let (id, channel) = (json!(scene.id), slack(&scene.id));
    let target = |target: Value| with(channel.clone(), "target", target);
    for good in [
        json!({"type": "destination", "integrationId": id, "destinationId": destination}),
        json!({"type": "teams", "integrationId": id, "teamId": "t-1", "channelId": "19:a@thread.tacv2"}),
        json!({"type": "pager_duty", "integrationId": id}),
        json!({"type": "email", "integrationId": id, "from": "a@b.example", "to": ["c@d.example"]}),
    ] {
        scene.post(CHANNELS, target(good)).await.id();
    }
    let theirs = Scene::new().await;
    let other = "int_01K72Z5QSW0123456789ABCDEF";
    let gone = "dst_01K72Z5QSW0123456789ABCDEF";
    let slack_in = |integration: &str, channel: &str| json!({"type": "slack", "integrationId": integration, "channel": channel});
    let mail =
        |to: Value| json!({"type": "email", "integrationId": id, "from": "a@b.example", "to": to});
    let bad = [
        ("/target/integrationId", target(slack_in(other, "#a"))),
        ("/target/integrationId", target(slack_in(&theirs.id, "#a"))),
        ("/target/channel", target(slack_in(&scene.id, "a b"))),
        (
            "/target/destinationId",
            target(json!({"type": "destination", "integrationId": id, "destinationId": gone})),
        ),
        ("/target/to", target(mail(json!([])))),
        ("/target/to/0", target(mail(json!(["a@b.c\r\nBcc: d@e.f"])))),
        (
            "/target/teamId",
            target(
                json!({"type": "teams", "integrationId": id, "teamId": "../x", "channelId": "c"}),
            ),
        ),
        ("/name", with(channel.clone(), "name", json!(" "))),
    ];
    scene.refuses("POST", CHANNELS, &bad).await;
    for body in [
        target(json!({"type": "pigeon", "integrationId": id})),
        target(json!({"type": "slack", "integrationId": id, "channel": "#a", "token": "a canary"})),
        with(channel.clone(), "matcher", json!({"kinds": ["a canary"]})),
        json!({}),
    ] {
        let answer = scene.post(CHANNELS, body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(!answer.text.contains("canary"), "{answer:?}");
    }
}

/// Nobody does by a channel what he may not do himself.
#[tokio::test]
async fn a_channel_takes_the_right_to_what_it_sends_by() {
    let scene = Scene::new().await;
    let destination = json!({"type": "http", "url": "https://example.com/"});
    let path = format!("{}/destinations", scene.integration);
    let destination = scene.post(&path, destination).await.id();
    let target =
        json!({"type": "destination", "integrationId": scene.id, "destinationId": destination});
    let by_destination = with(slack(&scene.id), "target", target);
    let made = scene.post(CHANNELS, slack(&scene.id)).await;
    let channel = made.headers["location"].to_str().unwrap().to_owned();
    let read = scene.get(&scene.integration).await;
    let headers = [("if-match", etag(&read))];
    let call = ("PATCH", scene.integration.as_str());
    let restricted = json!({"classification": "restricted"});
    let patched = scene.portal.call(call, &scene.token, &headers, restricted);
    assert_eq!(patched.await.status, 200);
    // What is restricted takes a second factor.
    let plain = json!({"roles": "owner", "amr": ["pwd"]});
    let plain = scene.portal.signed(scene.organization, "p", plain);
    for body in [slack(&scene.id), by_destination] {
        let before = scene.portal.contents().await;
        for call in [("POST", CHANNELS), ("PUT", channel.as_str())] {
            let headers = [("if-match", "\"1\"")];
            let denied = scene.portal.call(call, &plain, &headers, body.clone());
            assert_eq!(denied.await.status, 403, "{call:?} {body}");
        }
        assert_eq!(scene.portal.contents().await, before);
        scene.post(CHANNELS, body).await.id();
    }
}

#[tokio::test]
async fn there_may_be_twenty() {
    let scene = Scene::new().await;
    for _ in 0..20 {
        scene.post(CHANNELS, slack(&scene.id)).await.id();
    }
    let before = scene.portal.contents().await;
    let one_more = scene.post(CHANNELS, slack(&scene.id)).await;
    assert_eq!(
        (one_more.status.as_u16(), one_more.code().as_str()),
        (409, "limit_reached")
    );
    assert_eq!(scene.portal.contents().await, before);
}

#[tokio::test]
async fn a_test_is_owed_to_its_channel_alone() {
    let scene = Scene::new().await;
    let id = scene.post(CHANNELS, slack(&scene.id)).await.id();
    let asked = scene
        .post(&format!("{CHANNELS}/{id}/test"), Value::Null)
        .await;
    assert_eq!(asked.status, 202, "{asked:?}");
    assert_eq!(asked.json()["channelId"], json!(id));
    let now = system_sources().now();
    let due = scene.portal.store.due_notices(now, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].organization, scene.organization);
    assert!(matches!(&due[0].body, NoticeBody::Test { channel, .. } if channel.to_string() == id));
    let nobody = format!("{CHANNELS}/chn_01K72Z5QSW0123456789ABCDEF/test");
    assert_eq!(scene.post(&nobody, Value::Null).await.status, 404);
}
