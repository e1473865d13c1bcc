//! DynamoDB, SQS, Secrets Manager and KMS on loopback, in this process, holding what
//! `infra/template.yaml` says.
//!
//! For `cargo run`, where the state is kept in a folder and survives `kill -9`, and for tests,
//! where it is in memory. DynamoDB is `dynoxide`; the other three are ours, because nothing kept
//! does what AWS does. They offer exactly the calls that Gatehouse makes, with AWS's limits and
//! errors; any other call is refused, never waved through. What a function may do is what its role in the
//! template allows ([`Stack::sdk_config_of`]). Signatures are not checked.
//!
//! None of this is ever part of a Lambda function.

mod api;
mod calls;
mod capacity;
mod database;
pub mod in_process;
mod kms;
mod permissions;
mod sealing;
mod secrets;
mod server;
mod sqs;
mod stack;
pub mod template;
mod time;

pub use capacity::Capacity;
pub use permissions::Grant;
pub use stack::{Stack, StackError};
pub use time::TimeSource;

/// The account that everything belongs to.
pub const ACCOUNT: &str = "000000000000";
/// The region that everything is in.
pub const REGION: &str = "us-east-1";
