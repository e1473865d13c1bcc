use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::config::ConfigBag;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::{
    RuntimeComponents, RuntimeComponentsBuilder,
};

/// The client of HTTP that a function's clients of AWS share.
///
/// Each of them makes its own otherwise, and twice: to see whether it can be made, and for its first
/// request. Each time, the machine's root certificates are parsed, which is most of what a cold start
/// computes. This one is made for the first request of all, and seen to once, while the function starts:
/// that reads the certificates' file, and Lambda gives a start more of a processor than a request.
pub(super) struct OneForAll {
    client: SharedHttpClient,
    is_seen_to: AtomicBool,
}

impl OneForAll {
    /// With TLS as the clients of AWS have it of themselves.
    pub(super) fn new() -> Self {
        let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        Self::of(builder.build_https())
    }

    fn of(client: SharedHttpClient) -> Self {
        Self {
            client,
            is_seen_to: AtomicBool::new(false),
        }
    }
}

impl fmt::Debug for OneForAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneForAll").finish_non_exhaustive()
    }
}

impl HttpClient for OneForAll {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.client.http_connector(settings, components)
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        if self.is_seen_to.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        self.client.validate_base_client_config(components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.client.validate_final_config(components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.client.connector_metadata()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use aws_smithy_runtime_api::shared::IntoShared as _;
    use aws_types::region::Region;

    use super::*;

    /// Counts how often it is seen to, and makes nothing.
    #[derive(Clone, Debug, Default)]
    struct Counting(Arc<AtomicUsize>);

    impl HttpClient for Counting {
        fn http_connector(
            &self,
            _: &HttpConnectorSettings,
            _: &RuntimeComponents,
        ) -> SharedHttpConnector {
            unreachable!("nothing is sent")
        }

        fn validate_base_client_config(
            &self,
            _: &RuntimeComponentsBuilder,
            _: &ConfigBag,
        ) -> Result<(), BoxError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    #[test]
    fn it_is_seen_to_once_for_all_clients() {
        let counting = Counting::default();
        let one = OneForAll::of(counting.clone().into_shared());
        let aws = aws_types::SdkConfig::builder()
            .behavior_version(
                aws_smithy_runtime_api::client::behavior_version::BehaviorVersion::latest(),
            )
            .region(Region::from_static("eu-west-1"))
            .http_client(one)
            .build();
        let _clients = (
            aws_sdk_dynamodb::Client::new(&aws),
            aws_sdk_kms::Client::new(&aws),
            aws_sdk_sqs::Client::new(&aws),
        );
        assert_eq!(counting.0.load(Ordering::Relaxed), 1);
    }
}
