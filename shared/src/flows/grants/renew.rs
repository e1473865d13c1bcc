//! What who holds the lease does: asks the authorization server, and writes what it says.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretSlice;

use super::context::Owned;
use super::memory::{Looked, Slot};
use super::{CALL_TIMEOUT, GrantError, GrantTokens, Inner, facts};
use crate::domain::{
    Actor, AuditOutcome, AuditSubject, Grant, GrantReply, GrantType, NewAuditEntry, Offer,
    RefreshFailure, Timestamp,
};
use crate::egress::EgressError;
use crate::lambda::metrics::Metric;
use crate::lambda::telemetry::chain;
use crate::oauth::{ClientContext, DpopKey, OauthError, TokenReply, TokenRequest};
use crate::store::{GrantWrite, StoredGrant, Versioned};

/// How often the writing of an answer is tried, and how long it waits in between: for some three
/// minutes in all. There is nothing better to do with it.
const WRITES: u32 = 60;
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// What became of an answer.
enum Written {
    /// It stands in the table.
    Done(Box<Grant>),
    /// Something newer does, such as the tokens of a reconnection.
    Passed(Option<Box<Versioned<StoredGrant>>>),
}

impl Inner {
    /// Asks for tokens, and writes what comes of it in place of the lease.
    pub(super) async fn renew(
        &self,
        owned: &Owned,
        slot: &Slot,
        leased: Versioned<StoredGrant>,
        tokens: Option<Arc<GrantTokens>>,
    ) -> Result<Looked, GrantError> {
        slot.hold(self.held(&leased.item.grant, tokens.as_deref()));
        // Nobody asks unrecorded; the lease ends by itself.
        self.record(owned).await?;
        match self.ask(owned, tokens.as_deref()).await {
            Ok((reply, key)) => {
                let facts = facts(&reply);
                let tokens = GrantTokens::of(reply, tokens.as_deref(), key);
                self.keep(owned, slot, leased, &facts, tokens).await
            }
            Err(error) => {
                if self.note_failure(owned, slot, leased, tokens, &error).await {
                    Err(error.into())
                } else {
                    Ok(Looked::Seen)
                }
            }
        }
    }

    /// Records in the audit trail that the grant's credentials are about to be used.
    async fn record(&self, owned: &Owned) -> Result<(), GrantError> {
        let Some(trail) = &self.trail else {
            return Ok(());
        };
        let actor = Actor::system(trail.function());
        let entry = NewAuditEntry::new(actor, "grant.refresh", AuditOutcome::Started)
            .of(AuditSubject::new("integration", owned.integration));
        trail.record(owned.organization, entry).await?;
        Ok(())
    }

    /// The answer; and the key that its tokens are bound to, if that is a new one.
    pub(super) async fn ask(
        &self,
        owned: &Owned,
        tokens: Option<&GrantTokens>,
    ) -> Result<(TokenReply, Option<SecretSlice<u8>>), OauthError> {
        let known = tokens.and_then(|tokens| tokens.dpop_key.as_ref());
        let client = ClientContext {
            config: &owned.config,
            credentials: &owned.credentials,
            tls: &owned.tls,
            dpop_key: known.map(exposed),
            timeout: CALL_TIMEOUT,
        };
        let refresh = tokens.and_then(|tokens| tokens.refresh_token.as_ref());
        let request = match (owned.config.grant_type, refresh) {
            (GrantType::ClientCredentials, _) => TokenRequest::ClientCredentials,
            (GrantType::JwtBearer, _) => TokenRequest::JwtBearer,
            (GrantType::AuthorizationCode, Some(token)) => TokenRequest::Refresh { token },
            (GrantType::AuthorizationCode, None) => {
                return Err(OauthError::Configuration("there is no refresh token"));
            }
        };
        let may_bind = known.is_none()
            && owned.config.grant_type != GrantType::AuthorizationCode
            && owned.config.dpop != Offer::Never;
        let asked = async {
            let wants_key = may_bind && self.endpoint.wants_dpop(&client).await?;
            let key = match wants_key {
                true => Some(SecretSlice::from(DpopKey::generate()?.to_vec())),
                false => None,
            };
            let client = ClientContext {
                dpop_key: key.as_ref().or(known).map(exposed),
                ..client
            };
            let reply = self.endpoint.token(&client, request).await?;
            Ok((reply, key))
        };
        let asked = tokio::time::timeout(CALL_TIMEOUT, Box::pin(asked)).await;
        asked.unwrap_or(Err(EgressError::Timeout.into()))
    }

    async fn keep(
        &self,
        owned: &Owned,
        slot: &Slot,
        leased: Versioned<StoredGrant>,
        facts: &GrantReply,
        tokens: GrantTokens,
    ) -> Result<Looked, GrantError> {
        let written = self.write_answer(owned, leased, facts, &tokens).await;
        let now = self.sources.now();
        match written {
            Ok(Written::Done(grant)) => {
                self.metrics.count(Metric::GrantsRefreshed, now);
                slot.hold(self.held(&grant, Some(&tokens)));
                Ok(Looked::Seen)
            }
            Ok(Written::Passed(found)) => {
                if let Some(found) = found {
                    self.see(owned, slot, &found.item).await?;
                }
                Ok(Looked::Seen)
            }
            Err(error) => {
                self.metrics
                    .count_for(Metric::RefreshesFailed, "not_written", now);
                let integration = owned.integration;
                tracing::error!(
                    integration.id = %integration,
                    cause = chain(&error),
                    "new tokens of {integration} cannot be written"
                );
                Err(error)
            }
        }
    }

