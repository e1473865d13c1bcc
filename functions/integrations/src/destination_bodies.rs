//! What comes in and goes out of destinations.

use gatehouse::domain::secret_rotation::SecretRotationPolicy;
use gatehouse::domain::{
    Breaker, Destination, DestinationId, DestinationStatus, DestinationTarget, DisabledReason,
    Error, EventPattern, Expression, FieldError, HttpTarget, IntegrationId, RetryPolicy, SqsTarget,
    Timestamp,
};
use gatehouse::egress::Egress;
use gatehouse::http::Change;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::secrets::{POLICY, SecretRotationView, SecretView, check_policy};

const MAX_PATTERNS: usize = 100;

/// A new destination.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "type": "http", "url": "https://app.example.com/events", "events": ["invoice.*"], "timeoutMs": 5000
}))]
pub(crate) struct NewDestination {
    /// `http`, or `sqs`.
    #[serde(rename = "type")]
    pub(crate) destination_type: DestinationType,
    /// Where to `POST`. For `http`.
    pub(crate) url: Option<Url>,
    /// How long one attempt may take, in milliseconds; 10,000, if absent. For `http`.
    #[schema(minimum = 1000, maximum = 20_000)]
    pub(crate) timeout_ms: Option<u32>,
    /// The queue. For `sqs`.
    pub(crate) queue_url: Option<Url>,
    /// Patterns of event types that it gets; all, if empty.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub(crate) events: Vec<EventPattern>,
    /// JMESPath: events are sent only where it is true of their JSON body. Where it fails, the
    /// delivery ends as failed with `filter_failed`, and can be replayed.
    pub(crate) filter: Option<Expression>,
    /// JMESPath: its result is sent in place of the body. Where it fails, the delivery ends as
    /// failed with `transform_failed`, and can be replayed.
    pub(crate) transform: Option<Expression>,
    /// How deliveries are retried; the endpoint's policy, if absent.
    pub(crate) retry_policy: Option<RetryPolicy>,
    /// When its signing secret is replaced; never by itself, if absent. For `http`.
    pub(crate) secret_rotation: Option<SecretRotationPolicy>,
}

/// The kind of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DestinationType {
    Http,
    Sqs,
}

/// A change of a destination: what is not named stays, and what is null gets what a new destination
/// would have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DestinationChange {
    /// Cannot be null.
    #[serde(default)]
    #[schema(value_type = Url)]
    pub(crate) url: Change<Url>,
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1000, maximum = 20_000)]
    pub(crate) timeout_ms: Change<u32>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<EventPattern>>, max_items = 100)]
    pub(crate) events: Change<Vec<EventPattern>>,
    #[serde(default)]
    #[schema(value_type = Option<Expression>)]
    pub(crate) filter: Change<Expression>,
    #[serde(default)]
    #[schema(value_type = Option<Expression>)]
    pub(crate) transform: Change<Expression>,
    #[serde(default)]
    #[schema(value_type = Option<RetryPolicy>)]
    pub(crate) retry_policy: Change<RetryPolicy>,
    #[serde(default)]
    #[schema(value_type = Option<SecretRotationPolicy>)]
    pub(crate) secret_rotation: Change<SecretRotationPolicy>,
    /// `active` also closes its circuit breaker. Cannot be null.
    #[serde(default)]
    #[schema(value_type = DestinationStatus)]
    pub(crate) status: Change<DestinationStatus>,
}

/// A destination, without its secrets.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DestinationView {
    pub(crate) id: DestinationId,
    pub(crate) integration_id: IntegrationId,
    #[serde(flatten)]
    pub(crate) target: DestinationTarget,
    pub(crate) events: Vec<EventPattern>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<Expression>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transform: Option<Expression>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_policy: Option<RetryPolicy>,
    pub(crate) status: DestinationStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disabled_reason: Option<DisabledReason>,
    /// While it is there, deliveries wait, because too many failed in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) breaker: Option<Breaker>,
    pub(crate) secrets: Vec<SecretView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_rotation: Option<SecretRotationView>,
    /// The Standard Webhooks secret that signs deliveries. Shown in the answer that makes it, and
    /// never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signing_secret: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// How a new signing secret takes over from the old one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SecretRotation {
    /// How long the old secret signs too; a day, if absent.
    #[schema(maximum = 2_592_000)]
    pub(crate) overlap_seconds: Option<u64>,
}

impl From<Destination> for DestinationView {
    fn from(destination: Destination) -> Self {
        Self {
            id: destination.id,
            integration_id: destination.integration_id,
            secrets: destination.secrets.iter().map(SecretView::from).collect(),
            secret_rotation: SecretRotationView::of(&destination),
            target: destination.target,
            events: destination.events,
            filter: destination.filter,
            transform: destination.transform,
            retry_policy: destination.retry_policy,
            status: destination.status,
            disabled_reason: destination.disabled_reason,
            breaker: destination.breaker,
            signing_secret: None,
            created_at: destination.created_at,
            updated_at: destination.updated_at,
        }
    }
}

