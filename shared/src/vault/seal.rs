//! AES-256-GCM under an organization's data key, bound to the place where the result is kept.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::VaultError;
use super::context::{SealContext, additional_data};
use crate::domain::{OrganizationId, Sealed};

/// The only form there is: this byte, the key's number (2 bytes, big-endian), the nonce (12
/// bytes), the ciphertext with its tag (16 bytes).
pub(super) const FORMAT: u8 = 1;
const VERSION_BYTES: usize = 2;

/// An organization's data key of a version.
pub(super) struct DataKey {
    pub(super) version: u16,
    key: RandomizedNonceKey,
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataKey")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl DataKey {
    /// The key of 32 bytes.
    pub(super) fn new(version: u16, bytes: &[u8]) -> Result<Self, VaultError> {
        // The library draws each nonce itself, so that none can be used twice by our mistake. Our
        // own `Randomness` would not do: tests seed it, and two values under one nonce and key
        // give both away.
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes)
            .map_err(|_| VaultError::Corrupt("data key"))?;
        Ok(Self { version, key })
    }

    pub(super) fn seal(
        &self,
        organization: OrganizationId,
        context: &SealContext,
        plaintext: &[u8],
    ) -> Result<Sealed, VaultError> {
        let mut text = Zeroizing::new(Vec::with_capacity(plaintext.len() + 16));
        text.extend_from_slice(plaintext);
        let aad = Aad::from(additional_data(organization, context, self.version));
        let nonce = self
            .key
            .seal_in_place_append_tag(aad, &mut *text)
            .map_err(|_| VaultError::Refused("sealing failed".into()))?;
        let mut sealed = Vec::with_capacity(1 + VERSION_BYTES + NONCE_LEN + text.len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.version.to_be_bytes());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&text);
        Ok(Sealed::from_bytes(sealed))
    }

    pub(super) fn open(
        &self,
        organization: OrganizationId,
        context: &SealContext,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let rest = sealed
            .as_bytes()
            .get(1 + VERSION_BYTES..)
            .ok_or(VaultError::Tampered)?;
        let (nonce, text) = rest
            .split_at_checked(NONCE_LEN)
            .ok_or(VaultError::Tampered)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Tampered)?;
        let aad = Aad::from(additional_data(organization, context, self.version));
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self
            .key
            .open_in_place(nonce, aad, &mut text)
            .map_err(|_| VaultError::Tampered)?;
        let length = opened.len();
        text.truncate(length);
        Ok(text)
    }
}

