//! Domain names and client certificates: what asks for one, and what is reached without.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::api::function_of;
use super::{Template, reference, settled};

const DOMAIN: &[&str] = &["HasDomainName"];
const MUTUAL: &[&str] = &["HasDomainName", "UsesMutualTls"];
const MUTUAL_WITH_DOMAIN: &[&str] = &["HasDomainName", "UsesMutualTls", "HasWebhookDomain"];

/// The route keys of an API, each with the function that answers.
fn routes<'a>(template: &'a Template, api: &str) -> BTreeSet<(&'a str, &'a str)> {
    template
        .of_type("AWS::ApiGatewayV2::Route")
        .into_iter()
        .filter(|(_, route)| route["Properties"]["ApiId"] == reference(api))
        .map(|(_, route)| {
            let key = route["Properties"]["RouteKey"].as_str().unwrap();
            (key, function_of(template, route))
        })
        .collect()
}

#[test]
fn domain_names_take_tls_1_2_and_later_and_have_the_certificate() {
    let template = Template::read();
    for (id, domain) in template.of_type("AWS::ApiGatewayV2::DomainName") {
        let expected = json!([{
            "CertificateArn": { "Ref": "CertificateArn" },
            "EndpointType": "REGIONAL",
            "SecurityPolicy": "TLS_1_2",
        }]);
        let properties = &domain["Properties"];
        assert_eq!(properties["DomainNameConfigurations"], expected, "{id}");
    }
}

#[test]
fn each_domain_name_leads_to_its_api() {
    let template = Template::read();
    for (domain, name, api, stage) in [
        ("ApiDomain", "DomainName", "Api", "ApiStage"),
        (
            "WebhookDomain",
            "WebhookDomainName",
            "PublicApi",
            "PublicApiStage",
        ),
    ] {
        assert_eq!(*template.property(domain, "/DomainName"), reference(name));
        let mapping = &template.resources()[&format!("{domain}Mapping")];
        let expected = json!({ "ApiId": reference(api), "DomainName": reference(domain), "Stage": reference(stage) });
        assert_eq!(mapping["Properties"], expected);
        assert_eq!(
            mapping["Condition"],
            template.resources()[domain]["Condition"]
        );
        let record = template.property(&format!("{domain}Record"), "");
        let target = json!({
            "DNSName": { "Fn::GetAtt": format!("{domain}.RegionalDomainName") },
            "HostedZoneId": { "Fn::GetAtt": format!("{domain}.RegionalHostedZoneId") },
        });
        assert_eq!(record["Name"], reference(name));
        assert_eq!(record["AliasTarget"], target);
    }
}

#[test]
fn a_truststore_makes_the_domain_ask_for_certificates() {
    let template = Template::read();
    let mutual = template.property("ApiDomain", "/MutualTlsAuthentication");
    let found = settled(mutual, MUTUAL);
    assert_eq!(found["TruststoreUri"], reference("TruststoreUri"));
    let version = &found["TruststoreVersion"];
    assert_eq!(
        *settled(version, &["HasTruststoreVersion"]),
        reference("TruststoreVersion")
    );
    assert_eq!(*settled(version, &[]), reference("AWS::NoValue"));
    assert_eq!(*settled(mutual, DOMAIN), reference("AWS::NoValue"));
}

#[test]
fn with_client_certificates_there_is_no_way_around_them() {
    let template = Template::read();
    let disabled = template.property("Api", "/DisableExecuteApiEndpoint");
    assert_eq!(*settled(disabled, MUTUAL), true);
    assert_eq!(*settled(disabled, DOMAIN), false);
    let public: BTreeSet<_> = routes(&template, "PublicApi");
    for (key, _) in &public {
        assert!(!key.contains("/portal"), "{key}");
    }
    // What is behind the second API is exactly what has no caller of ours.
    let without_callers: BTreeSet<_> = routes(&template, "Api")
        .into_iter()
        .filter(|(key, _)| !key.contains(" /portal/") && !key.ends_with("/openapi.json"))
        .collect();
    assert_eq!(public, without_callers);
    assert_eq!(public.len(), 4);
}

#[test]
fn the_second_api_is_only_there_with_client_certificates() {
    let template = Template::read();
    for (id, resource) in template.resources() {
        let text = resource["Properties"].to_string();
        let is_of_it =
            id.starts_with("Public") || resource["Properties"]["ApiId"] == reference("PublicApi");
        if !is_of_it {
            continue;
        }
        let condition = resource["Condition"].as_str().unwrap_or_default();
        assert!(
            ["UsesMutualTls", "HasWebhookDomain"].contains(&condition),
            "{id}: {text}"
        );
    }
}

#[test]
fn providers_are_told_the_address_that_asks_them_for_no_certificate() {
    let template = Template::read();
    let own =
        |api: &str| format!("https://${{{api}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}");
    let sub = |text: &str| json!({ "Fn::Sub": text });
    let mut addresses: Vec<(&str, &Value)> = template
        .functions()
        .into_iter()
        .map(|(id, function)| {
            let variables = &function["Properties"]["Environment"]["Variables"];
            (id.as_str(), &variables["GATEHOUSE_PUBLIC_URL"])
        })
        .filter(|(_, address)| !address.is_null())
        .collect();
    assert_eq!(addresses.len(), 3);
    addresses.push((
        "output",
        &template.document["Outputs"]["PublicUrl"]["Value"],
    ));
    for (id, address) in addresses {
        assert_eq!(*settled(address, &[]), sub(&own("Api")), "{id}");
        assert_eq!(*settled(address, DOMAIN), sub("https://${DomainName}"));
        assert_eq!(*settled(address, MUTUAL), sub(&own("PublicApi")));
        let domain = settled(address, MUTUAL_WITH_DOMAIN);
        assert_eq!(*domain, sub("https://${WebhookDomainName}"));
        let in_front = [MUTUAL_WITH_DOMAIN, &["HasPublicUrl"]].concat();
        assert_eq!(*settled(address, &in_front), reference("PublicUrl"));
    }
}
