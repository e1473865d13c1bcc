//! What each function may do. To give one more, say so here too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Template, listed, settled};

/// Of each function: what it may do to which resource.
const ALLOWED: &[(&str, &[(&str, &str)])] = &[
    (
        "IntegrationsRole",
        &[
            (
                "IntegrationsLogGroup",
                "logs:CreateLogStream logs:PutLogEvents",
            ),
            (
                "Table",
                "dynamodb:BatchGetItem dynamodb:ConditionCheckItem dynamodb:DeleteItem dynamodb:GetItem \
                 dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
            ),
            (
                "secret:gatehouse/${StackStage}/*",
                "secretsmanager:CreateSecret secretsmanager:DeleteSecret \
                 secretsmanager:DescribeSecret secretsmanager:PutSecretValue \
                 secretsmanager:UpdateSecretVersionStage",
            ),
            ("EventsQueue", "sqs:SendMessage"),
            ("SyncQueue", "sqs:SendMessage"),
            (
                "Key",
                "kms:Decrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext",
            ),
        ],
    ),
    (
        "GatewayRole",
        &[
            ("GatewayLogGroup", "logs:CreateLogStream logs:PutLogEvents"),
            (
                "Table",
                "dynamodb:BatchGetItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem \
                 dynamodb:Query",
            ),
            (
                "secret:gatehouse/${StackStage}/*",
                "secretsmanager:GetSecretValue",
            ),
            (
                "Key",
                "kms:Decrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext",
            ),
        ],
    ),
    (
        "ConnectRole",
        &[
            ("ConnectLogGroup", "logs:CreateLogStream logs:PutLogEvents"),
            (
                "Table",
                "dynamodb:BatchGetItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem \
                 dynamodb:Query",
            ),
            (
                "secret:gatehouse/${StackStage}/*",
                "secretsmanager:GetSecretValue",
            ),
            (
                "Key",
                "kms:Decrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext",
            ),
        ],
    ),
    (
        "WebhooksRole",
        &[
            ("WebhooksLogGroup", "logs:CreateLogStream logs:PutLogEvents"),
            ("Table", "dynamodb:GetItem dynamodb:PutItem"),
            ("EventsQueue", "sqs:SendMessage"),
            ("Key", "kms:Decrypt kms:GenerateDataKey"),
        ],
    ),
    (
        "ProcessorRole",
        &[
            (
                "ProcessorLogGroup",
                "logs:CreateLogStream logs:PutLogEvents",
            ),
            (
                "Table",
                "dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query \
                 dynamodb:UpdateItem",
            ),
            (
                "EventsQueue",
                "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes \
                 sqs:ReceiveMessage sqs:SendMessage",
            ),
            ("DeadLetterQueue", "sqs:SendMessage"),
            ("SyncQueue", "sqs:SendMessage"),
            ("${DestinationQueuePrefix}*", "sqs:SendMessage"),
            ("Key", "kms:Decrypt kms:GenerateDataKey"),
        ],
    ),
    (
        "RotationRole",
        &[
            ("RotationLogGroup", "logs:CreateLogStream logs:PutLogEvents"),
            (
                "Table",
                "dynamodb:BatchGetItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem \
                 dynamodb:Query",
            ),
            (
                "secret:gatehouse/${StackStage}/*",
                "secretsmanager:DescribeSecret secretsmanager:GetSecretValue \
                 secretsmanager:PutSecretValue secretsmanager:UpdateSecretVersionStage",
            ),
            (
                "Key",
                "kms:Decrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext \
                 kms:ReEncryptFrom kms:ReEncryptTo",
            ),
        ],
    ),
    (
        "MonitorRole",
        &[
            ("MonitorLogGroup", "logs:CreateLogStream logs:PutLogEvents"),
            (
                "Table",
                "dynamodb:ConditionCheckItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem \
                 dynamodb:Query",
            ),
            ("EventsQueue", "sqs:SendMessage"),
            (
                "secret:gatehouse/${StackStage}/*",
                "secretsmanager:GetSecretValue",
            ),
            (
                "Key",
                "kms:Decrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext",
            ),
        ],
    ),
    (
        "SyncRole",
        &[
            ("SyncLogGroup", "logs:CreateLogStream logs:PutLogEvents"),
            (
                "Table",
                "dynamodb:BatchGetItem dynamodb:BatchWriteItem dynamodb:DeleteItem \
                 dynamodb:GetItem dynamodb:PutItem dynamodb:Query",
            ),
            (
                "SyncQueue",
                "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes \
                 sqs:ReceiveMessage sqs:SendMessage",
            ),
            ("SyncDeadLetterQueue", "sqs:SendMessage"),
            ("EventsQueue", "sqs:SendMessage"),
            (
                "secret:gatehouse/${StackStage}/*",
                "secretsmanager:GetSecretValue",
            ),
            (
                "Key",
                "kms:Decrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext",
            ),
        ],
    ),
];

fn statements<'a>(template: &'a Template, role: &str) -> Vec<&'a Value> {
    let policies = listed(template.property(role, "/Policies"));
    assert_eq!(policies.len(), 1, "{role} has one policy");
    listed(&policies[0]["PolicyDocument"]["Statement"])
}

