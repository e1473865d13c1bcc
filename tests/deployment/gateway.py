"""API Gateway in front of the deployed functions: the deployed routes lead to the deployed integrations, if
the function's own policy lets it, with payload format 2.0.

<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
"""

import base64
import fnmatch
import json
import time
import urllib.parse
import uuid
from dataclasses import dataclass

from functions import FunctionError, FunctionStopped
from servers import Answer

# What API Gateway hands on as text; everything else as base64.
TEXT = ("text/", "application/json", "application/javascript", "application/xml")


@dataclass
class Route:
    api_id: str
    key: str
    function_arn: str
    payload_format: str

    @property
    def method(self):
        return self.key.split(" ")[0]

    @property
    def path(self):
        return self.key.split(" ")[1]

    def match(self, method, path):
        """The path's parameters, if this route is for it."""
        if self.method not in ("ANY", method):
            return None
        wanted, given = self.path.split("/"), path.split("/")
        parameters = {}
        for at, segment in enumerate(wanted):
            rest = given[at:]
            if segment.endswith("+}"):
                parameters[segment[1:-2]] = "/".join(rest)
                return parameters if any(rest) else None
            if not rest or (segment.startswith("{") and not rest[0]):
                return None
            if segment.startswith("{"):
                parameters[segment[1:-1]] = rest[0]
            elif segment != rest[0]:
                return None
        return parameters if len(given) == len(wanted) else None

    def specificity(self):
        """API Gateway takes the most specific one: the least of these."""
        kinds = [2 if segment.endswith("+}") else segment.startswith("{") for segment in self.path.split("/")]
        return (kinds, self.method == "ANY")


def permits(policy, principal, source_arn):
    """Whether a function's policy lets a service call it in the name of something."""
    for statement in policy:
        conditions = dict(statement.get("Condition", {}))
        patterns = conditions.pop("ArnLike", {}).get("AWS:SourceArn", "*")
        if conditions or statement["Effect"] != "Allow":
            continue
        is_invocation = statement["Action"] == "lambda:InvokeFunction"
        is_principal = statement["Principal"] == {"Service": principal}
        if is_invocation and is_principal and fnmatch.fnmatchcase(source_arn, patterns):
            return True
    return False


class Gateway:
    """Answers requests by what is deployed when they come."""

    def __init__(self, account):
        self.account = account

    def answer(self, request):
        deployment = self.account.running()
        matches = [] if deployment is None else self.matches(deployment.routes, request)
        if not matches:
            return Answer.json(404, {"message": "Not Found"})
        route, parameters = min(matches, key=lambda match: match[0].specificity())
        self.account.counts[f"requests by {route.key}"] += 1
        function = deployment.functions.get(route.function_arn)
        source = f"{self.account.arn('execute-api')}:{route.api_id}/$default/{request.method}{route.path}"
        policy = deployment.policies.get(route.function_arn, [])
        if function is None or not permits(policy, "apigateway.amazonaws.com", source):
            self.account.note(f"API Gateway may not call {route.function_arn} for {route.key}")
            return Answer.json(500, {"message": "Internal Server Error"})
        try:
            return answer_of(function.invoke(self.event(request, route, parameters)))
        except FunctionStopped:
            return self.answer(request)
        except FunctionError as error:
            self.account.note(str(error))
            return Answer.json(500, {"message": "Internal Server Error"})

    def matches(self, routes, request):
        found = ((route, route.match(request.method, request.path)) for route in routes)
        return [(route, parameters) for route, parameters in found if parameters is not None]

    def event(self, request, route, parameters):
        """<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>"""
        now = time.time()
        headers, cookies = {}, []
        for name, value in request.headers:
            if name == "cookie":
                cookies += [cookie.strip() for cookie in value.split(";")]
            elif name not in ("connection", "transfer-encoding"):
                headers[name] = f"{headers[name]},{value}" if name in headers else value
        port = self.account.public_url.rsplit(":", 1)[1]
        headers |= {"x-forwarded-for": request.peer, "x-forwarded-port": port, "x-forwarded-proto": "https"}
        domain = f"{route.api_id}.execute-api.{self.account.region}.amazonaws.com"
        event = {
            "version": route.payload_format,
            "routeKey": route.key,
            "rawPath": request.path,
            "rawQueryString": request.query,
            "headers": headers,
            "requestContext": {
                "accountId": self.account.id,
                "apiId": route.api_id,
                "domainName": domain,
                "domainPrefix": route.api_id,
                "http": {
                    "method": request.method,
                    "path": request.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": request.peer,
                    "userAgent": headers.get("user-agent", ""),
                },
                "requestId": base64.b64encode(uuid.uuid4().bytes[:11]).decode(),
                "routeKey": route.key,
                "stage": "$default",
                "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
                "timeEpoch": int(now * 1000),
            },
            "isBase64Encoded": False,
        }
        if cookies:
            event["cookies"] = cookies
        if parameters:
            event["pathParameters"] = parameters
        if request.query:
            event["queryStringParameters"] = query_parameters(request.query)
        if request.body:
            is_text = headers.get("content-type", "").startswith(TEXT)
            encoded = request.body if is_text else base64.b64encode(request.body)
            event |= {"body": encoded.decode(), "isBase64Encoded": not is_text}
        return event


def query_parameters(query):
    parameters = {}
    for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def answer_of(value):
    """A function's answer, as API Gateway sends it."""
    if not isinstance(value, dict) or "statusCode" not in value:
        return Answer.json(200, value)
    body = (value.get("body") or "").encode()
    if value.get("isBase64Encoded"):
        body = base64.b64decode(body)
    headers = [(name, str(content)) for name, content in (value.get("headers") or {}).items()]
    single = {name.lower() for name, _ in headers}
    for name, contents in (value.get("multiValueHeaders") or {}).items():
        if name.lower() not in single:
            headers.append((name, ",".join(contents)))
    headers += [("set-cookie", cookie) for cookie in value.get("cookies") or []]
    return Answer(int(value["statusCode"]), body, headers)


def routes_of(client):
    """Each deployed route, with the function that its integration calls."""
    routes = []
    for api in client.get_apis()["Items"]:
        stages = client.get_stages(ApiId=api["ApiId"])["Items"]
        # Its address has no stage in the path.
        if [stage["StageName"] for stage in stages] != ["$default"]:
            raise FunctionError(f"{api['Name']} has other stages than $default")
        integrations = {one["IntegrationId"]: one for one in client.get_integrations(ApiId=api["ApiId"])["Items"]}
        for route in client.get_routes(ApiId=api["ApiId"])["Items"]:
            integration = integrations[route["Target"].removeprefix("integrations/")]
            if (integration["IntegrationType"], integration["PayloadFormatVersion"]) != ("AWS_PROXY", "2.0"):
                raise FunctionError(f"{route['RouteKey']} leads to something else than a function")
            uri, version = integration["IntegrationUri"], integration["PayloadFormatVersion"]
            routes.append(Route(api["ApiId"], route["RouteKey"], uri, version))
    return routes


def policy_of(client, function_name):
    """The statements by which others may call a function."""
    try:
        return json.loads(client.get_policy(FunctionName=function_name)["Policy"])["Statement"]
    except client.exceptions.ResourceNotFoundException:
        return []
