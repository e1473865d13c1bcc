//! Where a provider is called: the base URL, and the variables of the catalogue's.

use gatehouse::catalog::{Provider, Values};
use gatehouse::directory;
use gatehouse::domain::{AuthMethod, FieldError};
use gatehouse::egress::{Egress, is_globally_routable};
use url::{Host, Url};

use crate::setup::{Asked, Errors, wrong};

/// What an integration names that is a directory: there is no HTTP for the catalogue to describe.
const DIRECTORY: &str = "active-directory";

impl Asked<'_> {
    /// What is given, what the base URL says, and the defaults.
    pub(crate) fn variables(
        &self,
        provider: &Provider,
        egress: &Egress,
        errors: &mut Errors,
    ) -> Values {
        let kept = self.current.map(|current| &current.variables);
        let mut values = self.variables.or(kept).cloned().unwrap_or_default();
        for (name, value) in self.variables.into_iter().flatten() {
            match provider.variables.get(name) {
                None => {
                    let known: Vec<_> = provider.variables.keys().map(String::as_str).collect();
                    let message = match known.join(", ") {
                        known if known.is_empty() => "the provider has no variables".to_owned(),
                        known => format!("expected one of: {known}"),
                    };
                    wrong(
                        errors,
                        format!("/variables/{}", FieldError::escaped(name)),
                        message,
                    );
                }
                Some(variable) if !variable.accepts(value) => {
                    let message = format!(
                        "expected a value such as `{}`: {}",
                        variable.example, variable.help
                    );
                    wrong(errors, format!("/variables/{name}"), message);
                }
                Some(_) => {}
            }
        }
        if let Some(url) = self.base_url {
            self.check_host(provider, url, egress, &mut values, errors);
        } else if let (Some(current), None) = (self.current, self.variables) {
            for (name, value) in provider.read_host(&current.base_url).unwrap_or_default() {
                values.entry(name).or_insert(value);
            }
        }
        let values = provider.with_defaults(values);
        for (name, variable) in &provider.variables {
            if !values.contains_key(name) {
                let message = format!("is required: {}", variable.help);
                wrong(errors, format!("/variables/{name}"), message);
            }
        }
        values
    }

    /// A base URL has a host of the provider's, from which variables are taken, or one that the
    /// configuration of this deployment allows and nobody else can reach.
    fn check_host(
        &self,
        provider: &Provider,
        url: &Url,
        egress: &Egress,
        values: &mut Values,
        errors: &mut Errors,
    ) {
        if is_local(url, egress) {
            return;
        }
        let read = provider.read_host(url).filter(|_| is_plain_https(url));
        for (name, value) in read.iter().flatten() {
            let given = self.variables.and_then(|given| given.get(name));
            if given.is_some_and(|given| given != value) {
                let message = "is not what `baseUrl` says";
                wrong(errors, format!("/variables/{name}"), message);
            }
            values.insert(name.clone(), value.clone());
        }
        let filled = provider.with_defaults(values.clone());
        let fits = match read {
            // The paths of the catalogue are below its own base URL.
            Some(_) => provider
                .base_url(&filled)
                .is_none_or(|made| has_path_of(url, &made)),
            None => {
                let host = url.host_str().filter(|_| is_plain_https(url));
                host.is_some_and(|host| provider.api(&filled).names_host(host))
            }
        };
        if !fits {
            let form = provider.base_url.as_deref().unwrap_or_default();
            let message = format!("expected a URL of the provider, such as `{form}`");
            wrong(errors, "/baseUrl", message);
        }
    }

    pub(crate) fn no_variables(&self, errors: &mut Errors) -> Values {
        if self
            .variables
            .is_some_and(|variables| !variables.is_empty())
        {
            let message = "are for providers of the catalogue; see `GET /portal/providers`";
            wrong(errors, "/variables", message);
        }
        Values::new()
    }

    /// The base URL that is asked for, or that the variables make, or that is there.
    pub(crate) fn base_url(
        &self,
        provider: Option<&Provider>,
        variables: &Values,
        egress: &Egress,
        errors: &mut Errors,
    ) -> Option<Url> {
        let kept = self.current.map(|current| &current.base_url);
        let is_made = kept.is_none() || self.variables.is_some();
        let made = || provider.filter(|_| is_made)?.base_url(variables);
        let Some(url) = self.base_url.cloned().or_else(made) else {
            // With a known provider it is a variable that is missing, and told already.
            if kept.is_none() && provider.is_none() {
                wrong(errors, "/baseUrl", "is required");
            }
            return kept.cloned();
        };
        let is_directory = self.provider == Some(DIRECTORY);
        let checked = if is_directory {
            directory::check_url(egress, &url)
        } else {
            egress.check_new_url(&url)
        };
        if is_directory && self.auth_method != AuthMethod::BasicAuth {
            let message = "a directory takes `basic_auth`: the name and the password of an account";
            wrong(errors, "/authMethod", message);
        }
        if let Err(error) = checked {
            wrong(errors, "/baseUrl", error.to_string());
        } else if url.query().is_some() {
            let message = "must have no query: calls have their own";
            wrong(errors, "/baseUrl", message);
        }
        Some(url)
    }
}

fn has_path_of(url: &Url, other: &Url) -> bool {
    let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
    path(url) == path(other) && url.query() == other.query()
}

fn is_plain_https(url: &Url) -> bool {
    url.scheme() == "https" && url.port().is_none()
}

/// Whether `url` leads to an address that is reached only because the configuration names it.
fn is_local(url: &Url, egress: &Egress) -> bool {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) | None => return false,
    };
    !is_globally_routable(address) && egress.check_url(url).is_ok()
}
