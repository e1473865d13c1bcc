use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use gatehouse::domain::{IntegrationId, OrganizationId};
use gatehouse::flows::{CacheScope, CachedAnswer, Lookup, Received, ResponseCache};
use gatehouse::store::Digest;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request};

use crate::account::Account;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: (&str, &str) = ("cache-control", "max-age=60");

struct World {
    account: Account,
    cache: ResponseCache,
    scope: CacheScope<'static>,
}

impl World {
    async fn new() -> Self {
        let account = Account::new().await;
        let scope = CacheScope {
            organization: account.id(),
            integration: account.id(),
            credential_version: "v1",
            generation: 0,
            variant: Digest::of(b"a"),
        };
        let cache = ResponseCache::new(account.store(), account.data_keys(), account.sources());
        Self {
            account,
            cache,
            scope,
        }
    }

    async fn store(&self, request: &request::Parts, texts: &[(&str, &str)], body: &Bytes) -> bool {
        let received = Received {
            status: StatusCode::OK,
            headers: &headers(texts),
            body,
            ttl: None,
        };
        self.cache.store(&self.scope, request, received).await
    }

    async fn lookup(&self, request: &request::Parts) -> Lookup {
        self.cache.lookup(&self.scope, request).await
    }

    async fn fresh(&self, request: &request::Parts) -> Option<CachedAnswer> {
        match self.lookup(request).await {
            Lookup::Fresh(answer) => Some(answer),
            Lookup::Miss | Lookup::Stale { .. } => None,
        }
    }

    /// The only answer that is in the table.
    async fn item(&self) -> std::collections::HashMap<String, AttributeValue> {
        let client = self.account.dynamodb();
        let table = self.account.table.to_string();
        let scanned = client.scan().table_name(table).send().await.unwrap();
        let kind = AttributeValue::S("cached_response".to_owned());
        let mut items = scanned.items.unwrap();
        items.retain(|item| item.get("item_type") == Some(&kind));
        assert_eq!(items.len(), 1);
        items.remove(0)
    }

    async fn put(&self, item: std::collections::HashMap<String, AttributeValue>) {
        let client = self.account.dynamodb();
        let table = self.account.table.to_string();
        let put = client.put_item().table_name(table).set_item(Some(item));
        put.send().await.unwrap();
    }
}

