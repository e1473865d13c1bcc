use std::borrow::Cow;
use std::sync::LazyLock;

use super::provider;
use crate::domain::{ApiProfile, Integration, RateLimits};

static UNKNOWN: LazyLock<ApiProfile> = LazyLock::new(ApiProfile::default);

/// The limits that calls of an integration keep to: its own, or else those of `profile`, which is
/// its [`profile_of`]; none, if neither says any.
#[must_use]
pub fn limits_of(integration: &Integration, profile: &ApiProfile) -> RateLimits {
    let own = integration.rate_limits;
    own.or(profile.rate_limits).unwrap_or_default()
}

/// How the API of an integration is called: as the catalogue says, with the integration's
/// variables, and as its `apiProfile` says otherwise. Credentials are replaced as the way to
/// authenticate says that it has.
#[must_use]
pub fn profile_of(integration: &Integration) -> Cow<'_, ApiProfile> {
    let known = integration.provider.as_deref().and_then(provider);
    let own = integration.api_profile.as_deref();
    match (known, own) {
        (None, None) => Cow::Borrowed(&UNKNOWN),
        (None, Some(own)) => Cow::Borrowed(own),
        (Some(known), own) => {
            let option = known.auth_of(integration);
            let rotation = option.and_then(|option| option.rotation(&integration.variables));
            if own.is_none() && rotation.is_none() && known.variables.is_empty() {
                return Cow::Borrowed(&known.api);
            }
            let mut profile = known.api(&integration.variables);
            profile.rotation = rotation.or(profile.rotation);
            Cow::Owned(match own {
                Some(own) => own.clone().over(&profile),
                None => profile,
            })
        }
    }
}
