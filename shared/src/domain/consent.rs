use serde::{Deserialize, Serialize};
use url::Url;

use super::{IntegrationId, OrganizationId, Sealed, Timestamp};

/// A consent that somebody was asked for, and has not given yet. It is kept under the digest of its
/// `state`, for ten minutes, and taken away by whatever answer comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingConsent {
    /// Who owns the integration.
    pub organization_id: OrganizationId,
    /// The integration that is connected by it.
    pub integration_id: IntegrationId,
    /// Who asked for it: the subject of the access token.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// The scopes that are asked for.
    pub scopes: Vec<String>,
    /// Where the browser is sent afterwards; a page of ours, if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<Url>,
    /// The digest of the set-up that it is for: no answer is taken for another.
    pub basis: String,
    /// The digest of the cookie of the browser that it is bound to, in hexadecimal.
    pub browser: String,
    /// The verifier, the nonce and the key of its tokens.
    pub sealed: Sealed,
}

/// A link that takes another browser to a consent page, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsentTicket {
    /// Who owns the integration.
    pub organization_id: OrganizationId,
    /// The integration.
    pub integration_id: IntegrationId,
    /// The state of the consent.
    pub sealed: Sealed,
}