/// A resource by its logical id, or by the last part of its ARN.
fn name_of(resource: &Value) -> &str {
    let resource = settled(resource, &[]);
    let attribute = resource["Fn::GetAtt"]
        .as_str()
        .and_then(|name| name.strip_suffix(".Arn"));
    let pattern = || {
        let arn = resource["Fn::Sub"].as_str()?;
        arn.split_once("${AWS::AccountId}:").map(|(_, name)| name)
    };
    attribute.or_else(pattern).unwrap_or("*")
}

#[test]
fn each_function_may_do_exactly_this() {
    let template = Template::read();
    for (role, allowed) in ALLOWED {
        let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for statement in statements(&template, role) {
            assert_eq!(statement["Effect"], "Allow", "{role}");
            for resource in listed(&statement["Resource"]) {
                let actions = listed(&statement["Action"]);
                let actions = actions.into_iter().map(|action| action.as_str().unwrap());
                found.entry(name_of(resource)).or_default().extend(actions);
            }
        }
        let expected: BTreeMap<&str, BTreeSet<&str>> = allowed
            .iter()
            .map(|(resource, actions)| (*resource, actions.split(' ').collect()))
            .collect();
        assert_eq!(found, expected, "{role}");
    }
}

#[test]
fn each_function_has_a_role_of_its_own_with_one_policy() {
    let template = Template::read();
    let functions = template.functions();
    let roles: BTreeSet<&str> = functions
        .iter()
        .filter_map(|(_, function)| function["Properties"]["Role"]["Fn::GetAtt"].as_str())
        .filter_map(|role| role.strip_suffix(".Arn"))
        .collect();
    assert_eq!(roles.len(), functions.len());
    assert_eq!(roles, ALLOWED.iter().map(|(role, _)| *role).collect());
    for (id, role) in template.of_type("AWS::IAM::Role") {
        // What Lambda needs to connect functions to subnets, if there are any: see network.rs.
        let managed = &role["Properties"]["ManagedPolicyArns"];
        let nothing = json!({ "Ref": "AWS::NoValue" });
        let in_subnets = json!([{ "Ref": "VpcAccessPolicy" }]);
        let expected = json!({ "Fn::If": ["UsesVpc", in_subnets, nothing] });
        assert_eq!(*managed, expected, "{id}");
        let trust = &role["Properties"]["AssumeRolePolicyDocument"]["Statement"];
        assert_eq!(listed(trust).len(), 1, "{id}");
        assert_eq!(
            trust[0]["Principal"],
            json!({ "Service": "lambda.amazonaws.com" })
        );
    }
}

#[test]
fn no_function_may_do_everything_or_reach_everything() {
    let template = Template::read();
    for (role, _) in template.of_type("AWS::IAM::Role") {
        for statement in statements(&template, role) {
            for action in listed(&statement["Action"]) {
                assert!(!action.as_str().unwrap().contains('*'), "{role}: {action}");
            }
            for resource in listed(&statement["Resource"]) {
                assert_ne!(name_of(resource), "*", "{role}");
            }
        }
    }
}

#[test]
fn the_key_serves_data_keys_of_organizations_or_a_service_that_it_encrypts() {
    let template = Template::read();
    for (role, _) in ALLOWED {
        for statement in statements(&template, role) {
            if name_of(&statement["Resource"]) != "Key" {
                continue;
            }
            let condition = &statement["Condition"];
            let of_organization = &condition["Null"]["kms:EncryptionContext:organization"];
            let via_service = &condition["StringEquals"]["kms:ViaService"];
            assert!(
                of_organization == "false" || !listed(via_service).is_empty(),
                "{role}: {statement}"
            );
        }
    }
}

/// Services that decrypt with the key on behalf of who calls them: the key has to let each function's calls
/// pass, or they are refused where nothing on this machine would refuse them.
#[test]
fn the_key_serves_each_function_by_the_services_that_it_calls() {
    let template = Template::read();
    for (role, allowed) in ALLOWED {
        let called = allowed.iter().filter_map(|(resource, actions)| {
            let (service, _) = actions.split_once(':').unwrap();
            let is_encrypted = match service {
                "dynamodb" | "secretsmanager" => true,
                "sqs" => resource.ends_with("Queue"),
                _ => false,
            };
            is_encrypted.then_some(service)
        });
        let served = statements(&template, role)
            .into_iter()
            .flat_map(|statement| {
                listed(&statement["Condition"]["StringEquals"]["kms:ViaService"])
            });
        let served = served.map(|service| {
            let host = service["Fn::Sub"].as_str().unwrap();
            host.split_once('.').unwrap().0
        });
        let (called, served): (BTreeSet<_>, BTreeSet<_>) = (called.collect(), served.collect());
        assert_eq!(called, served, "{role}");
    }
}

#[test]
fn nobody_scans_the_table() {
    let template = Template::read();
    assert!(!template.text.contains("dynamodb:Scan"));
    assert!(!template.text.contains("dynamodb:*"));
}
