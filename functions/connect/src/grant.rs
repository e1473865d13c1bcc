use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::{
    Error, Grant, GrantEnd, GrantIdentity, GrantState, GrantType, IntegrationId, IntegrationStatus,
    Timestamp,
};
use gatehouse::flows::grants::{AtProvider, revoke_at_provider};
use gatehouse::http::{ApiError, Json, PathId};
use gatehouse::oauth::{EndSession, end_session_url};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use crate::State;
use crate::connection::{Connection, oauth2, set_status};

/// How an integration is connected.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GrantView {
    pub(crate) state: ConnectionState,
    /// How its tokens are obtained.
    pub(crate) grant_type: GrantType,
    /// The scopes that were asked for.
    pub(crate) scopes_asked: Vec<String>,
    /// The scopes that were granted.
    pub(crate) scopes_granted: Vec<String>,
    /// When somebody consented, or the first token was obtained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) obtained_at: Option<Timestamp>,
    /// When the access token ends. It is renewed before, if it can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    /// When it was last renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_refreshed_at: Option<Timestamp>,
    /// When the refresh token lapses, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_expires_at: Option<Timestamp>,
    /// Who consented, if the provider says so by OpenID Connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<GrantIdentity>,
    /// Why it is not connected, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConnectionState {
    /// There is no grant.
    NotConnected,
    /// Calls can be made, and it renews itself.
    Connected,
    /// Calls can be made, but it may end soon.
    Expiring,
    /// A person has to consent again.
    NeedsConsent,
    /// It was revoked here.
    Revoked,
}

/// What became of a revocation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Revoked {
    /// Always `revoked`: whatever the provider does, the tokens are forgotten here.
    pub(crate) state: ConnectionState,
    /// What the provider has done.
    pub(crate) provider: AtProvider,
    /// The status of the integration from now on.
    pub(crate) integration_status: IntegrationStatus,
    /// Where a browser signs out of the provider, if it offers that (OpenID Connect RP-Initiated
    /// Logout 1.0).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) logout_url: Option<Url>,
}

impl GrantView {
    fn of(grant: Grant, now: Timestamp, is_stale: bool) -> Self {
        let end = grant.ended(now);
        let end = end.or(is_stale.then_some(GrantEnd::SetUpChanged));
        let state = match grant.state(now) {
            GrantState::Revoked => ConnectionState::Revoked,
            _ if end.is_some() => ConnectionState::NeedsConsent,
            GrantState::Connected => ConnectionState::Connected,
            GrantState::Expiring => ConnectionState::Expiring,
            GrantState::NeedsConsent => ConnectionState::NeedsConsent,
        };
        Self {
            state,
            grant_type: grant.grant_type,
            scopes_asked: grant.scopes_asked,
            scopes_granted: grant.scopes_granted,
            obtained_at: Some(grant.obtained_at),
            expires_at: Some(grant.expires_at),
            last_refreshed_at: grant.last_refreshed_at,
            refresh_expires_at: grant.refresh_expires_at,
            identity: grant.identity,
            reason: end.map(GrantEnd::reason),
        }
    }

    fn of_none(grant_type: GrantType, scopes: Vec<String>) -> Self {
        Self {
            state: ConnectionState::NotConnected,
            grant_type,
            scopes_asked: scopes,
            scopes_granted: Vec::new(),
            obtained_at: None,
            expires_at: None,
            last_refreshed_at: None,
            refresh_expires_at: None,
            identity: None,
            reason: None,
        }
    }
}

/// Shows the grant of an integration.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let found = state.store.integration(organization, integration).await;
    let found = found.map_err(Error::from)?;
    let found = found.ok_or(Error::NotFound("integration"))?;
    let config = oauth2(&found.item)?;
    let grant = state.grants.read(organization, integration).await;
    let Some(grant) = grant.map_err(Error::from)? else {
        return Ok(Json(GrantView::of_none(config.grant_type, config.scopes)));
    };
    // What renews itself does so for any set-up.
    let is_stale = if grant.renews_itself() {
        false
    } else {
        let connection = Connection::load(&state, organization, integration).await?;
        connection.grant().basis() != grant.basis
    };
    Ok(Json(GrantView::of(grant, state.sources.now(), is_stale)))
}

/// Forgets the tokens of an integration, and has the provider revoke them.
///
/// They are forgotten first: a provider that does not answer keeps nobody from ending the use of
/// its tokens here. Nor is one asked that the tokens are not of.
pub(crate) async fn revoke(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let connection = Connection::load(&state, organization, integration).await?;
    let forgotten = state.grants.forget(organization, integration).await;
    let forgotten = forgotten.map_err(Error::from)?;
    let provider = match &forgotten {
        Some(forgotten) => revoke_at_provider(&state.client, &connection.grant(), forgotten).await,
        None => AtProvider::Nothing,
    };
    let pending = IntegrationStatus::Pending;
    let status = set_status(&state, organization, integration, pending).await?;
    tracing::info!(
        organization.id = %organization,
        integration.id = %integration,
        provider = ?provider,
        "{integration} is not connected any more"
    );
    Ok(Json(Revoked {
        state: ConnectionState::Revoked,
        provider,
        integration_status: status,
        logout_url: logout_url(&state, &connection).await,
    }))
}

/// Without the ID token, which says more of a person than a URL should: the provider asks whether
/// to sign out.
#[expect(clippy::disallowed_methods, reason = "a client's id is no secret")]
async fn logout_url(state: &State, connection: &Connection) -> Option<Url> {
    if !connection.config.is_openid() {
        return None;
    }
    let server = state.client.server(&connection.client(None)).await.ok()?;
    let request = EndSession {
        id_token_hint: None,
        client_id: connection.credentials.get("clientId")?.expose_secret(),
        post_logout_redirect_uri: None,
        state: None,
    };
    end_session_url(server.metadata()?, &request).ok()
}
