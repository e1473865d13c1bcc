//! What synchronization keeps of a provider's data, sealed: records, cursors, sides of conflicts.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use super::compression::decompress;
use super::{DataKeys, SealContext, VaultError};
use crate::domain::sync::{EntityName, Fields, RecordBody, RecordChange, record_digest};
use crate::domain::{ConflictId, Digest, IntegrationId, OrganizationId, Sealed, SyncJobId};
use crate::store::MAX_RECORD_BYTES;

/// The most bytes that anything sealed here opens to. A record of ordinary fields shrinks to a tenth.
const MAX_OPENED_BYTES: usize = 4 * 1024 * 1024;
/// The most bytes of a sealed cursor: a URL or a token of a provider.
const MAX_CURSOR_BYTES: usize = 32 * 1024;
/// The most bytes of the sealed sides of a conflict: as those of a record.
const MAX_SIDES_BYTES: usize = MAX_RECORD_BYTES;
/// What the key's number, the nonce and the tag add.
const SEAL_BYTES: usize = 31;
/// How deep the fields of a record may be nested: with what is around them, JSON that is read may be of 127
/// levels.
const MAX_DEPTH: u16 = 100;

impl DataKeys {
    /// Seals what a record holds, in its version `version`. Of its earlier versions the oldest are left out,
    /// as far as they do not fit.
    ///
    /// # Errors
    ///
    /// [`VaultError::ValueTooLarge`] and [`VaultError::ValueTooDeep`], by which the record cannot be kept; or
    /// as [`DataKeys::seal`].
    pub async fn seal_record(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        entity: &EntityName,
        version: u64,
        body: &RecordBody,
    ) -> Result<Sealed, VaultError> {
        let context = SealContext::Record {
            integration,
            entity: entity.digest(),
            record: record_digest(&body.id),
            version,
        };
        let packed = pack_record(body)?;
        self.seal(organization, &context, &packed).await
    }

    /// Opens what a record holds, as it stands in the feed.
    ///
    /// # Errors
    ///
    /// As [`DataKeys::open`], or [`VaultError::Corrupt`].
    pub async fn open_record(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        entity: &EntityName,
        change: &RecordChange,
    ) -> Result<RecordBody, VaultError> {
        let record: Result<Digest, _> = change.digest.parse();
        let context = SealContext::Record {
            integration,
            entity: entity.digest(),
            record: record.map_err(|_| VaultError::Corrupt("record"))?,
            version: change.version,
        };
        let packed = self.open(organization, &context, &change.body).await?;
        unpack(&packed, "record")
    }

    /// Seals where the next page of a job starts.
    ///
    /// # Errors
    ///
    /// [`VaultError::ValueTooLarge`], or as [`DataKeys::seal`].
    pub async fn seal_cursor(
        &self,
        organization: OrganizationId,
        job: SyncJobId,
        cursor: &impl Serialize,
    ) -> Result<Sealed, VaultError> {
        let packed = pack(cursor, "cursor", MAX_CURSOR_BYTES)?;
        let context = SealContext::SyncCursor { job };
        self.seal(organization, &context, &packed).await
    }

    /// Opens where the next page of a job starts.
    ///
    /// # Errors
    ///
    /// As [`DataKeys::open`], or [`VaultError::Corrupt`].
    pub async fn open_cursor<T: DeserializeOwned>(
        &self,
        organization: OrganizationId,
        job: SyncJobId,
        sealed: &Sealed,
    ) -> Result<T, VaultError> {
        let context = SealContext::SyncCursor { job };
        let packed = self.open(organization, &context, sealed).await?;
        unpack(&packed, "cursor")
    }

    /// Seals what a linked record was told.
    ///
    /// # Errors
    ///
    /// [`VaultError::ValueTooLarge`], or as [`DataKeys::seal`].
    pub async fn seal_held(
        &self,
        organization: OrganizationId,
        context: SealContext,
        held: &Fields,
    ) -> Result<Sealed, VaultError> {
        let packed = pack(held, "link", MAX_RECORD_BYTES)?;
        self.seal(organization, &context, &packed).await
    }

