//! Nothing is allowed that is not needed. That nothing is missing, the embedded services see to: they refuse
//! what a function's role does not allow.

use std::collections::BTreeSet;
use std::fs;

use embedded_aws::Grant;
use embedded_aws::template::Template;

/// What is not asked for on this machine, and why it is needed.
const ELSEWHERE: [(&str, &str); 3] = [
    ("logs:CreateLogStream", "Lambda writes the log"),
    ("logs:PutLogEvents", "Lambda writes the log"),
    (
        "sqs:GetQueueAttributes",
        "Lambda looks at the queue that triggers a function",
    ),
];

/// What only tests of `monitor`, `rotation` and `sync` do that have a table of their own, in which nobody is
/// refused: the function, the action, and the end of the resource.
const UNSEEN: [(&str, &str, &str); 12] = [
    ("monitor", "dynamodb:ConditionCheckItem", "-Table"),
    ("monitor", "kms:GenerateDataKeyWithoutPlaintext", "-Key"),
    ("monitor", "secretsmanager:GetSecretValue", "*"),
    ("monitor", "sqs:SendMessage", "-EventsQueue"),
    ("rotation", "dynamodb:BatchGetItem", "-Table"),
    ("rotation", "kms:GenerateDataKeyWithoutPlaintext", "-Key"),
    ("rotation", "kms:ReEncryptFrom", "-Key"),
    ("rotation", "kms:ReEncryptTo", "-Key"),
    ("sync", "dynamodb:BatchWriteItem", "-Table"),
    ("sync", "sqs:ChangeMessageVisibility", "-SyncQueue"),
    ("sync", "sqs:SendMessage", "-EventsQueue"),
    ("sync", "sqs:SendMessage", "-SyncDeadLetterQueue"),
];

fn is_unseen(grant: &Grant) -> bool {
    let anywhere = ELSEWHERE.iter().any(|(action, _)| *action == grant.action);
    let here = UNSEEN.iter().any(|(function, action, end)| {
        *function == grant.function && *action == grant.action && grant.resource.ends_with(end)
    });
    anywhere || here
}

fn used(folder: &str) -> BTreeSet<Grant> {
    let mut used = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            let parts: Vec<&str> = line.split(' ').collect();
            let [function, action, resource] = parts.as_slice() else {
                panic!("{line}");
            };
            used.insert(Grant {
                function: (*function).to_owned(),
                action: (*action).to_owned(),
                resource: (*resource).to_owned(),
            });
        }
    }
    used
}

#[test]
#[ignore = "reads what a run of all tests has made use of: scripts/test runs it after them"]
fn everything_that_a_function_may_do_was_done() {
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
    let folder = std::env::var("GATEHOUSE_USED_PERMISSIONS")
        .expect("GATEHOUSE_USED_PERMISSIONS names the folder that the tests have written to");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");
    let mut unused = Template::read(file.as_ref()).unwrap().grants();
    assert!(unused.len() > 50, "{}", unused.len());
    let used = used(&folder);
    unused.retain(|grant| !is_unseen(grant) && !used.contains(grant));
    assert_eq!(unused, BTreeSet::new(), "no test makes use of these");
}
