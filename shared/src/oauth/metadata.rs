//! What an authorization server says of itself.

use serde::{Deserialize, Deserializer};
use url::Url;

use super::OauthError;

/// An authorization server's metadata (RFC 8414 section 2, OpenID Connect Discovery 1.0 section 3).
///
/// Only that of one issuer is taken: Microsoft Entra ID's documents for many tenants (`common`,
/// `organizations`, `consumers`) name `{tenantid}` in place of one. Whoever takes those has to check
/// the issuer of each token against a list of tenants, or lets every tenant of the world in. They
/// are refused; a tenant's own document, whose URL has its id, is exact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// The issuer, exactly as tokens and RFC 9207's `iss` have to name it.
    pub issuer: String,
    /// Where people consent (RFC 6749 section 3.1).
    pub authorization_endpoint: Option<Url>,
    /// Where tokens are obtained (RFC 6749 section 3.2).
    pub token_endpoint: Option<Url>,
    /// Where its public keys are.
    pub jwks_uri: Option<Url>,
    /// Where it says who somebody is (OpenID Connect Core 1.0 section 5.3).
    pub userinfo_endpoint: Option<Url>,
    /// Where tokens are revoked (RFC 7009).
    pub revocation_endpoint: Option<Url>,
    /// Where authorization requests are pushed (RFC 9126 section 5).
    pub pushed_authorization_request_endpoint: Option<Url>,
    /// Where somebody is signed out (OpenID Connect RP-Initiated Logout 1.0 section 2.1).
    pub end_session_endpoint: Option<Url>,
    /// Whether it takes no authorization request that was not pushed.
    #[serde(default, deserialize_with = "or_default")]
    pub require_pushed_authorization_requests: bool,
    /// Whether its authorization responses name their issuer (RFC 9207 section 3).
    #[serde(default, deserialize_with = "or_default")]
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether it sends logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.1).
    #[serde(default, deserialize_with = "or_default")]
    pub backchannel_logout_supported: bool,
    /// How clients authenticate; empty if it does not say, which means `client_secret_basic`.
    #[serde(default, deserialize_with = "or_default")]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// With what assertions of clients are signed; empty if it does not say.
    #[serde(default, deserialize_with = "or_default")]
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// How codes are bound to their verifier (RFC 7636); empty if it does not say.
    #[serde(default, deserialize_with = "or_default")]
    pub code_challenge_methods_supported: Vec<String>,
    /// With what proofs of possession are signed (RFC 9449 section 5.1); empty if it takes none.
    #[serde(default, deserialize_with = "or_default")]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// With what ID tokens are signed; empty if it issues none.
    #[serde(default, deserialize_with = "or_default")]
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// What it issues tokens for; empty if it does not say.
    #[serde(default, deserialize_with = "or_default")]
    pub grant_types_supported: Vec<String>,
    /// The scopes that it tells of; empty if it does not say.
    #[serde(default, deserialize_with = "or_default")]
    pub scopes_supported: Vec<String>,
}

/// A member that is `null` says as much as one that is not there.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Metadata {
    /// Reads the document of `issuer`.
    ///
    /// # Errors
    ///
    /// If it is none, speaks for another issuer, or sends us to where anybody could listen.
    pub(super) fn read(document: &[u8], issuer: &Url) -> Result<Self, OauthError> {
        let metadata: Self = serde_json::from_slice(document)
            .map_err(|_| OauthError::Unreadable("it is no metadata document"))?;
        if metadata.issuer.contains('{') {
            return Err(OauthError::Configuration(
                "the issuer stands for many tenants (such as `common` of Microsoft Entra ID); \
                 name that of one tenant, which has the tenant's id in its path",
            ));
        }
        if !is_named(issuer, &metadata.issuer) {
            return Err(OauthError::WrongIssuer);
        }
        let endpoints = metadata.endpoints();
        if !endpoints
            .iter()
            .flatten()
            .all(|endpoint| may_be_asked(endpoint, issuer))
        {
            return Err(OauthError::Unreadable(
                "an endpoint of the metadata is not https, or has a fragment or user information",
            ));
        }
        Ok(metadata)
    }

    fn endpoints(&self) -> [Option<&Url>; 7] {
        [
            self.authorization_endpoint.as_ref(),
            self.token_endpoint.as_ref(),
            self.jwks_uri.as_ref(),
            self.userinfo_endpoint.as_ref(),
            self.revocation_endpoint.as_ref(),
            self.pushed_authorization_request_endpoint.as_ref(),
            self.end_session_endpoint.as_ref(),
        ]
    }
}

/// Whether `name` is the issuer, to the letter (OpenID Connect Discovery 1.0 section 4.3, RFC 8414
/// section 3.3). A [`Url`] cannot tell `https://a.example` from `https://a.example/`, and both have
/// their document at the same place; from there on, what the document says is what counts.
fn is_named(issuer: &Url, name: &str) -> bool {
    let issuer_text = issuer.as_str();
    let origin = issuer_text
        .strip_suffix('/')
        .filter(|_| issuer.path() == "/");
    name == issuer_text || origin == Some(name)
}

/// Issuers that speak plain `http` are those of networks that configuration names.
fn may_be_asked(endpoint: &Url, issuer: &Url) -> bool {
    let is_secret = endpoint.scheme() == "https";
    (is_secret || (endpoint.scheme() == "http" && issuer.scheme() == "http"))
        && endpoint.fragment().is_none()
        && endpoint.username().is_empty()
        && endpoint.password().is_none()
}

