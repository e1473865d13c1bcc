//! Nothing of the vault says a secret, whatever way it is printed.

use std::collections::BTreeMap;

use aws_sdk_kms::error::{ErrorMetadata, SdkError};
use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;

use super::error::sdk;
use super::seal::DataKey;
use super::{CredentialSet, VaultError};
use crate::domain::{Error, Sealed};

const PLANTED: &str = "planted-secret";

/// AWS's answer, with a secret in it.
fn answer(status: u16) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(PLANTED))
}

fn service_error(code: &str, message: &str, status: u16) -> SdkError<DecryptError> {
    let meta = ErrorMetadata::builder().code(code).message(message).build();
    SdkError::service_error(DecryptError::generic(meta), answer(status))
}

/// All that can be printed of an error.
fn printed(error: &dyn std::error::Error) -> String {
    let rest = error.source().map(printed).unwrap_or_default();
    format!("{error:?} {error:#?} {error} {rest}")
}

#[test]
fn the_sdks_own_error_shows_the_answer() {
    // If this fails one day, the translation is needed no longer.
    let error = SdkError::<DecryptError, _>::response_error("unreadable", answer(200));
    let bytes = format!("{:?}", PLANTED.as_bytes());
    let shown = format!("{error:?}");
    assert!(shown.contains(PLANTED) || shown.contains(&bytes), "{shown}");
}

#[test]
fn no_error_shows_the_answer() {
    let errors = [
        sdk(SdkError::<DecryptError, _>::response_error(
            PLANTED,
            answer(200),
        )),
        sdk(service_error("ValidationException", PLANTED, 400)),
        sdk(service_error("SomethingNew", PLANTED, 500)),
        sdk(service_error("ThrottlingException", "slow down", 400)),
        sdk(service_error("ResourceNotFoundException", PLANTED, 400)),
        sdk(service_error("InvalidRequestException", PLANTED, 400)),
        sdk(service_error("InvalidCiphertextException", PLANTED, 400)),
        sdk(service_error("IncorrectKeyException", "another key", 400)),
    ];
    for error in errors {
        let shared = VaultError::shared(&std::sync::Arc::new(error));
        assert!(!printed(&shared).contains(PLANTED), "{shared:?}");
        let error = Error::from(shared);
        assert!(!printed(&error).contains(PLANTED), "{error:?}");
    }
}

#[test]
fn a_shared_error_tells_the_whole_chain() {
    let error = std::sync::Arc::new(sdk(service_error("AccessDeniedException", "denied", 400)));
    let shared = VaultError::shared(&error);
    let chain = |error: &VaultError| {
        let mut texts = vec![error.to_string()];
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            texts.push(cause.to_string());
            source = cause.source();
        }
        texts
    };
    assert_eq!(chain(&shared), chain(&error));
    assert_eq!(chain(&error).len(), 2);
}

#[test]
fn what_holds_a_secret_does_not_show_it() {
    let credentials: CredentialSet = BTreeMap::from([("apiKey".to_owned(), PLANTED.into())]);
    let key = *b"planted-secret-of-32-bytes-long!";
    let texts = [
        format!("{credentials:?} {credentials:#?}"),
        format!("{:?}", DataKey::new(1, &key).unwrap()),
        format!("{:?}", Sealed::from_bytes(PLANTED.as_bytes().to_vec())),
    ];
    for text in texts {
        assert!(!text.contains("planted"), "{text}");
        assert!(!text.contains("112, 108, 97"), "{text}");
    }
}
