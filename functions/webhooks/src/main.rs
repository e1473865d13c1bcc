//! `webhooks`: receives providers' calls. Wiring only; behaviour is in lib.rs.

use gatehouse::config::Environment;
use gatehouse::lambda::{system_sources, telemetry};
use webhooks::{State, router};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    let environment = Environment::of_process();
    telemetry::init(&environment);
    let aws = environment.aws()?;
    let state = State::connect(&environment, &aws, system_sources())?;
    lambda_http::run(router(state)).await
}
