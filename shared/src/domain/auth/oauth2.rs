use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::super::FieldError;
use super::super::object::only_objects;
use super::{JwtAlgorithm, ValueTemplate, check_header, check_name, check_unsent, names};

only_objects!(Oauth2Auth);

/// OAuth 2.0 (RFC 6749). What is not said here is read from the issuer's metadata (RFC 8414, OpenID
/// Connect Discovery 1.0). The credentials are `clientId` with `clientSecret` or `privateKey`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct Oauth2Auth {
    /// How tokens are obtained.
    #[serde(default)]
    pub grant_type: GrantType,
    /// The authorization server's issuer identifier. Where it is given, its metadata is read, and
    /// what speaks for another issuer is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Url>,
    /// Where people consent (RFC 6749 section 3.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint: Option<Url>,
    /// Where tokens are obtained (RFC 6749 section 3.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<Url>,
    /// Where tokens are revoked (RFC 7009).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<Url>,
    /// Where authorization requests are pushed (RFC 9126).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_authorization_request_endpoint: Option<Url>,
    /// The scopes that are asked for. With `openid`, the answer has to hold an ID token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// What stands between scopes; a space (RFC 6749 section 3.3), if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_separator: Option<String>,
    /// Parameters of the authorization request besides those that OAuth 2.0 and OpenID Connect
    /// define.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub authorization_parameters: BTreeMap<String, String>,
    /// Parameters of every token request besides those that OAuth 2.0 defines, such as `audience`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub token_parameters: BTreeMap<String, String>,
    /// How Gatehouse shows the authorization server who it is.
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
    /// How assertions are signed: those of `private_key_jwt`, and those of the grant `jwt_bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<Assertion>,
    /// Whether access tokens are bound to a key (RFC 9449).
    #[serde(default)]
    pub dpop: Offer,
    /// Whether authorization requests are pushed (RFC 9126).
    #[serde(default)]
    pub pushed_authorization: Offer,
    /// Where the access token goes on a call.
    #[serde(default)]
    pub access_token: AccessTokenPlace,
    /// How long an access token is used whose answer does not say; an hour, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60, maximum = 86_400)]
    pub lifetime_seconds: Option<u32>,
    /// How long a refresh token is good for that is not used, where the provider's documentation
    /// says so. Unused grants are refreshed before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3_650)]
    pub refresh_token_days: Option<u32>,
}

/// How tokens are obtained. The resource owner's password and the implicit grant are refused
/// (RFC 9700 sections 2.1.2 and 2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum GrantType {
    /// A person consents in a browser (RFC 6749 section 4.1, with PKCE).
    #[default]
    AuthorizationCode,
    /// Gatehouse asks for itself (RFC 6749 section 4.4).
    ClientCredentials,
    /// A signed assertion is exchanged (RFC 7523 section 2.1).
    JwtBearer,
}

impl TryFrom<String> for GrantType {
    type Error = &'static str;

    /// What is refused is refused with the reason, and with what to use in its place.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "authorization_code" => Ok(Self::AuthorizationCode),
            "client_credentials" => Ok(Self::ClientCredentials),
            "jwt_bearer" => Ok(Self::JwtBearer),
            "password" => Err(
                "the grant `password` is refused: it hands a person's password to a third party, \
                 and passes by every second factor (RFC 9700 section 2.4); use \
                 `authorization_code`, or `client_credentials` where no person is involved",
            ),
            "implicit" => Err(
                "the grant `implicit` is refused: its tokens stand in URLs, where others read and \
                 inject them (RFC 9700 section 2.1.2); use `authorization_code`, which always has \
                 PKCE here",
            ),
            _ => Err("expected one of `authorization_code`, `client_credentials`, `jwt_bearer`"),
        }
    }
}

/// How a client authenticates at the token endpoint (OpenID Connect Core 1.0 section 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// `client_secret_basic`: in the header `Authorization`.
    #[default]
    Basic,
    /// `client_secret_post`: in the form.
    Post,
    /// `private_key_jwt`: a signed assertion (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// A public client, which has no secret.
    None,
}

