use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Metadata, OauthError};

/// What a sign-out at the issuer is asked for with.
#[derive(Clone, Copy, Debug)]
pub struct EndSession<'a> {
    /// The ID token of the session, so that the issuer knows which one, and asks nobody.
    pub id_token_hint: Option<&'a SecretString>,
    /// The client.
    pub client_id: &'a str,
    /// Where the browser goes afterwards: one that is registered with the issuer.
    pub post_logout_redirect_uri: Option<&'a Url>,
    /// What the issuer hands back there.
    pub state: Option<&'a str>,
}

const OURS: [&str; 4] = [
    "id_token_hint",
    "client_id",
    "post_logout_redirect_uri",
    "state",
];

/// Where a browser is sent to sign out at the issuer (OpenID Connect RP-Initiated Logout 1.0 section
/// 2). The URL may hold an ID token, so it is for the browser and for no log.
///
/// # Errors
///
/// If the issuer has no such endpoint, or a state has no place to be handed back to.
pub fn end_session_url(metadata: &Metadata, request: &EndSession<'_>) -> Result<Url, OauthError> {
    let endpoint = metadata.end_session_endpoint.as_ref();
    let mut url = endpoint.cloned().ok_or(OauthError::Configuration(
        "the metadata name no endpoint to sign out at",
    ))?;
    if request.state.is_some() && request.post_logout_redirect_uri.is_none() {
        return Err(OauthError::Configuration(
            "a state needs a URL that it is handed back to",
        ));
    }
    // What the endpoint has of its own stays, but for what is said here: nothing comes twice.
    let own: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| !OURS.contains(&name.as_ref()))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut query = url.query_pairs_mut();
    query.clear().extend_pairs(own);
    if let Some(token) = request.id_token_hint {
        #[expect(clippy::disallowed_methods, reason = "for the issuer that made it")]
        query.append_pair("id_token_hint", token.expose_secret());
    }
    query.append_pair("client_id", request.client_id);
    if let Some(redirect) = request.post_logout_redirect_uri {
        query.append_pair("post_logout_redirect_uri", redirect.as_str());
    }
    if let Some(state) = request.state {
        query.append_pair("state", state);
    }
    drop(query);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(endpoint: &str) -> Metadata {
        Metadata {
            end_session_endpoint: Some(endpoint.parse().unwrap()),
            ..Metadata::default()
        }
    }

    fn request<'a>() -> EndSession<'a> {
        EndSession {
            id_token_hint: None,
            client_id: "us",
            post_logout_redirect_uri: None,
            state: None,
        }
    }

    #[test]
    fn everything_is_said_once() {
        let (hint, after) = (SecretString::from("a.b.c"), "https://us.example/bye?x=1");
        let after: Url = after.parse().unwrap();
        let request = EndSession {
            id_token_hint: Some(&hint),
            post_logout_redirect_uri: Some(&after),
            state: Some("a b&c"),
            ..request()
        };
        let endpoint = "https://op.example/end?tenant=1&state=theirs";
        let url = end_session_url(&metadata(endpoint), &request).unwrap();
        let expected = "https://op.example/end?tenant=1&id_token_hint=a.b.c&client_id=us\
                        &post_logout_redirect_uri=https%3A%2F%2Fus.example%2Fbye%3Fx%3D1\
                        &state=a+b%26c";
        assert_eq!(url.as_str(), expected);
    }

    #[test]
    fn what_cannot_be_asked_is_not() {
        let none = end_session_url(&Metadata::default(), &request());
        assert!(matches!(none, Err(OauthError::Configuration(_))));
        let request = EndSession {
            state: Some("x"),
            ..request()
        };
        let refused = end_session_url(&metadata("https://op.example/end"), &request);
        assert!(matches!(refused, Err(OauthError::Configuration(_))));
    }
}
