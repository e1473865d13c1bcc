use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::aws_http::OneForAll;
use super::{ConfigError, Environment};

impl Environment {
    /// How AWS is called: `AWS_REGION`, the credentials that Lambda gives a function
    /// (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), and `AWS_ENDPOINT_URL`
    /// where something stands in for AWS.
    ///
    /// A function has its credentials from nowhere else, so the SDK's chain of providers (files,
    /// metadata services, web identity) would only be size.
    ///
    /// # Errors
    ///
    /// If the region or the credentials are not set.
    pub fn aws(&self) -> Result<SdkConfig, ConfigError> {
        let credentials = Credentials::new(
            self.required("AWS_ACCESS_KEY_ID")?,
            self.required("AWS_SECRET_ACCESS_KEY")?,
            self.optional("AWS_SESSION_TOKEN").map(str::to_owned),
            None,
            "environment",
        );
        let region = self.required("AWS_REGION")?.to_owned();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(OneForAll::new());
        config.set_endpoint_url(self.optional("AWS_ENDPOINT_URL").map(str::to_owned));
        Ok(config.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLES: [(&str, &str); 3] = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "canary-id"),
        ("AWS_SECRET_ACCESS_KEY", "canary-secret"),
    ];

    #[test]
    fn what_is_missing_is_named_and_no_secret_is_shown() {
        for (missing, _) in VARIABLES {
            let others = VARIABLES.into_iter().filter(|(name, _)| *name != missing);
            let environment: Environment = others.collect();
            let error = environment.aws().unwrap_err().to_string();
            assert!(error.contains(missing), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
        let environment: Environment = VARIABLES.into_iter().collect();
        let shown = format!("{:?}", environment.aws().unwrap());
        assert!(!shown.contains("canary-secret"), "{shown}");
    }

    #[test]
    fn something_can_stand_in_for_aws() {
        let environment: Environment = VARIABLES.into_iter().collect();
        assert_eq!(environment.aws().unwrap().endpoint_url(), None);
        let url = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        let environment: Environment = VARIABLES.into_iter().chain([url]).collect();
        assert_eq!(environment.aws().unwrap().endpoint_url(), Some(url.1));
    }
}
