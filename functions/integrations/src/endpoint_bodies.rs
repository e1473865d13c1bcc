//! What comes in and goes out of endpoints.

use gatehouse::catalog::{self, Need, Scheme};
use gatehouse::domain::playbook::{MAX_BLOCKED_NETWORKS, check_network};
use gatehouse::domain::secret_rotation::SecretRotationPolicy;
use gatehouse::domain::{
    Endpoint, EndpointId, EndpointPath, EndpointStatus, Error, EventPattern, FieldError,
    Integration, IntegrationId, RetryPolicy, Timestamp,
};
use gatehouse::http::Change;
use gatehouse::signature::{SchemeSettings, SigningSecret};
use ipnet::IpNet;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::secrets::{POLICY, SecretRotationView, SecretView, check_policy};

const MAX_PATTERNS: usize = 100;
const MAX_NETWORKS: usize = 100;
const MAX_TOLERANCE_SECONDS: u32 = 7 * 24 * 60 * 60;

/// A new endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"scheme": "stripe", "events": ["invoice.*"], "secret": "whsec_example"}))]
pub(crate) struct NewEndpoint {
    /// Where it listens. One that cannot be guessed is made, if absent.
    pub(crate) endpoint: Option<EndpointPath>,
    /// The signature scheme: the provider's, if absent. `none` verifies nothing.
    pub(crate) scheme: Option<String>,
    /// Patterns of event types that are routed on; all, if empty.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub(crate) events: Vec<EventPattern>,
    /// Write-only. Required, unless the scheme verifies without one, or the provider brings it: then
    /// the endpoint waits for it.
    #[schema(value_type = Option<String>, write_only, max_length = 4096)]
    pub(crate) secret: Option<SecretString>,
    /// What the scheme needs besides the secret.
    #[serde(default)]
    pub(crate) settings: SchemeSettings,
    /// The same as `settings.header`.
    pub(crate) signature_header: Option<String>,
    /// `hmac-sha256` or `hmac-sha1`: the same as `scheme`, where that is absent.
    pub(crate) signature_method: Option<String>,
    /// How deliveries are retried, where the destination does not say.
    pub(crate) retry_policy: Option<RetryPolicy>,
    /// Networks (CIDR) that requests may come from; any, if empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 100)]
    pub(crate) allowed_networks: Vec<IpNet>,
    /// Networks (CIDR) that requests may not come from, though they be allowed otherwise.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 50)]
    pub(crate) blocked_networks: Vec<IpNet>,
    /// How far a signed timestamp may be from now; the scheme's own, if absent.
    #[schema(minimum = 1, maximum = 604_800)]
    pub(crate) tolerance_seconds: Option<u32>,
    /// When somebody is reminded to replace the secret. `overlapSeconds` is of no use here: who adds the
    /// new one says it.
    pub(crate) secret_rotation: Option<SecretRotationPolicy>,
}

/// A change of an endpoint: what is not named stays, and what is null gets what a new endpoint
/// would have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EndpointChange {
    #[serde(default)]
    #[schema(value_type = Option<Vec<EventPattern>>, max_items = 100)]
    pub(crate) events: Change<Vec<EventPattern>>,
    #[serde(default)]
    #[schema(value_type = Option<SchemeSettings>)]
    pub(crate) settings: Change<SchemeSettings>,
    #[serde(default)]
    #[schema(value_type = Option<RetryPolicy>)]
    pub(crate) retry_policy: Change<RetryPolicy>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 100)]
    pub(crate) allowed_networks: Change<Vec<IpNet>>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    pub(crate) blocked_networks: Change<Vec<IpNet>>,
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 604_800)]
    pub(crate) tolerance_seconds: Change<u32>,
    #[serde(default)]
    #[schema(value_type = Option<SecretRotationPolicy>)]
    pub(crate) secret_rotation: Change<SecretRotationPolicy>,
    /// Cannot be null.
    #[serde(default)]
    #[schema(value_type = EndpointStatus)]
    pub(crate) status: Change<EndpointStatus>,
}

/// A new signing secret for an endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewSecret {
    /// Write-only.
    #[schema(value_type = String, write_only, max_length = 4096)]
    pub(crate) secret: SecretString,
    /// How long the secrets that are there now go on being accepted; a day, if absent.
    #[schema(maximum = 2_592_000)]
    pub(crate) overlap_seconds: Option<u64>,
}

