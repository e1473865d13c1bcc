//! Concurrency: what is reserved, and what is kept started.

use serde_json::json;

use super::{Template, reference, settled};

#[test]
fn concurrency_is_reserved_where_it_is_asked_for() {
    let template = Template::read();
    for (id, function) in template.functions() {
        let name = id.strip_suffix("Function").unwrap();
        let reserved = &function["Properties"]["ReservedConcurrentExecutions"];
        let condition = format!("Reserves{name}");
        let parameter = reference(&format!("{name}Concurrency"));
        assert_eq!(*settled(reserved, &[&condition]), parameter, "{id}");
        assert_eq!(*settled(reserved, &[]), reference("AWS::NoValue"), "{id}");
    }
}

#[test]
fn what_is_kept_started_is_what_answers() {
    let template = Template::read();
    for (name, integrations, permissions) in [
        (
            "Gateway",
            ["GatewayHttp"].as_slice(),
            ["GatewayPermission"].as_slice(),
        ),
        (
            "Webhooks",
            &["WebhooksHttp", "PublicWebhooksHttp"],
            &["WebhooksPermission", "PublicWebhooksPermission"],
        ),
    ] {
        let condition = format!("Provisions{name}");
        let (alias, function) = (format!("{name}Alias"), format!("{name}Function"));
        let started = json!({
            "ProvisionedConcurrentExecutions": reference(&format!("{name}ProvisionedConcurrency")),
        });
        let provisioned = template.property(&alias, "/ProvisionedConcurrencyConfig");
        assert_eq!(*provisioned, started);
        for id in integrations {
            let uri = template.property(id, "/IntegrationUri");
            assert_eq!(*settled(uri, &[&condition]), reference(&alias), "{id}");
            // It is led to what API Gateway may call already.
            let permission = template.resources()[*id]["DependsOn"].as_str().unwrap();
            assert!(permissions.contains(&permission), "{id}");
        }
        for id in permissions {
            let invoked = template.property(id, "/FunctionName");
            assert_eq!(*settled(invoked, &[&condition]), reference(&alias), "{id}");
            assert_eq!(*settled(invoked, &[]), reference(&function), "{id}");
        }
    }
}

/// A version that is not made anew would go on with code and settings that are not deployed any more.
#[test]
fn a_release_makes_a_new_version_of_what_is_kept_started() {
    let template = Template::read();
    for name in ["Gateway", "Webhooks"] {
        let (version, function) = (format!("{name}Version"), format!("{name}Function"));
        // Lambda makes none of what has not changed, so the function itself changes with the release.
        let description = template.property(&function, "/Description");
        let description = description["Fn::Sub"].as_str().unwrap();
        assert!(description.contains("${Release}"), "{name}");
        let expected = json!({
            "FunctionName": reference(&function),
            "Description": reference("Release"),
        });
        assert_eq!(*template.property(&version, ""), expected);
        let used = template.property(&format!("{name}Alias"), "/FunctionVersion");
        assert_eq!(*used, json!({ "Fn::GetAtt": format!("{version}.Version") }));
        for id in [&version, &format!("{name}Alias")] {
            let condition = format!("Provisions{name}");
            assert_eq!(template.resources()[id]["Condition"], condition, "{id}");
        }
    }
}
