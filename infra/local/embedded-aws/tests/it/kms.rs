use aws_sdk_kms::operation::decrypt::builders::DecryptFluentBuilder;
use aws_sdk_kms::operation::encrypt::builders::EncryptFluentBuilder;
use aws_sdk_kms::operation::generate_data_key::builders::GenerateDataKeyFluentBuilder;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, KeyState};

use crate::world::{World, code, message};

impl World {
    pub(crate) async fn key(&self) -> String {
        let created = self.kms.create_key().send().await.unwrap();
        created.key_metadata.unwrap().key_id
    }

    fn encrypt(&self, key: &str, plaintext: &[u8]) -> EncryptFluentBuilder {
        let request = self.kms.encrypt().key_id(key);
        request.plaintext(Blob::new(plaintext))
    }

    /// What `plaintext` is under `key`, in the context `organization: one`.
    async fn sealed(&self, key: &str, plaintext: &[u8]) -> Blob {
        let request = self.encrypt(key, plaintext);
        let request = request.encryption_context("organization", "one");
        request.send().await.unwrap().ciphertext_blob.unwrap()
    }

    fn decrypt(&self, blob: &Blob) -> DecryptFluentBuilder {
        let request = self.kms.decrypt().ciphertext_blob(blob.clone());
        request.encryption_context("organization", "one")
    }

    fn data_key(&self, key: &str) -> GenerateDataKeyFluentBuilder {
        self.kms.generate_data_key().key_id(key)
    }
}

#[tokio::test]
async fn what_was_encrypted_is_decrypted_in_the_same_context_only() {
    let world = World::new().await;
    let key = world.key().await;
    let blob = world.sealed(&key, b"text").await;
    let opened = world.decrypt(&blob).send().await.unwrap();
    assert_eq!(opened.plaintext().unwrap().as_ref(), b"text");
    let blank = || world.kms.decrypt().ciphertext_blob(blob.clone());
    for (name, request) in [
        ("none", blank()),
        (
            "other value",
            blank().encryption_context("organization", "two"),
        ),
        (
            "other name",
            blank().encryption_context("Organization", "one"),
        ),
        (
            "one more",
            world.decrypt(&blob).encryption_context("more", "x"),
        ),
    ] {
        let error = request.send().await.unwrap_err().into_service_error();
        assert!(error.is_invalid_ciphertext_exception(), "{name}");
    }
}

#[tokio::test]
async fn what_is_encrypted_anew_is_under_the_other_key_and_context() {
    let world = World::new().await;
    let (one, two) = (world.key().await, world.key().await);
    let blob = world.sealed(&one, b"text").await;
    let anew = |source: &str, context: &str| {
        let request = world.kms.re_encrypt().ciphertext_blob(blob.clone());
        let request = request.source_key_id(source).destination_key_id(&two);
        request
            .source_encryption_context("organization", context)
            .destination_encryption_context("organization", "two")
    };
    let renewed = anew(&one, "one").send().await.unwrap();
    assert!(renewed.key_id().unwrap().ends_with(&two));
    assert!(renewed.source_key_id().unwrap().ends_with(&one));
    let opened = world.kms.decrypt().key_id(&two);
    let opened = opened.ciphertext_blob(renewed.ciphertext_blob.unwrap());
    let opened = opened.encryption_context("organization", "two").send();
    assert_eq!(opened.await.unwrap().plaintext().unwrap().as_ref(), b"text");
    let wrong = anew(&one, "two").send().await;
    assert_eq!(code(wrong), "InvalidCiphertextException");
    let wrong = anew(&two, "one").send().await;
    assert_eq!(code(wrong), "IncorrectKeyException");
}

#[tokio::test]
async fn the_order_of_a_context_does_not_matter() {
    let world = World::new().await;
    let key = world.key().await;
    let request = world.encrypt(&key, b"text");
    let request = request
        .encryption_context("a", "1")
        .encryption_context("b", "2");
    let blob = request.send().await.unwrap().ciphertext_blob.unwrap();
    let request = world.kms.decrypt().ciphertext_blob(blob);
    let request = request
        .encryption_context("b", "2")
        .encryption_context("a", "1");
    assert_eq!(code(request.send().await), "ok");
}