/// An endpoint, without its secrets.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointView {
    pub(crate) id: EndpointId,
    pub(crate) integration_id: IntegrationId,
    pub(crate) endpoint: EndpointPath,
    /// What to paste into the provider's console.
    pub(crate) url: Url,
    pub(crate) scheme: String,
    /// Whether requests are verified: they are, unless the scheme is `none`.
    pub(crate) verified: bool,
    /// Whether the body of what is accepted is the provider's. It is not where the scheme has the
    /// secret itself sent (`static-header`, `gitlab`, `telegram` …), or verifies nothing.
    pub(crate) body_authenticated: bool,
    pub(crate) status: EndpointStatus,
    pub(crate) events: Vec<EventPattern>,
    #[schema(value_type = SchemeSettings)]
    pub(crate) settings: serde_json::Value,
    #[schema(value_type = Vec<String>)]
    pub(crate) allowed_networks: Vec<IpNet>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub(crate) blocked_networks: Vec<IpNet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tolerance_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_policy: Option<RetryPolicy>,
    pub(crate) secrets: Vec<SecretView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_rotation: Option<SecretRotationView>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl EndpointView {
    pub(crate) fn new(endpoint: &Endpoint, public_url: &Url) -> Self {
        let mut url = public_url.clone();
        url.set_path(endpoint.path.as_str());
        Self {
            id: endpoint.id,
            integration_id: endpoint.integration_id,
            endpoint: endpoint.path.clone(),
            url,
            scheme: endpoint.scheme.clone(),
            verified: endpoint.is_verified(),
            body_authenticated: catalog::scheme(&endpoint.scheme)
                .is_some_and(Scheme::authenticates_body),
            status: endpoint.status,
            events: endpoint.events.clone(),
            settings: endpoint.settings.clone(),
            allowed_networks: endpoint.allowed_networks.clone(),
            blocked_networks: endpoint.blocked_networks.clone(),
            tolerance_seconds: endpoint.tolerance_seconds,
            retry_policy: endpoint.retry_policy,
            secrets: endpoint.secrets.iter().map(SecretView::from).collect(),
            secret_rotation: SecretRotationView::of(endpoint),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

impl NewEndpoint {
    /// The scheme that the body asks for, with its slug.
    pub(crate) fn scheme(
        &self,
        integration: &Integration,
    ) -> Result<(String, &'static Scheme), Error> {
        let of_provider = || {
            integration
                .provider
                .as_deref()
                .and_then(catalog::default_scheme)
        };
        let slug = self
            .scheme
            .as_deref()
            .or(self.signature_method.as_deref())
            .or_else(of_provider);
        let known = || {
            let slugs: Vec<_> = catalog::schemes().into_keys().collect();
            format!("expected one of: {}", slugs.join(", "))
        };
        let slug = slug.ok_or_else(|| Error::field("/scheme", known()))?;
        let scheme = catalog::scheme(slug).ok_or_else(|| Error::field("/scheme", known()))?;
        Ok((slug.to_owned(), scheme))
    }

    /// The settings, with what older names say.
    pub(crate) fn settings(&self) -> SchemeSettings {
        let mut settings = self.settings.clone();
        settings.header = settings.header.or_else(|| self.signature_header.clone());
        settings
    }

    pub(crate) fn check(&self, slug: &str, scheme: &Scheme) -> Result<(), Error> {
        let mut errors = Vec::new();
        let settings = self.settings();
        check_settings(&settings, scheme, &mut errors);
        match (&self.secret, scheme.secret()) {
            (Some(_), Need::None) if slug != Endpoint::UNVERIFIED_SCHEME => {
                errors.push(FieldError::new("/secret", "the scheme has no use for one"));
            }
            (Some(secret), _) => check_secret(secret, scheme, &settings, &mut errors),
            (None, Need::Required) => errors.push(FieldError::new(
                "/secret",
                "is required, unless `scheme` is `none`",
            )),
            (None, _) => {}
        }
        if scheme.needs_networks() && self.allowed_networks.is_empty() {
            errors.push(no_networks());
        }
        check_blocked(&self.blocked_networks, &mut errors);
        check_reminder(self.secret_rotation.as_ref(), scheme, &mut errors);
        check_rest(
            Some(&self.events),
            Some(&self.allowed_networks),
            self.tolerance_seconds,
            scheme,
            self.retry_policy.as_ref(),
            &mut errors,
        );
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(errors))
        }
    }
}

impl EndpointChange {
    pub(crate) fn check(&self, scheme: &Scheme, endpoint: &Endpoint) -> Result<(), Error> {
        let mut errors = Vec::new();
        self.check_status(scheme, endpoint, &mut errors);
        let networks = match &self.allowed_networks {
            Change::Keep => &endpoint.allowed_networks[..],
            Change::Clear => &[],
            Change::Set(networks) => networks,
        };
        if scheme.needs_networks() && networks.is_empty() {
            errors.push(no_networks());
        }
        check_blocked(
            self.blocked_networks.given().map_or(&[], Vec::as_slice),
            &mut errors,
        );
        check_reminder(self.secret_rotation.given(), scheme, &mut errors);
        match &self.settings {
            Change::Keep => {}
            Change::Clear => check_settings(&SchemeSettings::default(), scheme, &mut errors),
            Change::Set(settings) => check_settings(settings, scheme, &mut errors),
        }
        check_rest(
            self.events.given().map(Vec::as_slice),
            self.allowed_networks.given().map(Vec::as_slice),
            self.tolerance_seconds.given().copied(),
            scheme,
            self.retry_policy.given(),
            &mut errors,
        );
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(errors))
        }
    }

    fn check_status(&self, scheme: &Scheme, endpoint: &Endpoint, errors: &mut Vec<FieldError>) {
        let has_secret = !endpoint.secrets.is_empty();
        let message = match (&self.status, scheme.secret()) {
            (Change::Clear, _) => "is required",
            (Change::Set(EndpointStatus::AwaitingSecret), Need::InBand) if has_secret => {
                "the endpoint has a secret"
            }
            (Change::Set(EndpointStatus::AwaitingSecret), Need::InBand) => return,
            (Change::Set(EndpointStatus::AwaitingSecret), _) => "the provider brings no secret",
            (Change::Set(EndpointStatus::Active), Need::InBand) if !has_secret => {
                "the endpoint has no secret: let it wait for one (`awaiting_secret`), or add one"
            }
            _ => return,
        };
        errors.push(FieldError::new("/status", message));
    }
}

