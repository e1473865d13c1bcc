use aws_sdk_dynamodb::types::AttributeValue;
use gatehouse::domain;
use gatehouse::store::{EventQuery, StoreError};

use super::samples::{World, at, start};

/// Changes one attribute of the world's integration behind the store's back.
async fn spoil(world: &World, attribute: &str, value: Option<AttributeValue>) {
    let pk = format!("ORG#{}", world.organization);
    let sk = format!("INTEGRATION#{}", world.integration);
    let update = world
        .table
        .client
        .update_item()
        .table_name(world.table.name.to_string())
        .key("pk", AttributeValue::S(pk))
        .key("sk", AttributeValue::S(sk))
        .expression_attribute_names("#attribute", attribute);
    let update = match value {
        Some(value) => update
            .update_expression("SET #attribute = :value")
            .expression_attribute_values(":value", value),
        None => update.update_expression("REMOVE #attribute"),
    };
    update.send().await.unwrap();
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: &str) -> AttributeValue {
    AttributeValue::N(value.to_owned())
}

#[tokio::test]
async fn an_item_that_is_not_what_its_key_says_is_named_and_not_read() {
    let spoilings = [
        ("item_type", Some(text("endpoint"))),
        ("item_type", Some(number("1"))),
        ("item_type", None),
        ("schema_version", Some(number("2"))),
        ("schema_version", None),
        ("version", Some(number("-1"))),
        ("version", Some(text("1"))),
        ("version", None),
        ("expires_at", Some(text("tomorrow"))),
        ("data", Some(text("{}"))),
        ("data", Some(AttributeValue::M([].into()))),
        ("data", None),
    ];
    for (attribute, value) in spoilings {
        let world = World::new().await;
        spoil(&world, attribute, value.clone()).await;
        let read = world
            .store
            .integration(world.organization, world.integration);
        let listed = world.store.integrations(world.organization, 10, None);
        for error in [read.await.err(), listed.await.err()] {
            let Some(StoreError::Corrupt { key, field }) = error else {
                panic!("{attribute} as {value:?} is read");
            };
            assert_eq!(field, attribute);
            let (organization, integration) = (world.organization, world.integration);
            assert_eq!(
                key,
                format!("ORG#{organization} / INTEGRATION#{integration}")
            );
        }
    }
}

#[tokio::test]
async fn a_payload_with_a_missing_part_is_corrupt() {
    let world = World::new().await;
    let event = gatehouse::domain::Event {
        payload: domain::PayloadLocation::Parts(1),
        ..world.event_at(start())
    };
    world.put(&event).await;
    let payload = world.store.payload(&event).await;
    assert!(matches!(payload, Err(StoreError::Corrupt { .. })));
}

#[tokio::test]
async fn a_list_with_a_corrupt_event_says_so_rather_than_hide_it() {
    let world = World::new().await;
    let event = world.event_at(start());
    world.put(&event).await;
    let scan = world
        .table
        .client
        .scan()
        .table_name(world.table.name.to_string());
    let mut items = scan.send().await.unwrap().items.unwrap_or_default();
    items.retain(|item| item["item_type"].as_s().unwrap() == "event");
    let put = world
        .table
        .client
        .put_item()
        .table_name(world.table.name.to_string());
    let put = put.set_item(items.pop()).item("version", text("x"));
    put.send().await.unwrap();
    let query = EventQuery::newest(10, at(0));
    let listed = world
        .store
        .events(world.organization, world.integration, &query);
    let error = listed.await.unwrap_err();
    assert!(matches!(
        error,
        StoreError::Corrupt {
            field: "version",
            ..
        }
    ));
    assert!(matches!(
        domain::Error::from(error),
        domain::Error::Internal(_)
    ));
}
