"""What the emulator says was deployed, read back by the APIs of its services."""

import json

from botocore.exceptions import ClientError

import limits
from stories import expect, wait_for

STACK = "gatehouse"
ELSEWHERE = "eu-west-1"


class Deployed:
    def __init__(self, account):
        self.account = account
        self.stacks = account.client("cloudformation")

    def all(self):
        return [
            ("queues, table, key, secrets and alarms are as they belong together", self.together),
            ("with all parameters, all resources are made", self.everything),
            ("rules of parameters are left to CloudFormation itself", self.rules),
        ]

    def outputs(self):
        outputs = self.stacks.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
        return {output["OutputKey"]: output["OutputValue"] for output in outputs}

    def together(self):
        outputs = self.outputs()
        expect(outputs["BaseUrl"] == self.account.public_url, "BaseUrl is not where the API is")
        self.queues(outputs["KeyArn"])
        table = self.account.client("dynamodb").describe_table(TableName=outputs["TableName"])["Table"]
        keys = [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]]
        expect(keys == [("pk", "HASH"), ("sk", "RANGE")], f"the table's keys are {keys}")
        expect(table["DeletionProtectionEnabled"], "the table can be deleted, in prod")
        rotation = self.account.client("kms").get_key_rotation_status(KeyId=outputs["KeyArn"])
        expect(rotation["KeyRotationEnabled"], "the key is not rotated")
        secrets = self.account.client("secretsmanager").list_secrets()["SecretList"]
        expect(secrets, "no integration has a secret")
        for secret in secrets:
            expect(secret["Name"].startswith("gatehouse/prod/org_"), f"a secret is called {secret['Name']}")
            expect(secret["KmsKeyId"] == outputs["KeyArn"], "a secret is under another key")
        return f"{self.alarms(outputs)} alarms"

    def queues(self, key):
        client = self.account.client("sqs")
        for poller in self.account.deployment.pollers:
            attributes = client.get_queue_attributes(QueueUrl=poller.url, AttributeNames=["All"])["Attributes"]
            redrive = json.loads(attributes["RedrivePolicy"])
            dead = f"{poller.url.rsplit('/', 1)[0]}/{redrive['deadLetterTargetArn'].rsplit(':', 1)[1]}"
            client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
            visible = int(attributes["VisibilityTimeout"])
            expect(visible > poller.function.timeout_seconds, f"{poller.url}: seen by two at once")
            expect(attributes["KmsMasterKeyId"] == key, f"{poller.url} is under another key")
            expect("OnlyOverTls" in attributes["Policy"], f"{poller.url} has no policy")

    def alarms(self, outputs):
        """Each looks at something that is there, and tells the topic."""
        clients = {name: self.account.client(name) for name in ["sqs", "apigatewayv2", "cloudwatch"]}
        there = {
            "FunctionName": {function.name for function in self.account.deployment.functions.values()},
            "QueueName": {url.rsplit("/", 1)[1] for url in clients["sqs"].list_queues()["QueueUrls"]},
            "TableName": {outputs["TableName"]},
            "ApiId": {api["ApiId"] for api in clients["apigatewayv2"].get_apis()["Items"]},
        }
        there["function"] = {name.removeprefix(f"{STACK}-") for name in there["FunctionName"]}
        pages = clients["cloudwatch"].get_paginator("describe_alarms").paginate()
        alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
        for alarm in alarms:
            told = alarm["AlarmActions"] + alarm["OKActions"]
            expect(told == [outputs["AlarmTopic"]] * 2, f"{alarm['AlarmName']} tells {told}")
            for dimension in alarm["Dimensions"]:
                known = there.get(dimension["Name"])
                expect(
                    known is None or dimension["Value"] in known,
                    f"{alarm['AlarmName']} looks at {dimension['Name']} {dimension['Value']}, which is not there",
                )
        return len(alarms)

    def parameters(self):
        """One value for each that switches something on."""
        ec2 = self.account.client("ec2", region=ELSEWHERE)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName="functions", Description="-", VpcId=vpc)["GroupId"]
        route53 = self.account.client("route53", region=ELSEWHERE)
        zone = route53.create_hosted_zone(Name="example.com", CallerReference="check")["HostedZone"]["Id"]
        names = ["Integrations", "Gateway", "Connect", "Webhooks", "Processor", "Rotation", "Monitor", "Sync"]
        return {f"{name}Concurrency": "5" for name in names} | {
            "Issuer": "https://login.example.com",
            "DomainName": "api.example.com",
            "CertificateArn": f"arn:aws:acm:{ELSEWHERE}:{self.account.id}:certificate/1",
            "HostedZoneId": zone.rsplit("/", 1)[1],
            "TruststoreUri": "s3://bucket/authorities.pem",
            "TruststoreVersion": "1",
            "WebhookDomainName": "hooks.example.com",
            "VpcSubnetIds": subnet,
            "VpcSecurityGroupIds": group,
            "WebhooksProvisionedConcurrency": "1",
            "GatewayProvisionedConcurrency": "1",
            "Release": "first",
            "SecretsManagerRotation": "true",
            "AlarmEmail": "ops@example.com",
        }

    def everything(self):
        """In another region, where nothing of it is run."""
        template = self.stacks.get_template(StackName=STACK)["TemplateBody"]
        stacks = self.account.client("cloudformation", region=ELSEWHERE)
        parameters = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters().items()
        ]
        text = json.dumps(template)
        stacks.create_stack(StackName=STACK, TemplateBody=text, Parameters=parameters)
        made = stacks.describe_stack_resources(StackName=STACK)["StackResources"]
        missing = template["Resources"].keys() - {resource["LogicalResourceId"] for resource in made}
        expect(not missing, f"not made: {sorted(missing)}")
        self.mutual_tls()
        self.functions_elsewhere()
        return f"{len(made)} resources"

    def mutual_tls(self):
        """Callers show a certificate; providers and browsers come by an API that has nothing else."""
        client = self.account.client("apigatewayv2", region=ELSEWHERE)
        apis = {api["Name"]: api for api in client.get_apis()["Items"]}
        expect(apis[STACK]["DisableExecuteApiEndpoint"], "there is a way around the client certificate")
        routes = client.get_routes(ApiId=apis[f"{STACK}-public"]["ApiId"])["Items"]
        for route in routes:
            path = route["RouteKey"].split(" ")[1]
            expect(path.startswith(("/webhooks/", "/oauth/")), f"{path} is there without a client certificate")
        domain = client.get_domain_name(DomainName="api.example.com")
        expect(domain["MutualTlsAuthentication"]["TruststoreVersion"] == "1", "nobody is asked for a certificate")

    def functions_elsewhere(self):
        client = self.account.client("lambda", region=ELSEWHERE)
        for function in client.list_functions()["Functions"]:
            name = function["FunctionName"]
            expect(function["VpcConfig"]["SubnetIds"], f"{name} is in no subnet")
            reserved = client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
            expect(int(reserved) == 5, f"{name} has {reserved} reserved")
        gateway = self.account.client("apigatewayv2", region=ELSEWHERE)
        for function in ["webhooks", "gateway"]:
            alias = client.get_alias(FunctionName=f"{STACK}-{function}", Name="live")["AliasArn"]
            called = {
                integration["IntegrationUri"]
                for api in gateway.get_apis()["Items"]
                for integration in gateway.get_integrations(ApiId=api["ApiId"])["Items"]
                if f"{STACK}-{function}" in integration["IntegrationUri"]
            }
            expect(called == {alias}, f"API Gateway calls {called}")

    def rules(self):
        """So far the emulator takes what CloudFormation refuses. If it does not, limits.py is not right."""
        template = {
            "Parameters": {"A": {"Type": "String", "AllowedPattern": "^a$"}},
            "Rules": {"Never": {"Assertions": [{"Assert": {"Fn::Equals": ["a", "b"]}}]}},
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        }
        stacks = self.account.client("cloudformation", region=ELSEWHERE)
        parameters = [{"ParameterKey": "A", "ParameterValue": "b"}]
        try:
            stacks.create_stack(StackName="rules", TemplateBody=json.dumps(template), Parameters=parameters)
        except ClientError as error:
            expect(not limits.RULES_ARE_IGNORED, f"the emulator has learnt to refuse: {error}")