/// Where an issuer's document may be, in the order in which it is asked for: as OpenID Connect
/// Discovery 1.0 section 4 says, then as RFC 8414 section 3.1.
pub(super) fn places(issuer: &Url) -> Result<[Url; 2], OauthError> {
    // Discovery section 3: neither query nor fragment.
    if issuer.query().is_some() || issuer.fragment().is_some() || issuer.cannot_be_a_base() {
        return Err(OauthError::Configuration(
            "the issuer must be a URL without query and fragment",
        ));
    }
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    Ok([
        at(format!("{path}/.well-known/openid-configuration")),
        at(format!("/.well-known/oauth-authorization-server{path}")),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(issuer: &str, document: &Value) -> Result<Metadata, OauthError> {
        let issuer = issuer.parse().unwrap();
        Metadata::read(document.to_string().as_bytes(), &issuer)
    }

    #[test]
    fn a_document_speaks_for_its_own_issuer_to_the_letter() {
        for (asked, named, is_taken) in [
            ("https://a.example", "https://a.example", true),
            ("https://a.example", "https://a.example/", true),
            ("https://a.example/", "https://a.example", true),
            ("https://a.example/t", "https://a.example/t", true),
            ("https://a.example/t/", "https://a.example/t/", true),
            ("https://a.example/t", "https://a.example/t/", false),
            ("https://a.example/t/", "https://a.example/t", false),
            ("https://a.example", "https://A.example", false),
            ("https://a.example", "http://a.example", false),
            ("https://a.example", "https://a.example:443", false),
            ("https://a.example", "https://a.example//", false),
            ("https://a.example", "https://a.example.evil", false),
            ("https://a.example/t", "https://a.example/T", false),
            ("https://a.example", "", false),
        ] {
            let read = read(asked, &json!({"issuer": named}));
            assert_eq!(read.is_ok(), is_taken, "{asked} {named}");
            if let Err(error) = read {
                assert!(matches!(error, OauthError::WrongIssuer), "{error}");
            }
        }
    }

    #[test]
    fn a_document_for_many_tenants_is_refused_with_the_reason() {
        let document = json!({"issuer": "https://login.example/{tenantid}/v2.0"});
        let error = read("https://login.example/common/v2.0", &document).unwrap_err();
        assert!(error.to_string().contains("many tenants"), "{error}");
    }

    #[test]
    fn what_an_https_issuer_names_is_https() {
        for member in [
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "userinfo_endpoint",
            "revocation_endpoint",
            "pushed_authorization_request_endpoint",
            "end_session_endpoint",
        ] {
            for (url, is_taken) in [
                ("https://a.example/x", true),
                ("https://other.example/x?y", true),
                ("http://a.example/x", false),
                ("ftp://a.example/x", false),
                ("javascript:alert(1)", false),
                ("https://a.example/x#y", false),
                ("https://u@a.example/x", false),
                ("/x", false),
                ("", false),
            ] {
                let document = json!({"issuer": "https://a.example", member: url});
                let read = read("https://a.example", &document);
                assert_eq!(read.is_ok(), is_taken, "{member} {url}");
                if let Err(error) = read {
                    assert!(matches!(error, OauthError::Unreadable(_)), "{error}");
                }
            }
        }
        let local = json!({"issuer": "http://127.0.0.1:1", "jwks_uri": "http://127.0.0.1:1/k"});
        assert!(read("http://127.0.0.1:1", &local).is_ok());
    }

    #[test]
    fn what_is_not_said_is_not_assumed() {
        let read = read(
            "https://a.example",
            &json!({
                "issuer": "https://a.example", "token_endpoint": null,
                "scopes_supported": null, "backchannel_logout_supported": null,
                "dpop_signing_alg_values_supported": ["ES256"], "unknown": {"x": 1},
            }),
        );
        let read = read.unwrap();
        assert_eq!(read.token_endpoint, None);
        assert_eq!(read.scopes_supported, [""; 0]);
        assert!(!read.backchannel_logout_supported);
        assert_eq!(read.dpop_signing_alg_values_supported, ["ES256"]);
        for document in [
            json!({}),
            json!([]),
            json!("x"),
            json!({"issuer": 1}),
            json!({"issuer": "https://a.example", "scopes_supported": "openid"}),
        ] {
            let read = self::read("https://a.example", &document);
            assert!(matches!(read, Err(OauthError::Unreadable(_))), "{document}");
        }
    }

    #[test]
    fn a_document_is_looked_for_in_two_places() {
        for (issuer, first, second) in [
            (
                "https://a.example",
                "https://a.example/.well-known/openid-configuration",
                "https://a.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://a.example:8443/t/1/",
                "https://a.example:8443/t/1/.well-known/openid-configuration",
                "https://a.example:8443/.well-known/oauth-authorization-server/t/1",
            ),
        ] {
            let places = places(&issuer.parse().unwrap()).unwrap();
            assert_eq!(places.each_ref().map(Url::as_str), [first, second]);
        }
        for issuer in ["https://a.example/?x", "https://a.example/#x", "mailto:a"] {
            let places = places(&issuer.parse().unwrap());
            assert!(
                matches!(places, Err(OauthError::Configuration(_))),
                "{issuer}"
            );
        }
    }
}