    /// Opens what a linked record was told.
    ///
    /// # Errors
    ///
    /// As [`DataKeys::open`], or [`VaultError::Corrupt`].
    pub async fn open_held(
        &self,
        organization: OrganizationId,
        context: SealContext,
        sealed: &Sealed,
    ) -> Result<Fields, VaultError> {
        let packed = self.open(organization, &context, sealed).await?;
        unpack(&packed, "link")
    }

    /// Seals both sides of a conflict.
    ///
    /// # Errors
    ///
    /// [`VaultError::ValueTooLarge`], or as [`DataKeys::seal`].
    pub async fn seal_sides(
        &self,
        organization: OrganizationId,
        conflict: ConflictId,
        sides: &impl Serialize,
    ) -> Result<Sealed, VaultError> {
        let packed = pack(sides, "conflict", MAX_SIDES_BYTES)?;
        let context = SealContext::Conflict { conflict };
        self.seal(organization, &context, &packed).await
    }

    /// Opens both sides of a conflict.
    ///
    /// # Errors
    ///
    /// As [`DataKeys::open`], or [`VaultError::Corrupt`].
    pub async fn open_sides<T: DeserializeOwned>(
        &self,
        organization: OrganizationId,
        conflict: ConflictId,
        sealed: &Sealed,
    ) -> Result<T, VaultError> {
        let context = SealContext::Conflict { conflict };
        let packed = self.open(organization, &context, sealed).await?;
        unpack(&packed, "conflict")
    }
}

fn pack_record(body: &RecordBody) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let what = "record";
    let histories = body.history.iter().map(|past| &past.content);
    let contents = [Some(&body.content), body.base.as_ref()];
    for fields in contents.into_iter().flatten().chain(histories) {
        if is_deep(fields) {
            let limit = MAX_DEPTH;
            return Err(VaultError::ValueTooDeep { what, limit });
        }
    }
    let mut shorter: Option<RecordBody> = None;
    loop {
        let body = shorter.as_ref().unwrap_or(body);
        match pack(body, what, MAX_RECORD_BYTES) {
            Err(VaultError::ValueTooLarge { .. }) if !body.history.is_empty() => {
                let mut less = body.clone();
                less.history.truncate(body.history.len() / 2);
                shorter = Some(less);
            }
            packed => return packed,
        }
    }
}

/// Whether fields are nested too deeply. Recursion ends at that depth.
fn is_deep(fields: &Fields) -> bool {
    fn is_deeper(value: &Value, left: u16) -> bool {
        let Some(left) = left.checked_sub(1) else {
            return value.is_object() || value.is_array();
        };
        match value {
            Value::Array(items) => items.iter().any(|item| is_deeper(item, left)),
            Value::Object(fields) => fields.values().any(|field| is_deeper(field, left)),
            _ => false,
        }
    }
    fields.values().any(|field| is_deeper(field, MAX_DEPTH - 1))
}

/// JSON, compressed. What could not be opened again is refused, however small it gets.
fn pack(
    value: &impl Serialize,
    what: &'static str,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let refused = |error: serde_json::Error| VaultError::Refused(error.into());
    let plain = Zeroizing::new(serde_json::to_vec(value).map_err(refused)?);
    let too_large = |limit: usize| VaultError::ValueTooLarge {
        what,
        limit_bytes: limit as u64,
    };
    if plain.len() > MAX_OPENED_BYTES {
        return Err(too_large(MAX_OPENED_BYTES));
    }
    let packed = zstd::bulk::compress(&plain, zstd::DEFAULT_COMPRESSION_LEVEL)
        .map(Zeroizing::new)
        .map_err(|error| VaultError::Refused(error.into()))?;
    if packed.len() + SEAL_BYTES > limit {
        return Err(too_large(limit));
    }
    Ok(packed)
}

