//! Lambda's Runtime API, version 2018-06-01:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use gatehouse::lambda::system_sources;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

type Answer = Result<Value, Failure>;

/// What a function says when it cannot start or cannot answer.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) error_type: String,
    pub(crate) message: String,
}

impl Failure {
    fn new(error_type: &str, message: impl Into<String>) -> Self {
        Self {
            error_type: error_type.to_owned(),
            message: message.into(),
        }
    }

    /// `{"errorType", "errorMessage"}`, or whatever else it is.
    fn read(body: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |field: &str| value.get(field).and_then(Value::as_str);
        match (text("errorType"), text("errorMessage")) {
            (Some(error_type), Some(message)) => Self::new(error_type, message),
            _ => Self::new("Unknown", String::from_utf8_lossy(body)),
        }
    }
}

/// The API for one process, on a loopback port. Dropping it closes the port.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    address: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    function_arn: String,
    waiting: mpsc::UnboundedSender<Invocation>,
    queue: AsyncMutex<mpsc::UnboundedReceiver<Invocation>>,
    in_hand: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    /// How the start went, once that is known.
    started: watch::Sender<Option<Result<(), Failure>>>,
    count: AtomicU64,
}

#[derive(Debug)]
struct Invocation {
    id: String,
    event: String,
    timeout: Duration,
    answer: oneshot::Sender<Answer>,
}

impl RuntimeApi {
    pub(crate) async fn start(function: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (waiting, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            function_arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{function}"),
            waiting,
            queue: AsyncMutex::new(queue),
            in_hand: Mutex::default(),
            started: watch::Sender::new(None),
            count: AtomicU64::new(1),
        });
        let router = router(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // It goes on until it is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the function asks for its first event, or says why it never will.
    pub(crate) async fn started(&self) -> Result<(), Failure> {
        let mut started = self.shared.started.subscribe();
        let known = started.wait_for(Option::is_some).await;
        let known = known.ok().and_then(|known| known.clone());
        known.unwrap_or_else(|| Err(Failure::new("Runtime", "the API was closed")))
    }

    /// Queues an event and waits for its answer.
    pub(crate) async fn invoke(&self, event: String, timeout: Duration) -> Answer {
        let count = self.shared.count.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let invocation = Invocation {
            id: format!("00000000-0000-4000-8000-{count:012x}"),
            event,
            timeout,
            answer,
        };
        let closed = || Failure::new("Runtime", "the API was closed");
        self.shared.waiting.send(invocation).map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let of_runtime = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{id}/response", post(response))
        .route("/invocation/{id}/error", post(error))
        .route("/init/error", post(init_error));
    Router::new()
        .nest("/2018-06-01/runtime", of_runtime)
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}

/// Answers when there is an event.
async fn next(State(shared): State<Arc<Shared>>) -> Response {
    shared.started.send_if_modified(|started| {
        let is_first = started.is_none();
        started.get_or_insert(Ok(()));
        is_first
    });
    let Some(invocation) = shared.queue.lock().await.recv().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let Invocation {
        id,
        event,
        timeout,
        answer,
    } = invocation;
    let deadline = system_sources().now().plus(timeout).as_millisecond();
    let trace = format!(
        "Root=1-00000000-{};Sampled=0",
        id.replace('-', "").split_off(8)
    );
    shared.in_hand().insert(id.clone(), answer);
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            shared.function_arn.clone(),
        ),
        ("lambda-runtime-trace-id", trace),
    ];
    (headers, event).into_response()
}

async fn response(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let answer = serde_json::from_slice(&body)
        .map_err(|_| Failure::new("Runtime.InvalidResponse", "the answer is not JSON"));
    shared.complete(&id, answer)
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    shared.complete(&id, Err(Failure::read(&body)))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    shared.started.send_replace(Some(Err(Failure::read(&body))));
    accepted()
}

impl Shared {
    fn in_hand(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complete(&self, id: &str, answer: Answer) -> Response {
        let Some(waiting) = self.in_hand().remove(id) else {
            let body = json!({"errorType": "InvalidRequestID", "errorMessage": "no such request"});
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        };
        // Whoever asked may have given up.
        let _ = waiting.send(answer);
        accepted()
    }
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
}
