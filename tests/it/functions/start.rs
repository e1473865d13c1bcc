use std::collections::BTreeMap;
use std::time::Duration;

use e2e::{Function, FunctionError, FunctionSettings};

use super::deployment::Deployment;

const FUNCTIONS: [&str; 3] = ["integrations", "webhooks", "processor"];
/// What a function can do without.
const OPTIONAL: [&str; 3] = [
    "GATEHOUSE_EGRESS_ALLOW",
    "GATEHOUSE_JWKS_URL",
    "GATEHOUSE_LOG",
];

/// All that a function said that did not start.
async fn last_words(settings: &FunctionSettings) -> String {
    match Function::start(settings).await {
        Ok(_) => panic!("{} started", settings.name),
        Err(FunctionError::Exited { status, output }) => {
            assert_eq!(status.code(), Some(1));
            output.stdout + &output.stderr
        }
        Err(FunctionError::Init { message, .. }) => message,
        Err(error) => panic!("{error}"),
    }
}

/// Whether any value is in the text.
fn tells_a_value(text: &str, variables: &BTreeMap<String, String>) -> bool {
    let mut values = variables.values().filter(|value| value.len() > 5);
    values.any(|value| text.contains(value.as_str()))
}

#[tokio::test]
async fn a_function_that_lacks_a_variable_names_it_and_does_not_start() {
    let deployment = Deployment::new().await;
    for function in FUNCTIONS {
        let variables = deployment.variables(function);
        let needed = variables
            .keys()
            .filter(|name| !OPTIONAL.contains(&name.as_str()));
        for name in needed {
            let mut others = variables.clone();
            others.remove(name);
            let settings = deployment.settings(function, others);
            let said = last_words(&settings).await;
            assert!(said.contains(name), "{function} without {name}: {said}");
            assert!(!tells_a_value(&said, &settings.environment), "{said}");
        }
    }
}

#[tokio::test]
async fn a_variable_with_a_wrong_value_is_named_without_the_value() {
    let deployment = Deployment::new().await;
    for (function, name) in [
        ("integrations", "GATEHOUSE_PUBLIC_URL"),
        ("webhooks", "GATEHOUSE_PUBLIC_URL"),
        ("processor", "GATEHOUSE_EVENT_RETENTION_DAYS"),
    ] {
        let mut variables = deployment.variables(function);
        variables.insert(name.to_owned(), "canary of a value".to_owned());
        let settings = deployment.settings(function, variables);
        let said = last_words(&settings).await;
        assert!(said.contains(name), "{said}");
        assert!(!tells_a_value(&said, &settings.environment), "{said}");
    }
}

#[tokio::test]
async fn a_function_that_dies_while_it_works_is_told_from_one_that_answers() {
    let settings = FunctionSettings {
        name: "nothing".to_owned(),
        binary: "/bin/cat".into(),
        environment: BTreeMap::new(),
        timeout: Duration::from_secs(1),
    };
    // It reads the end of its input, and is done.
    let error = Function::start(&settings).await.unwrap_err();
    assert!(matches!(error, FunctionError::Exited { .. }), "{error}");
    let missing = FunctionSettings {
        binary: "/nowhere/at/all".into(),
        ..settings
    };
    let error = Function::start(&missing).await.unwrap_err();
    assert!(matches!(error, FunctionError::Spawn(..)), "{error}");
}

#[tokio::test]
async fn an_event_that_is_not_of_the_functions_kind_is_an_error() {
    let deployment = Deployment::new().await;
    let processor = deployment.start("processor").await;
    let error = processor.invoke(&serde_json::json!(7)).await.unwrap_err();
    assert!(matches!(error, FunctionError::Failed { .. }), "{error}");
    // It goes on.
    let empty = serde_json::json!({"Records": []});
    let answer = processor.invoke(&empty).await.unwrap();
    assert_eq!(answer, serde_json::json!({"batchItemFailures": []}));
}