fn unpack<T: DeserializeOwned>(packed: &[u8], what: &'static str) -> Result<T, VaultError> {
    let corrupt = || VaultError::Corrupt(what);
    let plain = decompress(packed, MAX_OPENED_BYTES).ok_or_else(corrupt)?;
    let plain = Zeroizing::new(plain);
    serde_json::from_slice(&plain).map_err(|_| corrupt())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::sync::{ChangeOrigin, PastVersion};

    fn body(text: &str, history: usize) -> RecordBody {
        let fields = |text: &str| Fields::from_iter([("text".to_owned(), json!(text))]);
        let past = |number: usize| PastVersion {
            version: number as u64,
            changed_at: Timestamp::UNIX_EPOCH,
            origin: ChangeOrigin::Sync,
            content: fields(text),
            deleted: false,
        };
        RecordBody {
            id: "1".to_owned(),
            content: fields(text),
            base: Some(fields("base")),
            history: (0..history).map(past).collect(),
            moved_to: None,
        }
    }

    /// A text that does not get smaller.
    fn noise(bytes: usize, seed: u64) -> String {
        let digests =
            (0..).map(|n: u64| Digest::of_parts(&[&seed.to_be_bytes(), &n.to_be_bytes()]));
        let texts = digests.map(|digest| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest.as_bytes())
        });
        texts.take(bytes / 43 + 1).collect()
    }

    /// Fields of so many levels: the lists and objects that are within each other.
    fn nested(levels: usize) -> Fields {
        let inner = (2..levels).fold(json!([]), |inner, _| json!([inner]));
        Fields::from_iter([("text".to_owned(), inner)])
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out_as_it_went_in(text: String, history in 0_usize..4) {
            let body = body(&text, history);
            let packed = pack_record(&body).unwrap();
            prop_assert_eq!(unpack::<RecordBody>(&packed, "record").unwrap(), body);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = unpack::<RecordBody>(&bytes, "record");
            let compressed = zstd::bulk::compress(&bytes, 1).unwrap();
            let _ = unpack::<RecordBody>(&compressed, "record");
        }
    }

    #[test]
    fn the_oldest_versions_give_way() {
        let mut body = body("now", 0);
        for version in (1..=4).rev() {
            body.history.push(PastVersion {
                version,
                changed_at: Timestamp::UNIX_EPOCH,
                origin: ChangeOrigin::Sync,
                content: Fields::from_iter([("text".to_owned(), json!(noise(160_000, version)))]),
                deleted: false,
            });
        }
        let packed = pack_record(&body).unwrap();
        let read: RecordBody = unpack(&packed, "record").unwrap();
        assert_eq!(read.content, body.content);
        assert_eq!(read.history, body.history[..2]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let large = body(&noise(MAX_RECORD_BYTES * 3 / 2, 0), 3);
        // It shrinks to nothing, and would open to too much.
        let bomb = body(&"a".repeat(MAX_OPENED_BYTES), 0);
        for (body, limit) in [(large, MAX_RECORD_BYTES), (bomb, MAX_OPENED_BYTES)] {
            let refused = pack_record(&body);
            let Err(VaultError::ValueTooLarge { limit_bytes, what }) = refused else {
                panic!("{limit} bytes were taken");
            };
            assert_eq!((limit_bytes, what), (limit as u64, "record"));
        }
        assert!(
            pack(
                &noise(MAX_CURSOR_BYTES * 3 / 2, 0),
                "cursor",
                MAX_CURSOR_BYTES
            )
            .is_err()
        );
    }

    #[test]
    fn what_would_open_to_too_much_is_corrupt() {
        let plain = |bytes: usize| serde_json::to_vec(&"a".repeat(bytes - 2)).unwrap();
        let open = |bytes| {
            let packed = zstd::bulk::compress(&plain(bytes), 1).unwrap();
            unpack::<String>(&packed, "cursor")
        };
        assert!(open(MAX_OPENED_BYTES).is_ok());
        assert!(matches!(
            open(MAX_OPENED_BYTES + 1),
            Err(VaultError::Corrupt("cursor"))
        ));
    }

    #[test]
    fn what_is_nested_too_deeply_to_be_read_again_is_refused() {
        for (levels, taken) in [
            (usize::from(MAX_DEPTH), true),
            (usize::from(MAX_DEPTH) + 1, false),
        ] {
            for place in 0..3 {
                let mut body = body("now", 1);
                match place {
                    0 => body.content = nested(levels),
                    1 => body.base = Some(nested(levels)),
                    _ => body.history[0].content = nested(levels),
                }
                let packed = pack_record(&body);
                assert_eq!(packed.is_ok(), taken, "{levels}");
                if let Ok(packed) = packed {
                    assert_eq!(unpack::<RecordBody>(&packed, "record").unwrap(), body);
                }
            }
        }
    }
}
