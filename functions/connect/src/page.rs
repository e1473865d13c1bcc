//! The few pages that browsers see. Every text on them is written here: nothing of a request, of a
//! provider's answer, or of an integration appears.

use std::sync::LazyLock;

use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::domain::{Error, IntegrationId};
use gatehouse::oauth::OauthError;
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::answer::Refusal;

const STYLE: &str = "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:4rem auto;\
padding:0 1.5rem;color:#1a1a1a;background:#fff}h1{font-size:1.6rem;line-height:1.3}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}}";

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

/// A page, and what is added to `returnUrl` in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    status: StatusCode,
    /// One word for programs.
    pub(crate) reason: &'static str,
    title: &'static str,
    text: &'static str,
}

const AGAIN: &str = "Nothing was connected. Start again where you began.";

impl Page {
    /// What every answer to a browser has: no copy is kept, no address is told to the next site,
    /// and nobody shows it in a frame.
    pub(crate) const HEADERS: [(header::HeaderName, HeaderValue); 3] = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];

    pub(crate) const CONNECTED: Self = Self {
        status: StatusCode::OK,
        reason: "connected",
        title: "Connected",
        text: "The integration is connected. You can close this window.",
    };
    pub(crate) const CONNECTED_OTHER: Self = Self {
        status: StatusCode::OK,
        reason: "account_changed",
        title: "Connected with another account",
        text: "The integration is connected, but with another account at the provider than before. \
               If you did not mean to change it, connect it again with the former account.",
    };
    pub(crate) const LINK: Self = Self::problem(
        StatusCode::BAD_REQUEST,
        "expired",
        "This link is no longer valid",
        "It was used before, is older than ten minutes, or was never valid. Nothing was connected. \
         Start again where you began.",
    );
    pub(crate) const UNREADABLE: Self = Self::problem(
        StatusCode::BAD_REQUEST,
        "unreadable",
        "The provider's answer cannot be read",
        AGAIN,
    );
    pub(crate) const BROWSER: Self = Self::problem(
        StatusCode::FORBIDDEN,
        "other_browser",
        "This is not the browser that began",
        "A connection has to be finished in the browser in which it was begun, with cookies allowed. \
         Nothing was connected. Start again where you began.",
    );
    pub(crate) const ISSUER: Self = Self::problem(
        StatusCode::BAD_REQUEST,
        "other_issuer",
        "The answer is not from the expected provider",
        "The answer names another authorization server than the integration does, or none. Nothing \
         was connected, and nothing was sent to either. If it happens again, have an administrator \
         check the issuer in the integration's set-up.",
    );
    pub(crate) const CHANGED: Self = Self::problem(
        StatusCode::CONFLICT,
        "changed",
        "The integration was changed meanwhile",
        AGAIN,
    );
    pub(crate) const IDENTITY: Self = Self::problem(
        StatusCode::BAD_GATEWAY,
        "identity",
        "The provider's statement of who you are cannot be trusted",
        "Nothing was connected. If it happens again, have an administrator look at the log.",
    );
    const PROVIDER: Self = Self::problem(
        StatusCode::BAD_GATEWAY,
        "provider",
        "The provider did not complete the connection",
        "Nothing was connected. Start again where you began. If it happens again, have an \
         administrator check the integration's set-up and look at the log.",
    );
    const UNAVAILABLE: Self = Self::problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "This does not work at the moment",
        "Nothing was connected. Wait a minute, then start again where you began.",
    );

    const fn problem(
        status: StatusCode,
        reason: &'static str,
        title: &'static str,
        text: &'static str,
    ) -> Self {
        Self {
            status,
            reason,
            title,
            text,
        }
    }

    /// What is shown where the provider says that nobody has consented.
    pub(crate) fn refused(refusal: Refusal) -> Self {
        let page =
            |reason, title, text| Self::problem(StatusCode::BAD_REQUEST, reason, title, text);
        match refusal {
            Refusal::Denied => page(
                "access_denied",
                "Access was not granted",
                "You, or the provider, have declined. Nothing was connected.",
            ),
            Refusal::InvalidScope => page(
                "invalid_scope",
                "The provider does not know what was asked for",
                "The permissions (scopes) that the integration asks for are not valid there. Nothing \
                 was connected. Have an administrator correct them.",
            ),
            Refusal::Unavailable => page(
                "provider_unavailable",
                "The provider does not work at the moment",
                "Nothing was connected. Wait a minute, then start again where you began.",
            ),
            Refusal::Interaction => page(
                "interaction_required",
                "The provider needs you to sign in first",
                AGAIN,
            ),
            Refusal::Misconfigured => page(
                "refused",
                "The provider refuses the request",
                "Nothing was connected. Have an administrator check the integration's set-up.",
            ),
        }
    }

    /// What is shown where an authorization server cannot be asked. What it is goes to the log.
    pub(crate) fn oauth(error: &OauthError, integration: IntegrationId) -> Self {
        tracing::warn!(
            integration.id = %integration,
            cause = %error,
            "{integration} was not connected: the authorization server"
        );
        if error.is_transient() {
            Self::UNAVAILABLE
        } else {
            Self::PROVIDER
        }
    }

    /// What is shown where we fail, or the integration is not as it has to be.
    #[expect(clippy::needless_pass_by_value, reason = "passed to `map_err`")]
    pub(crate) fn failed(error: Error) -> Self {
        match &error {
            Error::NotFound(_) | Error::Conflict(_) => Self::CHANGED,
            _ => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(cause, "a browser was not served: {error}");
                Self::UNAVAILABLE
            }
        }
    }

    /// Whether anything was connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.status == StatusCode::OK
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let Self { title, text, .. } = self;
        let page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n\
             </main>\n</body>\n</html>\n"
        );
        let policy = HeaderValue::from_str(&POLICY);
        let policy = policy.map(|policy| [(header::CONTENT_SECURITY_POLICY, policy)]);
        let policy = policy.unwrap_or([(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        )]);
        (self.status, Self::HEADERS, policy, Html(page)).into_response()
    }
}
