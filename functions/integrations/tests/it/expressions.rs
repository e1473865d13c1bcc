use gatehouse::domain::{Delivery, DestinationId, Expression, IntegrationId, OrganizationId};
use gatehouse::lambda::system_sources;
use serde_json::json;

use crate::portal::Portal;
use crate::replays::event;

/// What would bring a function down, or can never work.
fn refused() -> Vec<String> {
    let nested = |open: &str, close: &str, n| format!("{}a{}", open.repeat(n), close.repeat(n));
    vec![
        nested("!", "", 4_000),
        nested("!", "", 351),
        nested("&", "", 4_000),
        nested("(", ")", 2_000),
        nested("[", "]", 1_900),
        nested("abs(", ")", 450),
        nested("{a:", "}", 800),
        nested("[?", "]", 800),
        nested("", ".a", 2_000),
        nested("", "|a", 2_000),
        nested("", "&&a", 1_300),
        nested("", "==a", 1_300),
        nested("", "[0]", 1_300),
        nested("", "[]", 2_000),
        nested("", "[*]", 1_300),
        format!("*{}", ".*".repeat(2_000)),
        "[*]".repeat(1_300),
        ["[@,@]"; 22].join("|"),
        format!("length(to_string({})) > `1`", ["[@,@]"; 22].join("|")),
        "lenght(a)".to_owned(),
        "length()".to_owned(),
        "length(a, b)".to_owned(),
        "map(a, b)".to_owned(),
    ]
}

#[tokio::test]
async fn an_expression_that_can_do_harm_or_never_work_is_refused_with_its_place() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = format!("{}/destinations", portal.integration(&token).await);
    for expression in refused() {
        for field in ["filter", "transform"] {
            let body = json!({"type": "http", "url": "https://a.b/", field: expression});
            let answer = portal.post(&path, &token, body).await;
            assert_eq!(answer.status, 400, "{field} {expression}: {}", answer.text);
            let errors = &answer.json()["errors"];
            assert_eq!(errors[0]["pointer"], format!("/{field}"), "{expression}");
        }
    }
    assert_eq!(portal.get(&path, &token).await.json(), json!({"items": []}));
}

#[tokio::test]
async fn what_is_wrong_with_an_expression_is_said_in_words() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = format!("{}/destinations", portal.integration(&token).await);
    for (expression, message) in [
        ("lenght(a)".to_owned(), "there is no function `lenght`"),
        ("join(a)".to_owned(), "`join` takes 2 arguments, not 1"),
        ("!".repeat(400), "nested or chained too deeply"),
        (
            ["[@,@]"; 22].join("|"),
            "its result could be more than 4096 times as large as its input",
        ),
    ] {
        let body = json!({"type": "http", "url": "https://a.b/", "filter": expression});
        let answer = portal.post(&path, &token, body).await;
        assert_eq!(answer.json()["errors"][0]["message"], message);
    }
}

#[tokio::test]
async fn what_holds_an_expression_of_older_rules_can_be_read_changed_and_deleted() {
    let portal = Portal::new().await;
    let sources = system_sources();
    let organization = OrganizationId::generate(sources.now(), sources.randomness.as_ref());
    let token = portal.token(organization);
    let integration = portal.integration(&token).await;
    let list = format!("{integration}/destinations");
    let body = json!({"type": "http", "url": "https://example.com/in", "filter": "a"});
    let id = portal.post(&list, &token, body).await.id();
    let path = format!("{list}/{id}");

    let (_, integration_id) = integration.rsplit_once('/').unwrap();
    let integration_id: IntegrationId = integration_id.parse().unwrap();
    let destination: DestinationId = id.parse().unwrap();
    let stored = portal
        .store
        .destination(organization, integration_id, destination);
    let mut stored = stored.await.unwrap().unwrap();
    let text = "!".repeat(1_000);
    stored.item.filter = Some(Expression::stored(text.clone()));
    let update = portal
        .store
        .update_destination(&stored.item, stored.version);
    update.await.unwrap();

    assert_eq!(portal.get(&list, &token).await.status, 200);
    assert_eq!(portal.get(&path, &token).await.json()["filter"], text);
    let change = json!({"status": "disabled"});
    let changed = portal
        .call(("PATCH", &path), &token, &[("if-match", "\"2\"")], change)
        .await;
    assert_eq!(changed.json()["filter"], text);
    assert_eq!(portal.delete(&integration, &token).await.status, 200);
    assert_eq!(portal.get(&path, &token).await.status, 404);
}

#[tokio::test]
async fn an_event_is_replayed_to_a_destination_whose_filter_fails_on_it() {
    let portal = Portal::new().await;
    let sources = system_sources();
    let organization = OrganizationId::generate(sources.now(), sources.randomness.as_ref());
    let token = portal.token(organization);
    let path = portal.integration(&token).await;
    for filter in ["abs(a) > `1`", "a == 'c'"] {
        let body = json!({"type": "http", "url": "https://example.com/in", "filter": filter});
        let list = format!("{path}/destinations");
        assert_eq!(portal.post(&list, &token, body).await.status, 201);
    }
    let (_, integration) = path.rsplit_once('/').unwrap();
    let integration: IntegrationId = integration.parse().unwrap();
    let event = event(&portal, organization, integration, Vec::new()).await;
    let retry = format!("{path}/webhooks/events/{}/retry", event.id);
    let retried = portal.post(&retry, &token, serde_json::Value::Null).await;
    assert_eq!(retried.json()["deliveries"], 1, "{}", retried.text);
    let now = sources.now();
    let stored = portal.store.event(organization, integration, event.id, now);
    let deliveries = stored.await.unwrap().unwrap().deliveries;
    assert_eq!(
        deliveries[0].error.as_deref(),
        Some(Delivery::FILTER_FAILED)
    );
    assert!(deliveries[0].awaits_filter());
}
