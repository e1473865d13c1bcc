use std::process::ExitCode;

use super::{system_sources, telemetry};
use crate::config::Environment;
use crate::domain::Sources;

/// Runs a function's process: starts its logs, then hands its environment to `serve`, which ends
/// only if the function cannot start or the runtime's interface fails. Why it ended is one line of
/// the log.
pub async fn start<S, F>(serve: S) -> ExitCode
where
    S: FnOnce(Environment, Sources) -> F,
    F: Future<Output = Result<(), lambda_http::Error>>,
{
    let environment = Environment::of_process();
    telemetry::init(&environment);
    match serve(environment, system_sources()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(
                error = telemetry::chain(&*error),
                "the function has stopped"
            );
            ExitCode::FAILURE
        }
    }
}
