//! The issuer of access tokens, in place of an identity provider: in this process.

use std::future::{Future, ready};
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use gatehouse::access::{DevelopmentIssuer, Fetch};
use gatehouse::domain::{Cause, OrganizationId, Sources};
use url::Url;

use crate::private_file;

/// Who signs. The same on every port, so that a token outlives a restart.
pub(crate) const ISSUER: &str = "urn:gatehouse:development";
pub(crate) const AUDIENCE: &str = "gatehouse";
const SUBJECT: &str = "developer";
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The issuer and the organization of one data folder.
#[derive(Debug)]
pub(crate) struct Issuer {
    issuer: DevelopmentIssuer,
    pub(crate) organization: OrganizationId,
}

impl Issuer {
    /// What is in `folder`; new ones, if there is nothing.
    pub(crate) fn open(folder: &Path, sources: &Sources) -> Result<Self, Cause> {
        let (key, organization) = (folder.join("issuer.key"), folder.join("organization"));
        let issuer = if key.exists() {
            read_key(&key).map_err(|error| unusable(&key, "the issuer's key", error))?
        } else {
            let issuer = DevelopmentIssuer::generate(ISSUER.to_owned())?;
            private_file::write(&key, issuer.pkcs8())?;
            issuer
        };
        let organization = if organization.exists() {
            read_organization(&organization)
                .map_err(|error| unusable(&organization, "an organization's id", error))?
        } else {
            let id = OrganizationId::generate(sources.now(), sources.randomness.as_ref());
            private_file::write(&organization, format!("{id}\n").as_bytes())?;
            id
        };
        Ok(Self {
            issuer,
            organization,
        })
    }

    /// A token for the folder's organization.
    pub(crate) fn token(&self, sources: &Sources) -> String {
        self.issuer.token(
            self.organization,
            SUBJECT,
            AUDIENCE,
            sources.now(),
            LIFETIME,
        )
    }

    /// Hands out the public key.
    pub(crate) fn keys(&self) -> Keys {
        Keys(self.issuer.jwks().to_string().into_bytes())
    }
}

fn read_key(file: &Path) -> Result<DevelopmentIssuer, Cause> {
    let key = std::fs::read(file)?;
    DevelopmentIssuer::from_pkcs8(ISSUER.to_owned(), &key)
}

fn read_organization(file: &Path) -> Result<OrganizationId, Cause> {
    Ok(std::fs::read_to_string(file)?.trim().parse()?)
}

/// Without either, tokens and data that are there would be worth nothing, so neither is made anew.
fn unusable(file: &Path, wanted: &str, error: Cause) -> Cause {
    let file = file.display();
    format!(
        "`{file}` does not hold {wanted} ({error}); restore it, or start afresh with another \
         folder"
    )
    .into()
}

/// The issuer's JWK Set, whatever URL it is asked for at.
#[derive(Debug)]
pub(crate) struct Keys(Vec<u8>);

impl Fetch for Keys {
    fn fetch<'a>(
        &'a self,
        _: &'a Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        Box::pin(ready(Ok(self.0.clone())))
    }
}
