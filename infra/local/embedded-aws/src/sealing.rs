//! Seals what the database holds of secrets and keys, under a key in a file of its own.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::api::ApiError;

/// AES-256-GCM with a random nonce in front.
#[derive(Clone)]
pub(crate) struct SealingKey(Arc<RandomizedNonceKey>);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SealingKey").finish()
    }
}

impl SealingKey {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, ApiError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes);
        key.map(|key| Self(Arc::new(key)))
            .map_err(|_| ApiError::internal("not a key of 32 bytes"))
    }

    /// A key that nothing outlives.
    pub(crate) fn random() -> Result<Self, ApiError> {
        Self::new(&*random_bytes()?)
    }

    /// The key in `file`; a new one, if there is no such file. Only its owner may read it.
    pub(crate) fn in_file(file: &Path) -> std::io::Result<Self> {
        let mut bytes = Zeroizing::new(Vec::new());
        match File::open(file) {
            Ok(mut file) => {
                file.read_to_end(&mut bytes)?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let new = random_bytes().map_err(|_| std::io::Error::other("no randomness"))?;
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(file)?;
                file.write_all(&*new)?;
                file.sync_all()?;
                bytes.extend_from_slice(&*new);
            }
            Err(error) => return Err(error),
        }
        Self::new(&bytes).map_err(|_| std::io::Error::other("the key file does not hold 32 bytes"))
    }

    pub(crate) fn seal(&self, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, ApiError> {
        let mut text = plaintext.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(context), &mut text)
            .map_err(|_| ApiError::internal("sealing failed"))?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// `None`, if it was sealed under another key or context, or changed.
    pub(crate) fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(context), &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }
}

/// As many random bytes as that.
pub(crate) fn random_of(length: usize) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    rand::fill(&mut bytes).map_err(|_| ApiError::internal("no randomness"))?;
    Ok(bytes)
}

pub(crate) fn random_bytes() -> Result<Zeroizing<[u8; 32]>, ApiError> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(&mut *bytes).map_err(|_| ApiError::internal("no randomness"))?;
    Ok(bytes)
}

/// An id in the form of a UUID of version 4.
pub(crate) fn random_id() -> Result<String, ApiError> {
    let bytes = random_bytes()?;
    let mut id = String::with_capacity(36);
    for (index, byte) in bytes.iter().take(16).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        let byte = match index {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        id.push_str(&format!("{byte:02x}"));
    }
    Ok(id)
}
