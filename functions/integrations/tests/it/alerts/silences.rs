use super::*;
use crate::portal::with;

#[tokio::test]
async fn a_silence_is_made_changed_seen_and_ended() {
    let scene = Scene::new().await;
    let made = scene.post(SILENCES, silence()).await;
    let path = format!("{SILENCES}/{}", made.id());
    assert_eq!(
        (etag(&made), &made.json()["active"]),
        ("\"1\"", &json!(true))
    );
    assert_eq!(made.json()["createdBy"], "me");
    let weekly = json!({
        "effect": "maintenance", "from": in_hours(2), "until": in_hours(4), "repeats": "weekly",
        "reason": "the provider's window", "matcher": {"integrations": [scene.id], "kinds": ["slow"]},
    });
    let changed = scene.put(&path, 1, weekly).await;
    assert_eq!(
        (changed.status.as_u16(), etag(&changed)),
        (200, "\"2\""),
        "{changed:?}"
    );
    assert_eq!(changed.json()["active"], false);
    assert_eq!(
        scene.put(&path, 1, silence()).await.code(),
        "precondition_failed"
    );
    assert_eq!(scene.get(&path).await.json(), changed.json());
    assert_eq!(
        scene.get(SILENCES).await.json()["items"],
        json!([changed.json()])
    );
    assert_eq!(scene.portal.delete(&path, &scene.token).await.status, 204);
    assert_eq!(scene.get(&path).await.status, 404);
    assert_eq!(scene.portal.delete(&path, &scene.token).await.status, 404);
}

#[tokio::test]
async fn what_no_silence_can_be_is_named() {
    let scene = Scene::new().await;
    let of = |field: &str, value: Value| with(silence(), field, value);
    let daily = with(of("until", in_hours(25)), "repeats", json!("daily"));
    let bad = [
        ("/until", of("until", json!("2020-01-01T00:00:00Z"))),
        ("/until", of("from", in_hours(2))),
        ("/until", of("until", in_hours(24 * 400))),
        ("/until", daily),
        ("/reason", of("reason", json!(""))),
        ("/effect", of("effect", json!("a canary"))),
        ("/from", of("from", json!("soon"))),
        ("/until", of("until", Value::Null)),
    ];
    scene.refuses("POST", SILENCES, &bad).await;
}

#[tokio::test]
async fn there_may_be_fifty_that_are_not_over() {
    let scene = Scene::new().await;
    for _ in 0..50 {
        scene.post(SILENCES, silence()).await.id();
    }
    let one_more = scene.post(SILENCES, silence()).await;
    assert_eq!(
        (one_more.status.as_u16(), one_more.code().as_str()),
        (409, "limit_reached")
    );
}
