//! What the form of a provider's file alone does not say.

use std::collections::BTreeSet;

use serde_json::Value;
use url::{Host, Url};

use super::fill::names;
use super::rotation_check::{is_of_rotation, may_tell};
use super::{AuthOption, Provider};
use crate::domain::{
    ACCESS_TOKEN, ApiProfile, AuthConfig, CustomAuth, FieldError, JwtAuth, JwtUse, ROTATION_LABEL,
};

pub(super) type Checked = Result<(), FieldError>;

/// What every method may use besides its own fields: the client certificate.
const CERTIFICATE: [&str; 2] = ["clientCertificate", "clientKey"];
/// Names in a profile that are filled in call by call.
const RESERVED: [&str; 2] = ["cursor", ROTATION_LABEL];
/// Names in templates of authentication that are neither variables nor fields.
const OF_THE_CALL: [&str; 12] = [
    ACCESS_TOKEN,
    "key",
    "token",
    "method",
    "path",
    "query",
    "host",
    "timestamp",
    "nonce",
    "body",
    "bodyHash",
    "signature",
];

pub(super) fn wrong(pointer: impl Into<String>, message: impl Into<String>) -> Checked {
    Err(FieldError::new(pointer, message))
}

impl Provider {
    /// The first thing that is wrong, as a pointer into the file.
    pub(super) fn check(&self, file: &str) -> Result<(), FieldError> {
        for (n, source) in self.sources.iter().enumerate() {
            if source.read.parse::<jiff::civil::Date>().is_err() {
                return wrong(format!("/sources/{n}/read"), "expected a date");
            }
        }
        for (slug, scheme) in &self.webhooks {
            scheme
                .check()
                .map_err(|problem| FieldError::new(format!("/webhooks/{slug}"), problem))?;
        }
        if file.starts_with("generic/") {
            return self.check_is_generic();
        }
        if self.integration_type.is_none() {
            return wrong("/type", "is required");
        }
        if self.says_nothing_of_an_api() && !self.webhooks.is_empty() {
            return Ok(());
        }
        self.check_variables()?;
        let api = self.check_api()?;
        self.check_base_url(&api)?;
        self.check_uses()?;
        if self.auth.is_empty() {
            return wrong("/auth", "is required");
        }
        let mut options = self.auth.iter().enumerate();
        options.try_for_each(|(n, option)| self.check_auth(&format!("/auth/{n}"), option, &api))?;
        self.check_rotations(&api)
    }

    fn check_is_generic(&self) -> Checked {
        if self.integration_type.is_none() && self.says_nothing_of_an_api() {
            return Ok(());
        }
        wrong("", "a file of `generic/` is about webhook schemes alone")
    }

    fn says_nothing_of_an_api(&self) -> bool {
        self.base_url.is_none()
            && self.variables.is_empty()
            && self.auth.is_empty()
            && self.api == ApiProfile::default()
    }

    fn check_variables(&self) -> Checked {
        for (name, variable) in &self.variables {
            let pointer = format!("/variables/{name}");
            if !is_name(name) || RESERVED.contains(&name.as_str()) {
                return wrong(
                    pointer,
                    "is no name of a variable: letters and digits, from a small letter",
                );
            }
            for (field, value) in [
                ("example", Some(&variable.example)),
                ("default", variable.default.as_ref()),
            ] {
                if value.is_some_and(|value| !variable.accepts(value)) {
                    return wrong(format!("{pointer}/{field}"), "does not fit the pattern");
                }
            }
        }
        Ok(())
    }

    /// The profile with examples for the variables.
    fn check_api(&self) -> Result<ApiProfile, FieldError> {
        let api = self.api(&self.examples());
        api.check().map_err(|error| {
            let pointer = error.pointer.replacen("/apiProfile", "/api", 1);
            FieldError::new(pointer, error.message)
        })?;
        if api.verification.is_none() {
            return Err(FieldError::new("/api/verification", "is required"));
        }
        Ok(api)
    }

