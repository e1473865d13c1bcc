//! Microsoft Graph encrypts a resource to a certificate of ours, with a key of its own for each
//! notification. <https://learn.microsoft.com/graph/change-notifications-with-resource-data>
//!
//! The signature beside it is by that key: it shows that nothing was changed since, and not who
//! wrote it. Whoever has our certificate can write one; who that was, tokens show (`graph`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Call, Verdict};
use crate::catalog::{Algorithm, Encoding, KeyForm};
use crate::domain::SecretId;
use crate::signature::batch::split_json_with;
use crate::signature::keys::{decode, mac};
use crate::signature::sample::{Sample, SampleError, Signer};
use crate::signature::{Refusal, SigningSecret};

const MIN_RSA_BITS: usize = 2048;
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encrypted {
    data: String,
    data_signature: String,
    data_key: String,
}

pub(super) fn verify(call: &Call<'_>) -> Result<Verdict, Refusal> {
    open(call)
}

/// The notifications, with `decryptedContent` in the place of `encryptedContent`. A key or a
/// signature that is wrong refuses all of them.
pub(super) fn open(call: &Call<'_>) -> Result<Verdict, Refusal> {
    let keys: Vec<_> = call
        .secrets
        .iter()
        .filter_map(|(id, secret)| Some((*id, key_of(secret)?)))
        .collect();
    let mut by = None;
    let items = split_json_with("/value", call.unverified_body()?, |item| {
        let mut members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(item).map_err(|_| Refusal::BadForm)?;
        let Some(content) = members.remove("encryptedContent") else {
            return Ok(Cow::Borrowed(item));
        };
        let content = serde_json::from_str(content.get()).map_err(|_| Refusal::BadForm)?;
        let (secret, plain) = decrypt(&keys, &content)?;
        by = Some(secret);
        let plain = String::from_utf8(plain.to_vec()).map_err(|_| Refusal::BadForm)?;
        let plain = RawValue::from_string(plain).map_err(|_| Refusal::BadForm)?;
        members.insert("decryptedContent".to_owned(), plain);
        let item = serde_json::to_vec(&members).map_err(|_| Refusal::BadForm)?;
        Ok(Cow::Owned(item))
    })?;
    match items.filter(|items| !items.is_empty()) {
        Some(items) => Ok(Verdict::Items(by, items)),
        None => Err(Refusal::BadForm),
    }
}

fn decrypt(
    keys: &[(SecretId, OaepPrivateDecryptingKey)],
    content: &Encrypted,
) -> Result<(SecretId, Zeroizing<Vec<u8>>), Refusal> {
    let bytes = |text: &str| decode(Encoding::Base64, text.as_bytes()).ok_or(Refusal::BadForm);
    let data_key = bytes(&content.data_key)?;
    let data = bytes(&content.data)?;
    let signature = bytes(&content.data_signature)?;
    for (id, key) in keys {
        let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
        let Ok(symmetric) = key.decrypt(&OAEP_SHA1_MGF1SHA1, &data_key, &mut buffer, None) else {
            continue;
        };
        let symmetric: &[u8] = symmetric;
        let mac = hmac::Key::new(hmac::HMAC_SHA256, symmetric);
        if hmac::verify(&mac, &data, &signature).is_ok() {
            return Ok((*id, decrypt_data(symmetric, data).ok_or(Refusal::BadForm)?));
        }
    }
    Err(Refusal::BadSignature)
}

/// AES-256 in CBC with PKCS #7; the initialization vector is how the key begins.
fn decrypt_data(key: &[u8], data: Vec<u8>) -> Option<Zeroizing<Vec<u8>>> {
    let vector: [u8; 16] = key.get(..16)?.try_into().ok()?;
    let key = UnboundCipherKey::new(&AES_256, key).ok()?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
    let mut data = Zeroizing::new(data);
    let context = DecryptionContext::Iv128(FixedLength::from(vector));
    let length = key.decrypt(&mut data, context).ok()?.len();
    data.truncate(length);
    Some(data)
}

/// Encrypts a resource into each item of a sample, to the certificate of the endpoint's private key.
pub(super) fn sign(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    let mut body = sample.json()?;
    let items = body.get_mut("value").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten() {
        let content = encrypt(signer, br#"{"id":"4","subject":"A sample"}"#);
        let place = item.get_mut("encryptedContent");
        *place.ok_or(SampleError::NoSample)? = content.ok_or(SampleError::Unusable)?;
    }
    sample.body = body.to_string().into_bytes();
    Ok(())
}

/// As Microsoft Graph would. The key of the content follows from the private key and the event's id.
fn encrypt(signer: &Signer<'_>, plain: &[u8]) -> Option<Value> {
    let public = private_key_of(signer.secret)?.public_key();
    let seed = ["sample of ".as_bytes(), signer.id.as_bytes()];
    let symmetric = signer.sign(Algorithm::HmacSha256, &seed).ok()?;
    let vector: [u8; 16] = symmetric.as_ref().get(..16)?.try_into().ok()?;
    let key = UnboundCipherKey::new(&AES_256, symmetric.as_ref()).ok()?;
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).ok()?;
    let mut data = plain.to_vec();
    let context = EncryptionContext::Iv128(FixedLength::from(vector));
    key.less_safe_encrypt(&mut data, context).ok()?;
    let public = OaepPublicEncryptingKey::new(public).ok()?;
    let mut buffer = vec![0; public.ciphertext_size()];
    let algorithm = &OAEP_SHA1_MGF1SHA1;
    let data_key = public.encrypt(algorithm, symmetric.as_ref(), &mut buffer, None);
    let code = mac(hmac::HMAC_SHA256, symmetric.as_ref(), &[&data]);
    Some(json!({
        "data": STANDARD.encode(&data),
        "dataSignature": STANDARD.encode(code),
        "dataKey": STANDARD.encode(data_key.ok()?),
    }))
}

/// The private key that a secret holds: PKCS #8, as PEM or its base64 alone.
pub(super) fn key_of(secret: &SigningSecret) -> Option<OaepPrivateDecryptingKey> {
    OaepPrivateDecryptingKey::new(private_key_of(secret)?).ok()
}

fn private_key_of(secret: &SigningSecret) -> Option<PrivateDecryptingKey> {
    let text = secret.key(&KeyForm::Text)?;
    let text = std::str::from_utf8(&text).ok()?.trim();
    let base64 = match text.strip_prefix(PEM_BEGIN) {
        Some(rest) => rest.strip_suffix(PEM_END)?,
        None => text,
    };
    let mut compact = Zeroizing::new(String::with_capacity(base64.len()));
    compact.extend(base64.chars().filter(|c| !c.is_ascii_whitespace()));
    let der = Zeroizing::new(STANDARD.decode(compact.as_bytes()).ok()?);
    let key = PrivateDecryptingKey::from_pkcs8(&der).ok()?;
    (key.key_size_bits() >= MIN_RSA_BITS).then_some(key)
}
