//! The HTTP API: which route leads to which function, and that nobody else can invoke them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Template, arn, reference, settled};

/// The function that answers a route.
pub(super) fn function_of<'a>(template: &'a Template, route: &'a Value) -> &'a str {
    let target = route["Properties"]["Target"]["Fn::Sub"].as_str().unwrap();
    let integration = target
        .strip_prefix("integrations/${")
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap();
    let uri = settled(template.property(integration, "/IntegrationUri"), &[]);
    let function = uri["Fn::GetAtt"].as_str().unwrap();
    function.strip_suffix(".Arn").unwrap()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
fn each_route_leads_to_its_function() {
    let template = Template::read();
    let routes: BTreeMap<&str, &str> = template
        .of_type("AWS::ApiGatewayV2::Route")
        .into_iter()
        .filter(|(_, route)| route["Properties"]["ApiId"] == reference("Api"))
        .map(|(_, route)| {
            let key = route["Properties"]["RouteKey"].as_str().unwrap();
            (key, function_of(&template, route))
        })
        .collect();
    let expected = BTreeMap::from([
        ("GET /openapi.json", "IntegrationsFunction"),
        ("ANY /portal/{proxy+}", "IntegrationsFunction"),
        (
            "ANY /portal/integrations/{integrationId}/requests",
            "GatewayFunction",
        ),
        (
            "ANY /portal/integrations/{integrationId}/requests/{requestId}",
            "GatewayFunction",
        ),
        (
            "ANY /portal/integrations/{integrationId}/requests:batch",
            "GatewayFunction",
        ),
        (
            "ANY /portal/integrations/{integrationId}/proxy/{path+}",
            "GatewayFunction",
        ),
        (
            "ANY /portal/integrations/{integrationId}/test",
            "GatewayFunction",
        ),
        (
            "ANY /portal/integrations/{integrationId}/checks/run",
            "GatewayFunction",
        ),
        (
            "ANY /portal/integrations/{integrationId}/directory/users:lookup",
            "GatewayFunction",
        ),
        (
            "ANY /portal/integrations/{integrationId}/cache",
            "GatewayFunction",
        ),
        (
            "ANY /portal/integrations/{integrationId}/oauth",
            "ConnectFunction",
        ),
        (
            "ANY /portal/integrations/{integrationId}/oauth/{action}",
            "ConnectFunction",
        ),
        ("GET /oauth/callback", "ConnectFunction"),
        ("GET /oauth/start/{ticket}", "ConnectFunction"),
        (
            "POST /oauth/backchannel-logout/{organizationId}/{integrationId}",
            "ConnectFunction",
        ),
        ("ANY /webhooks/{proxy+}", "WebhooksFunction"),
    ]);
    assert_eq!(routes, expected);
}

#[test]
fn the_gateway_waits_longer_than_the_function_may_take() {
    let template = Template::read();
    for (id, integration) in template.of_type("AWS::ApiGatewayV2::Integration") {
        let properties = &integration["Properties"];
        assert_eq!(properties["PayloadFormatVersion"], "2.0", "{id}");
        let uri = settled(&properties["IntegrationUri"], &[]);
        let uri = uri["Fn::GetAtt"].as_str().unwrap();
        let function = uri.strip_suffix(".Arn").unwrap();
        let timeout = template.property(function, "/Timeout").as_u64().unwrap();
        let patience = properties["TimeoutInMillis"].as_u64().unwrap();
        assert!(patience > timeout * 1000, "{id}");
    }
}

#[test]
fn only_this_api_the_schedules_and_secrets_manager_may_invoke_the_functions() {
    let template = Template::read();
    let scheduled = ["Monitor", "Rotation", "Sync"];
    for (id, permission) in template.of_type("AWS::Lambda::Permission") {
        let properties = &permission["Properties"];
        let name = id.strip_suffix("Permission").unwrap();
        if name == "RotationOfSecrets" {
            assert_eq!(permission["Condition"], "RotatesSecrets");
            assert_eq!(properties["Principal"], "secretsmanager.amazonaws.com");
            assert_eq!(
                properties["SourceAccount"],
                json!({"Ref": "AWS::AccountId"})
            );
            assert_eq!(properties["FunctionName"], reference("RotationFunction"));
            continue;
        }
        if scheduled.contains(&name) {
            assert_eq!(properties["Principal"], "events.amazonaws.com");
            assert_eq!(properties["SourceArn"], arn(&format!("{name}Schedule")));
            let function = reference(&format!("{name}Function"));
            assert_eq!(properties["FunctionName"], function);
            continue;
        }
        assert_eq!(properties["Principal"], "apigateway.amazonaws.com", "{id}");
        let source = properties["SourceArn"]["Fn::Sub"].as_str().unwrap();
        let api = match permission["Condition"].as_str() {
            Some("UsesMutualTls") => ":${PublicApi}/",
            _ => ":${Api}/",
        };
        assert!(source.contains(api), "{id}");
    }
}

#[test]
fn requests_are_throttled_and_logged_without_what_is_private() {
    let template = Template::read();
    for stage in ["ApiStage", "PublicApiStage"] {
        let settings = template.property(stage, "/DefaultRouteSettings");
        for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
            assert_eq!(settings[limit], reference(limit), "{stage}");
        }
        let destination = template.property(stage, "/AccessLogSettings/DestinationArn");
        assert_eq!(*destination, arn("ApiLogGroup"));
        let format = template.property(stage, "/AccessLogSettings/Format");
        let line: Value = serde_json::from_str(format.as_str().unwrap()).unwrap();
        assert_eq!(line["requestId"], "$context.requestId");
        for private in [
            "sourceIp",
            "userAgent",
            "context.path",
            "authorizer",
            "identity",
        ] {
            assert!(!format.as_str().unwrap().contains(private), "{private}");
        }
    }
}

#[test]
fn a_browsers_questions_reach_the_functions() {
    let template = Template::read();
    // With a configuration of its own, API Gateway would answer `OPTIONS` itself and take away what
    // the functions say.
    for (id, api) in template.of_type("AWS::ApiGatewayV2::Api") {
        assert!(api["Properties"]["CorsConfiguration"].is_null(), "{id}");
    }
    for (id, route) in template.of_type("AWS::ApiGatewayV2::Route") {
        let key = route["Properties"]["RouteKey"].as_str().unwrap();
        // Browsers go to pages, and ask for nothing first; providers are none.
        let asks_nothing = key == "GET /openapi.json" || key.contains(" /oauth/");
        assert!(key.starts_with("ANY ") || asks_nothing, "{id}");
    }
    for (id, function) in template.functions() {
        let variables = &function["Properties"]["Environment"]["Variables"];
        let takes_tokens = !variables["GATEHOUSE_ISSUER"].is_null();
        let origins = &variables["GATEHOUSE_CORS_ORIGINS"];
        let expected = if takes_tokens {
            reference("CorsOrigins")
        } else {
            Value::Null
        };
        assert_eq!(*origins, expected, "{id}");
    }
}