impl NewDestination {
    /// Where it leads, if all that is said of it is right.
    pub(crate) fn target(&self, egress: &Egress) -> Result<DestinationTarget, Error> {
        let mut errors = Vec::new();
        check_rest(Some(&self.events), self.retry_policy.as_ref(), &mut errors);
        if let Some(policy) = &self.secret_rotation {
            check_policy(policy, &mut errors);
        }
        let target = match self.destination_type {
            DestinationType::Http => {
                refuse_set("/queueUrl", self.queue_url.is_some(), &mut errors);
                let timeout_ms = self
                    .timeout_ms
                    .unwrap_or_else(HttpTarget::default_timeout_ms);
                self.url
                    .clone()
                    .map(|url| DestinationTarget::Http(HttpTarget { url, timeout_ms }))
            }
            DestinationType::Sqs => {
                refuse_set("/url", self.url.is_some(), &mut errors);
                refuse_set("/timeoutMs", self.timeout_ms.is_some(), &mut errors);
                refuse_set(POLICY, self.secret_rotation.is_some(), &mut errors);
                let queue_url = self.queue_url.clone();
                queue_url.map(|queue_url| DestinationTarget::Sqs(SqsTarget { queue_url }))
            }
        };
        match &target {
            Some(target) => check_target(target, egress, &mut errors),
            None if self.destination_type == DestinationType::Http => {
                errors.push(FieldError::new("/url", "is required"));
            }
            None => errors.push(FieldError::new("/queueUrl", "is required")),
        }
        match target.filter(|_| errors.is_empty()) {
            Some(target) => Ok(target),
            None => Err(Error::Invalid(errors)),
        }
    }
}

impl DestinationChange {
    /// Whether it asks for the destination to be active.
    pub(crate) fn makes_active(&self) -> bool {
        self.status == Change::Set(DestinationStatus::Active)
    }

    /// Makes the change, if all that is said is right.
    pub(crate) fn apply(self, destination: &mut Destination, egress: &Egress) -> Result<(), Error> {
        let mut errors = Vec::new();
        check_rest(
            self.events.given().map(Vec::as_slice),
            self.retry_policy.given(),
            &mut errors,
        );
        match &mut destination.target {
            DestinationTarget::Http(target) => {
                match self.url {
                    Change::Keep => {}
                    Change::Clear => errors.push(FieldError::new("/url", "is required")),
                    Change::Set(url) => target.url = url,
                }
                let default = HttpTarget::default_timeout_ms();
                target.timeout_ms = self.timeout_ms.apply_or(target.timeout_ms, default);
            }
            DestinationTarget::Sqs(_) => {
                refuse_set("/url", self.url != Change::Keep, &mut errors);
                refuse_set("/timeoutMs", self.timeout_ms != Change::Keep, &mut errors);
                refuse_set(POLICY, self.secret_rotation != Change::Keep, &mut errors);
            }
        }
        if let Some(policy) = self.secret_rotation.given() {
            check_policy(policy, &mut errors);
        }
        if self.status == Change::Clear {
            errors.push(FieldError::new("/status", "is required"));
        }
        check_target(&destination.target, egress, &mut errors);
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let events = std::mem::take(&mut destination.events);
        destination.events = self.events.apply_or(events, Vec::new());
        destination.filter = self.filter.apply(destination.filter.take());
        destination.transform = self.transform.apply(destination.transform.take());
        destination.retry_policy = self.retry_policy.apply(destination.retry_policy);
        if self.secret_rotation != Change::Keep {
            let policy = self.secret_rotation.given().copied();
            destination.secret_plan.set_policy(policy);
        }
        if let Change::Set(status) = self.status {
            destination.status = status;
            destination.disabled_reason =
                (status == DestinationStatus::Disabled).then_some(DisabledReason::Manual);
        }
        Ok(())
    }
}

fn refuse_set(pointer: &str, is_set: bool, errors: &mut Vec<FieldError>) {
    if is_set {
        errors.push(FieldError::new(
            pointer,
            "has no meaning for this type of destination",
        ));
    }
}

fn check_target(target: &DestinationTarget, egress: &Egress, errors: &mut Vec<FieldError>) {
    let (pointer, url) = match target {
        DestinationTarget::Http(target) => ("/url", &target.url),
        DestinationTarget::Sqs(target) => ("/queueUrl", &target.queue_url),
    };
    if let Err(error) = egress.check_new_url(url) {
        errors.push(FieldError::new(pointer, error.to_string()));
    }
    if let DestinationTarget::Http(target) = target
        && !(HttpTarget::MIN_TIMEOUT_MS..=HttpTarget::MAX_TIMEOUT_MS).contains(&target.timeout_ms)
    {
        errors.push(FieldError::new("/timeoutMs", "must be from 1000 to 20000"));
    }
}

fn check_rest(
    events: Option<&[EventPattern]>,
    retry_policy: Option<&RetryPolicy>,
    errors: &mut Vec<FieldError>,
) {
    if events.is_some_and(|events| events.len() > MAX_PATTERNS) {
        errors.push(FieldError::new("/events", "expected at most 100 patterns"));
    }
    if let Some(Err(error)) = retry_policy.map(RetryPolicy::check) {
        errors.push(FieldError::new(
            format!("/retryPolicy/{}", error.field),
            error.to_string(),
        ));
    }
}
