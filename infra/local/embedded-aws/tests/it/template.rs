use embedded_aws::template::{EventSource, Route, Template};

use super::deployed;

#[test]
fn routes_lead_to_the_functions_that_answer() {
    let route = |method: Option<&str>, path: &str, function: &str| Route {
        method: method.map(str::to_owned),
        path: path.to_owned(),
        function: function.to_owned(),
    };
    let below = |path: &str| format!("/portal/integrations/{{integrationId}}{path}");
    assert_eq!(
        deployed().routes(),
        [
            route(None, "/portal/{proxy+}", "integrations"),
            route(None, &below("/requests"), "gateway"),
            route(None, &below("/requests/{requestId}"), "gateway"),
            route(None, &below("/requests:batch"), "gateway"),
            route(None, &below("/proxy/{path+}"), "gateway"),
            route(None, &below("/test"), "gateway"),
            route(None, &below("/checks/run"), "gateway"),
            route(None, &below("/directory/users:lookup"), "gateway"),
            route(None, &below("/cache"), "gateway"),
            route(None, &below("/oauth"), "connect"),
            route(None, &below("/oauth/{action}"), "connect"),
            route(Some("GET"), "/oauth/callback", "connect"),
            route(Some("GET"), "/oauth/start/{ticket}", "connect"),
            route(
                Some("POST"),
                "/oauth/backchannel-logout/{organizationId}/{integrationId}",
                "connect",
            ),
            route(Some("GET"), "/openapi.json", "integrations"),
            route(None, "/webhooks/{proxy+}", "webhooks"),
        ]
    );
}

#[test]
fn each_queue_triggers_its_function() {
    let source = |queue: &str, function: &str, batch_size| EventSource {
        queue: queue.to_owned(),
        function: function.to_owned(),
        batch_size,
    };
    let expected = [
        source("EventsQueue", "processor", 10),
        source("SyncQueue", "sync", 1),
    ];
    assert_eq!(deployed().event_sources(), expected);
}

#[test]
fn a_functions_environment_has_no_function_left_in_it() {
    let parameters = [
        ("PublicUrl", "http://127.0.0.1:8080"),
        ("Issuer", "http://127.0.0.1:8080"),
    ];
    let environment = deployed()
        .environment("integrations", "http://127.0.0.1:1", &parameters)
        .unwrap();
    let expected = [
        ("GATEHOUSE_AUDIENCE", "gatehouse"),
        ("GATEHOUSE_AUDIT_RETENTION_DAYS", "400"),
        ("GATEHOUSE_CALLER_REQUESTS_PER_SECOND", "1000"),
        ("GATEHOUSE_CORS_ORIGINS", ""),
        ("GATEHOUSE_DEFAULT_ROLE", ""),
        ("GATEHOUSE_EGRESS_ALLOW", ""),
        ("GATEHOUSE_ISSUER", "http://127.0.0.1:8080"),
        ("GATEHOUSE_JWKS_URL", ""),
        (
            "GATEHOUSE_KEY_ARN",
            "arn:aws:kms:us-east-1:000000000000:alias/gatehouse-Key",
        ),
        ("GATEHOUSE_LOG", "info"),
        ("GATEHOUSE_MAX_ENDPOINTS", "100"),
        ("GATEHOUSE_MAX_INTEGRATIONS", "1000"),
        ("GATEHOUSE_ORGANIZATION_CLAIM", "org_id"),
        ("GATEHOUSE_ORGANIZATION_REQUESTS_PER_SECOND", "2000"),
        ("GATEHOUSE_PUBLIC_URL", "http://127.0.0.1:8080"),
        (
            "GATEHOUSE_QUEUE_URL",
            "http://127.0.0.1:1/000000000000/gatehouse-EventsQueue",
        ),
        ("GATEHOUSE_RECORD_RETENTION_DAYS", "30"),
        ("GATEHOUSE_ROLES_CLAIM", "roles"),
        ("GATEHOUSE_SECRET_PREFIX", "gatehouse/dev"),
        (
            "GATEHOUSE_SYNC_QUEUE_URL",
            "http://127.0.0.1:1/000000000000/gatehouse-SyncQueue",
        ),
        ("GATEHOUSE_TABLE", "gatehouse-Table"),
    ];
    let environment: Vec<_> = environment
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(environment, expected);
}

fn problem(text: &str) -> String {
    Template::parse(text).unwrap_err().to_string()
}

#[test]
fn what_is_not_understood_is_named() {
    assert_eq!(
        problem("Resources:\n  Lake:\n    Type: AWS::S3::Bucket\n"),
        "the template is not understood: `Lake`: resources of the type AWS::S3::Bucket are not known here"
    );
    let queue = "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      ";
    assert_eq!(
        problem(&format!("{queue}FifoQueue: true\n")),
        "the template is not understood: `Q.FifoQueue`: this property of AWS::SQS::Queue is not known here"
    );
    assert_eq!(
        problem(&format!("{queue}DelaySeconds: !Ref Nobody\n")),
        "the template is not understood: `Q.DelaySeconds`: `Nobody` stands for nothing"
    );
    assert_eq!(
        problem(&format!("{queue}DelaySeconds: !FindInMap [a, b, c]\n")),
        "the template is not understood: `Q.DelaySeconds`: `!FindInMap` is not known here"
    );
    assert_eq!(
        problem("Resources:\n  - a\n"),
        "the template is not understood: `Resources`: is missing"
    );
    assert!(problem("a: [").starts_with("the template is not YAML"));
}

#[test]
fn a_resource_whose_condition_does_not_hold_is_not_there() {
    let template = "
Parameters: {Wanted: {Type: String, Default: 'no'}}
Conditions: {IsWanted: !Equals [!Ref Wanted, 'yes']}
Resources:
  Lake: {Type: AWS::S3::Bucket, Condition: IsWanted}
";
    assert!(Template::parse(template).unwrap().routes().is_empty());
}

#[test]
fn a_condition_decides_where_a_route_leads() {
    let template = |default: &str| {
        let text = format!(
            "
Parameters: {{Wanted: {{Type: Number, Default: {default}}}}}
Conditions: {{IsWanted: !Equals [!Ref Wanted, 1]}}
Resources:
  One: {{Type: AWS::Serverless::Function, Properties: {{CodeUri: ../one/}}}}
  Two: {{Type: AWS::Serverless::Function, Properties: {{CodeUri: ../two/}}}}
  Http:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {{IntegrationUri: !If [IsWanted, !Ref One, !If [IsWanted, !Ref One, !GetAtt Two.Arn]]}}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{RouteKey: ANY /, Target: !Sub \"integrations/${{Http}}\"}}
"
        );
        Template::parse(&text)
    };
    assert_eq!(template("0").unwrap().routes()[0].function, "two");
    assert_eq!(template("1").unwrap().routes()[0].function, "one");
    assert_eq!(
        problem(
            "
Resources:
  Http: {Type: AWS::ApiGatewayV2::Integration, Properties: {IntegrationUri: !If [IsWanted, a]}}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {RouteKey: ANY /, Target: !Sub \"integrations/${Http}\"}
"
        ),
        "the template is not understood: `Route.Target`: !If takes a condition and two values"
    );
}
