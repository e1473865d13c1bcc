//! Each crate in functions/ is one Lambda, named alike, told what it needs and nothing else.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use super::{Template, arn, reference};
use crate::tidy::root;

/// `WebhooksFunction` is `webhooks`.
fn crate_of(id: &str) -> String {
    id.strip_suffix("Function").unwrap().to_lowercase()
}

/// The variables that `config` knows.
fn known_variables() -> BTreeSet<String> {
    let files = fs::read_dir(root().join("shared/src/config")).unwrap();
    let source: String = files
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let is_part = |c: char| c.is_ascii_uppercase() || c == '_';
    source
        .split(|c: char| !is_part(c))
        .filter(|word| word.starts_with("GATEHOUSE_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_crate_in_functions_is_deployed() {
    let template = Template::read();
    let deployed: BTreeSet<_> = template
        .functions()
        .iter()
        .map(|(id, _)| crate_of(id))
        .collect();
    let crates: BTreeSet<_> = fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(deployed, crates);
}

#[test]
fn a_function_and_its_folder_bear_the_name_of_the_crate() {
    let template = Template::read();
    for (id, function) in template.functions() {
        let name = crate_of(id);
        let properties = &function["Properties"];
        let full_name = json!({ "Fn::Sub": format!("${{AWS::StackName}}-{name}") });
        assert_eq!(properties["FunctionName"], full_name);
        assert_eq!(properties["CodeUri"], format!("../target/lambda/{name}/"));
    }
    let globals = &template.document["Globals"]["Function"];
    assert_eq!(globals["Runtime"], "provided.al2023");
    assert_eq!(globals["Architectures"], json!([reference("Architecture")]));
}

#[test]
fn logs_are_json_encrypted_and_expire() {
    let template = Template::read();
    for (_, group) in template.of_type("AWS::Logs::LogGroup") {
        let properties = &group["Properties"];
        assert_eq!(properties["RetentionInDays"], reference("LogRetentionDays"));
        assert_eq!(properties["KmsKeyId"], arn("Key"));
    }
    for (id, function) in template.functions() {
        let logging = &function["Properties"]["LoggingConfig"];
        assert_eq!(logging["LogFormat"], "JSON", "{id}");
        let group = logging["LogGroup"]["Ref"].as_str().unwrap();
        let name =
            json!({ "Fn::Sub": format!("/aws/lambda/${{AWS::StackName}}-{}", crate_of(id)) });
        assert_eq!(*template.property(group, "/LogGroupName"), name);
    }
}

#[test]
fn every_variable_is_one_that_the_configuration_reads() {
    let template = Template::read();
    let known = known_variables();
    assert!(
        known.contains("GATEHOUSE_TABLE"),
        "the names were not found"
    );
    let mut given = BTreeSet::new();
    for (id, function) in template.functions() {
        let variables = function["Properties"]["Environment"]["Variables"].as_object();
        for name in variables.unwrap().keys() {
            assert!(known.contains(name), "{id}: nothing reads {name}");
            given.insert(name.clone());
        }
    }
    assert_eq!(given, known, "a variable is read that no function is given");
}
