//! `connect`: OAuth 2.0 and OpenID Connect. Wiring only; behaviour is in lib.rs.

use std::process::ExitCode;

use connect::{State, router};
use gatehouse::lambda::start;

#[tokio::main]
async fn main() -> ExitCode {
    start(|environment, sources| async move {
        let state = State::connect(&environment, &environment.aws()?, sources)?;
        lambda_http::run(router(state)).await
    })
    .await
}
