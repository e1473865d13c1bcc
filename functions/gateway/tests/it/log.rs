use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::world::World;

#[tokio::test]
async fn the_log_is_filtered_and_paged() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    for n in 0..6 {
        let method = if n % 2 == 0 { "GET" } else { "POST" };
        let body = json!({"method": method, "endpoint": format!("/{}/{n}", n % 3)});
        if n == 5 {
            provider.next(Reply::new(400));
        }
        world.request(&integration, body).await;
    }
    let list = async |query: &str| -> Value {
        let path = format!("{integration}/requests?{query}");
        let list = world.call(("GET", &path), &[], "").await;
        assert_eq!(list.status, 200, "{query}: {}", list.text());
        list.json()
    };
    let count = |list: &Value| list["items"].as_array().unwrap().len();
    for (query, expected) in [
        ("method=GET", 3),
        ("method=post", 3),
        ("path=/0", 2),
        ("status=failed", 1),
        ("status=succeeded", 5),
        ("responseStatus=400", 1),
        ("from=2000-01-01T00:00:00Z&to=2001-01-01T00:00:00Z", 0),
        ("limit=4", 4),
    ] {
        assert_eq!(count(&list(query).await), expected, "{query}");
    }
    let first = list("limit=4").await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = list(&format!("limit=4&cursor={cursor}")).await;
    assert_eq!(count(&rest), 2);
    assert_eq!(rest["nextCursor"], Value::Null);
    for query in [
        "limit=0",
        "limit=201",
        "cursor=x",
        "status=odd",
        "from=yesterday",
        "statuss=failed",
        "response_status=400",
    ] {
        let path = format!("{integration}/requests?{query}");
        let list = world.call(("GET", &path), &[], "").await;
        assert_eq!(list.problem(), (400, "malformed".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn bodies_are_kept_only_on_request_and_masked() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let config = json!({"keepBodies": true, "masking": {"paths": ["customer.name"]}});
    let keeps = world
        .integration(&provider.url, json!({"gatewayConfig": config}))
        .await;
    let plain = world.integration(&provider.url, json!({})).await;
    let body = json!({
        "customer": {"name": "canary-of-a-name"}, "mail": "a.person@example.com",
        "card": "4111 1111 1111 1111", "note": "kept",
    });
    provider.always(Reply::json(
        200,
        &json!({"mail": "other.person@example.com"}),
    ));
    for integration in [&keeps, &plain] {
        let call = json!({"method": "POST", "endpoint": "/x/a.person@example.com", "body": body});
        let made = world.request(integration, call).await.json();
        let path = format!("{integration}/requests/{}", made["id"].as_str().unwrap());
        let read = world.call(("GET", &path), &[], "").await;
        assert_eq!(read.status, 200, "{}", read.text());
        for hidden in ["canary-of-a-name", "person@example", "4111"] {
            assert!(!read.text().contains(hidden), "{hidden}: {}", read.text());
        }
        let read = read.json();
        assert_eq!(read["bodies"].is_null(), integration == &plain);
        if integration == &keeps {
            assert!(read["bodies"]["request"].as_str().unwrap().contains("kept"));
            assert!(
                read["bodies"]["response"]
                    .as_str()
                    .unwrap()
                    .contains("mail")
            );
        }
    }
    let stored = world.stack.contents().await.unwrap();
    for hidden in ["canary-of-a-name", "person@example", "4111"] {
        assert!(!stored.contains(hidden), "{hidden}");
    }
    let unknown = format!("{plain}/requests/req_01K72Z5QSW0123456789ABCDEF");
    let answer = world.call(("GET", &unknown), &[], "").await;
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_call_that_was_cut_short_stays_in_the_log_as_started() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    provider.always(Reply::new(200).after(std::time::Duration::from_secs(60)));
    let path = format!("{integration}/requests");
    let headers = [("idempotency-key", "order-1")];
    let body = json!({"method": "POST", "endpoint": "/pay", "body": {}});
    let call = world.post(&path, &headers, body.clone());
    // The function is gone once the provider has the call.
    tokio::select! {
        answer = call => panic!("{answer:?}"),
        () = provider.called() => {}
    }
    let log = world.log(&integration).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0]["status"], "started");
    assert_eq!(log[0]["endedAt"], Value::Null);
    // Whether it was done is not known, so it is not done again.
    let again = world.post(&path, &headers, body).await;
    assert_eq!(again.problem(), (409, "idempotency_key_in_use".to_owned()));
    assert_eq!(provider.calls().len(), 1);
}
