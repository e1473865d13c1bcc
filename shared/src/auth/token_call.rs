//! The calls that obtain a token.

use std::time::Duration;

use http::{HeaderValue, Method, header};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::fields::Fields;
use super::hosts::may_have_credentials;
use super::place::put_header;
use super::token_cache::Token;
use super::{AuthContext, AuthError, custom};
use crate::domain::{JwtUse, Login, LoginBody, Timestamp};
use crate::egress::{Egress, OutboundRequest};
use crate::oauth::Form;

/// A token that is worth having is there by then.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// What fits into the headers that servers take. So many of them are kept in memory.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// How long a token is used if its answer does not say how long it may be.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// A token that is said to last longer is renewed after a day all the same.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One call for a token: who asks, where, when, and for how long it may take.
pub(super) struct TokenCall<'a> {
    pub(super) egress: &'a Egress,
    pub(super) context: &'a AuthContext<'a>,
    pub(super) now: Timestamp,
    pub(super) timeout: Duration,
}

impl TokenCall<'_> {
    /// Exchanges an assertion for a token (RFC 7523, RFC 6749 section 5.1).
    pub(super) async fn exchange(
        &self,
        purpose: &JwtUse,
        assertion: &str,
    ) -> Result<Token, AuthError> {
        let JwtUse::Exchange {
            token_url,
            parameters,
            assertion_parameter,
        } = purpose
        else {
            return Err(AuthError::Configuration("it names no token URL"));
        };
        let fields = Fields::new(self.context.credentials);
        let mut form = Form::default();
        for (name, template) in parameters {
            form.append(name, &fields.fill(template)?);
        }
        form.append(assertion_parameter, assertion);
        let mut request = self.request(Method::POST, token_url.clone())?;
        request.headers.insert(header::CONTENT_TYPE, FORM);
        request.body = form.into_body();
        let answer = self.send(request).await?;
        let is_bearer = |kind: &Value| {
            let kind = kind.as_str();
            kind.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"))
        };
        if !answer.get("token_type").is_none_or(is_bearer) {
            return Err(AuthError::TokenUnreadable("its token is of another type"));
        }
        let lifetime = seconds(answer.get("expires_in"))?.unwrap_or(LIFETIME);
        self.token(answer.get("access_token"), lifetime)
    }

    /// Logs in.
    pub(super) async fn login(&self, login: &Login) -> Result<Token, AuthError> {
        let method = login.method.parse();
        let method = method.map_err(|_| AuthError::Configuration("its method is none"))?;
        let url = under(self.context.base_url, &login.path)?;
        let mut request = self.request(method, url)?;
        let fields = Fields::new(self.context.credentials);
        match &login.body {
            Some(LoginBody::Json(members)) => {
                let mut object = serde_json::Map::new();
                for (name, template) in members {
                    let text = fields.fill(template)?;
                    object.insert(name.clone(), Value::String(text.to_string()));
                }
                request.headers.insert(header::CONTENT_TYPE, JSON);
                request.body = Value::Object(object).to_string().into();
            }
            Some(LoginBody::Form(pairs)) => {
                let mut form = Form::default();
                for (name, template) in pairs {
                    form.append(name, &fields.fill(template)?);
                }
                request.headers.insert(header::CONTENT_TYPE, FORM);
                request.body = form.into_body();
            }
            None => {}
        }
        for (name, template) in &login.headers {
            put_header(&mut request, name, fields.header(template)?)?;
        }
        let answer = self.send(request).await?;
        let find = |expression: &crate::domain::Expression| {
            let found = expression.evaluate(&answer);
            found.map_err(|_| AuthError::TokenUnreadable("an expression fails on it"))
        };
        let lifetime = match &login.expires_in {
            Some(expression) => seconds(Some(&find(expression)?))?,
            None => None,
        };
        let default = Duration::from_secs(login.lifetime_seconds.into());
        self.token(Some(&find(&login.token)?), lifetime.unwrap_or(default))
    }

    fn request(&self, method: Method, url: Url) -> Result<OutboundRequest, AuthError> {
        let context = self.context;
        if !may_have_credentials(&url, context.base_url, context.hosts) {
            return Err(AuthError::ForbiddenTokenHost);
        }
        let mut request = OutboundRequest::new(method, url, self.timeout.min(TIMEOUT));
        request.max_response_bytes = MAX_ANSWER_BYTES;
        request.tls = context.tls.clone();
        request.tls.client_identity = custom::identity(context)?;
        request.headers.insert(header::ACCEPT, JSON);
        Ok(request)
    }

    async fn send(&self, request: OutboundRequest) -> Result<Value, AuthError> {
        let response = self.egress.send(request).await?;
        if !response.status.is_success() {
            let status = response.status.as_u16();
            return Err(AuthError::TokenRefused { status });
        }
        if response.truncated {
            return Err(AuthError::TokenUnreadable("it is too large"));
        }
        let unreadable = |_| AuthError::TokenUnreadable("it is not JSON");
        serde_json::from_slice(&response.body).map_err(unreadable)
    }

    fn token(&self, value: Option<&Value>, lifetime: Duration) -> Result<Token, AuthError> {
        let value = value.and_then(Value::as_str).unwrap_or_default();
        if value.is_empty() || value.contains(|c: char| c.is_control() || c == ' ') {
            return Err(AuthError::TokenUnreadable("it has no token"));
        }
        if value.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::TokenUnreadable("its token is too long"));
        }
        let lifetime = lifetime.min(MAX_LIFETIME);
        Ok(Token::new(SecretString::from(value), self.now, lifetime))
    }
}

