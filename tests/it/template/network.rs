//! Functions in subnets: all of them or none, with what Lambda needs for it and no more.

use serde_json::json;

use super::{Template, reference, settled};

#[test]
fn subnets_are_for_all_functions() {
    let template = Template::read();
    let network = &template.document["Globals"]["Function"]["VpcConfig"];
    let listed = |parameter: &str| json!({ "Fn::Split": [",", reference(parameter)] });
    let expected = json!({
        "SubnetIds": listed("VpcSubnetIds"),
        "SecurityGroupIds": listed("VpcSecurityGroupIds"),
    });
    assert_eq!(*settled(network, &["UsesVpc"]), expected);
    assert_eq!(*settled(network, &[]), reference("AWS::NoValue"));
    for (id, function) in template.functions() {
        assert!(function["Properties"]["VpcConfig"].is_null(), "{id}");
    }
}

#[test]
fn lambda_may_connect_functions_and_the_functions_may_not() {
    let template = Template::read();
    let policies = template.of_type("AWS::IAM::ManagedPolicy");
    let [(id, policy)] = policies.as_slice() else {
        panic!("one policy: {policies:?}");
    };
    assert_eq!(*id, "VpcAccessPolicy");
    assert_eq!(policy["Condition"], "UsesVpc");
    let connects = json!({
        "Sid": "LambdaConnectsFunctions",
        "Effect": "Allow",
        "Action": [
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ],
        "Resource": "*",
    });
    let any_function = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*";
    let denied = json!({
        "Sid": "FunctionsThemselvesDoNot",
        "Effect": "Deny",
        "Action": "ec2:*",
        "Resource": "*",
        "Condition": { "ArnLike": { "lambda:SourceFunctionArn": { "Fn::Sub": any_function } } },
    });
    let statements = template.property(id, "/PolicyDocument/Statement");
    assert_eq!(*statements, json!([connects, denied]));
}
