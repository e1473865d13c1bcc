//! How an integration calls its provider: what its body says, and what the catalogue says where
//! the body says nothing.

use gatehouse::catalog::{self, AuthOption, Provider, Values};
use gatehouse::domain::{
    ApiProfile, AuthConfig, AuthMethod, FieldError, Integration, JwtUse, RotationMethod,
};
use gatehouse::egress::Egress;
use gatehouse::vault::CredentialSet;
use serde_json::Value;
use url::Url;

use crate::credential_check::{self, Expected};
use crate::reach::Reach;

/// What is asked of an integration, new or changed.
pub(crate) struct Asked<'a> {
    pub(crate) provider: Option<&'a str>,
    pub(crate) base_url: Option<&'a Url>,
    pub(crate) variables: Option<&'a Values>,
    pub(crate) auth_method: AuthMethod,
    pub(crate) auth_config: Option<&'a Value>,
    pub(crate) credentials: Option<&'a CredentialSet>,
    pub(crate) api_profile: Option<&'a ApiProfile>,
    /// The integration that is changed: what is not asked for stays.
    pub(crate) current: Option<&'a Integration>,
}

/// What an integration is set up with.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) base_url: Url,
    pub(crate) variables: Values,
    pub(crate) auth_config: Option<Value>,
}

pub(crate) type Errors = Vec<FieldError>;

pub(crate) fn wrong(errors: &mut Errors, pointer: impl Into<String>, message: impl Into<String>) {
    errors.push(FieldError::new(pointer, message));
}

impl Asked<'_> {
    /// The setup; none, if what is wrong (in `errors`) leaves none.
    pub(crate) fn set_up(&self, egress: &Egress, errors: &mut Errors) -> Option<Setup> {
        if let Some(current) = self.current.filter(|current| self.leaves(current)) {
            return Some(Setup {
                base_url: current.base_url.clone(),
                variables: current.variables.clone(),
                auth_config: current.auth_config.clone(),
            });
        }
        let provider = self.provider.and_then(catalog::provider);
        let variables = match provider {
            Some(provider) => self.variables(provider, egress, errors),
            None => self.no_variables(errors),
        };
        if provider.is_some() && self.api_profile.is_some_and(|own| !own.hosts.is_empty()) {
            wrong(
                errors,
                "/apiProfile/hosts",
                "are the catalogue's; leave them out",
            );
        }
        let base_url = self.base_url(provider, &variables, egress, errors);
        let (option, auth_config) = self.auth(provider, &variables, errors);
        let auth = AuthConfig::read(self.auth_method, auth_config.as_ref())
            .map_err(|error| errors.push(error))
            .ok();
        if let (Some(auth), Some(base_url)) = (&auth, &base_url) {
            let profile = self.profile(provider, &variables);
            self.check_key_id(auth, &profile, errors);
            check_token_url(auth, base_url, &profile, egress, errors);
            check_endpoints(auth, egress, errors);
            let reach = Reach {
                base_url,
                profile: &profile,
                token_urls: token_urls(auth),
            };
            errors.extend(self.check_reach(&reach).err());
        }
        let expected = auth.map(|auth| Expected {
            auth,
            option,
            is_catalogues: option.is_some_and(|option| option.config(&variables) == auth_config),
        });
        credential_check::check(self, expected.as_ref(), errors);
        Some(Setup {
            base_url: base_url?,
            variables,
            auth_config,
        })
    }

    /// Whether nothing is asked for that is about calls. What is there stays then, though the
    /// catalogue may have changed since it was checked.
    fn leaves(&self, current: &Integration) -> bool {
        self.base_url.is_none()
            && self.variables.is_none()
            && self.auth_method == current.auth_method
            && self.auth_config.is_none()
            && self.credentials.is_none()
            && self.api_profile.is_none()
    }

    /// The catalogue's way to authenticate that is meant, if there is one, and the configuration.
    fn auth<'p>(
        &self,
        provider: Option<&'p Provider>,
        variables: &Values,
        errors: &mut Errors,
    ) -> (Option<&'p AuthOption>, Option<Value>) {
        let kept = self
            .current
            .filter(|current| current.auth_method == self.auth_method);
        let own = |config: Option<&Value>| config.cloned();
        let Some(provider) = provider else {
            let kept = kept.and_then(|current| current.auth_config.as_ref());
            return (None, own(self.auth_config.or(kept)));
        };
        let option = self.option(provider);
        let Some(option) = option else {
            let methods: Vec<_> = provider
                .auth
                .iter()
                .map(|option| name_of(option.method))
                .collect();
            let message = format!("expected one of: {}", methods.join(", "));
            wrong(errors, "/authMethod", message);
            return (None, own(self.auth_config));
        };
        let config = match (self.auth_config, kept) {
            (Some(config), _) => Some(config.clone()),
            (None, Some(current)) if !is_from(provider, current) => current.auth_config.clone(),
            (None, _) => option.config(variables),
        };
        (Some(option), config)
    }

    /// The first way by this method whose fields are in the credentials, or the first of all.
    fn option<'p>(&self, provider: &'p Provider) -> Option<&'p AuthOption> {
        let current = self
            .current
            .and_then(|current| current.credentials.as_ref());
        let has = |name: &String| match self.credentials {
            Some(given) => given.contains_key(name),
            None => current.is_some_and(|current| current.fields.contains(name)),
        };
        let fits = |option: &&AuthOption| {
            let mut fields = option.fields.iter();
            fields.all(|(name, field)| !field.required || has(name))
        };
        let mut options = provider.auth_options(self.auth_method);
        options
            .find(fits)
            .or_else(|| provider.auth_options(self.auth_method).next())
    }

    /// The id by which the provider knows a key is shown, and recorded: it is no secret.
    fn check_key_id(&self, auth: &AuthConfig, profile: &ApiProfile, errors: &mut Errors) {
        let method = profile.rotation.as_ref();
        let Some(name) = method.and_then(RotationMethod::key_field) else {
            return;
        };
        if catalog::is_secret(self.provider, self.auth_method, &auth.secret_fields(), name) {
            let message = format!("`{name}` is a secret of the credentials: it would be shown");
            wrong(errors, "/apiProfile/rotation/keys/keyId", message);
            return;
        }
        errors.extend(self.check_shown(name).err());
    }

    fn profile(&self, provider: Option<&Provider>, variables: &Values) -> ApiProfile {
        let kept = self
            .current
            .and_then(|current| current.api_profile.as_deref());
        let own = self.api_profile.or(kept).cloned().unwrap_or_default();
        match provider {
            Some(provider) => own.over(&provider.api(variables)),
            None => own,
        }
    }
}

