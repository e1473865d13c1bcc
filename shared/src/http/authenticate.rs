use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header;
use http::request::Parts;

use super::ApiError;
use crate::access::{ApiKeys, Caller, Verifier};
use crate::domain::{Error, Sources};

/// What a router's state holds for [`Caller`] to be an extractor.
#[derive(Clone, Debug)]
pub struct Authentication {
    /// Verifies the token.
    pub verifier: Arc<Verifier>,
    /// Verifies the key of a machine.
    pub api_keys: ApiKeys,
    /// Says when.
    pub sources: Sources,
}

impl<S> FromRequestParts<S> for Caller
where
    Authentication: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let authentication = Authentication::from_ref(state);
        let now = authentication.sources.now();
        let headers = || {
            let values = parts.headers.get_all(header::AUTHORIZATION).iter();
            values.map(|value| value.as_bytes())
        };
        let verified = match ApiKeys::key_in(headers()) {
            Some(key) => authentication.api_keys.verify(key, now).await,
            None => authentication.verifier.verify(headers(), now).await,
        };
        let caller = verified.map_err(Error::from)?;
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

/// A layer that lets a request pass whose access token is accepted; handlers and layers find the
/// caller in its extensions.
pub async fn authenticated(
    State(_): State<Authentication>,
    caller: Caller,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(caller);
    next.run(request).await
}
