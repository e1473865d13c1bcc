use axum::body::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::{ACCOUNT, REGION};

fn asks(service: &str, operation: &str, body: &Value) -> Vec<Asked> {
    let request: Request = serde_json::from_value(body.clone()).unwrap();
    request.asks(service, operation)
}

/// The actions and ARNs that a call asks for itself.
fn own(service: &str, operation: &str, body: &Value) -> Vec<(String, String)> {
    let asked = asks(service, operation, body).into_iter();
    let own = asked.filter_map(|asked| match asked.resource {
        Target::Arn(arn) => Some((asked.action, arn)),
        Target::Key(_) | Target::KeyOfService => None,
    });
    own.collect()
}

fn arn(rest: &str) -> String {
    let (service, rest) = rest.split_once(' ').unwrap();
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")
}

#[test]
fn a_call_asks_for_what_it_does_to_what() {
    let dynamodb = "DynamoDB_20120810";
    let transaction = json!({"TransactItems": [
        {"Put": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "u"}}]});
    let cases = [
        (
            own(
                dynamodb,
                "Query",
                &json!({"TableName": "t", "IndexName": "i"}),
            ),
            vec![("dynamodb:Query", arn("dynamodb table/t/index/i"))],
        ),
        (
            own(dynamodb, "TransactWriteItems", &transaction),
            vec![
                ("dynamodb:PutItem", arn("dynamodb table/t")),
                ("dynamodb:ConditionCheckItem", arn("dynamodb table/u")),
            ],
        ),
        (
            own(
                dynamodb,
                "BatchGetItem",
                &json!({"RequestItems": {"t": {}}}),
            ),
            vec![("dynamodb:BatchGetItem", arn("dynamodb table/t"))],
        ),
        (
            own(
                "AmazonSQS",
                "SendMessageBatch",
                &json!({"QueueUrl": "http://h/0/q"}),
            ),
            vec![("sqs:SendMessage", arn("sqs q"))],
        ),
        (
            own("AmazonSQS", "GetQueueUrl", &json!({"QueueName": "q"})),
            vec![("sqs:GetQueueUrl", arn("sqs q"))],
        ),
        (
            own("secretsmanager", "CreateSecret", &json!({"Name": "a/b"})),
            vec![(
                "secretsmanager:CreateSecret",
                arn("secretsmanager secret:a/b-??????"),
            )],
        ),
    ];
    for (asked, expected) in cases {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(action, arn)| (action.to_owned(), arn))
            .collect();
        assert_eq!(asked, expected);
    }
}

#[test]
fn a_star_stands_for_any_text() {
    for (pattern, text, fits) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "a", true),
        ("a*", "ab", true),
        ("*b", "ab", true),
        ("a*c*e", "abcde", true),
        ("a*c*e", "abde", false),
        ("*", "", true),
    ] {
        assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
    }
}

fn permissions() -> Permissions {
    let statement = |actions: &[&str], resource: String, condition| Statement {
        actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        resources: vec![resource],
        condition,
    };
    let statements = vec![
        statement(
            &["dynamodb:GetItem"],
            arn("dynamodb table/t"),
            Condition::Always,
        ),
        statement(
            &["kms:Decrypt"],
            arn("kms alias/k"),
            Condition::Via(vec!["dynamodb".to_owned()]),
        ),
        statement(
            &["kms:Decrypt"],
            arn("kms alias/k"),
            Condition::HasContext("organization".to_owned()),
        ),
    ];
    Permissions::new(BTreeMap::from([("gateway".to_owned(), statements)]))
}

#[tokio::test]
async fn a_function_may_do_what_its_role_allows_and_nothing_else() {
    let database = crate::database::Database::open(None).unwrap();
    let sealing = crate::sealing::SealingKey::random().unwrap();
    let kms = Kms::new(database, sealing);
    let made = kms.call("CreateKey", json!({}), 0).await.unwrap();
    let key = made["KeyMetadata"]["KeyId"].as_str().unwrap();
    let alias = json!({"AliasName": "alias/k", "TargetKeyId": key});
    kms.call("CreateAlias", alias, 0).await.unwrap();
    let blob = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key);
    let decrypt = |context: Value| json!({"CiphertextBlob": blob, "EncryptionContext": context});
    let (dynamodb, kms_service) = ("DynamoDB_20120810", "TrentService");
    let cases = [
        (dynamodb, "GetItem", json!({"TableName": "t"}), true),
        (dynamodb, "GetItem", json!({"TableName": "u"}), false),
        (dynamodb, "PutItem", json!({"TableName": "t"}), false),
        (dynamodb, "DescribeTable", json!({"TableName": "t"}), false),
        (
            kms_service,
            "Decrypt",
            decrypt(json!({"organization": "o"})),
            true,
        ),
        (
            kms_service,
            "Decrypt",
            decrypt(json!({"other": "o"})),
            false,
        ),
        (
            kms_service,
            "Decrypt",
            json!({"KeyId": "another", "EncryptionContext": {"organization": "o"}}),
            false,
        ),
        (
            "secretsmanager",
            "GetSecretValue",
            json!({"SecretId": "s"}),
            false,
        ),
        ("AmazonSQS", "SendMessage", json!({"QueueUrl": "q"}), false),
    ];
    for (service, operation, body, may) in cases {
        let bytes = Bytes::from(body.to_string());
        let permissions = permissions();
        let checked = permissions.check("gateway", (service, operation), &bytes, &kms);
        let checked = checked.await;
        assert_eq!(checked.is_ok(), may, "{operation} {body}: {checked:?}");
        if let Err(error) = checked {
            assert_eq!(error.code(), "AccessDeniedException");
        }
    }
}

#[test]
fn the_credentials_say_who_calls() {
    let permissions = permissions();
    for (signed, caller) in [
        (
            "AWS4-HMAC-SHA256 Credential=gateway/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host",
            Some("gateway"),
        ),
        (
            "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sqs/aws4_request",
            None,
        ),
        ("Bearer gateway", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, signed.parse().unwrap());
        assert_eq!(permissions.caller(&headers), caller);
    }
}
