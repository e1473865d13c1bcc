//! `processor`: handles what the queue holds. Wiring only; behaviour is in lib.rs.

use gatehouse::config::Environment;
use gatehouse::lambda::{system_sources, telemetry};
use lambda_runtime::{LambdaEvent, service_fn};
use processor::{State, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    telemetry::init(&environment);
    let aws = aws_config::load_from_env().await;
    let state = State::connect(&environment, &aws, system_sources())?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| {
        handle(&state, event.payload)
    }))
    .await
}