    fn check_base_url(&self, api: &ApiProfile) -> Checked {
        let Some(url) = self.base_url(&self.examples()) else {
            return wrong("/baseUrl", "is not a URL when its variables are filled in");
        };
        check_url("/baseUrl", &url, api)?;
        let path = self.base_url.as_deref().unwrap_or_default();
        if url.query().is_some() || url.fragment().is_some() || path.ends_with('/') {
            return wrong("/baseUrl", "ends with its path, and without a `/`");
        }
        if self.read_host(&url).is_none() {
            return wrong(
                "/baseUrl",
                "does not fit itself when its variables are filled in",
            );
        }
        Ok(())
    }

    /// Each name in braces is a variable or a field, and each variable is used.
    fn check_uses(&self) -> Checked {
        let mut used: BTreeSet<String> = BTreeSet::new();
        let base_url = self.base_url.as_deref().unwrap_or_default();
        if let Some(name) = names(base_url).find(|name| !self.variables.contains_key(*name)) {
            return wrong(
                "/baseUrl",
                format!("`{name}` is not declared in `variables`"),
            );
        }
        used.extend(names(base_url).map(str::to_owned));
        let mut said = names_in("/api", &serde_json::to_value(&self.api).unwrap_or_default());
        for (n, option) in self.auth.iter().enumerate() {
            let rotation = serde_json::to_value(&option.rotation).unwrap_or_default();
            said.extend(names_in(&format!("/auth/{n}/rotation"), &rotation));
        }
        let fields = self.auth.iter().flat_map(|option| option.fields.keys());
        let fields: BTreeSet<&String> = fields.collect();
        // A path is seen in logs, at the provider's too: no secret stands in one.
        let is_told = |name: &String| {
            let mut options = self.auth.iter();
            let is_secret =
                |option: &AuthOption| option.fields.get(name).is_some_and(|field| field.secret);
            fields.contains(name) && !options.any(is_secret)
        };
        for (pointer, name) in said {
            let known = self.variables.contains_key(&name)
                || name == "cursor"
                || is_of_rotation(&pointer, &name)
                || may_tell(&pointer) && is_told(&name);
            if !known {
                return wrong(pointer, format!("`{name}` is not declared for this place"));
            }
            used.insert(name);
        }
        let configs = self.auth.iter().filter_map(|option| option.config.as_ref());
        used.extend(
            configs
                .flat_map(|config| names_in("", config))
                .map(|(_, name)| name),
        );
        for name in self.variables.keys() {
            if !used.contains(name) {
                return wrong(format!("/variables/{name}"), "is not used");
            }
            if fields.contains(name) {
                return wrong(
                    format!("/variables/{name}"),
                    "is a field of the credentials too",
                );
            }
        }
        Ok(())
    }

    fn check_auth(&self, pointer: &str, option: &AuthOption, api: &ApiProfile) -> Checked {
        let config = option.config(&self.examples());
        let auth = AuthConfig::read(option.method, config.as_ref()).map_err(|error| {
            let place = error
                .pointer
                .replacen("/authConfig", &format!("{pointer}/config"), 1);
            FieldError::new(place, error.message)
        })?;
        let needed = match &auth {
            AuthConfig::Oauth2(oauth2) if !oauth2.is_configured() => {
                vec!["clientId".to_owned(), "clientSecret".to_owned()]
            }
            auth => auth.fields(),
        };
        for name in &needed {
            match option.fields.get(name) {
                None => {
                    return wrong(
                        format!("{pointer}/fields"),
                        format!("`{name}` is not declared"),
                    );
                }
                Some(field) if !field.required => {
                    return wrong(format!("{pointer}/fields/{name}/required"), "it is needed");
                }
                Some(_) => {}
            }
        }
        for (place, name) in config
            .iter()
            .flat_map(|config| names_in(&format!("{pointer}/config"), config))
        {
            if !option.fields.contains_key(&name) && !OF_THE_CALL.contains(&name.as_str()) {
                return wrong(place, format!("`{name}` is neither a variable nor a field"));
            }
        }
        if !option.fields.values().any(|field| field.secret) {
            return wrong(format!("{pointer}/fields"), "none is a secret");
        }
        for (name, field) in &option.fields {
            let place = format!("{pointer}/fields/{name}");
            if !is_name(name) {
                return wrong(
                    place,
                    "is no name of a field: letters and digits, from a small letter",
                );
            }
            if field.required && !needed.contains(name) && !CERTIFICATE.contains(&name.as_str()) {
                return wrong(format!("{place}/required"), "nothing needs it");
            }
            if !field.secret && is_secret(&auth, name) {
                return wrong(format!("{place}/secret"), "it is a secret");
            }
        }
        for (name, url) in token_urls(&auth) {
            check_url(&format!("{pointer}/config{name}"), url, api)?;
        }
        Ok(())
    }
}

