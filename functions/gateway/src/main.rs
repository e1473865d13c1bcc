//! `gateway`: outbound calls with an integration's credentials. Wiring only; behaviour is in lib.rs.

use std::process::ExitCode;

use gatehouse::lambda::start;
use gateway::{State, router};

#[tokio::main]
async fn main() -> ExitCode {
    start(|environment, sources| async move {
        let state = State::connect(&environment, &environment.aws()?, sources)?;
        lambda_http::run(router(state)).await
    })
    .await
}
