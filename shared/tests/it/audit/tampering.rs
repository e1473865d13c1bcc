//! What somebody does to the table behind the trail's back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use gatehouse::audit::verify::{Finding, Tampering};
use gatehouse::domain::AuditEntry;

use super::World;

type Item = HashMap<String, AttributeValue>;

impl World {
    /// All pages of the trail, in the order of their ids; or all links of its spine.
    async fn items(&self, kind: &str) -> Vec<Item> {
        let scan = self.account.dynamodb().scan();
        let scan = scan.table_name(self.account.table.to_string()).send();
        let items = scan.await.unwrap().items.unwrap_or_default();
        let wanted = AttributeValue::S(kind.to_owned());
        let mut items: Vec<Item> = items
            .into_iter()
            .filter(|item| item["item_type"] == wanted)
            .collect();
        items.sort_by_key(|item| item["sk"].as_s().unwrap().clone());
        items
    }

    async fn put(&self, item: Item) {
        let put = self.account.dynamodb().put_item();
        let put = put.table_name(self.account.table.to_string());
        put.set_item(Some(item)).send().await.unwrap();
    }

    async fn delete(&self, item: &Item) {
        let delete = self.account.dynamodb().delete_item();
        let delete = delete.table_name(self.account.table.to_string());
        let delete = delete.key("pk", item["pk"].clone());
        delete.key("sk", item["sk"].clone()).send().await.unwrap();
    }
}

/// Changes a field of an item's first entry.
fn edit(item: &mut Item, field: &str, value: &str) {
    let mut data = item["data"].as_m().unwrap().clone();
    let mut entries = data["entries"].as_l().unwrap().clone();
    let mut entry = entries[0].as_m().unwrap().clone();
    entry.insert(field.to_owned(), AttributeValue::S(value.to_owned()));
    entries[0] = AttributeValue::M(entry);
    data.insert("entries".to_owned(), AttributeValue::L(entries));
    item.insert("data".to_owned(), AttributeValue::M(data));
}

/// A trail of ten entries in one lane, oldest first.
async fn ten() -> (World, Vec<AuditEntry>) {
    let world = World::new().await;
    world.record_many(&world.trail(), 10).await;
    let mut entries = world.entries().await;
    entries.reverse();
    (world, entries)
}

fn found(kind: Tampering, entry: &AuditEntry) -> Finding {
    Finding {
        kind,
        lane: Some(entry.lane),
        sequence: Some(entry.sequence),
        last_sequence: None,
        id: Some(entry.id),
    }
}

fn missing(kind: Tampering, entry: &AuditEntry, last: Option<u64>) -> Finding {
    Finding {
        last_sequence: last,
        id: None,
        ..found(kind, entry)
    }
}

#[tokio::test]
async fn a_deleted_page_is_located() {
    let (world, entries) = ten().await;
    let items = world.items("audit_page").await;
    world.delete(&items[3]).await;
    let expected = missing(Tampering::Deleted, &entries[3], None);
    assert_eq!(world.findings(None).await, [expected]);
}

#[tokio::test]
async fn a_deleted_beginning_is_told_from_expiry() {
    let (world, entries) = ten().await;
    for item in &world.items("audit_page").await[..4] {
        world.delete(item).await;
    }
    let expected = missing(Tampering::Deleted, &entries[0], Some(4));
    assert_eq!(world.findings(None).await, [expected]);
}

#[tokio::test]
async fn making_a_page_expire_early_is_deleting_it() {
    let (world, entries) = ten().await;
    let mut item = world.items("audit_page").await[5].clone();
    let past = AttributeValue::N("1000".to_owned());
    item.insert("expires_at".to_owned(), past);
    world.put(item).await;
    let expected = missing(Tampering::Deleted, &entries[5], None);
    assert_eq!(world.findings(None).await, [expected]);
}

#[tokio::test]
async fn an_edited_page_is_located_whatever_is_edited() {
    for (field, value) in [
        ("action", "c.d"),
        ("outcome", "denied"),
        ("at", "2020-01-01T00:00:00.000Z"),
        ("requestId", "other"),
        ("hash", &"0".repeat(64)),
    ] {
        let (world, entries) = ten().await;
        let mut item = world.items("audit_page").await[2].clone();
        edit(&mut item, field, value);
        world.put(item).await;
        let findings = world.findings(None).await;
        assert_eq!(findings, [found(Tampering::Edited, &entries[2])], "{field}");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_located_and_hides_no_other() {
    let (world, entries) = ten().await;
    let mut item = world.items("audit_page").await[2].clone();
    edit(&mut item, "hash", "none");
    world.put(item).await;
    let findings = world.findings(None).await;
    let gap = missing(Tampering::Deleted, &entries[2], None);
    assert!(findings.contains(&gap), "{findings:?}");
    let of_page =
        |finding: &Finding| finding.kind == Tampering::Edited && finding.id == Some(entries[2].id);
    assert!(findings.iter().any(of_page), "{findings:?}");
    assert_eq!(world.entries().await.len(), 9);
}

#[tokio::test]
async fn pages_that_changed_places_are_located() {
    let (world, entries) = ten().await;
    let mut items = world.items("audit_page").await;
    let (one, other) = (items[2]["data"].clone(), items[6]["data"].clone());
    items[2].insert("data".to_owned(), other);
    items[6].insert("data".to_owned(), one);
    world.put(items[2].clone()).await;
    world.put(items[6].clone()).await;
    let expected = [2, 6].map(|place: usize| found(Tampering::Reordered, &entries[place]));
    assert_eq!(world.findings(None).await, expected);
}

#[tokio::test]
async fn what_is_taken_from_the_end_is_missed_by_an_anchor() {
    let (world, entries) = ten().await;
    let anchor = world.trail().anchor(world.organization).await.unwrap();
    for item in &world.items("audit_page").await[7..] {
        world.delete(item).await;
    }
    let expected = missing(Tampering::Truncated, &entries[7], Some(10));
    // By the one that was kept, and by the one in the spine.
    for anchor in [Some(anchor.clone()), None] {
        assert_eq!(
            world.findings(anchor).await,
            std::slice::from_ref(&expected)
        );
    }
    // Whoever takes away the spine's link too is found out by the one that was kept.
    let link = world.items("audit_spine").await.pop().unwrap();
    world.delete(&link).await;
    assert_eq!(world.findings(None).await, []);
    let findings = world.findings(Some(anchor)).await;
    assert!(findings.contains(&expected), "{findings:?}");
    assert_eq!(findings.len(), 2);
}

#[tokio::test]
async fn a_lane_that_was_taken_away_whole_is_missed_by_the_spine() {
    let (world, entries) = ten().await;
    world.record_many(&world.trail(), 3).await;
    for item in &world.items("audit_page").await[..10] {
        world.delete(item).await;
    }
    let expected = missing(Tampering::Deleted, &entries[0], None);
    assert_eq!(world.findings(None).await, [expected]);
}

#[tokio::test]
async fn a_link_of_the_spine_that_was_spoilt_is_located_and_stops_nobody() {
    let (world, _) = ten().await;
    let mut link = world.items("audit_spine").await.pop().unwrap();
    edit(&mut link, "hash", "none");
    world.put(link).await;
    world.record_many(&world.trail(), 1).await;
    let findings = world.findings(None).await;
    assert!(!findings.is_empty());
    let of_spine = |finding: &&Finding| finding.kind == Tampering::Edited;
    assert_eq!(findings.iter().find(of_spine).unwrap().sequence, Some(1));
}
