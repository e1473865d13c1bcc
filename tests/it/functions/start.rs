use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::Duration;

use e2e::{Function, FunctionError, FunctionSettings};

use super::deployment::Deployment;

const FUNCTIONS: [&str; 8] = [
    "integrations",
    "gateway",
    "connect",
    "webhooks",
    "processor",
    "rotation",
    "monitor",
    "sync",
];
/// What a function can do without.
const OPTIONAL: [&str; 11] = [
    "AWS_ENDPOINT_URL",
    "GATEHOUSE_CALLER_REQUESTS_PER_SECOND",
    "GATEHOUSE_CORS_ORIGINS",
    "GATEHOUSE_DEFAULT_ROLE",
    "GATEHOUSE_EGRESS_ALLOW",
    "GATEHOUSE_JWKS_URL",
    "GATEHOUSE_LOG",
    "GATEHOUSE_MAX_INTEGRATIONS",
    "GATEHOUSE_ORGANIZATION_REQUESTS_PER_SECOND",
    "GATEHOUSE_RETURN_ORIGINS",
    "GATEHOUSE_ROLES_CLAIM",
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

/// Why it did not start: the last line of its log, which is the only one of an error.
fn reason(said: &str) -> String {
    let lines = said.lines().map(|line| {
        let line = serde_json::from_str::<serde_json::Value>(line);
        line.unwrap_or_else(|_| panic!("not JSON: {said}"))
    });
    let mut errors = lines.filter(|line| line["level"] == "ERROR");
    let (line, others) = (errors.next().unwrap(), errors.count());
    assert_eq!(others, 0, "{said}");
    line["error"].as_str().unwrap().to_owned()
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
        let mut variables = deployment.variables(function);
        variables.insert(
            "AWS_SECRET_ACCESS_KEY".to_owned(),
            "canary of AWS".to_owned(),
        );
        let whole = deployment.settings(function, variables);
        let names = whole.environment.keys();
        for name in names.filter(|name| !OPTIONAL.contains(&name.as_str())) {
            let mut settings = whole.clone();
            settings.environment.remove(name);
            let said = last_words(&settings).await;
            let why = reason(&said);
            assert!(why.contains(name), "{function} without {name}: {said}");
            assert!(!said.contains("canary"), "{said}");
            assert!(!tells_a_value(&why, &settings.environment), "{said}");
        }
    }
}

#[tokio::test]
async fn a_variable_with_a_wrong_value_is_named_without_the_value() {
    let deployment = Deployment::new().await;
    for (function, name) in [
        ("integrations", "GATEHOUSE_PUBLIC_URL"),
        ("webhooks", "GATEHOUSE_PUBLIC_URL"),
        ("connect", "GATEHOUSE_RETURN_ORIGINS"),
        ("processor", "GATEHOUSE_EVENT_RETENTION_DAYS"),
        ("gateway", "GATEHOUSE_REQUEST_RETENTION_DAYS"),
        ("gateway", "GATEHOUSE_AUDIT_RETENTION_DAYS"),
        ("rotation", "GATEHOUSE_DATA_KEY_ROTATION_DAYS"),
    ] {
        let mut variables = deployment.variables(function);
        variables.insert(name.to_owned(), "canary of a value".to_owned());
        let settings = deployment.settings(function, variables);
        let said = last_words(&settings).await;
        let why = reason(&said);
        assert!(why.contains(name), "{said}");
        assert!(!said.contains("canary"), "{said}");
        assert!(!tells_a_value(&why, &settings.environment), "{said}");
    }
}

#[tokio::test]
async fn a_process_that_ends_instead_of_starting_is_told_from_a_binary_that_is_not_there() {
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
async fn a_function_that_was_killed_is_reported_with_what_it_had_written() {
    let deployment = Deployment::new().await;
    let processor = deployment.start("processor").await;
    let id = processor.process_id().to_string();
    let killed = Command::new("kill").args(["-9", &id]).status().unwrap();
    assert!(killed.success());
    let event = serde_json::json!({"Records": []});
    match processor.invoke(&event).await {
        Err(FunctionError::Exited { status, output }) => {
            assert_eq!(status.signal(), Some(9));
            assert!(output.stderr.contains("DEBUG"), "{output:?}");
        }
        other => panic!("{other:?}"),
    }
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