    /// Writes an answer in place of the tokens that it replaces, however often it takes.
    ///
    /// The fence is the version of the tokens. Another function may have taken the lease over, or
    /// noted a failure, meanwhile: the answer is still what comes after those tokens. Where there
    /// are other tokens, or none, it is not.
    async fn write_answer(
        &self,
        owned: &Owned,
        leased: Versioned<StoredGrant>,
        facts: &GrantReply,
        tokens: &GrantTokens,
    ) -> Result<Written, GrantError> {
        let replaced = leased.item.grant.tokens_version;
        let version = replaced.saturating_add(1);
        let mut sealed = None;
        let mut current = leased;
        let mut wait = FIRST_WAIT;
        let mut failed = None;
        for _ in 0..WRITES {
            let Some(sealed) = &sealed else {
                match Box::pin(self.seal(owned.key(), version, tokens)).await {
                    Ok(made) => sealed = Some(made),
                    Err(error) => {
                        failed = Some(error);
                        pause(&mut wait).await;
                    }
                }
                continue;
            };
            let mut grant = current
                .item
                .grant
                .renewed(facts, &owned.config, &owned.basis);
            let look_at = self.look_at(&current.item.grant, &mut grant);
            let stored = StoredGrant {
                grant,
                tokens: Some(sealed.clone()),
            };
            let write = self.write(owned.key(), &stored, current.version, look_at);
            match Box::pin(write).await {
                Ok(GrantWrite::Done(_)) => return Ok(Written::Done(Box::new(stored.grant))),
                Ok(GrantWrite::Passed(Some(found)))
                    if found.item.tokens.as_ref() == Some(sealed) =>
                {
                    return Ok(Written::Done(Box::new(found.item.grant)));
                }
                Ok(GrantWrite::Passed(Some(found)))
                    if found.item.grant.tokens_version == replaced =>
                {
                    current = *found;
                }
                Ok(GrantWrite::Passed(found)) => return Ok(Written::Passed(found)),
                Err(error) => {
                    failed = Some(error.into());
                    pause(&mut wait).await;
                }
            }
        }
        Err(failed.unwrap_or(GrantError::Busy))
    }

    /// When a renewed grant has to be looked at, if that is before it is looked at anyway: its
    /// place in the index then changes with it.
    fn look_at(&self, before: &Grant, renewed: &mut Grant) -> Option<Timestamp> {
        let next = renewed.look_next(self.sources.now())?;
        let is_covered = before.look_at.is_some_and(|at| at <= next);
        if is_covered {
            return None;
        }
        renewed.look_at = Some(next);
        Some(next)
    }

    /// Writes that there are no new tokens, unless somebody has written meanwhile: then it is theirs
    /// to say how the grant stands. Whether the failure is all that there is to say: not if the grant
    /// is over, or in other hands.
    async fn note_failure(
        &self,
        owned: &Owned,
        slot: &Slot,
        leased: Versioned<StoredGrant>,
        tokens: Option<Arc<GrantTokens>>,
        error: &OauthError,
    ) -> bool {
        let now = self.sources.now();
        let failure = failure(error);
        let integration = owned.integration;
        let failed = StoredGrant {
            grant: leased.item.grant.failed(failure, now),
            tokens: leased.item.tokens,
        };
        self.metrics
            .count_for(Metric::RefreshesFailed, code(failure), now);
        tracing::warn!(
            integration.id = %integration,
            cause = chain(error),
            "the grant of {integration} was not renewed"
        );
        let put = self
            .store
            .put_grant(owned.organization, integration, &failed, leased.version);
        let end: Result<bool, GrantError> = match Box::pin(put).await {
            Ok(GrantWrite::Done(_)) => {
                slot.hold(self.held(&failed.grant, tokens.as_deref()));
                Ok(failed.grant.end.is_none())
            }
            Ok(GrantWrite::Passed(Some(found))) => {
                self.see(owned, slot, &found.item).await.map(|_| false)
            }
            Ok(GrantWrite::Passed(None)) => Ok(false),
            Err(error) => Err(error.into()),
        };
        end.unwrap_or_else(|error| {
            tracing::warn!(
                integration.id = %integration,
                cause = chain(&error),
                "that the grant of {integration} was not renewed cannot be written"
            );
            true
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the key signs the proof that goes with the request"
)]
pub(super) fn exposed(key: &SecretSlice<u8>) -> &[u8] {
    use secrecy::ExposeSecret as _;
    key.expose_secret()
}

async fn pause(wait: &mut Duration) {
    tokio::time::sleep(*wait).await;
    *wait = (*wait * 2).min(LONGEST_WAIT);
}

/// What an error means for the grant. Only the server's own word ends it.
fn failure(error: &OauthError) -> RefreshFailure {
    match error {
        OauthError::InvalidGrant => RefreshFailure::Refused,
        OauthError::InvalidClient(code) => RefreshFailure::Lasting(code),
        OauthError::Configuration(_) => RefreshFailure::Lasting("configuration"),
        OauthError::Credentials(_) => RefreshFailure::Lasting("credentials"),
        OauthError::WrongIssuer => RefreshFailure::Lasting("wrong_issuer"),
        OauthError::Unreadable(_) => RefreshFailure::Lasting("unreadable"),
        OauthError::Refused { code, .. } if error.is_transient() => {
            RefreshFailure::Transient(code.unwrap_or("refused"))
        }
        OauthError::Refused { code, .. } => RefreshFailure::Lasting(code.unwrap_or("refused")),
        OauthError::Call(cause) => RefreshFailure::Transient(cause.code()),
    }
}

fn code(failure: RefreshFailure) -> &'static str {
    match failure {
        RefreshFailure::Refused => "invalid_grant",
        RefreshFailure::Transient(code) | RefreshFailure::Lasting(code) => code,
    }
}
