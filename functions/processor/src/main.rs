//! `processor`: handles what the queue holds. Wiring only; behaviour is in lib.rs.

use gatehouse::config::Environment;
use gatehouse::lambda::{system_sources, telemetry};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use processor::{State, handle};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    telemetry::init(&environment);
    let aws = environment.aws()?;
    let state = State::connect(&environment, &aws, system_sources())?;
    let handler =
        |event: LambdaEvent<_>| async { Ok::<_, Error>(handle(&state, event.payload).await?) };
    lambda_runtime::run(service_fn(handler)).await
}
