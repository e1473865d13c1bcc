//! Directories that speak LDAP (RFC 4511), such as Active Directory: whether an account's
//! credentials are good, and who somebody is.
//!
//! LDAP is spoken over TLS from the first byte (`ldaps`), and by way of the egress guard: the name
//! is resolved once, its addresses are classified, and the certificate has to be of the name in the
//! URL. What a directory refers to is not followed, aliases are not either, and an empty password
//! is refused before it is sent, since servers take that for an anonymous visitor.
//!
//! The protocol is spoken by this module, and by no library: those that there are end the process
//! on an answer that they did not expect, and read messages of any length. What is sent here is two
//! kinds of request, and what comes is read with limits on size, number and time, and never
//! believed. Filters are made of parts and never of text, so no value is read as anything else.

mod ber;
mod client;
mod entry;
mod error;
mod message;

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::egress::{Egress, EgressError, TlsSettings};

pub use entry::DirectoryEntry;
pub use error::{DirectoryError, SignInRefusal};

use client::{Connection, Found};
use entry::SHOWN;
use message::{Filter, Search};

/// The scheme of a directory's URL.
pub const SCHEME: &str = "ldaps";
const PORT: u16 = 636;
/// For everything from the look-up of the name to the last answer.
const TIMEOUT: Duration = Duration::from_secs(15);
const TIME_LIMIT_SECONDS: u32 = 10;

/// By what a user is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum UserAttribute {
    /// `user@domain`.
    #[serde(rename = "userPrincipalName")]
    UserPrincipalName,
    /// The name before Windows 2000.
    #[serde(rename = "sAMAccountName")]
    SamAccountName,
    /// The mail address.
    #[serde(rename = "mail")]
    Mail,
}

/// Who asks a directory.
pub struct ServiceAccount<'a> {
    /// A distinguished name or, of Active Directory, a user principal name or `DOMAIN\\name`.
    pub username: &'a SecretString,
    /// Its password.
    pub password: &'a SecretString,
}

impl fmt::Debug for ServiceAccount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount").finish_non_exhaustive()
    }
}

/// A directory server.
#[derive(Clone, Copy, Debug)]
pub struct Directory<'a> {
    /// Where it is: `ldaps://`, a host, and perhaps a port.
    pub url: &'a Url,
    /// The way there.
    pub egress: &'a Egress,
    /// What is asked of its TLS.
    pub tls: &'a TlsSettings,
}

/// Whether `url` is one of a directory that may be called. Asks no name server.
///
/// # Errors
///
/// [`EgressError::ForbiddenUrl`] or [`EgressError::ForbiddenAddress`].
pub fn check_url(egress: &Egress, url: &Url) -> Result<(), EgressError> {
    egress.check_tls_url(url, SCHEME, PORT).map(drop)
}

impl Directory<'_> {
    /// Signs in, and out again.
    ///
    /// # Errors
    ///
    /// If the directory cannot be reached, or does not take the credentials.
    pub async fn sign_in(&self, account: &ServiceAccount<'_>) -> Result<(), DirectoryError> {
        let all = async {
            self.signed_in(account).await?.unbind().await;
            Ok(())
        };
        within(all).await
    }

    /// Looks for the one user with this value.
    ///
    /// # Errors
    ///
    /// As [`Directory::sign_in`]; [`DirectoryError::Ambiguous`], if there are several;
    /// [`DirectoryError::Referral`], if only another server might know.
    pub async fn find_user(
        &self,
        account: &ServiceAccount<'_>,
        attribute: UserAttribute,
        value: &str,
    ) -> Result<Option<DirectoryEntry>, DirectoryError> {
        let all = async {
            let mut connection = self.signed_in(account).await?;
            let base = naming_context(&mut connection).await?;
            let filter = Filter::All(vec![
                Filter::Is("objectClass", "person"),
                Filter::Is(attribute.name(), value),
            ]);
            let search = Search {
                base: &base,
                whole_subtree: true,
                // The second says that there is not only one.
                size_limit: 2,
                time_limit_seconds: TIME_LIMIT_SECONDS,
                filter,
                attributes: &SHOWN,
            };
            let Found { entries, more } = connection.search(&search).await?;
            connection.unbind().await;
            if more || entries.len() > 1 {
                return Err(DirectoryError::Ambiguous);
            }
            let mut entries = entries.iter();
            let found = entries.next();
            Ok(found.map(|(name, found)| DirectoryEntry::new(name.clone(), found)))
        };
        within(all).await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the credentials go to the directory that they are for"
    )]
    async fn signed_in(&self, account: &ServiceAccount<'_>) -> Result<Connection, DirectoryError> {
        let username = account.username.expose_secret();
        let password = account.password.expose_secret();
        if username.is_empty() || password.is_empty() {
            return Err(DirectoryError::NoCredentials);
        }
        let (host, port) = self.egress.check_tls_url(self.url, SCHEME, PORT)?;
        let stream = self.egress.connect_tls(&host, port, self.tls).await?;
        let mut connection = Connection::new(stream);
        connection.bind(username, password.as_bytes()).await?;
        Ok(connection)
    }
}

/// Where the entries of a server begin, as its root says: Active Directory names one context among
/// its several; others have one.
async fn naming_context(connection: &mut Connection) -> Result<String, DirectoryError> {
    let root = Search {
        base: "",
        whole_subtree: false,
        size_limit: 1,
        time_limit_seconds: TIME_LIMIT_SECONDS,
        filter: Filter::Has("objectClass"),
        attributes: &["defaultNamingContext", "namingContexts"],
    };
    let found = connection.search(&root).await?;
    let (_, attributes) = found
        .entries
        .first()
        .ok_or(DirectoryError::NoNamingContext)?;
    let of = |name: &str| attributes.get(name).map(Vec::as_slice).unwrap_or_default();
    let context = match (of("defaultnamingcontext"), of("namingcontexts")) {
        ([context], _) | ([], [context]) => context,
        _ => return Err(DirectoryError::NoNamingContext),
    };
    let context = String::from_utf8(context.clone());
    context.map_err(|_| DirectoryError::NoNamingContext)
}

async fn within<T>(
    all: impl Future<Output = Result<T, DirectoryError>>,
) -> Result<T, DirectoryError> {
    let ended = tokio::time::timeout(TIMEOUT, Box::pin(all)).await;
    ended.map_err(|_| DirectoryError::Timeout)?
}

impl UserAttribute {
    /// As the directory calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UserPrincipalName => "userPrincipalName",
            Self::SamAccountName => "sAMAccountName",
            Self::Mail => "mail",
        }
    }
}
