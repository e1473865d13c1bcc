//! Types, rules and decisions. Pure: no I/O, no clock, no SDK.
//!
//! Everything else in this crate may depend on this module; it depends on nothing of ours.

mod access;
pub mod alert;
mod api_profile;
mod audit;
mod auth;
mod breaker;
mod consent;
pub mod data_key;
mod delivery;
mod destination;
mod digest;
mod endpoint;
mod entry_hash;
mod error;
mod event;
mod expression;
pub mod gateway;
mod grant;
pub mod health;
mod id;
pub mod incident;
mod integration;
pub(crate) mod object;
pub mod playbook;
mod quota;
mod request;
mod retry;
mod revocation;
pub mod rotation;
mod routing;
mod sealed;
pub mod secret_rotation;
mod sources;
pub mod sync;
mod timestamp;
mod tls;
mod trace;
mod upstream_error;
mod xml;

pub use access::{
    Action, ActionGroup, ActiveElevation, ApiKey, Classification, DeploymentEnvironment, Elevation,
    ElevationDecision, ElevationState, IntegrationAttributes, MAX_KEY_LIFETIME, MAX_KEY_NETWORKS,
    Role, Roles, Sighting,
};
pub use api_profile::{
    ApiProfile, ChangedSince, Entity, ErrorShape, KeyCalls, KeyList, PUBLIC_KEY_NAMES, PageSize,
    Pagination, Probe, PublicKeyCalls, ROTATION_LABEL, RateLimitHeaders, ResetForm, RetryHints,
    RotationCall, RotationMethod,
};
pub use audit::{
    Actor, ActorKind, Anchor, AuditEntry, AuditOutcome, AuditSubject, LaneHead, NewAuditEntry,
    Origin,
};
pub use auth::{
    ACCESS_TOKEN, API_KEY, AccessTokenPlace, ApiKeyAuth, Assertion, AuthConfig, BasicAuth,
    ClientAuthentication, CustomAuth, GrantType, HmacAlgorithm, HmacEncoding, HmacKeyForm,
    HmacSigning, JwtAlgorithm, JwtAuth, JwtUse, Login, LoginBody, Oauth2Auth, Offer, SigV4,
    TemplatePiece, TimestampForm, ValueTemplate, ValueTemplateError, check_scope,
};
pub use breaker::{Breaker, BreakerPolicy, Passage};
pub use consent::{ConsentTicket, PendingConsent};
pub use delivery::{Attempt, AttemptOutcome, Delivery, DeliveryStatus, RESPONSE_EXCERPT_BYTES};
pub use destination::{
    Destination, DestinationStatus, DestinationTarget, DisabledReason, HttpTarget, SqsTarget,
};
pub use digest::{Digest, DigestError};
pub use endpoint::{Endpoint, EndpointPath, EndpointPathError, EndpointStatus, StoredSecret};
pub use entry_hash::{EntryHash, EntryHashError};
pub use error::{Cause, Error, FieldError};
pub use event::{Event, EventStatus, PayloadLocation};
pub use expression::{Expression, ExpressionError};
pub use grant::{
    DEFAULT_TOKEN_LIFETIME, Grant, GrantEnd, GrantIdentity, GrantReply, GrantState, Next,
    RefreshFailure, RefreshLease, Trouble, Visit,
};
pub use id::{
    AlertId, ApiKeyId, AuditId, ChannelId, CheckId, ConflictId, DeliveryId, DestinationId,
    ElevationId, EndpointId, EventId, IdError, IncidentId, IntegrationId, LaneId, NewRecordId,
    NoticeId, OrganizationId, PlaybookId, PlaybookRunId, RequestId, RotationId, SecretId,
    SilenceId, SyncJobId,
};
pub use integration::{
    AuthMethod, CredentialInfo, Integration, IntegrationStatus, IntegrationType, RateLimits,
};
pub use object::Object;
pub use quota::{Quota, QuotaLease, QuotaRequest, RateLimit};
pub use request::{CacheUse, CredentialUse, GatewayState, RequestRecord, RequestStatus};
pub use retry::{Retry, RetryPolicy, RetryPolicyError};
pub use revocation::{MAX_TOKEN_LIFETIME, Revocation, Revoked, Standing};
pub use routing::{EventPattern, PatternError};
pub use sealed::Sealed;
pub use sources::{Clock, Randomness, Sources};
pub use timestamp::{Timestamp, TimestampError};
pub use tls::{SpkiPin, SpkiPinError, TlsConfig, TlsVersion};
pub use trace::{TraceParent, TraceParentError};
pub use upstream_error::UpstreamError;
pub use xml::{XmlError, read_xml};