/// The lifetime that an answer states: as a number, or, as some do, as a text of one.
fn seconds(value: Option<&Value>) -> Result<Option<Duration>, AuthError> {
    let number = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    number
        .and_then(|number| Duration::try_from_secs_f64(number).ok())
        .map(Some)
        .ok_or(AuthError::TokenUnreadable(
            "its lifetime is no number of seconds",
        ))
}

/// The URL of a path under the base URL.
fn under(base: &Url, path: &str) -> Result<Url, AuthError> {
    let misplaced = AuthError::Configuration("its path does not lead under the base URL");
    let folder = base.path().trim_end_matches('/');
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    url.set_path(&format!("{folder}{path}"));
    url.set_query(query);
    let below = url.path().strip_prefix(folder);
    let is_below = below.is_some_and(|below| below.starts_with('/'));
    is_below.then_some(url).ok_or(misplaced)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_login_stays_under_the_base_url() {
        let base: Url = "https://a.example/api/v2/".parse().unwrap();
        for (path, url) in [
            ("/login", Some("https://a.example/api/v2/login")),
            (
                "/login?a=b%20c",
                Some("https://a.example/api/v2/login?a=b%20c"),
            ),
            ("/a/../login", Some("https://a.example/api/v2/login")),
            (
                "//evil.example/x",
                Some("https://a.example/api/v2//evil.example/x"),
            ),
            ("/../login", None),
            ("/../v22/login", None),
            ("/%2e%2e/login", None),
            ("/..\\login", None),
        ] {
            let joined = under(&base, path).ok();
            assert_eq!(joined.as_ref().map(Url::as_str), url, "{path}");
        }
    }

    #[test]
    fn a_lifetime_is_a_number_of_seconds() {
        let read = |value: Value| seconds(Some(&value)).map(|d| d.map(|d| d.as_secs()));
        assert_eq!(read(json!(3600)).unwrap(), Some(3600));
        assert_eq!(read(json!("3600")).unwrap(), Some(3600));
        assert_eq!(read(json!(0)).unwrap(), Some(0));
        assert_eq!(read(json!(null)).unwrap(), None);
        for value in [
            json!(-1),
            json!("soon"),
            json!([]),
            json!(1e300),
            json!("NaN"),
        ] {
            let refused = read(value.clone());
            assert!(
                matches!(refused, Err(AuthError::TokenUnreadable(_))),
                "{value}"
            );
        }
    }
}
