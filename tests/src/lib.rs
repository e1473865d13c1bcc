//! Runs the real binary of a Lambda function on this machine, as Lambda does: in a process of its
//! own, with an environment of its own, fed by the Runtime API over loopback.
//!
//! For stories across functions and for measurements. What Lambda does around a function is not
//! here: no permissions, no limits of memory or CPU, no freezing between invocations.

mod process;
mod runtime_api;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;

pub use self::process::Output;
use self::process::Process;
use self::runtime_api::{Failure, RuntimeApi};

/// The largest event that Lambda hands to a function.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;
/// How long Lambda waits for a function to start.
const START: Duration = Duration::from_secs(10);
/// How much slower than on Lambda everything may be here.
const SLACK: u32 = 6;

/// Which function to start, and how.
#[derive(Clone, Debug)]
pub struct FunctionSettings {
    /// What it is called, and what its log group is named after.
    pub name: String,
    /// Its binary.
    pub binary: PathBuf,
    /// All of its environment but for what Lambda itself sets: nothing is inherited.
    pub environment: BTreeMap<String, String>,
    /// How long one invocation may take, as the function is told.
    pub timeout: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// No loopback port could be had.
    #[error("no port on 127.0.0.1 could be opened")]
    Listen(#[source] std::io::Error),
    /// The binary cannot be run.
    #[error("`{}` cannot be run: it has to be built first", .0.display())]
    Spawn(PathBuf, #[source] std::io::Error),
    /// The function says itself that it cannot start.
    #[error("the function cannot start: {error_type}: {message}")]
    Init {
        /// A word for the kind of error.
        error_type: String,
        /// What it says of it.
        message: String,
    },
    /// The process ended: at its start, or with an invocation in hand.
    #[error("the function ended ({status}) and had said:\n{}{}", .output.stdout, .output.stderr)]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// All that it had written.
        output: Output,
    },
    /// The function answered an invocation with an error.
    #[error("the function failed: {error_type}: {message}")]
    Failed {
        /// A word for the kind of error.
        error_type: String,
        /// What it says of it.
        message: String,
    },
    /// It neither answered nor ended.
    #[error("the function did nothing for {0:?}")]
    TimedOut(Duration),
    /// Lambda would not hand over an event of this size.
    #[error("the event has {0} bytes, more than Lambda takes")]
    EventTooLarge(usize),
    /// The process cannot be looked after.
    #[error("the process cannot be waited for")]
    Wait(#[source] std::io::Error),
}

impl FunctionError {
    fn init(failure: Failure) -> Self {
        let Failure {
            error_type,
            message,
        } = failure;
        Self::Init {
            error_type,
            message,
        }
    }

    fn failed(failure: Failure) -> Self {
        let Failure {
            error_type,
            message,
        } = failure;
        Self::Failed {
            error_type,
            message,
        }
    }
}

/// A function that has started and waits for events. Dropping it kills its process.
#[derive(Debug)]
pub struct Function {
    api: RuntimeApi,
    process: Process,
    timeout: Duration,
}

impl Function {
    /// Starts a process and waits until it asks for its first event.
    ///
    /// # Errors
    ///
    /// If the binary cannot be run, or the function does not come to asking: it says why, it ends,
    /// or it does neither for long.
    pub async fn start(settings: &FunctionSettings) -> Result<Self, FunctionError> {
        let api = RuntimeApi::start(&settings.name)
            .await
            .map_err(FunctionError::Listen)?;
        let process = Process::spawn(&settings.binary, &environment(settings, &api))
            .map_err(|error| FunctionError::Spawn(settings.binary.clone(), error))?;
        let function = Self {
            api,
            process,
            timeout: settings.timeout,
        };
        let limit = START * SLACK;
        let started = async {
            tokio::select! {
                // What it says of its end is worth more than the end.
                biased;
                started = function.api.started() => started.map_err(FunctionError::init),
                error = function.exited() => Err(error),
            }
        };
        match tokio::time::timeout(limit, started).await {
            Ok(started) => started.map(|()| function),
            Err(_) => Err(FunctionError::TimedOut(limit)),
        }
    }

    /// Hands over an event and waits for the answer. Events that are handed over at the same time
    /// are worked on one after the other.
    ///
    /// # Errors
    ///
    /// If the function answers with an error, ends, or takes too long.
    pub async fn invoke(&self, event: &Value) -> Result<Value, FunctionError> {
        let event = event.to_string();
        if event.len() > MAX_EVENT_BYTES {
            return Err(FunctionError::EventTooLarge(event.len()));
        }
        let answer = self.api.invoke(event, self.timeout);
        let limit = self.timeout * SLACK;
        let answered = async {
            tokio::select! {
                biased;
                answer = answer => answer.map_err(FunctionError::failed),
                error = self.exited() => Err(error),
            }
        };
        tokio::time::timeout(limit, answered)
            .await
            .unwrap_or(Err(FunctionError::TimedOut(limit)))
    }

    /// The process, for whoever measures it.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Kills the process; all that it wrote.
    ///
    /// # Errors
    ///
    /// If the process cannot be waited for.
    pub fn stop(self) -> Result<Output, FunctionError> {
        let (_, output) = self.process.end().map_err(FunctionError::Wait)?;
        Ok(output)
    }

    /// Waits for the process to end by itself, and says that it did.
    async fn exited(&self) -> FunctionError {
        self.process.ended().await;
        match self.process.end() {
            Ok((status, output)) => FunctionError::Exited { status, output },
            Err(error) => FunctionError::Wait(error),
        }
    }
}

/// The function's own variables, and those that Lambda sets.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
fn environment(settings: &FunctionSettings, api: &RuntimeApi) -> BTreeMap<String, String> {
    let name = settings.name.as_str();
    let folder = settings.binary.parent().unwrap_or(Path::new("/"));
    let of_lambda = [
        ("AWS_LAMBDA_RUNTIME_API", api.address().to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "[$LATEST]local".to_owned()),
        ("LAMBDA_TASK_ROOT", folder.display().to_string()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ];
    let mut environment = settings.environment.clone();
    environment.extend(of_lambda.map(|(name, value)| (name.to_owned(), value)));
    environment
}
