//! The embedded services, by way of the AWS SDK.

#![expect(
    clippy::unwrap_used,
    reason = "helpers in this file are tests to people, not to the lint"
)]

mod durability;
mod kill_9;
mod kms;
mod secrets;
mod secrets_deletion;
mod sqs_batches;
mod sqs_queues;
mod sqs_receive;
mod sqs_redrive;
mod sqs_send;
mod template;
mod world;

use embedded_aws::template::Template;

/// What the services hold in these tests: the deployment's own template.
fn deployed() -> Template {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
    Template::read(file.as_ref()).unwrap()
}
