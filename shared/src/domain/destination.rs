use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secret_rotation::SecretPlan;
use super::{
    Breaker, DestinationId, EventPattern, Expression, ExpressionError, IntegrationId,
    OrganizationId, RetryPolicy, StoredSecret, Timestamp, expression,
};

/// A place where events go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// Its id.
    pub id: DestinationId,
    /// Who owns it.
    pub organization_id: OrganizationId,
    /// The integration whose events it gets.
    pub integration_id: IntegrationId,
    /// How an event is handed over.
    #[serde(flatten)]
    pub target: DestinationTarget,
    /// Event types that it gets; all, if empty.
    #[serde(default)]
    pub events: Vec<EventPattern>,
    /// Sent only where this is true of the event's JSON body.
    #[serde(
        default,
        deserialize_with = "expression::stored",
        skip_serializing_if = "Option::is_none"
    )]
    pub filter: Option<Expression>,
    /// Its result is sent in place of the body.
    #[serde(
        default,
        deserialize_with = "expression::stored",
        skip_serializing_if = "Option::is_none"
    )]
    pub transform: Option<Expression>,
    /// How deliveries are retried; the endpoint's policy, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
    /// Whether events are sent to it.
    pub status: DestinationStatus,
    /// Why it is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<DisabledReason>,
    /// Its signing secrets, newest first; all valid ones sign.
    #[serde(default)]
    pub secrets: Vec<StoredSecret>,
    /// When these are replaced.
    #[serde(default, skip_serializing_if = "SecretPlan::is_empty")]
    pub secret_plan: SecretPlan,
    /// Set while deliveries are held back because too many failed in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed by a person.
    pub updated_at: Timestamp,
}

impl Destination {
    /// Whether it is told of changes of records: one of its patterns names them, by beginning with
    /// `record.`. One without patterns, or with a bare `*`, gets what the provider sends, and no more.
    #[must_use]
    pub fn names_records(&self) -> bool {
        self.events.iter().any(EventPattern::names_records)
    }

    /// Whether it wants an event of this type with this [document](crate::domain::Expression::document).
    ///
    /// # Errors
    ///
    /// If it has a filter, which fails on the document, or there should be one and it cannot be read: then
    /// nobody can tell, and the event must not be lost.
    pub fn wants(
        &self,
        event_type: Option<&str>,
        document: &Result<Option<serde_json::Value>, ExpressionError>,
    ) -> Result<bool, ExpressionError> {
        if !EventPattern::any_matches(&self.events, event_type) {
            return Ok(false);
        }
        match (&self.filter, document) {
            (None, _) => Ok(true),
            (Some(filter), Ok(Some(document))) => filter.matches(document),
            (Some(_), Ok(None)) => Ok(false),
            (Some(_), Err(error)) => Err(error.clone()),
        }
    }
}

/// How an event is handed over to a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DestinationTarget {
    /// `POST` to a URL, signed by Standard Webhooks.
    Http(HttpTarget),
    /// A message to an SQS queue of the same account.
    Sqs(SqsTarget),
}

/// An HTTP destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpTarget {
    /// Where to `POST`.
    pub url: url::Url,
    /// How long one attempt may take, in milliseconds.
    #[serde(default = "HttpTarget::default_timeout_ms")]
    #[schema(minimum = 1000, maximum = 20_000)]
    pub timeout_ms: u32,
}

impl HttpTarget {
    /// The shortest time-out of an attempt, in milliseconds.
    pub const MIN_TIMEOUT_MS: u32 = 1_000;
    /// The longest time-out of an attempt, in milliseconds: it has to fit the processor's own.
    pub const MAX_TIMEOUT_MS: u32 = 20_000;

    /// The time-out of an attempt where none is given, in milliseconds.
    #[must_use]
    pub fn default_timeout_ms() -> u32 {
        10_000
    }
}

/// An SQS destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqsTarget {
    /// The queue's URL.
    pub queue_url: url::Url,
}

/// Whether events are sent to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DestinationStatus {
    /// Events are sent.
    Active,
    /// Nothing is sent; events that match are kept as failed and can be replayed.
    Disabled,
}

/// Why a destination is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// A person did it.
    Manual,
    /// It answered `410 Gone`.
    Gone,
}