/// Whether the integration's `authConfig` is one of the catalogue's.
fn is_from(provider: &Provider, integration: &Integration) -> bool {
    let mut options = provider.auth_options(integration.auth_method);
    options.any(|option| option.config(&integration.variables) == integration.auth_config)
}

/// Every URL that credentials or tokens go to besides the API's, or that says where they go.
pub(crate) fn token_urls(auth: &AuthConfig) -> Vec<&Url> {
    match auth {
        AuthConfig::Oauth2(oauth) => oauth.endpoints().map(|(_, url)| url).collect(),
        auth => token_url(auth).into_iter().collect(),
    }
}

/// Whether the endpoints of an authorization server may be called. They may be on any host: whoever
/// gives the credentials says whom they are for.
fn check_endpoints(auth: &AuthConfig, egress: &Egress, errors: &mut Errors) {
    let AuthConfig::Oauth2(oauth) = auth else {
        return;
    };
    for (name, url) in oauth.endpoints() {
        if let Err(error) = egress.check_new_url(url) {
            wrong(errors, format!("/authConfig/{name}"), error.to_string());
        }
    }
}

/// Where tokens are obtained, if they are.
fn token_url(auth: &AuthConfig) -> Option<&Url> {
    let AuthConfig::Jwt(jwt) = auth else {
        return None;
    };
    match &jwt.purpose {
        JwtUse::Exchange { token_url, .. } => Some(token_url),
        JwtUse::Bearer => None,
    }
}

/// Credentials go to the token URL as well: it is held to the same hosts.
fn check_token_url(
    auth: &AuthConfig,
    base_url: &Url,
    profile: &ApiProfile,
    egress: &Egress,
    errors: &mut Errors,
) {
    let Some(token_url) = token_url(auth) else {
        return;
    };
    let pointer = "/authConfig/use/tokenUrl";
    if let Err(error) = egress.check_new_url(token_url) {
        wrong(errors, pointer, error.to_string());
        return;
    }
    let host = token_url.host_str();
    if host != base_url.host_str() && !host.is_some_and(|host| profile.names_host(host)) {
        let message = "its host is neither that of `baseUrl` nor one of `apiProfile.hosts`";
        wrong(errors, pointer, message);
    }
}

fn name_of(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::ApiKey => "api_key",
        AuthMethod::Oauth2 => "oauth2",
        AuthMethod::Jwt => "jwt",
        AuthMethod::BasicAuth => "basic_auth",
        AuthMethod::Custom => "custom",
    }
}