/// Whether something is used that not every authorization server offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Offer {
    /// Where the metadata offer it.
    #[default]
    Auto,
    /// Always; nothing goes on without it.
    Required,
    /// Never.
    Never,
}

/// How an assertion is signed, with `privateKey` of the credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assertion {
    /// The algorithm.
    pub algorithm: JwtAlgorithm,
    /// The header's `kid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<ValueTemplate>,
    /// The `iss` of the grant `jwt_bearer`; the client's id, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<ValueTemplate>,
    /// The `sub` of the grant `jwt_bearer`; its `iss`, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<ValueTemplate>,
    /// The `aud`; the issuer or else the token endpoint, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
}

/// Where an access token goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessTokenPlace {
    /// The header.
    #[serde(default = "authorization")]
    pub header: String,
    /// Its value, of `{accessToken}`.
    #[serde(default = "bearer")]
    pub value_template: ValueTemplate,
}

/// The name by which templates call the access token.
pub const ACCESS_TOKEN: &str = "accessToken";

fn authorization() -> String {
    "Authorization".to_owned()
}

fn bearer() -> ValueTemplate {
    let template = "Bearer {accessToken}".parse();
    template.unwrap_or_else(|_| ValueTemplate::field(ACCESS_TOKEN))
}

impl Default for AccessTokenPlace {
    /// RFC 6750 section 2.1.
    fn default() -> Self {
        Self {
            header: authorization(),
            value_template: bearer(),
        }
    }
}

/// The fields that stand in no assertion.
const SECRETS: [&str; 2] = ["clientSecret", "privateKey"];

/// What the authorization request says by itself.
const OURS: [&str; 20] = [
    "response_type",
    "response_mode",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "assertion",
    "refresh_token",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "grant_type",
    "request",
    "request_uri",
    "dpop_jkt",
];

