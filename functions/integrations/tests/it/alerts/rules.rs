use super::*;

fn rule(view: &Value, kind: &str) -> Value {
    let items = view["items"].as_array().unwrap().iter();
    let mut of_kind = items.filter(|item| item["kind"] == kind);
    of_kind.next().unwrap().clone()
}

#[tokio::test]
async fn all_rules_hold_from_the_first_integration_on() {
    let scene = Scene::new().await;
    for path in [
        RULES.to_owned(),
        format!("{}/alerts/rules", scene.integration),
    ] {
        let answer = scene.get(&path).await;
        assert_eq!((answer.status.as_u16(), etag(&answer)), (200, "\"0\""));
        let view = answer.json();
        assert_eq!(view["items"].as_array().unwrap().len(), 11);
        let rule = rule(&view, "error_rate");
        assert_eq!(rule["enabled"], true);
        assert_eq!(rule["threshold"], 0.1);
        assert_eq!(rule.get("change"), None);
    }
}

#[tokio::test]
async fn an_organization_and_an_integration_say_what_they_want_otherwise() {
    let scene = Scene::new().await;
    let body =
        json!({"groupSeconds": 60, "rules": {"error_rate": {"threshold": 0.4, "fireAfter": 7}}});
    let answer = scene.put(RULES, 0, body).await;
    assert_eq!(
        (answer.status.as_u16(), etag(&answer)),
        (200, "\"1\""),
        "{answer:?}"
    );
    assert_eq!(answer.json()["groupSeconds"], 60);
    let path = format!("{}/alerts/rules", scene.integration);
    let body = json!({"rules": {"error_rate": {"threshold": 0.2}, "slow": {"enabled": false}}});
    let answer = scene.put(&path, 0, body).await;
    assert_eq!(
        (answer.status.as_u16(), etag(&answer)),
        (200, "\"1\""),
        "{answer:?}"
    );
    let of_integration = scene.get(&path).await.json();
    let error_rate = rule(&of_integration, "error_rate");
    assert_eq!(
        (&error_rate["threshold"], &error_rate["fireAfter"]),
        (&json!(0.2), &json!(7))
    );
    assert_eq!(error_rate["change"], json!({"threshold": 0.2}));
    assert_eq!(rule(&of_integration, "slow")["enabled"], false);
    let of_all = scene.get(RULES).await.json();
    assert_eq!(rule(&of_all, "error_rate")["threshold"], 0.4);
    assert_eq!(rule(&of_all, "slow")["enabled"], true);
    // Nothing in particular: everything as it was at first.
    let answer = scene.put(RULES, 1, json!({})).await;
    assert_eq!(rule(&answer.json(), "error_rate")["threshold"], 0.1);
    assert_eq!(answer.json()["groupSeconds"], 30);
}

#[tokio::test]
async fn a_version_that_has_passed_changes_nothing() {
    let scene = Scene::new().await;
    let of_integration = format!("{}/alerts/rules", scene.integration);
    for path in [RULES, &of_integration] {
        assert_eq!(scene.put(path, 0, json!({"rules": {}})).await.status, 200);
        let before = scene.portal.contents().await;
        let body = json!({"rules": {"slow": {"enabled": false}}});
        let late = scene.put(path, 0, body.clone()).await;
        assert_eq!(
            (late.status.as_u16(), late.code().as_str()),
            (412, "precondition_failed")
        );
        let without = scene
            .portal
            .call(("PUT", path), &scene.token, &[], body)
            .await;
        assert_eq!(without.code(), "precondition_required");
        assert_eq!(scene.portal.contents().await, before);
    }
}

#[tokio::test]
async fn what_no_rule_can_be_is_named() {
    let scene = Scene::new().await;
    let path = format!("{}/alerts/rules", scene.integration);
    let bad = |change: Value| json!({"rules": {"error_rate": change}});
    let both = [
        ("/rules/error_rate/threshold", bad(json!({"threshold": 2}))),
        ("/rules/error_rate/threshold", bad(json!({"threshold": -1}))),
        (
            "/rules/error_rate/resolveThreshold",
            bad(json!({"resolveThreshold": 0.5})),
        ),
        ("/rules/error_rate/fireAfter", bad(json!({"fireAfter": 0}))),
        (
            "/rules/error_rate/resolveAfter",
            bad(json!({"resolveAfter": 2000})),
        ),
        (
            "/rules/error_rate/severity",
            bad(json!({"severity": "dreadful"})),
        ),
        (
            "/rules/credential_expiring/resolveThreshold",
            json!({"rules": {"credential_expiring": {"threshold": 30}}}),
        ),
    ];
    scene.refuses("PUT", RULES, &both).await;
    scene.refuses("PUT", &path, &both).await;
    let window = [("/groupSeconds", json!({"groupSeconds": 901}))];
    scene.refuses("PUT", RULES, &window).await;
    for (body, pointer) in [
        (json!({"rules": {"weather": {}}}), "/rules/weather"),
        (json!({"rules": {"slow": {"a": 1}}}), "/rules/slow"),
    ] {
        let answer = scene.put(RULES, 0, body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains(pointer), "{answer:?}");
    }
}
