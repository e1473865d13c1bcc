//! All that is reached by the way out: servers in this process, in virtual time.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::egress::{Carry, EgressError, OutboundRequest, OutboundResponse};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// What a server makes of a request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// An answer, in so long: it may be that nobody waits for it any more.
    Whole(Duration, Plain),
    /// It is cut off.
    Cut,
    /// The connection breaks.
    Broken,
    /// Nothing is sent: there is no connection. It has not seen the request.
    Unreachable,
}

/// A whole answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Plain {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Plain {
    pub(super) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn json(status: u16, body: &serde_json::Value) -> Self {
        let plain = Self::status(status).with("content-type", "application/json");
        Self {
            body: body.to_string(),
            ..plain
        }
    }

    /// Soon.
    pub(super) fn soon(self) -> Reply {
        Reply::Whole(Duration::from_millis(5), self)
    }
}

/// One server.
pub(super) trait Serve: Send {
    /// What it makes of a request for `path`, which begins after the server's name.
    fn serve(&mut self, path: &str, request: &OutboundRequest) -> Reply;
}

type Shared = Arc<Mutex<dyn Serve>>;

/// All of them, by the first part of their URLs' paths.
#[derive(Clone, Default)]
pub(super) struct Servers(Arc<Mutex<BTreeMap<String, Shared>>>);

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").finish_non_exhaustive()
    }
}

impl Servers {
    /// Adds one; its URL.
    pub(super) fn add(&self, name: &str, server: Shared) -> String {
        self.0.lock().unwrap().insert(name.to_owned(), server);
        format!("http://127.0.0.1/{name}")
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    fn reply(&self, request: &OutboundRequest) -> Reply {
        let path = request.url.path().trim_start_matches('/');
        let (name, path) = path.split_once('/').unwrap_or((path, ""));
        let server = self.0.lock().unwrap()[name].clone();
        let mut server = server.lock().unwrap();
        server.serve(&format!("/{path}"), request)
    }
}

impl Carry for Servers {
    fn carry(
        &self,
        request: OutboundRequest,
    ) -> Pin<Box<dyn Future<Output = Result<OutboundResponse, EgressError>> + Send>> {
        let servers = self.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let plain = match servers.reply(&request) {
                Reply::Whole(wait, plain) => {
                    tokio::time::sleep(wait).await;
                    plain
                }
                Reply::Cut => return Err(EgressError::Truncated),
                Reply::Broken => return Err(EgressError::Disconnected("it broke".into())),
                Reply::Unreachable => return Err(EgressError::Connect("refused".into())),
            };
            let mut headers = HeaderMap::new();
            for (name, value) in plain.headers {
                let value = HeaderValue::try_from(value).unwrap();
                headers.insert(HeaderName::from_static(name), value);
            }
            Ok(OutboundResponse {
                status: StatusCode::from_u16(plain.status).unwrap(),
                headers,
                body: plain.body.into(),
                truncated: false,
                duration: Duration::ZERO,
            })
        })
    }
}
