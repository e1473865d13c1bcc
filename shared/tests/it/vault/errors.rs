use std::error::Error as _;

use gatehouse::domain::{self, OrganizationId};
use gatehouse::store::WrappedKey;
use gatehouse::vault::{SealContext, VaultError};

use crate::account::Account;

const PLANTED: &str = "planted-secret";
const VERSION: &str = "token-of-the-first-version-000001";

async fn seal(account: &Account, organization: OrganizationId) -> Result<(), VaultError> {
    let context = SealContext::EventPayload {
        endpoint: account.id(),
        event: account.id(),
    };
    let keys = account.data_keys();
    let sealed = keys.seal(organization, &context, b"text").await;
    sealed.map(|_| ())
}

/// Everything that an error can be made to say.
fn all_of(error: &VaultError) -> String {
    let mut text = format!("{error:?} {error:#?} {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(" {cause:?} {cause}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn no_answer_of_secrets_manager_or_kms_is_in_an_error() {
    let account = Account::new().await;
    let (organization, integration) = (account.id(), account.id());
    let get = || async {
        account
            .credentials()
            .get(organization, integration, VERSION)
            .await
    };
    let quoting = format!(r#"{{"__type":"ValidationException","message":"not {PLANTED}"}}"#);
    let answers = [
        (200, format!(r#"{{"SecretString":"{PLANTED}"}}"#)),
        (
            200,
            format!(r#"{{"SecretString":"{{\"apiKey\":[\"{PLANTED}\"]}}"}}"#),
        ),
        (200, format!(r#"{{"SecretString":"{PLANTED}"#)),
        (400, quoting.clone()),
        (
            500,
            format!(r#"{{"__type":"InternalServiceError","message":"{PLANTED}"}}"#),
        ),
        (400, PLANTED.to_owned()),
    ];
    for (status, answer) in answers {
        account.wire.answer(9, status, &answer);
        let error = get().await.unwrap_err();
        assert!(!all_of(&error).contains(PLANTED), "{}", all_of(&error));
        let error = domain::Error::from(error);
        assert!(!format!("{error:?}").contains(PLANTED));
        account.wire.heal();
    }
    account.data_keys().ensure(organization).await.unwrap();
    let cut_off = format!(r#"{{"Plaintext":"{PLANTED}"#);
    let no_base64 = format!(r#"{{"Plaintext":"{PLANTED}"}}"#);
    for (status, answer) in [(200, cut_off), (200, no_base64), (400, quoting)] {
        let keys = account.data_keys();
        let key = account.store().data_key(organization, 1).await.unwrap();
        assert!(key.is_some());
        account
            .wire
            .answer(1, 200, &item_of(&account, organization).await);
        account.wire.answer(9, status, &answer);
        let error = keys.ensure(organization).await.unwrap_err();
        assert!(!all_of(&error).contains(PLANTED), "{}", all_of(&error));
        account.wire.heal();
    }
}

/// DynamoDB's answer, so that the next one to be replaced is that of KMS.
async fn item_of(account: &Account, organization: OrganizationId) -> String {
    let key = account
        .store()
        .data_key(organization, 1)
        .await
        .unwrap()
        .unwrap();
    let wrapped = aws_smithy_types::base64::encode(&key.wrapped);
    serde_json::json!({"Item": {
        "pk": {"S": format!("ORG#{organization}")}, "sk": {"S": "DATA_KEY#00001"},
        "item_type": {"S": "data_key"}, "schema_version": {"N": "1"}, "version": {"N": "1"},
        "data": {"M": {
            "number": {"N": "1"}, "wrapped": {"B": wrapped},
            "createdAt": {"S": key.created_at.to_string()},
        }},
    }})
    .to_string()
}

#[tokio::test]
async fn an_error_says_which_request_failed_and_how() {
    let account = Account::new().await;
    let denied = r#"{"__type":"AccessDeniedException","message":"not authorized to read"}"#;
    account.wire.answer(9, 400, denied);
    let got = account
        .credentials()
        .get(account.id(), account.id(), VERSION)
        .await;
    let error = got.unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert!(
        cause.starts_with("AccessDeniedException (status 400"),
        "{cause}"
    );
    assert!(cause.ends_with("not authorized to read"), "{cause}");
}

#[tokio::test]
async fn what_secrets_manager_says_is_told_apart_by_whether_to_try_again() {
    let account = Account::new().await;
    let (organization, integration) = (account.id(), account.id());
    let cases = [
        (500, "InternalServiceError", true),
        (503, "ServiceUnavailable", true),
        (500, "SomethingNew", true),
        (502, "", true),
        (400, "ThrottlingException", true),
        (429, "TooManyRequests", true),
        (400, "AccessDeniedException", false),
        (400, "DecryptionFailure", false),
        (400, "InvalidParameterException", false),
    ];
    for (status, code, retryable) in cases {
        account.wire.fail(9, status, code);
        let got = account
            .credentials()
            .get(organization, integration, VERSION)
            .await;
        let error = got.unwrap_err();
        account.wire.heal();
        assert_eq!(error.is_retryable(), retryable, "{code}");
        let throttled = matches!(error, VaultError::Throttled(_));
        assert_eq!(throttled, retryable && status < 500, "{code}");
        let unavailable = matches!(domain::Error::from(error), domain::Error::Unavailable(_));
        assert_eq!(unavailable, retryable, "{code}");
    }
}

#[tokio::test]
async fn a_throttled_call_is_tried_again() {
    let account = Account::new().await;
    let organization = account.id();
    account.data_keys().ensure(organization).await.unwrap();
    account.wire.fail(1, 400, "ThrottlingException");
    seal(&account, organization).await.unwrap();
}

#[tokio::test]
async fn the_key_of_another_deployment_is_a_defect_and_not_tampering() {
    let mut account = Account::new().await;
    let organization = account.id();
    account.data_keys().ensure(organization).await.unwrap();
    // What the table says of the KMS key is believed within the account only.
    let elsewhere = "arn:aws:kms:us-east-1:999999999999:key/0b0b0b0b-1111-4222-8333-444444444444";
    let ours = std::mem::replace(&mut account.key_arn, elsewhere.to_owned());
    let error = seal(&account, organization).await.unwrap_err();
    assert!(matches!(error, VaultError::Refused(_)), "{error:?}");
    account.key_arn = ours;
    seal(&account, organization).await.unwrap();
    // One of which it says nothing is under the key that is configured, or under none.
    let first = account.store().first_data_key(organization).await;
    let first = first.unwrap().unwrap();
    let silent = WrappedKey {
        key_arn: None,
        ..first.item.clone()
    };
    let store = account.store();
    let write = store.rewrap_data_key(organization, &first, &silent);
    write.await.unwrap();
    account.key_arn = account.new_key().await;
    let error = seal(&account, organization).await.unwrap_err();
    assert!(matches!(error, VaultError::Refused(_)), "{error:?}");
}
