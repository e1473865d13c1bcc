//! The typed reader of the environment, and its only caller.
//!
//! A function reads all that it needs once, when it starts. What is missing or wrong stops the
//! start with the variable's name and what was expected, never with its value.

mod aws;
mod aws_http;
mod limits;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use url::Url;

use crate::domain::{Role, Roles};

/// The environment variables of one function.
#[derive(Clone)]
pub struct Environment(BTreeMap<String, String>);

/// A variable that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is not set, or empty.
    #[error("the environment variable `{0}` is not set")]
    Missing(&'static str),
    /// It is set to something else.
    #[error("the environment variable `{name}` must be {expected}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

/// Whom we believe about our callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessSettings {
    /// `GATEHOUSE_ISSUER`: the `iss` of access tokens.
    pub issuer: String,
    /// `GATEHOUSE_AUDIENCE`: what their `aud` has to hold.
    pub audience: String,
    /// `GATEHOUSE_ORGANIZATION_CLAIM`: the claim that names the organization.
    pub organization_claim: String,
    /// `GATEHOUSE_JWKS_URL`: the issuer's keys; discovered from the issuer, if not set.
    pub jwks_url: Option<Url>,
    /// `GATEHOUSE_ROLES_CLAIM`: the claim that names the caller's roles; `roles`, if not set.
    pub roles_claim: String,
    /// `GATEHOUSE_DEFAULT_ROLE`: the role of callers whose tokens have no such claim; none, if not
    /// set, and then they may do nothing.
    pub default_roles: Roles,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
        )
    }

    /// `GATEHOUSE_TABLE`: the DynamoDB table.
    ///
    /// # Errors
    ///
    /// If it is not set, or not a name of a table.
    pub fn table<T: FromStr>(&self) -> Result<T, ConfigError> {
        self.parsed("GATEHOUSE_TABLE", "the name of a table")
    }

    /// `GATEHOUSE_KEY_ARN`: the KMS key that wraps the organizations' data keys.
    ///
    /// # Errors
    ///
    /// If it is not set.
    pub fn key_arn(&self) -> Result<String, ConfigError> {
        self.required("GATEHOUSE_KEY_ARN").map(str::to_owned)
    }

    /// `GATEHOUSE_QUEUE_URL`: the queue of accepted events and due deliveries.
    ///
    /// # Errors
    ///
    /// If it is not set.
    pub fn queue_url(&self) -> Result<String, ConfigError> {
        self.required("GATEHOUSE_QUEUE_URL").map(str::to_owned)
    }

    /// `GATEHOUSE_DEAD_LETTER_QUEUE_URL`: where messages go that cannot be read.
    ///
    /// # Errors
    ///
    /// If it is not set.
    pub fn dead_letter_queue_url(&self) -> Result<String, ConfigError> {
        self.required("GATEHOUSE_DEAD_LETTER_QUEUE_URL")
            .map(str::to_owned)
    }

    /// `GATEHOUSE_SYNC_QUEUE_URL`: the queue of synchronization.
    ///
    /// # Errors
    ///
    /// If it is not set.
    pub fn sync_queue_url(&self) -> Result<String, ConfigError> {
        self.required("GATEHOUSE_SYNC_QUEUE_URL").map(str::to_owned)
    }

    /// `GATEHOUSE_SYNC_DEAD_LETTER_QUEUE_URL`: where its messages go that cannot be read.
    ///
    /// # Errors
    ///
    /// If it is not set.
    pub fn sync_dead_letter_queue_url(&self) -> Result<String, ConfigError> {
        self.required("GATEHOUSE_SYNC_DEAD_LETTER_QUEUE_URL")
            .map(str::to_owned)
    }

    /// `GATEHOUSE_SECRET_PREFIX`: what the names of credentials in Secrets Manager start with.
    ///
    /// # Errors
    ///
    /// If it is not set.
    pub fn secret_prefix(&self) -> Result<String, ConfigError> {
        self.required("GATEHOUSE_SECRET_PREFIX").map(str::to_owned)
    }

    /// `GATEHOUSE_PUBLIC_URL`: where the HTTP API is reached from outside.
    ///
    /// # Errors
    ///
    /// If it is not set, or not an `http` or `https` URL.
    pub fn public_url(&self) -> Result<Url, ConfigError> {
        let url: Url = self.parsed("GATEHOUSE_PUBLIC_URL", "an absolute URL")?;
        if matches!(url.scheme(), "http" | "https") {
            Ok(url)
        } else {
            Err(ConfigError::Invalid {
                name: "GATEHOUSE_PUBLIC_URL",
                expected: "an http(s) URL",
            })
        }
    }

    /// `GATEHOUSE_RETURN_ORIGINS`: where a browser may be sent after a consent, comma-separated
    /// origins. Nowhere, if not set.
    ///
    /// # Errors
    ///
    /// If it is not a list of `http` or `https` origins.
    pub fn return_origins(&self) -> Result<Vec<Url>, ConfigError> {
        let (name, expected) = (
            "GATEHOUSE_RETURN_ORIGINS",
            "origins such as `https://app.example.com`, by commas",
        );
        let Some(list) = self.optional(name) else {
            return Ok(Vec::new());
        };
        let is_origin = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        };
        list.split(',')
            .map(|origin| origin.trim().parse().ok().filter(is_origin))
            .collect::<Option<_>>()
            .ok_or(ConfigError::Invalid { name, expected })
    }

    /// `GATEHOUSE_EGRESS_ALLOW`: networks that may be called though they are not public,
    /// comma-separated. None, if not set.
    ///
    /// # Errors
    ///
    /// If it is not a list of networks in CIDR form.
    pub fn egress_allow(&self) -> Result<Vec<IpNet>, ConfigError> {
        let (name, expected) = (
            "GATEHOUSE_EGRESS_ALLOW",
            "networks such as `10.0.0.0/8`, by commas",
        );
        let Some(list) = self.optional(name) else {
            return Ok(Vec::new());
        };
        list.split(',')
            .map(|network| network.trim().parse())
            .collect::<Result<_, _>>()
            .map_err(|_| ConfigError::Invalid { name, expected })
    }

    /// `GATEHOUSE_CORS_ORIGINS`: the origins whose pages may call the API, comma-separated, each as a
    /// browser writes it. None, if not set.
    ///
    /// # Errors
    ///
    /// If one is not an `https` origin to the letter, or an `http` one of this machine.
    pub fn cors_origins(&self) -> Result<Vec<String>, ConfigError> {
        let (name, expected) = (
            "GATEHOUSE_CORS_ORIGINS",
            "origins such as `https://app.example.com`, by commas",
        );
        let list = self.optional(name).unwrap_or_default().split(',');
        let origins = list.map(str::trim).filter(|origin| !origin.is_empty());
        origins
            .map(|origin| is_origin(origin).then(|| origin.to_owned()))
            .collect::<Option<_>>()
            .ok_or(ConfigError::Invalid { name, expected })
    }

    /// Whom we believe about our callers.
    ///
    /// # Errors
    ///
    /// If a part of it is not set, or the JWKS URL is not a URL.
    pub fn access(&self) -> Result<AccessSettings, ConfigError> {
        let jwks_url = match self.optional("GATEHOUSE_JWKS_URL") {
            Some(_) => Some(self.parsed("GATEHOUSE_JWKS_URL", "an absolute URL")?),
            None => None,
        };
        Ok(AccessSettings {
            issuer: self.required("GATEHOUSE_ISSUER")?.to_owned(),
            audience: self.required("GATEHOUSE_AUDIENCE")?.to_owned(),
            organization_claim: self.required("GATEHOUSE_ORGANIZATION_CLAIM")?.to_owned(),
            jwks_url,
            roles_claim: self
                .optional("GATEHOUSE_ROLES_CLAIM")
                .unwrap_or("roles")
                .to_owned(),
            default_roles: self.default_roles()?,
        })
    }

    fn default_roles(&self) -> Result<Roles, ConfigError> {
        let name = "GATEHOUSE_DEFAULT_ROLE";
        match self.optional(name) {
            None => Ok(Roles::NONE),
            Some(_) => {
                let role: Role = self.parsed(name, "a role")?;
                Ok(Roles::NONE.with(role))
            }
        }
    }

    /// `GATEHOUSE_LOG`: what is logged, in the form of `tracing_subscriber::filter::Targets`.
    #[must_use]
    pub fn log_filter(&self) -> Option<&str> {
        self.optional("GATEHOUSE_LOG")
    }

    fn optional(&self, name: &'static str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<&str, ConfigError> {
        self.optional(name).ok_or(ConfigError::Missing(name))
    }

    fn parsed<T: FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<T, ConfigError> {
        self.required(name)?
            .parse()
            .map_err(|_| ConfigError::Invalid { name, expected })
    }
}

