use serde::Serialize;
use utoipa::ToSchema;

use super::{CALL_TIMEOUT, GrantContext, GrantTokens};
use crate::oauth::{Client, ClientContext, OauthError, Revocable, Revocation};

/// Tokens that are forgotten.
#[derive(Debug)]
pub struct Forgotten {
    /// The tokens.
    pub tokens: GrantTokens,
    /// The digest of the set-up that they were obtained for.
    pub(super) basis: String,
}

/// What a provider has done about a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AtProvider {
    /// It has revoked the grant.
    Revoked,
    /// It has no way to: its tokens work until they end, or somebody withdraws them there.
    NotOffered,
    /// It did not, or was not asked, as the set-up is not the one that they were obtained for: its
    /// tokens work until they end, or somebody withdraws them there.
    Failed,
    /// There were no tokens.
    Nothing,
}

/// Has the provider revoke the refresh token, and with it what was issued for it, and the access token,
/// which servers need not end with it (RFC 7009 section 2.1). That it does not is logged.
///
/// Tokens that were obtained for another set-up are shown to nobody: whoever may change an integration
/// could have them sent to himself.
pub async fn revoke_at_provider(
    client: &Client,
    context: &GrantContext<'_>,
    forgotten: &Forgotten,
) -> AtProvider {
    let integration = context.integration;
    if context.basis() != forgotten.basis {
        tracing::warn!(
            integration.id = %integration,
            "the provider of {integration} is not asked to revoke the grant: it is of another set-up"
        );
        return AtProvider::Failed;
    }
    let tokens = &forgotten.tokens;
    let context = ClientContext {
        config: context.config,
        credentials: context.credentials,
        tls: context.tls,
        dpop_key: None,
        timeout: CALL_TIMEOUT,
    };
    let refresh = tokens.refresh_token.as_ref().map(Revocable::Refresh);
    let both = refresh
        .into_iter()
        .chain([Revocable::Access(&tokens.access_token)]);
    let mut provider = AtProvider::Revoked;
    for token in both {
        match client.revoke(&context, token).await {
            Ok(Revocation::Done) => {}
            Ok(Revocation::NoEndpoint) => return AtProvider::NotOffered,
            // Some revoke no access tokens, as they are not looked up (RFC 7009 section 2.2.1).
            Err(OauthError::Refused {
                code: Some("unsupported_token_type"),
                ..
            }) if matches!(token, Revocable::Access(_)) && tokens.refresh_token.is_some() => {}
            Err(error) => {
                tracing::warn!(
                    integration.id = %integration,
                    cause = %error,
                    "the provider of {integration} has not revoked the grant"
                );
                provider = AtProvider::Failed;
            }
        }
    }
    provider
}