fn headers(texts: &[(&str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&str, &str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    texts.iter().map(header).collect()
}

fn request(method: Method, uri: &str, texts: &[(&str, &str)]) -> request::Parts {
    let request = http::Request::builder().method(method).uri(uri);
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    parts.headers = headers(texts);
    parts
}

fn get(path: &str) -> request::Parts {
    request(Method::GET, &format!("https://api.example.com{path}"), &[])
}

fn body(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test]
async fn a_fresh_answer_is_given_again_with_its_age_and_then_no_more() {
    let world = World::new().await;
    let texts = [MINUTE, ("x-a", "1"), ("x-a", "2"), ("set-cookie", "a=b")];
    assert!(matches!(world.lookup(&get("/a")).await, Lookup::Miss));
    assert!(world.store(&get("/a"), &texts, &body("{}")).await);
    world.account.clock.advance(SECOND * 59);
    let answer = world.fresh(&get("/a")).await.unwrap();
    let expected = [MINUTE, ("x-a", "1"), ("x-a", "2"), ("age", "59")];
    assert_eq!(answer.headers, headers(&expected));
    assert_eq!((answer.status, answer.body), (StatusCode::OK, body("{}")));
    world.account.clock.advance(SECOND);
    assert!(matches!(world.lookup(&get("/a")).await, Lookup::Miss));
}

#[tokio::test]
async fn a_stale_answer_is_asked_about_for_a_day_and_renewed_by_a_304() {
    let world = World::new().await;
    let tagged = [MINUTE, ("etag", "\"1\"")];
    assert!(world.store(&get("/a"), &tagged, &body("{}")).await);
    world.account.clock.advance(SECOND * 86_400);
    let asked = get("/a");
    let Lookup::Stale { validators, cached } = world.lookup(&asked).await else {
        panic!("it is not asked about");
    };
    assert_eq!(validators, headers(&[("if-none-match", "\"1\"")]));
    let said = headers(&[("x-new", "1")]);
    let renewed = world
        .cache
        .revalidated(&world.scope, &asked, &cached, &said);
    assert_eq!(renewed.await.unwrap().body, body("{}"));
    world.account.clock.advance(SECOND * 59);
    let answer = world.fresh(&asked).await.unwrap();
    assert_eq!(answer.headers["x-new"], "1");
    let other = headers(&[("etag", "\"2\"")]);
    let renewed = world
        .cache
        .revalidated(&world.scope, &asked, &cached, &other);
    assert_eq!(renewed.await, None);
    world.account.clock.advance(SECOND * (86_400 + 2));
    assert!(matches!(world.lookup(&asked).await, Lookup::Miss));
}

#[tokio::test]
async fn an_answer_is_for_its_own_request_and_credential_only() {
    let world = World::new().await;
    assert!(world.store(&get("/a?b=1"), &[MINUTE], &body("{}")).await);
    assert!(world.fresh(&get("/a?b=1")).await.is_some());
    for other in ["/a", "/a?b=2", "/a/?b=1", "/A?b=1"] {
        assert_eq!(world.fresh(&get(other)).await, None, "{other}");
    }
    let elsewhere = request(Method::GET, "https://api.example.org/a?b=1", &[]);
    assert_eq!(world.fresh(&elsewhere).await, None);
    let organization: OrganizationId = world.account.id();
    let integration: IntegrationId = world.account.id();
    let scope = world.scope;
    for other in [
        CacheScope {
            organization,
            ..scope
        },
        CacheScope {
            integration,
            ..scope
        },
        CacheScope {
            credential_version: "v2",
            ..scope
        },
        CacheScope {
            generation: 1,
            ..scope
        },
        CacheScope {
            variant: Digest::of(b"b"),
            ..scope
        },
    ] {
        let looked_up = world.cache.lookup(&other, &get("/a?b=1")).await;
        assert!(matches!(looked_up, Lookup::Miss), "{other:?}");
    }
}

#[tokio::test]
async fn an_item_in_another_organizations_place_is_a_miss() {
    let world = World::new().await;
    assert!(world.store(&get("/a"), &[MINUTE], &body("{}")).await);
    let ours = world.item().await;
    let organization: OrganizationId = world.account.id();
    let theirs = CacheScope {
        organization,
        ..world.scope
    };
    let received = Received {
        status: StatusCode::OK,
        headers: &headers(&[MINUTE]),
        body: &body("[]"),
        ttl: None,
    };
    assert!(world.cache.store(&theirs, &get("/a"), received).await);
    // Whoever can write to the table copies an answer into the place of theirs.
    let client = world.account.dynamodb();
    let table = world.account.table.to_string();
    let scanned = client.scan().table_name(table).send().await.unwrap();
    let place = scanned.items.unwrap().into_iter().find(|item| {
        let is_theirs = |pk: &String| pk.contains(&organization.to_string());
        item["item_type"].as_s().unwrap() == "cached_response"
            && item["pk"].as_s().is_ok_and(is_theirs)
    });
    let mut copy = ours;
    copy.insert("pk".to_owned(), place.unwrap()["pk"].clone());
    world.put(copy).await;
    let looked_up = world.cache.lookup(&theirs, &get("/a")).await;
    assert!(matches!(looked_up, Lookup::Miss));
    assert!(world.fresh(&get("/a")).await.is_some());
}

#[tokio::test]
async fn a_head_is_answered_by_a_get_and_not_the_other_way_round() {
    let world = World::new().await;
    let head = request(Method::HEAD, "https://api.example.com/a", &[]);
    assert!(
        world
            .store(&head, &[MINUTE, ("x-from", "head")], &Bytes::new())
            .await
    );
    assert_eq!(world.fresh(&get("/a")).await, None);
    assert_eq!(world.fresh(&head).await.unwrap().headers["x-from"], "head");
    assert!(
        world
            .store(&get("/a"), &[MINUTE, ("x-from", "get")], &body("{}"))
            .await
    );
    let answer = world.fresh(&head).await.unwrap();
    assert_eq!(answer.headers["x-from"], "get");
    assert_eq!(answer.body, Bytes::new());
    let post = request(Method::POST, "https://api.example.com/a", &[]);
    assert_eq!(world.fresh(&post).await, None);
    assert!(!world.store(&post, &[MINUTE], &body("{}")).await);
}

#[tokio::test]
async fn what_was_changed_by_a_call_is_forgotten() {
    let world = World::new().await;
    let head = request(Method::HEAD, "https://api.example.com/a", &[]);
    for kept in [&get("/a"), &head, &get("/b")] {
        assert!(world.store(kept, &[MINUTE], &body("")).await);
    }
    let put = request(Method::PUT, "https://api.example.com/a", &[]);
    world.cache.forget(&world.scope, &put).await;
    assert_eq!(world.fresh(&get("/a")).await, None);
    assert_eq!(world.fresh(&head).await, None);
    assert!(world.fresh(&get("/b")).await.is_some());
    world.cache.forget(&world.scope, &put).await;
}

#[tokio::test]
async fn of_answers_that_vary_the_last_is_kept() {
    let world = World::new().await;
    let varies = [MINUTE, ("vary", "accept-language")];
    let in_language = |language| {
        let texts = [("accept-language", language)];
        request(Method::GET, "https://api.example.com/a", &texts)
    };
    for language in ["de", "fr"] {
        assert!(
            world
                .store(&in_language(language), &varies, &body("{}"))
                .await
        );
        assert!(world.fresh(&in_language(language)).await.is_some());
    }
    assert_eq!(world.fresh(&in_language("de")).await, None);
}

#[tokio::test]
async fn what_is_too_large_is_not_kept() {
    let world = World::new().await;
    // Random, so that compressing it does not help.
    let mut random = vec![0; 256 * 1024 + 1];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    let random = Bytes::from(random);
    assert!(!world.store(&get("/a"), &[MINUTE], &random).await);
    let largest = random.slice(1..);
    let long = "x".repeat(30 * 1024);
    assert!(
        world
            .store(&get("/a"), &[MINUTE, ("x-long", &long)], &largest)
            .await
    );
    assert_eq!(world.fresh(&get("/a")).await.unwrap().body, largest);
    let longer = "x".repeat(33 * 1024);
    assert!(
        !world
            .store(&get("/b"), &[MINUTE, ("x-long", &longer)], &body("{}"))
            .await
    );
}

#[tokio::test]
async fn nothing_of_an_answer_can_be_read_in_the_table() {
    let world = World::new().await;
    let canary = "canary".repeat(3);
    let path = format!("/{canary}?q={canary}");
    let varies = [MINUTE, ("x-a", canary.as_str()), ("vary", "x-b")];
    let texts = [("x-b", canary.as_str())];
    let asked = request(
        Method::GET,
        &format!("https://api.example.com{path}"),
        &texts,
    );
    assert!(world.store(&asked, &varies, &canary.clone().into()).await);
    assert!(world.fresh(&asked).await.is_some());
    let shown = format!("{:?}", world.item().await);
    let bytes = format!("{:?}", canary.as_bytes());
    for trace in ["canary", bytes.trim_matches(['[', ']'])] {
        assert!(!shown.contains(trace), "{shown}");
    }
}

#[tokio::test]
async fn a_changed_item_is_a_miss_and_is_replaced() {
    let world = World::new().await;
    assert!(world.store(&get("/a"), &[MINUTE], &body("{}")).await);
    let item = world.item().await;
    let with_data = |name: &str, value: AttributeValue| {
        let mut item = item.clone();
        let mut data = item["data"].as_m().unwrap().clone();
        data.insert(name.to_owned(), value).unwrap();
        item.insert("data".to_owned(), AttributeValue::M(data));
        item
    };
    let sealed = item["data"].as_m().unwrap()["sealed"]
        .as_b()
        .unwrap()
        .clone();
    let mut bytes = sealed.into_inner();
    *bytes.last_mut().unwrap() ^= 1;
    for changed in [
        with_data("sealed", AttributeValue::B(Blob::new(bytes))),
        with_data("sealed", AttributeValue::B(Blob::new([]))),
        with_data("sealed", AttributeValue::S("text".to_owned())),
        with_data("plainBytes", AttributeValue::N("1".to_owned())),
        with_data("plainBytes", AttributeValue::N("999999999999".to_owned())),
    ] {
        world.put(changed).await;
        assert!(matches!(world.lookup(&get("/a")).await, Lookup::Miss));
    }
    assert!(world.store(&get("/a"), &[MINUTE], &body("{}")).await);
    assert!(world.fresh(&get("/a")).await.is_some());
}

#[tokio::test]
async fn an_item_that_is_made_to_last_is_no_fresher() {
    let world = World::new().await;
    assert!(world.store(&get("/a"), &[MINUTE], &body("{}")).await);
    let mut item = world.item().await;
    let far = AttributeValue::N("99999999999".to_owned());
    item.insert("expires_at".to_owned(), far);
    world.put(item).await;
    assert!(world.fresh(&get("/a")).await.is_some());
    world.account.clock.advance(SECOND * 60);
    assert!(matches!(world.lookup(&get("/a")).await, Lookup::Miss));
}

#[tokio::test]
async fn an_answer_of_the_future_is_not_used() {
    let world = World::new().await;
    assert!(world.store(&get("/a"), &[MINUTE], &body("{}")).await);
    world.account.clock.go_back(SECOND * 5);
    assert!(world.fresh(&get("/a")).await.is_some());
    world.account.clock.go_back(SECOND);
    assert!(matches!(world.lookup(&get("/a")).await, Lookup::Miss));
}

#[tokio::test]
async fn a_cache_that_fails_has_nothing_and_fails_no_call() {
    let world = World::new().await;
    assert!(world.store(&get("/a"), &[MINUTE], &body("{}")).await);
    world.account.wire.fail(999, 500, "InternalServerError");
    assert!(matches!(world.lookup(&get("/a")).await, Lookup::Miss));
    assert!(!world.store(&get("/b"), &[MINUTE], &body("{}")).await);
    world.cache.forget(&world.scope, &get("/b")).await;
    world.account.wire.heal();
    assert!(world.fresh(&get("/a")).await.is_some());
}

#[tokio::test]
async fn a_hit_costs_one_read_and_what_is_not_for_the_cache_none() {
    let world = World::new().await;
    assert!(world.store(&get("/a"), &[MINUTE], &body("{}")).await);
    world.account.wire.operations();
    assert!(world.fresh(&get("/a")).await.is_some());
    assert_eq!(world.account.wire.operations(), ["GetItem"]);
    let ranged = request(
        Method::GET,
        "https://api.example.com/a",
        &[("range", "bytes=0-1")],
    );
    assert_eq!(world.fresh(&ranged).await, None);
    assert!(
        !world
            .store(&get("/c"), &[("cache-control", "no-store")], &body("{}"))
            .await
    );
    assert!(world.account.wire.operations().is_empty());
}