#[tokio::test]
async fn a_ciphertext_that_was_changed_cut_or_made_up_is_refused() {
    let world = World::new().await;
    let key = world.key().await;
    let blob = world.sealed(&key, b"text").await.into_inner();
    let mut cases = vec![b"made up".to_vec(), blob[..blob.len() - 1].to_vec()];
    // A byte of the key's id, of the nonce, of the text and of the tag.
    for position in [3, 40, 50, blob.len() - 1] {
        let mut changed = blob.clone();
        changed[position] ^= 1;
        cases.push(changed);
    }
    for case in cases {
        let opened = world.decrypt(&Blob::new(case)).send().await;
        let error = opened.unwrap_err().into_service_error();
        assert!(error.is_invalid_ciphertext_exception());
    }
}

#[tokio::test]
async fn a_key_that_is_named_must_be_the_one_that_encrypted() {
    let world = World::new().await;
    let (key, other) = (world.key().await, world.key().await);
    let blob = world.sealed(&key, b"text").await;
    let opened = world.decrypt(&blob).key_id(&key).send().await.unwrap();
    let arn = format!("arn:aws:kms:us-east-1:000000000000:key/{key}");
    assert_eq!(opened.key_id(), Some(&*arn));
    let error = world
        .decrypt(&blob)
        .key_id(&other)
        .send()
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_incorrect_key_exception());
}

