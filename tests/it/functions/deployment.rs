use std::collections::BTreeMap;
use std::time::Duration;

use e2e::{Function, FunctionSettings};
use embedded_aws::template::Template;
use embedded_aws::{Stack, TimeSource};

use super::issuer::Issuer;
use crate::binaries::find;

/// What the template says, as far as it is there before any function has started.
pub(super) struct Deployment {
    pub(super) stack: Stack,
    pub(super) issuer: Issuer,
    template: Template,
}

impl Deployment {
    pub(super) async fn new() -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");
        let template = Template::read(file.as_ref()).unwrap();
        let stack = Stack::in_memory(&template, TimeSource::system()).await;
        Self {
            stack: stack.unwrap(),
            issuer: Issuer::start().await,
            template,
        }
    }

    /// The variables that the template gives a function.
    pub(super) fn variables(&self, function: &str) -> BTreeMap<String, String> {
        let mut parameters = vec![
            ("PublicUrl", "https://gatehouse.example"),
            ("EgressAllow", "127.0.0.0/8"),
            ("LogLevel", "debug"),
        ];
        parameters.extend(self.issuer.parameters());
        let endpoint = self.stack.endpoint();
        self.template
            .environment(function, endpoint, &parameters)
            .unwrap()
    }

    /// A function with other variables than the template's.
    pub(super) fn settings(
        &self,
        function: &str,
        variables: BTreeMap<String, String>,
    ) -> FunctionSettings {
        let functions = self.template.functions();
        let declared = functions.iter().find(|declared| declared.name == function);
        let mut environment = self.stack.sdk_environment_of(function);
        environment.extend(variables);
        FunctionSettings {
            name: format!("gatehouse-{function}"),
            binary: find(function),
            environment,
            timeout: Duration::from_secs(declared.unwrap().timeout_seconds),
        }
    }

    /// Starts a function as the template says.
    pub(super) async fn start(&self, function: &str) -> Function {
        let settings = self.settings(function, self.variables(function));
        Function::start(&settings).await.unwrap()
    }
}
