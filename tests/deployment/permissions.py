"""Lets a role do in the emulator what its deployed policies allow, and nothing else. moto itself looks at no
condition.

Anybody who has not assumed a role may do everything: that is who deploys.
"""

import fnmatch
import io
import json
import re

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
CREDENTIAL = re.compile(r"Credential=([^/]+)/[0-9]+/([^/]+)/([^/]+)/")


def listed(value):
    return value if isinstance(value, list) else [value]


def matches(patterns, value):
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in listed(patterns))


def holds(conditions, context):
    """Whether all conditions of a statement hold; those of kinds that no policy of ours has stop the run."""
    for operator, wanted in conditions.items():
        for key, values in wanted.items():
            value = context.get(key)
            if operator == "Null":
                held = (value is None) == (values in ("true", True))
            elif operator in ("StringEquals", "ArnLike"):
                held = value is not None and matches(values, value)
            else:
                raise NotImplementedError(f"the condition {operator}")
            if not held:
                return False
    return True


class Request:
    """What somebody asks for: each action with its resource and what conditions can be about."""

    def __init__(self, service, region, account, operation, body):
        self.service, self.operation, self.body = service, operation, body
        self.prefix = f"arn:aws:{service}:{region}:{account}:"

    def asked(self):
        by_service = {"dynamodb": self.of_table, "sqs": self.of_queue, "kms": self.of_key}
        by_service["secretsmanager"] = self.of_secret
        of_other = lambda: [(self.operation, "*", {})]
        asked = by_service.get(self.service, of_other)()
        return [(f"{self.service}:{action}", resource, context) for action, resource, context in asked]

    def of_table(self):
        if "TransactItems" in self.body:
            items = [next(iter(item.items())) for item in self.body["TransactItems"]]
            asked = {(TRANSACTIONS[kind], item["TableName"]) for kind, item in items}
        elif "RequestItems" in self.body:
            asked = {(self.operation, table) for table in self.body["RequestItems"]}
        else:
            asked = {(self.operation, self.body["TableName"])}
        return [(action, f"{self.prefix}table/{table}", {}) for action, table in sorted(asked)]

    def of_queue(self):
        queue = self.body["QueueUrl"].rsplit("/", 1)[1]
        return [(self.operation.removesuffix("Batch"), self.prefix + queue, {})]

    def of_secret(self):
        secret = self.body.get("SecretId") or self.body["Name"]
        # AWS appends six characters to a name.
        resource = secret if secret.startswith("arn:") else f"{self.prefix}secret:{secret}-AbCdEf"
        return [(self.operation, resource, {})]

    def of_key(self):
        def context(field):
            given = self.body.get(field) or {}
            return {f"kms:EncryptionContext:{key}": value for key, value in given.items()}

        def arn(field):
            key = self.body.get(field)
            # A ciphertext names its key itself.
            return key if key is None or key.startswith("arn:") else f"{self.prefix}key/{key}"

        if self.operation == "ReEncrypt":
            to = arn("DestinationKeyId")
            source = ("ReEncryptFrom", arn("SourceKeyId") or to, context("SourceEncryptionContext"))
            return [source, ("ReEncryptTo", to, context("DestinationEncryptionContext"))]
        return [(self.operation, arn("KeyId") or f"{self.prefix}key/any", context("EncryptionContext"))]


def statements_of(iam, role):
    for name in iam.list_role_policies(role):
        _, document = iam.get_role_policy(role, name)
        # CloudFormation leaves it as it is, others send text.
        document = document if isinstance(document, dict) else json.loads(document)
        yield from listed(document["Statement"])
    attached, _ = iam.list_attached_role_policies(role)
    for policy in attached:
        document = next(version.document for version in policy.versions if version.is_default)
        yield from listed(json.loads(document)["Statement"])


def is_allowed(statements, action, resource, context):
    about = [
        statement
        for statement in statements
        if matches(statement["Action"], action)
        # A ciphertext's key is not known here: any key that the statement is about will do.
        and (resource.endswith("key/any") or matches(statement["Resource"], resource))
        and holds(statement.get("Condition", {}), context)
    ]
    effects = {statement["Effect"] for statement in about}
    return effects == {"Allow"}


class Permissions:
    """Asked before each request."""

    def __init__(self, account):
        self.account = account

    def role_of(self, access_key_id):
        for assumed in sts_backends[self.account]["aws"].assumed_roles:
            if assumed.access_key_id == access_key_id:
                return assumed.role_arn.rsplit("/", 1)[1]
        return None

    def refusal(self, environ):
        """What is answered, if it is not allowed. Leaves the body to be read again."""
        found = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        role = found and self.role_of(found[1])
        if not role:
            return None
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        request = Request(found[3], found[2], self.account, operation, json.loads(body or "{}"))
        statements = list(statements_of(iam_backends[self.account]["aws"], role))
        for action, resource, context in request.asked():
            if not is_allowed(statements, action, resource, context):
                return f"{role} is not authorized to perform: {action} on resource: {resource}"
        return None
