//! What is kept: encrypted, recoverable, and not deleted by mistake.

use serde_json::json;

use super::{Template, arn, listed, reference, settled};

const QUEUES: [&str; 4] = [
    "EventsQueue",
    "DeadLetterQueue",
    "SyncQueue",
    "SyncDeadLetterQueue",
];

#[test]
fn the_table_has_the_keys_that_the_store_writes() {
    let template = Template::read();
    assert_eq!(template.of_type("AWS::DynamoDB::Table").len(), 1);
    let keys = json!([
        { "AttributeName": "pk", "KeyType": "HASH" },
        { "AttributeName": "sk", "KeyType": "RANGE" },
    ]);
    assert_eq!(*template.property("Table", "/KeySchema"), keys);
    let expiry = json!({ "AttributeName": "expires_at", "Enabled": true });
    assert_eq!(
        *template.property("Table", "/TimeToLiveSpecification"),
        expiry
    );
    assert_eq!(
        *template.property("Table", "/BillingMode"),
        "PAY_PER_REQUEST"
    );
}

#[test]
fn the_table_can_be_recovered_and_is_encrypted_under_our_key() {
    let template = Template::read();
    let recovery = "/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled";
    assert_eq!(*template.property("Table", recovery), true);
    let encryption = json!({ "SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": arn("Key") });
    assert_eq!(*template.property("Table", "/SSESpecification"), encryption);
    let protected = json!({ "Fn::If": ["IsProduction", true, false] });
    assert_eq!(
        *template.property("Table", "/DeletionProtectionEnabled"),
        protected
    );
}

#[test]
fn what_holds_data_outlives_the_stack() {
    let template = Template::read();
    for kind in ["AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SQS::Queue"] {
        for (id, resource) in template.of_type(kind) {
            assert_eq!(resource["DeletionPolicy"], "Retain", "{id}");
            assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{id}");
        }
    }
}

#[test]
fn the_key_rotates() {
    let template = Template::read();
    assert_eq!(*template.property("Key", "/EnableKeyRotation"), true);
}

#[test]
fn queues_are_encrypted_under_our_key_and_reached_only_over_tls() {
    let template = Template::read();
    for queue in QUEUES {
        assert_eq!(
            *template.property(queue, "/KmsMasterKeyId"),
            arn("Key"),
            "{queue}"
        );
    }
    let queues = QUEUES.map(reference);
    assert_eq!(*template.property("QueuePolicy", "/Queues"), json!(queues));
    let statement = template.property("QueuePolicy", "/PolicyDocument/Statement/0");
    assert_eq!(statement["Effect"], "Deny");
    assert_eq!(
        statement["Condition"]["Bool"]["aws:SecureTransport"],
        "false"
    );
}

#[test]
fn a_message_that_keeps_failing_ends_in_a_dead_letter_queue() {
    let template = Template::read();
    for (queue, dead_letters) in [
        ("EventsQueue", "DeadLetterQueue"),
        ("SyncQueue", "SyncDeadLetterQueue"),
    ] {
        let redrive = template.property(queue, "/RedrivePolicy");
        assert_eq!(redrive["deadLetterTargetArn"], arn(dead_letters));
        assert_eq!(redrive["maxReceiveCount"], 100);
    }
    let two_weeks = 14 * 24 * 60 * 60;
    for queue in QUEUES {
        let retention = template.property(queue, "/MessageRetentionPeriod");
        assert_eq!(*retention, two_weeks, "{queue}");
    }
}

#[test]
fn queues_take_the_largest_message_that_we_send() {
    let template = Template::read();
    for queue in QUEUES {
        let limit = template.property(queue, "/MaximumMessageSize");
        assert_eq!(*limit, 1_048_576, "{queue}");
    }
}

#[test]
fn no_message_is_seen_again_while_a_function_may_still_work_on_it() {
    let template = Template::read();
    for (queue, function) in [
        ("EventsQueue", "ProcessorFunction"),
        ("SyncQueue", "SyncFunction"),
    ] {
        let visibility = template.property(queue, "/VisibilityTimeout");
        let timeout = template.property(function, "/Timeout");
        assert!(visibility.as_u64().unwrap() > timeout.as_u64().unwrap());
    }
}

#[test]
fn one_bad_message_does_not_bring_back_its_batch() {
    let template = Template::read();
    for (trigger, queue, size) in [
        ("ProcessorTrigger", "EventsQueue", 10),
        ("SyncTrigger", "SyncQueue", 1),
    ] {
        let responses = template.property(trigger, "/FunctionResponseTypes");
        assert_eq!(*responses, json!(["ReportBatchItemFailures"]));
        assert_eq!(*template.property(trigger, "/EventSourceArn"), arn(queue));
        assert_eq!(*template.property(trigger, "/BatchSize"), size);
    }
}

#[test]
fn a_restored_table_takes_the_place_of_the_stacks_own_everywhere() {
    let template = Template::read();
    let restored = ["UsesRestoredTable"].as_slice();
    for (id, function) in template.functions() {
        let table = &function["Properties"]["Environment"]["Variables"]["GATEHOUSE_TABLE"];
        assert_eq!(
            *settled(table, restored),
            reference("RestoredTableName"),
            "{id}"
        );
        assert_eq!(*settled(table, &[]), reference("Table"), "{id}");
    }
    let by_name = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${RestoredTableName}";
    let mut statements = 0;
    for (id, _) in template.of_type("AWS::IAM::Role") {
        for statement in listed(template.property(id, "/Policies/0/PolicyDocument/Statement")) {
            let actions = listed(&statement["Action"]);
            let first = actions[0].as_str().unwrap();
            if first.starts_with("dynamodb:") {
                let resource = &statement["Resource"];
                assert_eq!(
                    *settled(resource, restored),
                    json!({ "Fn::Sub": by_name }),
                    "{id}"
                );
                assert_eq!(*settled(resource, &[]), arn("Table"), "{id}");
                statements += 1;
            }
        }
    }
    assert_eq!(statements, template.functions().len());
    let watched = template.property("TableThrottleAlarm", "/Dimensions/0/Value");
    assert_eq!(*settled(watched, restored), reference("RestoredTableName"));
}