impl super::Variable {
    /// Whether `value` can be used: it fits the pattern, and can neither end a host nor a path, nor
    /// be read as a template.
    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        (1..=253).contains(&value.len())
            && value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
            && self.pattern.fits(value)
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn check_url(pointer: &str, url: &Url, api: &ApiProfile) -> Checked {
    let Some(Host::Domain(host)) = url.host() else {
        return wrong(pointer, "its host is no name");
    };
    if url.scheme() != "https" || url.port().is_some() || !url.username().is_empty() {
        return wrong(pointer, "expected `https://` and a host, without a port");
    }
    if api.names_host(host) {
        return Ok(());
    }
    wrong(
        pointer,
        format!("its host, such as `{host}`, is none of `api.hosts`"),
    )
}

/// Where credentials or tokens are sent, with the place in the configuration. To the authorization
/// endpoint goes a person's browser, with neither.
fn token_urls(auth: &AuthConfig) -> Vec<(String, &Url)> {
    match auth {
        AuthConfig::Jwt(jwt) => match &jwt.purpose {
            JwtUse::Exchange { token_url, .. } => vec![(String::new(), token_url)],
            JwtUse::Bearer => Vec::new(),
        },
        AuthConfig::Oauth2(oauth2) => {
            let endpoints = oauth2.endpoints();
            let ours = endpoints.filter(|(name, _)| *name != "authorizationEndpoint");
            ours.map(|(name, url)| (format!("/{name}"), url)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether what is in this field authenticates, rather than says who.
fn is_secret(auth: &AuthConfig, name: &str) -> bool {
    let fields =
        |template: &crate::domain::ValueTemplate| template.fields().any(|field| field == name);
    match auth {
        AuthConfig::ApiKey(key) => fields(key.value_template()) || name == crate::domain::API_KEY,
        AuthConfig::BasicAuth(basic) => fields(&basic.password_template),
        AuthConfig::Jwt(jwt) => is_jwt_secret(jwt, name),
        AuthConfig::Oauth2(_) => ["clientSecret", "privateKey"].contains(&name),
        AuthConfig::Custom(custom) => match &**custom {
            CustomAuth::SigV4(_) => ["secretAccessKey", "sessionToken"].contains(&name),
            CustomAuth::AzureSharedKey { .. } => name == "accountKey",
            CustomAuth::ClientCertificate {} => name == "clientKey",
            CustomAuth::Hmac(signing) => name == signing.key_field,
            CustomAuth::Headers { .. } | CustomAuth::Login(_) => false,
        },
    }
}

fn is_jwt_secret(jwt: &JwtAuth, name: &str) -> bool {
    name == jwt.key_field
}

/// The names in braces in all texts of `value`, each with where it is.
fn names_in(pointer: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::String(text) => names(text)
            .map(|name| (pointer.to_owned(), name.to_owned()))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(n, item)| names_in(&format!("{pointer}/{n}"), item))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, field)| names_in(&format!("{pointer}/{name}"), field))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}
