//! `monitor`: rolls up what happened at integrations, and checks them. Wiring only; behaviour is in lib.rs.

use std::process::ExitCode;

use gatehouse::lambda::start;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use monitor::{State, handle};
use serde_json::Value;

#[tokio::main]
async fn main() -> ExitCode {
    start(|environment, sources| async move {
        let state = State::connect(&environment, &environment.aws()?, sources)?;
        let handler = |event: LambdaEvent<Value>| async {
            Ok::<_, Error>(handle(&state, event.payload).await?)
        };
        lambda_runtime::run(service_fn(handler)).await
    })
    .await
}
