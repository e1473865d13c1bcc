//! Where an integration's credentials go. They are written and never read: so they go nowhere that
//! they were not given for, or whoever may change an integration could have them sent to himself.

use gatehouse::catalog;
use gatehouse::domain::{ApiProfile, AuthConfig, FieldError, Integration, RotationMethod};
use url::Url;

use crate::setup::{Asked, token_urls};

/// The origins and hosts that credentials go to.
pub(crate) struct Reach<'a> {
    pub(crate) base_url: &'a Url,
    pub(crate) profile: &'a ApiProfile,
    /// Where tokens are obtained and revoked, and what says where that is.
    pub(crate) token_urls: Vec<&'a Url>,
}

impl Asked<'_> {
    /// Whether credentials that stay, go only where they went.
    pub(crate) fn check_reach(&self, reach: &Reach<'_>) -> Result<(), FieldError> {
        let current = self.current.filter(|current| current.credentials.is_some());
        let (Some(current), None) = (current, self.credentials) else {
            return Ok(());
        };
        let message = if reach.base_url.origin() != current.base_url.origin() {
            "is required where the origin of `baseUrl` changes"
        } else if !hosts_cover(&catalog::profile_of(current), reach.profile) {
            "is required where `apiProfile.hosts` grows"
        } else if !are_known(&reach.token_urls, current) {
            "is required where the origin of `tokenUrl`, or of an endpoint of `authConfig`, changes"
        } else {
            return Ok(());
        };
        Err(FieldError::new("/credentials", message))
    }

    /// Whether the field `name` of credentials that stay may be shown as a key's id: it was before, or the
    /// catalogue says that it may be told. What is no secret for the configuration that is asked for may
    /// be one for that which was there.
    pub(crate) fn check_shown(&self, name: &str) -> Result<(), FieldError> {
        let (Some(current), None) = (self.current, self.credentials) else {
            return Ok(());
        };
        let stored = current.credentials.as_ref();
        let is_stored = stored.is_some_and(|stored| stored.fields.iter().any(|own| own == name));
        let profile = catalog::profile_of(current);
        let before = profile
            .rotation
            .as_ref()
            .and_then(RotationMethod::key_field);
        if !is_stored
            || before == Some(name)
            || catalog::may_be_told(self.provider, self.auth_method, name)
        {
            return Ok(());
        }
        let message = format!("is required where `{name}` becomes `keyId`: it would be shown");
        Err(FieldError::new("/credentials", message))
    }
}

fn hosts_cover(known: &ApiProfile, asked: &ApiProfile) -> bool {
    let mut asked = asked.hosts.iter();
    asked.all(|host| known.hosts.contains(host) || known.names_host(host))
}

/// Whether tokens are obtained where they were, or from the API itself.
fn are_known(asked: &[&Url], current: &Integration) -> bool {
    let config = AuthConfig::read(current.auth_method, current.auth_config.as_ref());
    let known = config.as_ref().map(token_urls).unwrap_or_default();
    let mut known: Vec<_> = known.into_iter().map(Url::origin).collect();
    known.push(current.base_url.origin());
    asked.iter().all(|url| known.contains(&url.origin()))
}