/// Whether `text` is an origin as a browser writes it: `null`, `*` and whatever a page may be given
/// over a line that others can change are none.
fn is_origin(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let is_this_machine = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_this_machine);
    is_safe && !text.contains('*') && url.origin().ascii_serialization() == text
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(k, v)| (k.into(), v.into()))
                .collect(),
        )
    }
}

/// Names only: a value may be a credential of the AWS SDK.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().copied().collect()
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = environment(&[("GATEHOUSE_TABLE", "")])
            .table::<String>()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable `GATEHOUSE_TABLE` is not set"
        );
    }

    #[test]
    fn what_is_wrong_is_named_without_its_value() {
        let environment = environment(&[
            ("GATEHOUSE_EVENT_RETENTION_DAYS", "canary"),
            ("GATEHOUSE_EGRESS_ALLOW", "127.0.0.0/8,canary"),
            ("GATEHOUSE_PUBLIC_URL", "ftp://canary"),
            ("GATEHOUSE_RETURN_ORIGINS", "https://a.example/canary"),
        ]);
        for error in [
            environment.event_retention().unwrap_err(),
            environment.egress_allow().unwrap_err(),
            environment.public_url().unwrap_err(),
            environment.return_origins().unwrap_err(),
        ] {
            assert!(matches!(error, ConfigError::Invalid { .. }));
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        assert!(!format!("{environment:?}").contains("canary"));
    }

    #[test]
    fn origins_are_to_the_letter_and_may_be_none() {
        let read = |list: &str| environment(&[("GATEHOUSE_CORS_ORIGINS", list)]).cors_origins();
        assert_eq!(environment(&[]).cors_origins(), Ok(Vec::new()));
        assert_eq!(
            read("https://app.example.com, http://localhost:3000,http://[::1]:1")
                .unwrap()
                .len(),
            3
        );
        for other in [
            "*",
            "null",
            "app.example.com",
            "http://app.example.com",
            "https://app.example.com/",
            "https://app.example.com:443",
            "https://App.example.com",
            "https://*.example.com",
            "https://me@app.example.com",
            "https://app.example.com,*",
        ] {
            assert!(read(other).is_err(), "{other}");
        }
    }

    #[test]
    fn networks_are_a_list_and_may_be_none() {
        let networks = environment(&[("GATEHOUSE_EGRESS_ALLOW", "127.0.0.0/8, ::1/128")]);
        assert_eq!(networks.egress_allow().unwrap().len(), 2);
        assert_eq!(environment(&[]).egress_allow(), Ok(Vec::new()));
        let origins = "https://a.example, http://127.0.0.1:3000";
        let origins = environment(&[("GATEHOUSE_RETURN_ORIGINS", origins)]);
        assert_eq!(origins.return_origins().unwrap().len(), 2);
        assert_eq!(environment(&[]).return_origins(), Ok(Vec::new()));
    }
}
