use std::fmt;
use std::sync::Arc;

use crate::access::Caller;
use crate::audit::Trail;
use crate::directory::{
    Directory, DirectoryEntry, DirectoryError, SCHEME, ServiceAccount, UserAttribute,
};
use crate::domain::gateway::{ErrorCategory, UpstreamProblem};
use crate::domain::{
    Actor, AuditOutcome, AuditSubject, IntegrationStatus, NewAuditEntry, Origin, UpstreamError,
};
use crate::domain::{Error, Integration, IntegrationId, OrganizationId, RequestId, Sources};
use crate::egress::{Egress, TlsSettings};
use crate::store::Store;
use crate::vault::{CachedCredentials, CredentialSet, Credentials};

/// The directories among an organization's integrations. Cheap to clone.
#[derive(Clone)]
pub struct Directories {
    store: Store,
    credentials: CachedCredentials,
    egress: Egress,
    trail: Trail,
    sources: Sources,
}

impl fmt::Debug for Directories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directories").finish_non_exhaustive()
    }
}

impl Directories {
    /// Those that `store` knows, asked by way of `egress`. Each use of credentials is recorded in `trail`
    /// first.
    #[must_use]
    pub fn new(
        store: Store,
        credentials: Credentials,
        egress: Egress,
        trail: Trail,
        sources: Sources,
    ) -> Self {
        Self {
            credentials: CachedCredentials::new(credentials, sources.clone()),
            store,
            egress,
            trail,
            sources,
        }
    }

    /// The integration, if it is a directory; none, if it is something else.
    ///
    /// # Errors
    ///
    /// If there is no such integration, or the table does not answer.
    pub async fn find(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Option<Integration>, Error> {
        let found = self.store.integration(organization, integration).await?;
        let found = found.ok_or(Error::NotFound("integration"))?.item;
        Ok((found.base_url.scheme() == SCHEME).then_some(found))
    }

    /// Whether a directory takes `candidate`, or the credentials in use.
    ///
    /// # Errors
    ///
    /// [`Error::Upstream`], if it does not or cannot be asked; and if the credentials cannot be
    /// read.
    pub async fn sign_in(
        &self,
        (caller, origin): (&Caller, &Origin),
        integration: &Integration,
        candidate: Option<CredentialSet>,
    ) -> Result<(), Error> {
        let action = match &candidate {
            Some(_) => "credential.test",
            None => "credential.use",
        };
        self.record_use((caller, origin), integration, action)
            .await?;
        let credentials = match candidate {
            Some(candidate) => Arc::new(candidate),
            None => self.credentials_of(integration).await?,
        };
        let tls = tls_of(integration);
        let directory = self.directory(integration, &tls);
        let signed_in = match account(&credentials) {
            Ok(account) => directory.sign_in(&account).await,
            Err(error) => Err(error),
        };
        signed_in.map_err(|error| self.told(error))
    }

    /// The one user of a directory with this value.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], if there is none; [`Error::Conflict`], if the integration is not in
    /// use; [`Error::Upstream`], if the directory does not say.
    pub async fn find_user(
        &self,
        (caller, origin): (&Caller, &Origin),
        integration: &Integration,
        attribute: UserAttribute,
        value: &str,
    ) -> Result<DirectoryEntry, Error> {
        if integration.status == IntegrationStatus::Inactive {
            return Err(Error::Conflict("the integration is inactive".to_owned()));
        }
        self.record_use((caller, origin), integration, "credential.use")
            .await?;
        let credentials = self.credentials_of(integration).await?;
        let tls = tls_of(integration);
        let directory = self.directory(integration, &tls);
        let found = match account(&credentials) {
            Ok(account) => directory.find_user(&account, attribute, value).await,
            Err(error) => Err(error),
        };
        let found = found.map_err(|error| self.told(error))?;
        found.ok_or(Error::NotFound("user"))
    }

    /// Records in the audit trail that credentials are about to be used: what cannot be recorded is
    /// not done.
    async fn record_use(
        &self,
        (caller, origin): (&Caller, &Origin),
        integration: &Integration,
        action: &'static str,
    ) -> Result<(), Error> {
        let actor = Actor::from(caller);
        let entry = NewAuditEntry::new(actor, action, AuditOutcome::Started)
            .of(AuditSubject::new("integration", integration.id))
            .from(origin);
        self.trail.record(caller.organization_id, entry).await?;
        Ok(())
    }

    fn directory<'a>(
        &'a self,
        integration: &'a Integration,
        tls: &'a TlsSettings,
    ) -> Directory<'a> {
        Directory {
            url: &integration.base_url,
            egress: &self.egress,
            tls,
        }
    }

    async fn credentials_of(&self, integration: &Integration) -> Result<Arc<CredentialSet>, Error> {
        let Some(info) = &integration.credentials else {
            let message = "the integration has no credentials";
            return Err(Error::Conflict(message.to_owned()));
        };
        let (organization, id) = (integration.organization_id, integration.id);
        let found = self.credentials.get(organization, id, &info.version).await;
        found.map_err(Error::from)
    }

    /// Searching and signing in change nothing, so a broken connection leaves nothing unknown.
    fn told(&self, error: DirectoryError) -> Error {
        let (category, is_transient) = match &error {
            DirectoryError::NoCredentials | DirectoryError::SignInRefused(_) => {
                (ErrorCategory::Authentication, false)
            }
            DirectoryError::Egress(error) => (ErrorCategory::Network, error.is_transient()),
            DirectoryError::Disconnected | DirectoryError::Timeout => {
                (ErrorCategory::Network, true)
            }
            DirectoryError::Protocol(_) => (ErrorCategory::Data, false),
            DirectoryError::Result(_)
            | DirectoryError::Referral
            | DirectoryError::Ambiguous
            | DirectoryError::NoNamingContext => (ErrorCategory::Business, false),
        };
        let now = self.sources.now();
        Error::Upstream(Box::new(UpstreamError {
            request: RequestId::generate(now, self.sources.randomness.as_ref()),
            problem: UpstreamProblem {
                category,
                message: Some(error.to_string()),
                ..UpstreamProblem::unanswered(error.code(), is_transient)
            },
            timed_out: matches!(error, DirectoryError::Timeout),
            outcome_unknown: false,
            cause: Some(error.into()),
        }))
    }
}

fn account(credentials: &CredentialSet) -> Result<ServiceAccount<'_>, DirectoryError> {
    let username = credentials.get("username");
    let password = credentials.get("password");
    let (username, password) = username
        .zip(password)
        .ok_or(DirectoryError::NoCredentials)?;
    Ok(ServiceAccount { username, password })
}

fn tls_of(integration: &Integration) -> TlsSettings {
    let config = integration.tls_config.clone().unwrap_or_default();
    TlsSettings::from(config)
}
