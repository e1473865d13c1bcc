use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use super::{IdentityError, Metadata};
use crate::domain::Timestamp;
use crate::jwt::{self, Algorithm, Claims, Expected, JwtError, KeySet, LEEWAY, TokenUse};

const WHAT: &str = "ID token";
/// An ID token comes with the answer to our own request: one that was issued long ago is another.
/// Some issuers put the time five minutes back.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// OpenID Connect Core 1.0 section 2.
const MAX_SUBJECT_BYTES: usize = 255;

/// What an ID token has to fit.
#[derive(Clone, Copy, Debug)]
pub struct IdTokenCheck<'a> {
    /// Of the issuer that was asked.
    pub metadata: &'a Metadata,
    /// The client that asked.
    pub client_id: &'a str,
    /// The nonce of the authorization request; none where there was no such request, as with a
    /// refresh, whose ID tokens need not have one (Core section 12.2).
    pub nonce: Option<&'a str>,
    /// The `max_age` of the authorization request.
    pub max_age: Option<Duration>,
    /// The access token that came with it.
    pub access_token: Option<&'a SecretString>,
    /// Who it has to be about, where that is known: who consented (Core section 12.2).
    pub subject: Option<&'a str>,
}

/// What an ID token that is accepted says.
#[derive(Clone, Debug, PartialEq)]
pub struct IdToken {
    /// Who signed in: unique at the issuer, and never given to another.
    pub subject: String,
    /// The session at the issuer, which a logout token may name.
    pub session_id: Option<String>,
    /// When somebody signed in, if it says so.
    pub auth_time: Option<Timestamp>,
    /// All of its claims.
    pub claims: Claims,
}

/// Verifies an ID token (OpenID Connect Core 1.0 section 3.1.3.7) at `now`, with the issuer's keys.
///
/// Its signature is checked though it came from the issuer by TLS, and only a public key's is taken:
/// the client's secret as a key (HS256) would let whoever knows it speak for the issuer.
///
/// # Errors
///
/// What is wrong with it, or that the keys cannot be had.
pub async fn verify_id_token(
    token: &SecretString,
    keys: &KeySet,
    check: &IdTokenCheck<'_>,
    now: Timestamp,
) -> Result<IdToken, IdentityError> {
    let algorithms = algorithms(check.metadata);
    let expected = Expected {
        token_use: TokenUse::IdToken,
        issuer: &check.metadata.issuer,
        audience: check.client_id,
        algorithms: &algorithms,
        leeway: LEEWAY,
    };
    #[expect(clippy::disallowed_methods, reason = "to be verified")]
    let token = token.expose_secret();
    let claims = jwt::verify(token, keys, &expected, now).await;
    let claims = claims.map_err(|error| IdentityError::of(WHAT, error))?;
    check_claims(claims, check, now).map_err(|error| IdentityError::of(WHAT, error))
}

/// What the issuer says that it signs with; anything that its keys are for, if it does not say.
pub(super) fn algorithms(metadata: &Metadata) -> Vec<Algorithm> {
    let named = metadata.id_token_signing_alg_values_supported.iter();
    named.filter_map(|name| name.parse().ok()).collect()
}

fn check_claims(
    claims: Claims,
    check: &IdTokenCheck<'_>,
    now: Timestamp,
) -> Result<IdToken, JwtError> {
    check_party(&claims, check.client_id)?;
    check_issued_at(&claims, now)?;
    // Steps 11 to 13.
    if check.nonce.is_some() && claims.text("nonce") != check.nonce {
        return Err(JwtError::Invalid("nonce"));
    }
    let auth_time = auth_time(&claims, check.max_age, now)?;
    check_access_token(&claims, check.access_token)?;
    let subject = subject(&claims).ok_or(JwtError::Invalid("subject"))?;
    if check.subject.is_some_and(|expected| expected != subject) {
        return Err(JwtError::Invalid("another subject"));
    }
    Ok(IdToken {
        subject: subject.to_owned(),
        session_id: claims.text("sid").map(str::to_owned),
        auth_time,
        claims,
    })
}

/// Steps 3 to 5: with several audiences, it says which one it is for; if it says so, that is us.
fn check_party(claims: &Claims, client_id: &str) -> Result<(), JwtError> {
    let party = claims.get("azp");
    let is_ours = party.is_none_or(|party| party.as_str() == Some(client_id));
    if !is_ours || (party.is_none() && claims.audiences().len() > 1) {
        return Err(JwtError::Invalid("authorized party"));
    }
    Ok(())
}

/// Step 10. That it is not in the future was checked already.
pub(super) fn check_issued_at(claims: &Claims, now: Timestamp) -> Result<(), JwtError> {
    let issued = claims.second("iat")?.and_then(Timestamp::from_second);
    let issued = issued.ok_or(JwtError::Invalid("time"))?;
    if now.since(issued) > MAX_AGE {
        return Err(JwtError::Invalid("issued too long ago"));
    }
    let expires = claims.second("exp")?;
    if expires.is_some_and(|expires| expires < issued.as_second()) {
        return Err(JwtError::Invalid("expires before it is issued"));
    }
    Ok(())
}

fn auth_time(
    claims: &Claims,
    max_age: Option<Duration>,
    now: Timestamp,
) -> Result<Option<Timestamp>, JwtError> {
    let at = match claims.second("auth_time")? {
        Some(second) => {
            let at = Timestamp::from_second(second);
            Some(at.ok_or(JwtError::Invalid("time"))?)
        }
        None => None,
    };
    if let Some(max_age) = max_age {
        let at = at.ok_or(JwtError::Invalid("no time of sign-in"))?;
        if now.since(at) > max_age.saturating_add(LEEWAY) {
            return Err(JwtError::Invalid("signed in too long ago"));
        }
    }
    if at.is_some_and(|at| at > now.plus(LEEWAY)) {
        return Err(JwtError::Invalid("signed in after now"));
    }
    Ok(at)
}

/// Core section 3.1.3.8: an access token that was swapped for another is found out.
fn check_access_token(
    claims: &Claims,
    access_token: Option<&SecretString>,
) -> Result<(), JwtError> {
    let (Some(hash), Some(token)) = (claims.get("at_hash"), access_token) else {
        return Ok(());
    };
    let algorithm = match claims.algorithm() {
        Algorithm::HS256 | Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 => &SHA256,
        Algorithm::HS384 | Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &SHA384,
        Algorithm::HS512 | Algorithm::RS512 | Algorithm::PS512 | Algorithm::ES512 => &SHA512,
        // Ed25519 hashes with SHA-512 (RFC 8032 section 5.1).
        Algorithm::EdDSA => &SHA512,
    };
    #[expect(clippy::disallowed_methods, reason = "to be hashed")]
    let digest = digest::digest(algorithm, token.expose_secret().as_bytes());
    let half = digest.as_ref().get(..algorithm.output_len() / 2);
    let expected = half.map(|half| URL_SAFE_NO_PAD.encode(half));
    if hash.as_str() == expected.as_deref() {
        Ok(())
    } else {
        Err(JwtError::Invalid("access token"))
    }
}

/// A subject, if it is one.
pub(super) fn subject(claims: &Claims) -> Option<&str> {
    let subject = claims.text("sub")?;
    let is_one = !subject.is_empty() && subject.len() <= MAX_SUBJECT_BYTES && subject.is_ascii();
    is_one.then_some(subject)
}
