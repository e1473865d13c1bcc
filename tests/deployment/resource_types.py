"""What moto's CloudFormation cannot make, though moto has the service behind it: here it can.

A property that is in none of the lists stops the deployment, so that nothing is left out unnoticed.
"""

import inspect
import json
import re

from moto.apigatewayv2.models import apigatewayv2_backends
from moto.awslambda.models import LambdaVersion
from moto.awslambda.utils import get_backend as lambda_backend
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.common_models import CloudFormationModel
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends


def snake_case(name):
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def camel_case(value):
    """Names of properties as API Gateway has them in its own answers."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: camel_case(inner) for name, inner in value.items()}
    return value


def call(method, properties, **others):
    """Calls a method of a backend with a resource's properties; None for those that are not there."""
    given = {snake_case(name): value for name, value in properties.items()} | others
    parameters = inspect.signature(method).parameters
    if unknown := given.keys() - parameters.keys():
        raise NotImplementedError(f"{method.__qualname__} takes no {', '.join(sorted(unknown))}")
    unset = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    return method(**{name: None for name in unset} | given)


def api_gateway(account, region):
    return apigatewayv2_backends[account][region]


def make_api(account, region, _, properties):
    api = call(api_gateway(account, region).create_api, properties)
    return api.api_id, {"ApiId": api.api_id, "ApiEndpoint": api.api_endpoint}


def make_stage(account, region, _, properties):
    config = camel_case(properties)
    stage = api_gateway(account, region).create_stage(config.pop("apiId"), config)
    return stage.name, {}


def make_route(account, region, _, properties):
    route = call(api_gateway(account, region).create_route, properties)
    return route.route_id, {}


def make_integration(account, region, _, properties):
    integration = call(api_gateway(account, region).create_integration, properties)
    return integration.id, {}


def make_domain_name(account, region, _, properties):
    configurations = [camel_case(one) for one in properties["DomainNameConfigurations"]]
    given = properties | {"DomainNameConfigurations": configurations}
    given["MutualTlsAuthentication"] = camel_case(properties.get("MutualTlsAuthentication"))
    name = call(api_gateway(account, region).create_domain_name, given).domain_name
    regional = f"d-{name.replace('.', '-')}.execute-api.{region}.amazonaws.com"
    return name, {"RegionalDomainName": regional, "RegionalHostedZoneId": "Z2EXAMPLE"}


def make_api_mapping(account, region, _, properties):
    mapping = call(api_gateway(account, region).create_api_mapping, properties, api_mapping_key="")
    return mapping.api_mapping_id, {}


ALARM_RENAMED = {"AlarmDescription": "description", "OKActions": "ok_actions"}


def make_alarm(account, region, name, properties):
    given = {ALARM_RENAMED.get(key, key): value for key, value in properties.items()}
    given = {"Dimensions": []} | given
    alarm = call(cloudwatch_backends[account][region].put_metric_alarm, given, name=name)
    return name, {"Arn": alarm.alarm_arn}


def make_alias(account, region, _, properties):
    # Nothing is kept started here, so there is nothing to do for provisioned concurrency.
    given = {key: value for key, value in properties.items() if key != "ProvisionedConcurrencyConfig"}
    alias = call(lambda_backend(account, region).create_alias, given)
    return alias.arn, {}


def make_subscription(account, region, _, properties):
    subscription = call(sns_backends[account][region].subscribe, properties)
    return subscription.arn, {}


def make_topic_policy(account, region, name, properties):
    policy = json.dumps(properties["PolicyDocument"])
    for topic in properties["Topics"]:
        sns_backends[account][region].set_topic_attribute(topic, "policy", policy)
    return name, {}


def make_queue_policy(account, region, name, properties):
    policy = json.dumps(properties["PolicyDocument"])
    for url in properties["Queues"]:
        queue = url.rsplit("/", 1)[1]
        sqs_backends[account][region].set_queue_attributes(queue, {"Policy": policy})
    return name, {}


MAKERS = {
    "AWS::ApiGatewayV2::Api": make_api,
    "AWS::ApiGatewayV2::ApiMapping": make_api_mapping,
    "AWS::ApiGatewayV2::DomainName": make_domain_name,
    "AWS::ApiGatewayV2::Integration": make_integration,
    "AWS::ApiGatewayV2::Route": make_route,
    "AWS::ApiGatewayV2::Stage": make_stage,
    "AWS::CloudWatch::Alarm": make_alarm,
    "AWS::Lambda::Alias": make_alias,
    "AWS::SNS::Subscription": make_subscription,
    "AWS::SNS::TopicPolicy": make_topic_policy,
    "AWS::SQS::QueuePolicy": make_queue_policy,
}


class Made:
    """A resource that one of the makers has made."""

    def __init__(self, physical_resource_id, attributes):
        self.physical_resource_id = physical_resource_id
        self.attributes = attributes

    def get_cfn_attribute(self, name):
        return self.attributes[name]

    def is_created(self):
        return True


def model(resource_type, make):
    """The class by which moto's CloudFormation makes resources of a type."""

    def create(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        made = make(account_id, region_name, resource_name, cloudformation_json["Properties"])
        return cls(*made)

    name_property = "AlarmName" if resource_type.endswith("Alarm") else ""
    members = {
        "cloudformation_type": staticmethod(lambda: resource_type),
        "cloudformation_name_type": staticmethod(lambda: name_property),
        "has_cfn_attr": classmethod(lambda cls, attribute: True),
        "create_from_cloudformation_json": classmethod(create),
    }
    # moto finds the direct subclasses of its own class only, and reads a service's name out of the module's.
    members["__module__"] = "moto.cloudformation"
    return type(resource_type.replace("::", ""), (Made, CloudFormationModel), members)


def add_to_moto():
    """From here on moto makes them. Fails where moto has learnt to make one itself."""
    from moto.cloudformation import parsing

    known = {kind.cloudformation_type() for kind in CloudFormationModel.__subclasses__()}
    if learnt := known & MAKERS.keys():
        raise SystemExit(f"moto makes {', '.join(sorted(learnt))} itself; take it out of resource_types.py")
    # It makes versions, and forgets to say which.
    LambdaVersion.get_cfn_attribute = lambda version, _: str(version.version)
    LambdaVersion.physical_resource_id = property(lambda version: str(version.version))
    models = [model(resource_type, make) for resource_type, make in MAKERS.items()]
    parsing.get_model_list.cache_clear()
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()
    return models
