use gatehouse::domain::alert::NoticeBody;
use gatehouse::domain::{DestinationId, NoticeId};
use gatehouse::store::OwedNotice;

use super::*;

#[tokio::test]
async fn what_happens_in_one_window_is_one_message() {
    let scene = Scene::new(11).await;
    let other = scene.world.integration(json!({"name": "ERP"})).await;
    scene
        .set_up(|setup| {
            setup.group_seconds = 900;
            setup.channels[0].matcher = AlertMatcher::default();
        })
        .await;
    scene.world.provider.answers(500);
    for _ in 0..40 {
        for integration in [scene.watched, other] {
            for _ in 0..10 {
                let failed = json!({"status": "failed", "error": "upstream_network"});
                scene.world.call(integration, failed).await;
            }
        }
        scene.world.pass(MINUTE);
        scene.world.run().await;
    }
    let sent = scene.messenger.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].0, "/chat.postMessage");
    assert_eq!(sent[0].1["channel"], "#ops");
    let text = sent[0].1["text"].as_str().unwrap();
    assert_eq!(text.lines().count(), 4, "{text}");
}

#[tokio::test]
async fn a_channel_that_fails_is_tried_again_and_seen_and_the_others_are_told_once() {
    let scene = Scene::new(12).await;
    let good = Messenger::start().await;
    let fields = json!({"name": "Chat", "baseUrl": good.url, "apiProfile": {}});
    let chat = scene.world.integration(fields).await;
    let second = ChannelId::from(scene.world.dice().ulid(scene.world.now()));
    let target = ChannelTarget::Slack {
        integration_id: chat,
        channel: "#other".to_owned(),
    };
    let channel = AlertChannel {
        id: second,
        ..scene.channel(target)
    };
    scene.set_up(|setup| setup.channels.push(channel)).await;
    scene
        .messenger
        .answers(200, r#"{"ok": false, "error": "a canary of the answer"}"#);
    scene.minutes(9, true).await;
    scene.minutes(6, true).await;
    assert_eq!(good.lines().len(), 2);
    let (store, organization) = (&scene.world.store, scene.world.organization);
    let state = store
        .channel_state(organization, scene.channel)
        .await
        .unwrap();
    assert!(state.failures >= 2, "{state:?}");
    assert_eq!(state.last_error.as_deref(), Some("not_taken"));
    assert!(!format!("{state:?}").contains("canary"));
    scene.told();
    scene.messenger.answers(200, r#"{"ok": true}"#);
    for _ in 0..5 {
        scene.world.pass(Duration::from_secs(20 * 60));
        scene.world.run().await;
    }
    let told = scene.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(good.sent().len(), 0);
    let state = store
        .channel_state(organization, scene.channel)
        .await
        .unwrap();
    assert_eq!((state.failures, state.last_sent_at.is_some()), (0, true));
    let due = store
        .due_notices(scene.world.now().plus(hours(48)), 100)
        .await;
    assert_eq!(due.unwrap(), []);
}

#[tokio::test]
async fn after_a_day_nobody_is_told_any_more_and_that_is_seen() {
    let scene = Scene::new(13).await;
    scene.messenger.answers(500, "");
    scene.minutes(9, true).await;
    for _ in 0..40 {
        scene.world.pass(hours(1));
        scene.world.run().await;
    }
    let (store, organization) = (&scene.world.store, scene.world.organization);
    let state = store
        .channel_state(organization, scene.channel)
        .await
        .unwrap();
    assert!(state.given_up >= 2, "{state:?}");
    assert!(state.last_error.is_some(), "{state:?}");
    let due = store
        .due_notices(scene.world.now().plus(hours(48)), 100)
        .await;
    assert_eq!(due.unwrap(), []);
}

#[tokio::test]
async fn a_destination_gets_an_event_for_itself_alone_through_the_queue() {
    let scene = Scene::new(14).await;
    let destination = scene.destination().await;
    let target = ChannelTarget::Destination {
        integration_id: scene.slack,
        destination_id: destination,
    };
    let channel = scene.channel(target);
    scene
        .set_up(|setup| {
            setup.channels = vec![channel];
            setup.group_seconds = 900;
        })
        .await;
    scene.minutes(16, true).await;
    let sent = scene.world.aws.events.lock().unwrap().clone();
    // Both fired in one window.
    assert_eq!(sent.len(), 1);
    let event = scene.world.open_event(&sent[0]).await;
    assert_eq!(event.scheme, "alerts");
    assert_eq!(event.event_type.as_deref(), Some("alert.firing"));
    assert_eq!(event.integration_id, scene.slack);
    assert_eq!(event.endpoint_id.ulid(), destination.ulid());
    let body: Value = serde_json::from_slice(&event.body).unwrap();
    assert_eq!(body["type"], "alert.firing");
    assert_eq!(body["alerts"].as_array().unwrap().len(), 2);
    assert_eq!(body["alerts"][0]["integrationId"], json!(scene.watched));
    scene.minutes(5, true).await;
    assert_eq!(scene.world.aws.events.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_test_reaches_a_channel_though_it_is_not_in_use() {
    let scene = Scene::new(15).await;
    scene
        .set_up(|setup| setup.channels[0].enabled = false)
        .await;
    let now = scene.world.now();
    let notice = OwedNotice {
        id: NoticeId::from(scene.world.dice().ulid(now)),
        organization: scene.world.organization,
        due_at: now,
        body: NoticeBody::Test {
            channel: scene.channel,
            at: now,
        },
        channels: None,
        attempts: 0,
        owed_at: now,
        was_muted: false,
        group: None,
    };
    scene.world.store.owe_notice(&notice).await.unwrap();
    let report = scene.world.run().await;
    assert_eq!(report.told, 1);
    assert_eq!(scene.told(), ["A test: this channel works."]);
    assert_eq!(scene.world.run().await.told, 0);
}

#[tokio::test]
async fn a_channel_whose_destination_is_gone_says_so() {
    let scene = Scene::new(16).await;
    let target = ChannelTarget::Destination {
        integration_id: scene.slack,
        destination_id: DestinationId::from(scene.world.dice().ulid(scene.world.now())),
    };
    let channel = scene.channel(target);
    scene.set_up(|setup| setup.channels = vec![channel]).await;
    scene.minutes(9, true).await;
    let (store, organization) = (&scene.world.store, scene.world.organization);
    let state = store
        .channel_state(organization, scene.channel)
        .await
        .unwrap();
    assert_eq!(state.last_error.as_deref(), Some("destination_not_found"));
}

impl Scene {
    /// A destination of the integration that messages are sent by.
    async fn destination(&self) -> DestinationId {
        let keys = self.world.keys();
        keys.ensure(self.world.organization).await.unwrap();
        let now = self.world.now();
        let id = DestinationId::from(self.world.dice().ulid(now));
        let destination = serde_json::from_value(json!({
            "id": id, "organizationId": self.world.organization, "integrationId": self.slack,
            "type": "http", "url": "https://example.com/", "status": "active",
            "createdAt": now, "updatedAt": now,
        }));
        let store = &self.world.store;
        store
            .create_destination(&destination.unwrap())
            .await
            .unwrap();
        id
    }
}
