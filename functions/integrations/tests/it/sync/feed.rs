use serde_json::{Value, json};

use super::{CANARY, Crm};

/// All pages of a read: its records, and where the next read begins.
async fn read(crm: &Crm, limit: u16, begin: &str) -> (Vec<Value>, String) {
    go_on(crm, limit, begin.to_owned()).await
}

async fn go_on(crm: &Crm, limit: u16, mut place: String) -> (Vec<Value>, String) {
    let mut items = Vec::new();
    loop {
        let page = page(crm, limit, &place).await;
        items.extend(page["items"].as_array().unwrap().clone());
        match page["nextCursor"].as_str() {
            Some(next) => place = format!("&cursor={next}"),
            None => return (items, page["changesCursor"].as_str().unwrap().to_owned()),
        }
    }
}

async fn page(crm: &Crm, limit: u16, place: &str) -> Value {
    let path = format!("/records?entity=contacts&limit={limit}{place}");
    let page = crm.get(&path).await;
    assert_eq!(page.status, 200, "{page:?}");
    page.json()
}

fn ids(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

async fn see_contacts(crm: &Crm, count: usize) {
    let names: Vec<String> = (0..count).map(|n| format!("c{n:03}")).collect();
    for chunk in names.chunks(10) {
        let seen: Vec<_> = chunk
            .iter()
            .map(|id| (id.as_str(), Some(json!({"name": id}))))
            .collect();
        crm.see(&seen).await;
    }
}

#[tokio::test]
async fn a_read_has_each_record_once_and_the_next_one_what_changed_meanwhile() {
    let crm = Crm::new().await;
    see_contacts(&crm, 25).await;
    let first = page(&crm, 10, "").await;
    assert!(first["changesCursor"].is_null());
    // One that was read changes, one that was not, one goes, and one comes.
    crm.see(&[
        ("c003", Some(json!({"name": "changed"}))),
        ("c020", Some(json!({"name": "changed"}))),
        ("c021", None),
        ("c999", Some(json!({"name": "new"}))),
    ])
    .await;
    let place = format!("&cursor={}", first["nextCursor"].as_str().unwrap());
    let (rest, changes) = go_on(&crm, 10, place).await;
    let begun = first["items"].as_array().unwrap();
    let mut read_ids = ids(begun);
    read_ids.extend(ids(&rest));
    let mut expected: Vec<String> = (0..25).map(|n| format!("c{n:03}")).collect();
    expected.retain(|id| id != "c020" && id != "c021");
    assert_eq!(read_ids, expected);
    let (next, later) = read(&crm, 2, &format!("&changedAfter={changes}")).await;
    assert_eq!(ids(&next), ["c003", "c020", "c021", "c999"]);
    assert_eq!(next[0]["version"], 2);
    assert_eq!(next[0]["content"], json!({"name": "changed"}));
    assert_eq!(next[2]["deleted"], true);
    assert!(next[2]["content"].is_null(), "{next:?}");
    let (none, _) = read(&crm, 200, &format!("&changedAfter={later}")).await;
    assert!(none.is_empty());
}

#[tokio::test]
async fn a_read_begins_after_an_instant() {
    let crm = Crm::new().await;
    see_contacts(&crm, 12).await;
    let (all, _) = read(&crm, 5, "").await;
    assert_eq!(all.len(), 12);
    let last = all[11]["changedAt"].as_str().unwrap();
    let after = |instant: &str| format!("&changedAfter={instant}");
    let (none, _) = read(&crm, 5, &after(last)).await;
    assert!(none.is_empty(), "{none:?}");
    let (later, _) = read(&crm, 5, &after("2100-01-01T00:00:00Z")).await;
    assert!(later.is_empty());
    let (again, _) = read(&crm, 5, &after("2000-01-01T00:00:00Z")).await;
    assert_eq!(again, all);
    let first = all[0]["changedAt"].as_str().unwrap();
    let (some, _) = read(&crm, 5, &after(first)).await;
    let expected = all.iter().filter(|item| item["changedAt"] != first);
    assert_eq!(
        some.iter().collect::<Vec<_>>(),
        expected.collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn pages_are_short_where_records_are_long() {
    let crm = Crm::new().await;
    // They shrink where they are stored, so that many fit one answer of the table.
    let long = "a".repeat(100_000);
    for n in 0..40 {
        let id = format!("c{n:03}");
        crm.see(&[(&id, Some(json!({"name": long, "n": n})))]).await;
    }
    let first = page(&crm, 200, "").await;
    let items = first["items"].as_array().unwrap();
    assert_eq!(items.len(), 27);
    let (all, _) = read(&crm, 200, "").await;
    assert_eq!(all.len(), 40);
}

#[tokio::test]
async fn what_is_no_read_is_refused() {
    let crm = Crm::new().await;
    see_contacts(&crm, 3).await;
    let first = page(&crm, 1, "").await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let (_, changes) = read(&crm, 10, "").await;
    let other = Crm::new().await;
    other.see(&[("c1", Some(json!({})))]).await;
    for (query, status, code) in [
        ("", 400, "malformed"),
        ("?entity=a%23b", 400, "malformed"),
        ("?entity=deals", 404, "not_found"),
        ("?entity=contacts&limit=0", 400, "malformed"),
        ("?entity=contacts&limit=201", 400, "malformed"),
        ("?entity=contacts&changedAfter=yesterday", 400, "malformed"),
        ("?entity=contacts&sort=id", 400, "malformed"),
        ("?entity=contacts&cursor=abc", 400, "malformed"),
        // A cursor is of one kind of thing, and of one entity.
        (
            &format!("?entity=contacts&cursor={changes}"),
            400,
            "malformed",
        ),
        (
            &format!("?entity=contacts&changedAfter={cursor}"),
            400,
            "malformed",
        ),
        (&format!("?entity=deals&cursor={cursor}"), 400, "malformed"),
        (
            &format!("?entity=contacts&cursor={cursor}&changedAfter={changes}"),
            400,
            "malformed",
        ),
    ] {
        for list in ["/records", "/records/export"] {
            let answer = crm.get(&format!("{list}{query}")).await;
            let said = (answer.status.as_u16(), answer.code());
            assert_eq!(said, (status, code.to_owned()), "{list}{query}: {answer:?}");
        }
    }
    for place in [
        format!("&cursor={cursor}"),
        format!("&changedAfter={changes}"),
    ] {
        let path = format!("/records?entity=contacts{place}");
        let answer = other.get(&path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "malformed".to_owned())
        );
    }
}

#[tokio::test]
async fn what_a_record_holds_is_nowhere_in_clear() {
    let crm = Crm::new().await;
    crm.see(&[(CANARY, Some(json!({"email": CANARY, "note": CANARY})))])
        .await;
    let (all, _) = read(&crm, 5, "").await;
    assert_eq!(all[0]["content"]["email"], CANARY);
    let record = crm.get(&format!("/records/contacts/{CANARY}")).await;
    assert_eq!(record.json()["id"], CANARY);
    let contents = crm.portal.stack.contents().await.unwrap();
    assert!(!contents.contains("canary@"), "{contents}");
}