/// Where nothing is signed, the network is all that can vouch for a sender.
fn check_blocked(networks: &[IpNet], errors: &mut Vec<FieldError>) {
    if networks.len() > MAX_BLOCKED_NETWORKS {
        let message = format!("expected at most {MAX_BLOCKED_NETWORKS} networks");
        errors.push(FieldError::new("/blockedNetworks", message));
    }
    for (index, network) in networks.iter().enumerate().take(MAX_BLOCKED_NETWORKS) {
        let pointer = format!("/blockedNetworks/{index}");
        errors.extend(check_network(&pointer, *network).err());
    }
}

fn check_reminder(
    policy: Option<&SecretRotationPolicy>,
    scheme: &Scheme,
    errors: &mut Vec<FieldError>,
) {
    let Some(policy) = policy else {
        return;
    };
    check_policy(policy, errors);
    if matches!(scheme.secret(), Need::None) {
        errors.push(FieldError::new(POLICY, "the scheme has no use for secrets"));
    }
    if policy.overlap_seconds.is_some() {
        let message = "is said by who adds the new secret";
        let pointer = format!("{POLICY}/overlapSeconds");
        errors.push(FieldError::new(pointer, message));
    }
}

fn no_networks() -> FieldError {
    FieldError::new(
        "/allowedNetworks",
        "is required: the scheme verifies nothing by which the sender could be known",
    )
}

fn check_settings(settings: &SchemeSettings, scheme: &Scheme, errors: &mut Vec<FieldError>) {
    if let Err(error) = settings.check(scheme) {
        errors.push(FieldError::new(
            format!("/settings/{}", error.field()),
            error.to_string(),
        ));
    }
}

pub(crate) fn check_secret(
    secret: &SecretString,
    scheme: &Scheme,
    settings: &SchemeSettings,
    errors: &mut Vec<FieldError>,
) {
    if let Err(error) = SigningSecret::from(secret.clone()).check(scheme, settings) {
        errors.push(FieldError::new("/secret", error.to_string()));
    }
}

fn check_rest(
    events: Option<&[EventPattern]>,
    networks: Option<&[IpNet]>,
    tolerance_seconds: Option<u32>,
    scheme: &Scheme,
    retry_policy: Option<&RetryPolicy>,
    errors: &mut Vec<FieldError>,
) {
    if events.is_some_and(|events| events.len() > MAX_PATTERNS) {
        errors.push(FieldError::new("/events", "expected at most 100 patterns"));
    }
    if networks.is_some_and(|networks| networks.len() > MAX_NETWORKS) {
        errors.push(FieldError::new(
            "/allowedNetworks",
            "expected at most 100 networks",
        ));
    }
    if let Some(seconds) = tolerance_seconds {
        check_tolerance(seconds, scheme, errors);
    }
    if let Some(Err(error)) = retry_policy.map(RetryPolicy::check) {
        errors.push(FieldError::new(
            format!("/retryPolicy/{}", error.field),
            error.to_string(),
        ));
    }
}

fn check_tolerance(seconds: u32, scheme: &Scheme, errors: &mut Vec<FieldError>) {
    let message = if scheme.tolerance().is_none() {
        "the scheme signs no time that could be too old"
    } else if (1..=MAX_TOLERANCE_SECONDS).contains(&seconds) {
        return;
    } else {
        "must be from 1 to 604800"
    };
    errors.push(FieldError::new("/toleranceSeconds", message));
}