#[tokio::test]
async fn a_key_goes_by_its_id_its_arn_and_its_alias() {
    let world = World::new().await;
    let key = world.key().await;
    let request = world.kms.create_alias().alias_name("alias/app");
    request.target_key_id(&key).send().await.unwrap();
    let here = "arn:aws:kms:us-east-1:000000000000";
    for name in [
        key.clone(),
        format!("{here}:key/{key}"),
        "alias/app".to_owned(),
        format!("{here}:alias/app"),
    ] {
        assert_eq!(
            code(world.encrypt(&name, b"x").send().await),
            "ok",
            "{name}"
        );
    }
    for name in [
        "app".to_owned(),
        "00000000-0000-4000-8000-000000000000".to_owned(),
        format!("arn:aws:kms:us-east-1:111111111111:key/{key}"),
        format!("arn:aws:kms:eu-west-1:000000000000:key/{key}"),
        "alias/other".to_owned(),
    ] {
        let error = world.encrypt(&name, b"x").send().await.unwrap_err();
        assert!(
            error.into_service_error().is_not_found_exception(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_alias_has_its_prefix_and_stands_for_one_key() {
    let world = World::new().await;
    let key = world.key().await;
    for (alias, expected) in [
        ("app", "ValidationException"),
        ("alias/aws/app", "ValidationException"),
        ("alias/app", "ok"),
        ("alias/app", "AlreadyExistsException"),
    ] {
        let request = world.kms.create_alias().alias_name(alias);
        let created = request.target_key_id(&key).send().await;
        assert_eq!(code(created), expected, "{alias}");
    }
}

#[tokio::test]
async fn a_disabled_key_does_nothing_until_it_is_enabled() {
    let world = World::new().await;
    let key = world.key().await;
    let blob = world.sealed(&key, b"text").await;
    world.kms.disable_key().key_id(&key).send().await.unwrap();
    let error = world.encrypt(&key, b"x").send().await.unwrap_err();
    assert!(error.into_service_error().is_disabled_exception());
    let error = world.decrypt(&blob).send().await.unwrap_err();
    assert!(error.into_service_error().is_disabled_exception());
    let request = world.data_key(&key).key_spec(DataKeySpec::Aes256);
    let error = request.send().await.unwrap_err();
    assert!(error.into_service_error().is_disabled_exception());
    let described = world.kms.describe_key().key_id(&key).send().await.unwrap();
    let metadata = described.key_metadata.unwrap();
    assert_eq!(metadata.key_state(), Some(&KeyState::Disabled));
    assert!(!metadata.enabled());
    world.kms.enable_key().key_id(&key).send().await.unwrap();
    assert_eq!(code(world.decrypt(&blob).send().await), "ok");
}

#[tokio::test]
async fn a_key_is_described_with_when_it_was_made() {
    let world = World::new().await;
    let key = world.key().await;
    world.pass(60);
    let described = world.kms.describe_key().key_id(&key).send().await.unwrap();
    let metadata = described.key_metadata.unwrap();
    assert_eq!(metadata.creation_date().unwrap().secs(), 1_800_000_000);
    assert_eq!(metadata.key_state(), Some(&KeyState::Enabled));
    let unknown = world.kms.describe_key().key_id("nowhere").send().await;
    let error = unknown.unwrap_err().into_service_error();
    assert!(error.is_not_found_exception());
}

#[tokio::test]
async fn a_data_key_has_the_size_that_was_asked_for() {
    let world = World::new().await;
    let key = world.key().await;
    for (request, length) in [
        (world.data_key(&key).key_spec(DataKeySpec::Aes128), 16),
        (world.data_key(&key).key_spec(DataKeySpec::Aes256), 32),
        (world.data_key(&key).number_of_bytes(1), 1),
        (world.data_key(&key).number_of_bytes(1024), 1024),
    ] {
        let request = request.encryption_context("organization", "one");
        let made = request.send().await.unwrap();
        let plaintext = made.plaintext.unwrap();
        assert_eq!(plaintext.as_ref().len(), length);
        let blob = made.ciphertext_blob.unwrap();
        let opened = world.decrypt(&blob).send().await.unwrap();
        assert_eq!(opened.plaintext, Some(plaintext));
    }
    for request in [
        world.data_key(&key),
        world.data_key(&key).number_of_bytes(0),
        world.data_key(&key).number_of_bytes(1025),
        world
            .data_key(&key)
            .key_spec(DataKeySpec::Aes256)
            .number_of_bytes(32),
    ] {
        assert_eq!(code(request.send().await), "ValidationException");
    }
}

#[tokio::test]
async fn no_two_data_keys_are_alike_and_one_can_be_had_sealed_only() {
    let world = World::new().await;
    let key = world.key().await;
    let make = || world.data_key(&key).key_spec(DataKeySpec::Aes256).send();
    let (one, two) = (make().await.unwrap(), make().await.unwrap());
    assert_ne!(one.plaintext, two.plaintext);
    assert_ne!(one.ciphertext_blob, two.ciphertext_blob);
    let request = world.kms.generate_data_key_without_plaintext().key_id(&key);
    let request = request.encryption_context("organization", "one");
    let sealed = request.key_spec(DataKeySpec::Aes256).send().await.unwrap();
    let blob = sealed.ciphertext_blob.unwrap();
    let opened = world.decrypt(&blob).send().await.unwrap();
    assert_eq!(opened.plaintext.unwrap().as_ref().len(), 32);
}

#[tokio::test]
async fn a_plaintext_has_one_to_4096_bytes() {
    let world = World::new().await;
    let key = world.key().await;
    for (length, expected) in [
        (0, "ValidationException"),
        (1, "ok"),
        (4096, "ok"),
        (4097, "ValidationException"),
    ] {
        let sent = world.encrypt(&key, &vec![7; length]).send().await;
        assert_eq!(code(sent), expected, "{length}");
    }
}

#[tokio::test]
async fn what_is_not_offered_is_refused() {
    let world = World::new().await;
    let key = world.key().await;
    let request = world.kms.schedule_key_deletion().key_id(&key);
    let scheduled = request.send().await;
    assert_eq!(
        message(scheduled),
        "`ScheduleKeyDeletion` is not offered here"
    );
}
