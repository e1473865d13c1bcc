use gatehouse::store::{StoreError, WrappedKey};

use super::samples::{World, start};

fn key(number: u16) -> WrappedKey {
    WrappedKey {
        number,
        wrapped: vec![0, 200, u8::try_from(number).unwrap_or(0)],
        created_at: start(),
        key_arn: None,
        wrapped_at: None,
        newest: None,
    }
}

#[tokio::test]
async fn the_first_of_two_keys_with_one_number_stays() {
    let world = World::new().await;
    let (store, organization) = (&world.store, world.organization);
    store.put_data_key(organization, &key(1)).await.unwrap();
    let other = WrappedKey {
        wrapped: vec![9],
        ..key(1)
    };
    let late = store.put_data_key(organization, &other).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    let found = store.data_key(organization, 1).await.unwrap();
    assert_eq!(found, Some(key(1)));
}

#[tokio::test]
async fn the_newest_key_is_the_one_with_the_highest_number() {
    let world = World::new().await;
    let (store, organization) = (&world.store, world.organization);
    assert_eq!(store.newest_data_key(organization).await.unwrap(), None);
    for number in [9, 10, 2] {
        store
            .put_data_key(organization, &key(number))
            .await
            .unwrap();
    }
    let newest = store.newest_data_key(organization).await.unwrap();
    assert_eq!(newest, Some(key(10)));
}

#[tokio::test]
async fn another_organization_finds_no_key() {
    let world = World::new().await;
    let (store, stranger) = (&world.store, world.id());
    store
        .put_data_key(world.organization, &key(1))
        .await
        .unwrap();
    assert_eq!(store.data_key(stranger, 1).await.unwrap(), None);
    assert_eq!(store.newest_data_key(stranger).await.unwrap(), None);
}