class Roles:
    """What functions may not do: asked in the name of their deployed roles."""

    def __init__(self, account):
        self.account = account

    def refused(self):
        asked = {
            "integrations": ("secretsmanager", "get_secret_value", {"SecretId": "gatehouse/prod/any"}),
            "webhooks": ("sqs", "receive_message", {"QueueUrl": f"{self.account.endpoint}/1/{STACK}-events"}),
            "gateway": ("dynamodb", "get_item", {"TableName": "another", "Key": {"pk": {"S": "a"}}}),
            "processor": ("kms", "decrypt", {"CiphertextBlob": b"a", "EncryptionContext": {"another": "a"}}),
            "monitor": ("secretsmanager", "get_secret_value", {"SecretId": "another/secret"}),
        }
        functions = {function.name: function for function in self.account.deployment.functions.values()}
        for name, (service, operation, arguments) in asked.items():
            client = self.account.client(service, functions[f"{STACK}-{name}"].credentials)
            try:
                getattr(client, operation)(**arguments)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                expect(code == "AccessDeniedException", f"{name}, {operation}: {code}")
            else:
                expect(False, f"{name} may {operation} what it should not")
        return f"{len(asked)} calls"


def buried(account):
    """A message that nobody can read ends among the dead letters."""
    client = account.client("sqs")
    poller = next(one for one in account.deployment.pollers if one.arn.endswith("-events"))
    dead = f"{account.endpoint}/{account.id}/{STACK}-dead-letter"
    client.send_message(QueueUrl=poller.url, MessageBody="{}")
    wait_for("the dead letter", lambda: client.receive_message(QueueUrl=dead).get("Messages"))