impl Oauth2Auth {
    /// Whether anything says where tokens come from.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.issuer.is_some() || self.token_endpoint.is_some()
    }

    /// Whether an ID token is asked for.
    #[must_use]
    pub fn is_openid(&self) -> bool {
        self.scopes.iter().any(|scope| scope == "openid")
    }

    /// Whether assertions are signed, with `privateKey` of the credentials.
    #[must_use]
    pub fn signs_assertions(&self) -> bool {
        self.grant_type == GrantType::JwtBearer
            || self.client_authentication == ClientAuthentication::PrivateKeyJwt
    }

    /// Every URL that credentials or tokens may be sent to.
    pub fn endpoints(&self) -> impl Iterator<Item = (&'static str, &Url)> {
        [
            ("issuer", &self.issuer),
            ("authorizationEndpoint", &self.authorization_endpoint),
            ("tokenEndpoint", &self.token_endpoint),
            ("revocationEndpoint", &self.revocation_endpoint),
            (
                "pushedAuthorizationRequestEndpoint",
                &self.pushed_authorization_request_endpoint,
            ),
        ]
        .into_iter()
        .filter_map(|(name, url)| url.as_ref().map(|url| (name, url)))
    }

    pub(super) fn fields(&self) -> Vec<String> {
        if !self.is_configured() {
            return Vec::new();
        }
        let signs = self.signs_assertions();
        let secret = match self.client_authentication {
            // The assertion of a grant can be all that there is (RFC 7523 section 3.1).
            _ if self.grant_type == GrantType::JwtBearer => None,
            ClientAuthentication::Basic | ClientAuthentication::Post => Some("clientSecret"),
            ClientAuthentication::PrivateKeyJwt | ClientAuthentication::None => None,
        };
        let fields = [Some("clientId"), secret, signs.then_some("privateKey")];
        let mut fields: Vec<String> = fields.into_iter().flatten().map(str::to_owned).collect();
        if let Some(assertion) = self.assertion.as_ref().filter(|_| signs) {
            let templates = [&assertion.key_id, &assertion.issuer, &assertion.subject];
            fields.extend(names(templates.into_iter().flatten()));
        }
        fields
    }

    pub(super) fn check(&self) -> Result<(), FieldError> {
        for (name, url) in self.endpoints() {
            let has_more =
                url.fragment().is_some() || !url.username().is_empty() || url.password().is_some();
            if has_more || !matches!(url.scheme(), "https" | "http") {
                let message = "expected an https URL without user information and fragment";
                return Err(FieldError::new(format!("/authConfig/{name}"), message));
            }
        }
        self.check_issuer()?;
        for (index, scope) in self.scopes.iter().enumerate() {
            check_scope(scope).map_err(|message| {
                FieldError::new(format!("/authConfig/scopes/{index}"), message)
            })?;
        }
        self.check_parameters()?;
        self.check_assertion()?;
        check_header("/authConfig/accessToken/header", &self.access_token.header)
    }

    fn check_issuer(&self) -> Result<(), FieldError> {
        let Some(issuer) = &self.issuer else {
            return if self.is_openid() {
                let message = "is required for `openid`: without it an ID token cannot be verified";
                Err(FieldError::new("/authConfig/issuer", message))
            } else {
                Ok(())
            };
        };
        if issuer.query().is_some() {
            let message = "expected a URL without a query";
            return Err(FieldError::new("/authConfig/issuer", message));
        }
        // What is kept secret from others on the way to one is not shown to them on the way to
        // another.
        let mut endpoints = self.endpoints();
        match endpoints.find(|(_, url)| issuer.scheme() == "https" && url.scheme() != "https") {
            Some((name, _)) => {
                let message = "must be https, as the issuer is";
                Err(FieldError::new(format!("/authConfig/{name}"), message))
            }
            None => Ok(()),
        }
    }

    fn check_parameters(&self) -> Result<(), FieldError> {
        for (place, parameters) in [
            ("authorizationParameters", &self.authorization_parameters),
            ("tokenParameters", &self.token_parameters),
        ] {
            for name in parameters.keys() {
                let pointer = format!("/authConfig/{place}/{}", FieldError::escaped(name));
                check_name(&pointer, name)?;
                if OURS.contains(&name.as_str()) {
                    return Err(FieldError::new(pointer, "is set by Gatehouse"));
                }
            }
        }
        let separator = self.scope_separator.as_deref().unwrap_or(" ");
        let is_separator = |c: char| " ,;|+".contains(c);
        if separator.chars().count() != 1 || !separator.chars().all(is_separator) {
            let message = "expected a space or one of `,;|+`";
            return Err(FieldError::new("/authConfig/scopeSeparator", message));
        }
        for (name, value, range) in [
            ("lifetimeSeconds", self.lifetime_seconds, 60..=86_400),
            ("refreshTokenDays", self.refresh_token_days, 1..=3_650),
        ] {
            if value.is_some_and(|value| !range.contains(&value)) {
                let message = format!("expected {} to {}", range.start(), range.end());
                return Err(FieldError::new(format!("/authConfig/{name}"), message));
            }
        }
        Ok(())
    }

    fn check_assertion(&self) -> Result<(), FieldError> {
        if self.signs_assertions() && self.assertion.is_none() {
            let message = "is required where assertions are signed";
            return Err(FieldError::new("/authConfig/assertion", message));
        }
        let Some(assertion) = &self.assertion else {
            return Ok(());
        };
        for (name, template) in [
            ("keyId", &assertion.key_id),
            ("issuer", &assertion.issuer),
            ("subject", &assertion.subject),
        ] {
            if let Some(template) = template {
                let pointer = format!("/authConfig/assertion/{name}");
                check_unsent(&pointer, template, SECRETS)?;
            }
        }
        Ok(())
    }
}

/// Whether a text is a scope (RFC 6749 appendix A.4).
///
/// # Errors
///
/// What was expected.
pub fn check_scope(scope: &str) -> Result<(), &'static str> {
    let is_scope = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if (1..=256).contains(&scope.len()) && scope.bytes().all(is_scope) {
        Ok(())
    } else {
        Err("expected 1 to 256 printable characters without spaces")
    }
}
