//! Records, cursors and conflicts open where they were sealed for, and nowhere else.

use gatehouse::domain::sync::{
    ChangeOrigin, EntityName, Fields, RecordBody, RecordChange, record_digest,
};
use gatehouse::domain::{ConflictId, IntegrationId, OrganizationId, SyncJobId, Timestamp};
use gatehouse::vault::{DataKeys, VaultError};
use serde_json::{Value, json};

use crate::account::Account;

async fn organization(account: &Account, keys: &DataKeys) -> OrganizationId {
    let organization = account.id();
    keys.ensure(organization).await.unwrap();
    organization
}

fn body(text: &str) -> RecordBody {
    RecordBody {
        id: "1".to_owned(),
        content: Fields::from_iter([("name".to_owned(), json!(text))]),
        base: None,
        moved_to: None,
        history: Vec::new(),
    }
}

#[tokio::test]
async fn a_record_opens_as_what_it_is() {
    let account = Account::new().await;
    let keys = account.data_keys();
    let owner = organization(&account, &keys).await;
    let other = organization(&account, &keys).await;
    let integration: IntegrationId = account.id();
    let entity: EntityName = "contacts".parse().unwrap();
    let body = body("canary-of-a-record");
    let sealed = keys
        .seal_record(owner, integration, &entity, 7, &body)
        .await
        .unwrap();
    let canary = b"canary-of-a-record".as_slice();
    assert!(
        !sealed
            .as_bytes()
            .windows(canary.len())
            .any(|bytes| bytes == canary)
    );
    let change = RecordChange {
        digest: record_digest("1").to_string(),
        version: 7,
        deleted: false,
        origin: ChangeOrigin::Sync,
        created_at: Timestamp::UNIX_EPOCH,
        changed_at: Timestamp::UNIX_EPOCH,
        body: sealed,
    };
    let open = |organization, integration, entity: &str, change: RecordChange| {
        let (keys, entity) = (keys.clone(), entity.parse::<EntityName>().unwrap());
        async move {
            keys.open_record(organization, integration, &entity, &change)
                .await
        }
    };
    let opened = open(owner, integration, "contacts", change.clone()).await;
    assert_eq!(opened.unwrap(), body);
    let with = |spoil: fn(&mut RecordChange)| {
        let mut change = change.clone();
        spoil(&mut change);
        change
    };
    let another = with(|change| change.digest = record_digest("2").to_string());
    for opened in [
        open(other, integration, "contacts", change.clone()).await,
        open(owner, account.id(), "contacts", change.clone()).await,
        open(owner, integration, "deals", change.clone()).await,
        open(
            owner,
            integration,
            "contacts",
            with(|change| change.version = 8),
        )
        .await,
        open(owner, integration, "contacts", another).await,
    ] {
        assert!(matches!(opened, Err(VaultError::Tampered)), "{opened:?}");
    }
    let no_digest = with(|change| change.digest.clear());
    let opened = open(owner, integration, "contacts", no_digest).await;
    assert!(matches!(opened, Err(VaultError::Corrupt("record"))));
}

#[tokio::test]
async fn cursors_and_conflicts_open_as_themselves() {
    let account = Account::new().await;
    let keys = account.data_keys();
    let owner = organization(&account, &keys).await;
    let (job, other_job): (SyncJobId, SyncJobId) = (account.id(), account.id());
    let cursor = json!({"next": "https://api.example.com/?page=2"});
    let sealed = keys.seal_cursor(owner, job, &cursor).await.unwrap();
    let opened: Value = keys.open_cursor(owner, job, &sealed).await.unwrap();
    assert_eq!(opened, cursor);
    let elsewhere = keys.open_cursor::<Value>(owner, other_job, &sealed).await;
    assert!(matches!(elsewhere, Err(VaultError::Tampered)));
    // What is sealed as another type than is asked for is no panic.
    let opened = keys.open_cursor::<u64>(owner, job, &sealed).await;
    assert!(matches!(opened, Err(VaultError::Corrupt("cursor"))));

    let (conflict, other): (ConflictId, ConflictId) = (account.id(), account.id());
    let sealed = keys.seal_sides(owner, conflict, &cursor).await.unwrap();
    let opened: Value = keys.open_sides(owner, conflict, &sealed).await.unwrap();
    assert_eq!(opened, cursor);
    let elsewhere = keys.open_sides::<Value>(owner, other, &sealed).await;
    assert!(matches!(elsewhere, Err(VaultError::Tampered)));
}

#[tokio::test]
async fn an_organization_without_a_key_seals_no_record() {
    let account = Account::new().await;
    let keys = account.data_keys();
    let entity = "contacts".parse().unwrap();
    let body = body("a");
    let sealed = keys.seal_record(account.id(), account.id(), &entity, 1, &body);
    assert!(matches!(sealed.await, Err(VaultError::NoKey)));
}
