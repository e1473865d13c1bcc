//! Stories across functions: their real binaries, driven as Lambda drives them, over the embedded
//! services. API Gateway's and SQS's events go in; answers, the queue's and the table's contents and
//! deliveries come out.

mod access;
mod burying;
mod credentials;
mod deletion;
mod deployment;
mod issuer;
mod journey;
mod once;
mod outbound;
mod refused;
mod rotation;
mod samples;
mod secrets;
mod start;
mod world;
