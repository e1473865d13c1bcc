use serde_json::Value;

use super::{Algorithm, JwtError, VerificationKey};

/// Keys of which one has to have signed a token.
#[derive(Clone, Debug, Default)]
pub struct KeyRing(Vec<VerificationKey>);

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// None has the id.
    Unknown,
    /// Those with the id are not for the algorithm.
    WrongAlgorithm,
    /// There are several, so nobody can say which one is meant.
    Ambiguous,
}

impl From<NoKey> for JwtError {
    fn from(why: NoKey) -> Self {
        Self::Invalid(match why {
            NoKey::Unknown | NoKey::Ambiguous => "key",
            NoKey::WrongAlgorithm => "algorithm",
        })
    }
}

impl KeyRing {
    /// These keys.
    #[must_use]
    pub fn new(keys: Vec<VerificationKey>) -> Self {
        Self(keys)
    }

    /// The public keys of a JWK Set (RFC 7517 section 5); nothing if it is none. Keys that are not
    /// for signatures, of unknown kinds, too weak, or not public are left out.
    #[must_use]
    pub fn from_jwk_set(set: &Value) -> Option<Self> {
        let keys = set.get("keys")?.as_array()?;
        Some(Self(
            keys.iter().filter_map(VerificationKey::from_jwk).collect(),
        ))
    }

    /// The only key that can have signed a token with this key id and algorithm. A token that names
    /// no key is verified if one key alone is for its algorithm.
    pub(super) fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&VerificationKey, NoKey> {
        let named = || {
            let keys = self.0.iter();
            keys.filter(move |key| id.is_none() || key.id() == id)
        };
        let mut fit = named().filter(|key| key.is_for(algorithm));
        match (fit.next(), fit.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(NoKey::Ambiguous),
            (None, _) if id.is_some() && named().next().is_some() => Err(NoKey::WrongAlgorithm),
            (None, _) => Err(NoKey::Unknown),
        }
    }
}
