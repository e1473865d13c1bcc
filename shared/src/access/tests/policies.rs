use std::collections::BTreeSet;

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};

use crate::access::policies::{POLICIES, SCHEMA};
use crate::domain::{Action, ActionGroup};

fn schema() -> Schema {
    Schema::from_cedarschema_str(SCHEMA).unwrap().0
}

#[test]
fn the_policies_hold_to_the_schema() {
    let policies: PolicySet = POLICIES.parse().unwrap();
    let result = Validator::new(schema()).validate(&policies, ValidationMode::Strict);
    let findings: Vec<String> = result
        .validation_errors()
        .map(ToString::to_string)
        .chain(result.validation_warnings().map(ToString::to_string))
        .collect();
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn every_policy_has_a_name_of_its_own() {
    let policies: PolicySet = POLICIES.parse().unwrap();
    let names: BTreeSet<&str> = policies
        .policies()
        .map(|policy| policy.annotation("id").unwrap())
        .collect();
    assert_eq!(names.len(), policies.policies().count());
}

fn name_of(group: ActionGroup) -> &'static str {
    match group {
        ActionGroup::Reading => "reading",
        ActionGroup::ReadingData => "readingData",
        ActionGroup::SettingUp => "settingUp",
        ActionGroup::Secrets => "secrets",
        ActionGroup::Operating => "operating",
        ActionGroup::Lowering => "lowering",
        ActionGroup::Auditing => "auditing",
        ActionGroup::Administering => "administering",
        ActionGroup::Owning => "owning",
        ActionGroup::Asking => "asking",
    }
}

#[test]
fn the_schema_has_the_actions_of_the_code_in_their_groups() {
    let entities = schema().action_entities().unwrap();
    let mut groups = BTreeSet::new();
    for action in Action::ALL {
        let group = name_of(action.group());
        let uid = format!("Action::\"{action}\"").parse().unwrap();
        let above: Vec<String> = entities
            .ancestors(&uid)
            .unwrap_or_else(|| panic!("{action} is not in the schema"))
            .map(|uid| uid.id().unescaped().to_owned())
            .collect();
        assert_eq!(above, [group], "{action}");
        groups.insert(group);
    }
    assert_eq!(entities.iter().count(), Action::ALL.len() + groups.len());
}

#[test]
fn an_actions_name_is_what_serde_writes() {
    for action in Action::ALL {
        assert_eq!(serde_json::to_value(action).unwrap(), action.name());
    }
}
