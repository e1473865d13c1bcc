use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use gatehouse::domain::{OrganizationId, Sealed};
use gatehouse::store::WrappedKey;
use gatehouse::vault::{SealContext, VaultError};

use crate::account::Account;

fn context(account: &Account) -> SealContext {
    SealContext::EventPayload {
        endpoint: account.id(),
        event: account.id(),
    }
}

/// Puts a data key of one organization in the place of another's.
async fn transplant(account: &Account, from: OrganizationId, to: OrganizationId) {
    let store = account.store();
    let key = store.data_key(from, 1).await.unwrap().unwrap();
    store.put_data_key(to, &key).await.unwrap();
}

async fn erase(account: &Account, organization: OrganizationId) {
    let pk = AttributeValue::S(format!("ORG#{organization}"));
    let sk = AttributeValue::S("DATA_KEY#00001".to_owned());
    account
        .dynamodb()
        .delete_item()
        .table_name(account.table.to_string())
        .key("pk", pk)
        .key("sk", sk)
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn twenty_functions_that_start_at_once_end_with_one_key() {
    let account = Account::new().await;
    let (organization, context) = (account.id(), context(&account));
    let functions: Vec<_> = (0..20).map(|_| account.data_keys()).collect();
    let sealed = join_all(functions.iter().map(async |keys| {
        keys.ensure(organization).await.unwrap();
        keys.seal(organization, &context, b"text").await.unwrap()
    }))
    .await;
    let stranger = account.data_keys();
    for sealed in &sealed {
        for keys in [&functions[0], &stranger] {
            let opened = keys.open(organization, &context, sealed).await.unwrap();
            assert_eq!(*opened, b"text");
        }
    }
    let newest = account.store().newest_data_key(organization).await;
    assert_eq!(newest.unwrap().unwrap().number, 1);
}

#[tokio::test]
async fn twenty_tasks_of_one_function_make_and_fetch_a_key_once() {
    let account = Account::new().await;
    let (organization, context) = (account.id(), context(&account));
    let keys = account.data_keys();
    let made = join_all((0..20).map(|_| keys.ensure(organization))).await;
    assert!(made.iter().all(Result::is_ok));
    let once = [
        "GetItem",
        "GenerateDataKeyWithoutPlaintext",
        "TransactWriteItems",
    ];
    let (once, then) = (once.to_vec(), ["GetItem", "Decrypt"]);
    assert_eq!(account.wire.operations(), [once, then.to_vec()].concat());
    let restarted = account.data_keys();
    let seal = || restarted.seal(organization, &context, b"text");
    let sealed = join_all((0..20).map(|_| seal())).await;
    assert!(sealed.iter().all(Result::is_ok));
    assert_eq!(account.wire.operations(), then);
    seal().await.unwrap();
    assert!(account.wire.operations().is_empty());
}

#[tokio::test]
async fn who_only_seals_or_opens_makes_no_key() {
    let account = Account::new().await;
    let (organization, context) = (account.id(), context(&account));
    let keys = account.data_keys();
    let sealed = keys.seal(organization, &context, b"text").await;
    assert!(matches!(sealed, Err(VaultError::NoKey)));
    let sealed = Sealed::from_bytes([&[1, 0, 1][..], &[0; 40]].concat());
    let opened = keys.open(organization, &context, &sealed).await;
    assert!(matches!(opened, Err(VaultError::NoKey)));
    assert!(
        account
            .wire
            .operations()
            .iter()
            .all(|name| name == "GetItem")
    );
    let found = account.store().data_key(organization, 1).await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn another_organization_opens_nothing() {
    let account = Account::new().await;
    let (ours, theirs) = (account.id(), account.id());
    let (keys, context) = (account.data_keys(), context(&account));
    for organization in [ours, theirs] {
        keys.ensure(organization).await.unwrap();
    }
    let sealed = keys.seal(ours, &context, b"text").await.unwrap();
    let opened = keys.open(theirs, &context, &sealed).await;
    assert!(matches!(opened, Err(VaultError::Tampered)));
}

#[tokio::test]
async fn a_data_key_in_another_organizations_place_is_of_no_use() {
    let account = Account::new().await;
    let (ours, theirs) = (account.id(), account.id());
    let (keys, context) = (account.data_keys(), context(&account));
    keys.ensure(ours).await.unwrap();
    transplant(&account, ours, theirs).await;
    let sealed = keys.seal(theirs, &context, b"text").await;
    assert!(matches!(sealed, Err(VaultError::Corrupt("data key"))));
}

#[tokio::test]
async fn an_erased_key_works_for_five_minutes_at_most() {
    let account = Account::new().await;
    let (organization, context) = (account.id(), context(&account));
    let keys = account.data_keys();
    keys.ensure(organization).await.unwrap();
    let sealed = keys.seal(organization, &context, b"text").await.unwrap();
    erase(&account, organization).await;
    account.clock.advance(Duration::from_secs(299));
    keys.open(organization, &context, &sealed).await.unwrap();
    account.clock.advance(Duration::from_secs(1));
    let opened = keys.open(organization, &context, &sealed).await;
    assert!(matches!(opened, Err(VaultError::NoKey)));
}

#[tokio::test]
async fn a_version_that_does_not_exist_is_no_key() {
    let account = Account::new().await;
    let (organization, context) = (account.id(), context(&account));
    let keys = account.data_keys();
    keys.ensure(organization).await.unwrap();
    let sealed = keys.seal(organization, &context, b"text").await.unwrap();
    let mut bytes = sealed.as_bytes().to_vec();
    bytes[2] = 2;
    let later = Sealed::from_bytes(bytes);
    let opened = keys.open(organization, &context, &later).await;
    assert!(matches!(opened, Err(VaultError::NoKey)));
    // The bytes of version 1 under the number 2 do not open, even where the key is the same.
    let key = account.store().data_key(organization, 1).await.unwrap();
    let copy = WrappedKey {
        number: 2,
        ..key.unwrap()
    };
    let put = account.store().put_data_key(organization, &copy).await;
    put.unwrap();
    let opened = keys.open(organization, &context, &later).await;
    assert!(matches!(opened, Err(VaultError::Tampered)));
}

#[tokio::test]
async fn a_body_comes_back_as_it_was() {
    let account = Account::new().await;
    let (organization, context) = (account.id(), context(&account));
    let keys = account.data_keys();
    keys.ensure(organization).await.unwrap();
    for body in [&b""[..], b"{}", &[0xff; 100_000]] {
        let sealed = keys.seal_payload(organization, &context, body).await;
        let (sealed, bytes) = (sealed.unwrap(), body.len() as u64);
        let open = |bytes| keys.open_payload(organization, &context, &sealed, bytes);
        assert_eq!(open(bytes).await.unwrap(), body);
        // The length is stored beside it, and anything may be written there.
        for wrong in [8 * 1024 * 1024 + 1, u64::MAX] {
            let opened = open(wrong).await;
            assert!(matches!(opened, Err(VaultError::Corrupt("payload"))));
        }
    }
}
