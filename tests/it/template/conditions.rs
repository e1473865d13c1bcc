//! What conditions and rules come to, for given parameters.

use serde_json::Value;

use super::Template;

/// Values of parameters that are not the defaults.
pub(super) type Given<'a> = &'a [(&'a str, &'a str)];

/// Whether a condition of the template holds.
pub(super) fn holds(template: &Template, name: &str, given: Given<'_>) -> bool {
    let condition = &template.document["Conditions"][name];
    assert!(!condition.is_null(), "there is no condition {name}");
    decide(template, condition, given)
}

/// The rules that refuse these parameters.
pub(super) fn refused_by<'a>(template: &'a Template, given: Given<'_>) -> Vec<&'a str> {
    let rules = template.document["Rules"].as_object().unwrap();
    rules
        .iter()
        .filter(|(_, rule)| decide(template, &rule["RuleCondition"], given))
        .filter(|(_, rule)| {
            let assertions = rule["Assertions"].as_array().unwrap();
            assert!(!assertions.is_empty());
            !assertions
                .iter()
                .all(|assertion| decide(template, &assertion["Assert"], given))
        })
        .map(|(name, _)| name.as_str())
        .collect()
}

fn decide(template: &Template, condition: &Value, given: Given<'_>) -> bool {
    let (function, value) = condition.as_object().unwrap().iter().next().unwrap();
    let parts = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let decided = |part: &Value| decide(template, part, given);
    match (function.as_str(), parts) {
        ("Condition", _) => holds(template, value.as_str().unwrap(), given),
        ("Fn::Equals", [one, other]) => text(template, one, given) == text(template, other, given),
        ("Fn::Not", [one]) => !decided(one),
        ("Fn::And", _) => parts.iter().all(decided),
        ("Fn::Or", _) => parts.iter().any(decided),
        _ => unreachable!("not known here: {condition}"),
    }
}

/// CloudFormation compares everything as text.
fn text(template: &Template, value: &Value, given: Given<'_>) -> String {
    if let Some(parameter) = value["Ref"].as_str() {
        let chosen = given.iter().find(|(name, _)| *name == parameter);
        let default = &template.document["Parameters"][parameter]["Default"];
        return chosen.map_or_else(
            || text(template, default, given),
            |(_, value)| (*value).to_owned(),
        );
    }
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

const OPTIONAL: [&str; 9] = [
    "UsesRestoredTable",
    "HasDomainName",
    "HasDomainRecord",
    "UsesMutualTls",
    "HasWebhookDomain",
    "HasWebhookDomainRecord",
    "UsesVpc",
    "ProvisionsWebhooks",
    "ProvisionsGateway",
];

const DOMAIN: [(&str, &str); 2] = [("DomainName", "api.example.com"), ("CertificateArn", "arn")];
const TRUST: (&str, &str) = ("TruststoreUri", "s3://trust/authorities.pem");
const WEBHOOKS: (&str, &str) = ("WebhookDomainName", "hooks.example.com");
const ZONE: (&str, &str) = ("HostedZoneId", "Z1");

#[test]
fn nothing_is_switched_on_by_default() {
    let template = Template::read();
    for name in OPTIONAL {
        assert!(!holds(&template, name, &[]), "{name}");
    }
    assert!(refused_by(&template, &[]).is_empty());
}

#[test]
fn parameters_switch_on_what_they_are_for_and_nothing_else() {
    let template = Template::read();
    let [name, certificate] = DOMAIN;
    let table: [(Given<'_>, &[&str]); 8] = [
        (&[("RestoredTableName", "restored")], &["UsesRestoredTable"]),
        (&DOMAIN, &["HasDomainName"]),
        (
            &[name, certificate, ZONE],
            &["HasDomainName", "HasDomainRecord"],
        ),
        (
            &[name, certificate, TRUST],
            &["HasDomainName", "UsesMutualTls"],
        ),
        (
            &[name, certificate, TRUST, WEBHOOKS, ZONE],
            &[
                "HasDomainName",
                "HasDomainRecord",
                "UsesMutualTls",
                "HasWebhookDomain",
                "HasWebhookDomainRecord",
            ],
        ),
        (
            &[
                ("VpcSubnetIds", "subnet-1"),
                ("VpcSecurityGroupIds", "sg-1"),
            ],
            &["UsesVpc"],
        ),
        (
            &[("WebhooksProvisionedConcurrency", "1"), ("Release", "1")],
            &["ProvisionsWebhooks"],
        ),
        (
            &[("GatewayProvisionedConcurrency", "2"), ("Release", "1")],
            &["ProvisionsGateway"],
        ),
    ];
    for (given, expected) in table {
        let found: Vec<_> = OPTIONAL
            .into_iter()
            .filter(|name| holds(&template, name, given))
            .collect();
        assert_eq!(found, expected, "{given:?}");
        assert!(refused_by(&template, given).is_empty(), "{given:?}");
    }
}

#[test]
fn parameters_that_do_not_go_together_are_refused() {
    let template = Template::read();
    let [name, certificate] = DOMAIN;
    let table: [(Given<'_>, &str); 6] = [
        (&[name], "DomainNeedsCertificate"),
        (&[TRUST], "MutualTlsNeedsDomain"),
        (
            &[name, certificate, WEBHOOKS],
            "WebhookDomainIsForMutualTls",
        ),
        (&[("VpcSubnetIds", "subnet-1")], "SubnetsNeedSecurityGroups"),
        (
            &[("WebhooksProvisionedConcurrency", "1")],
            "ProvisionedConcurrencyNeedsRelease",
        ),
        (
            &[("GatewayProvisionedConcurrency", "1")],
            "ProvisionedConcurrencyNeedsRelease",
        ),
    ];
    for (given, rule) in table {
        assert_eq!(refused_by(&template, given), [rule], "{given:?}");
    }
}