/// The version of the key that `sealed` needs.
pub(super) fn key_version(sealed: &Sealed) -> Result<u16, VaultError> {
    match sealed.as_bytes() {
        [FORMAT, a, b, ..] => Ok(u16::from_be_bytes([*a, *b])),
        _ => Err(VaultError::Tampered),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ulid::Ulid;

    use super::*;
    use crate::domain::Digest;

    const STORED: &str = "010007a1406b7a7288abe996a5a2ce2b833dcb1f4e76f972c9e8542b459387f08502a4";

    fn key(byte: u8) -> DataKey {
        DataKey::new(7, &[byte; 32]).unwrap()
    }

    fn organization(n: u128) -> OrganizationId {
        Ulid::from(n).into()
    }

    fn contexts(a: u128, b: u128) -> [SealContext; 14] {
        let version = u64::try_from(((b >> 64) ^ b) & u128::from(u64::MAX)).unwrap();
        let (a, b) = (Ulid::from(a), Ulid::from(b));
        let mut both = [0; 32];
        both[..16].copy_from_slice(&a.to_bytes());
        both[16..].copy_from_slice(&b.to_bytes());
        let link = |other| SealContext::RecordLink {
            integration: a.into(),
            entity: Digest::of(&both),
            record: Digest::of(&both),
            other,
            version,
        };
        [
            SealContext::SigningSecret {
                owner: a,
                secret: b.into(),
            },
            SealContext::EventPayload {
                endpoint: a.into(),
                event: b.into(),
            },
            SealContext::QueuedEvent {
                endpoint: a.into(),
                event: b.into(),
            },
            SealContext::FinishedRequest {
                key: Digest::of(&both),
            },
            SealContext::CachedResponse {
                key: Digest::of(&both),
            },
            SealContext::RequestBodies {
                integration: a.into(),
                request: b.into(),
            },
            SealContext::Tokens {
                integration: a.into(),
                version,
            },
            SealContext::PendingConsent {
                state: Digest::of(&both),
            },
            SealContext::ConsentTicket {
                ticket: Digest::of(&both),
            },
            SealContext::Record {
                integration: a.into(),
                entity: Digest::of(&both),
                record: Digest::of(&both),
                version,
            },
            SealContext::SyncCursor { job: b.into() },
            SealContext::Conflict { conflict: b.into() },
            link(Digest::of(&both)),
            link(Digest::of(b"another kind")),
        ]
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_in_its_place_and_only_there(
            plaintext: Vec<u8>, a: u128, b: u128, other: u128, n: u128,
        ) {
            let organization_a = organization(n);
            for (i, context) in contexts(a, b).iter().enumerate() {
                let sealed = key(1).seal(organization_a, context, &plaintext).unwrap();
                prop_assert_eq!(key_version(&sealed).unwrap(), 7);
                prop_assert_eq!(&*key(1).open(organization_a, context, &sealed).unwrap(), &plaintext);
                prop_assert!(key(2).open(organization_a, context, &sealed).is_err());
                prop_assert!(key(1).open(organization(n ^ 1), context, &sealed).is_err());
                for (j, elsewhere) in contexts(a, b).iter().enumerate() {
                    prop_assert_eq!(i == j, key(1).open(organization_a, elsewhere, &sealed).is_ok());
                }
                if other != b {
                    let elsewhere = &contexts(a, other)[i];
                    prop_assert!(key(1).open(organization_a, elsewhere, &sealed).is_err());
                }
            }
        }

        #[test]
        fn a_changed_byte_is_noticed(plaintext: Vec<u8>, at: prop::sample::Index, bit in 0_u8..8) {
            let context = &contexts(1, 2)[0];
            let sealed = key(1).seal(organization(3), context, &plaintext).unwrap();
            let mut bytes = sealed.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let changed = Sealed::from_bytes(bytes);
            let opened = match key_version(&changed) {
                Ok(7) => key(1).open(organization(3), context, &changed).is_ok(),
                _ => false,
            };
            prop_assert!(!opened);
        }
    }

    #[test]
    fn the_stored_form_stays_what_it_is() {
        let context = &contexts(1, 2)[0];
        let sealed = key(1).seal(organization(3), context, b"text").unwrap();
        assert_eq!(sealed.as_bytes().len(), 1 + 2 + 12 + 4 + 16);
        assert_eq!(sealed.as_bytes()[..3], [1, 0, 7]);
        // Sealed by the first version of this code. What is stored has to open for ever.
        let stored = Sealed::from_bytes(hex::decode(STORED).unwrap());
        let opened = key(1).open(organization(3), context, &stored).unwrap();
        assert_eq!(*opened, b"text");
    }

    #[test]
    fn additional_data_is_of_one_length_for_each_purpose_and_starts_with_it() {
        // The last two are links of one record.
        for (purpose, context) in (1..=13).chain([13]).zip(contexts(1, 2)) {
            let data = additional_data(organization(3), &context, 7);
            assert_eq!(data.len(), 1 + 1 + 2 + 16 + 32);
            assert_eq!(data[..4], [1, purpose, 0, 7]);
        }
    }

    #[test]
    fn a_record_opens_as_itself_only() {
        let digests = [Digest::of(b"a"), Digest::of(b"b")];
        let record = |n: u128, entity: usize, record: usize, version| SealContext::Record {
            integration: Ulid::from(n).into(),
            entity: digests[entity],
            record: digests[record],
            version,
        };
        let context = record(1, 0, 1, 1);
        let sealed = key(1).seal(organization(3), &context, b"text").unwrap();
        for other in [
            record(2, 0, 1, 1),
            record(1, 1, 1, 1),
            record(1, 0, 0, 1),
            record(1, 0, 1, 2),
        ] {
            assert!(
                key(1).open(organization(3), &other, &sealed).is_err(),
                "{other:?}"
            );
        }
        assert!(key(1).open(organization(3), &context, &sealed).is_ok());
    }

    #[test]
    fn no_nonce_is_used_twice() {
        let seal = || key(1).seal(organization(3), &contexts(1, 2)[0], b"text");
        let nonces: std::collections::HashSet<_> = (0..1_000)
            .map(|_| seal().unwrap().as_bytes()[3..15].to_vec())
            .collect();
        assert_eq!(nonces.len(), 1_000);
    }

    #[test]
    fn what_is_too_short_does_not_open() {
        for length in 0..31 {
            let sealed = Sealed::from_bytes(vec![FORMAT; length]);
            assert!(
                key(1)
                    .open(organization(1), &contexts(1, 2)[0], &sealed)
                    .is_err()
            );
        }
    }
}
