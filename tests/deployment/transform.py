"""What CloudFormation does for `Transform: AWS::Serverless-2016-10-31`, by AWS's own translator.

    transform.py < TEMPLATE > EXPANDED

Runs where the SAM command line is installed.
"""

import json
import os
import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


class NoManagedPolicies:
    """The template names no policy of AWS's by its short name, for which IAM would have to be asked."""

    def load(self):
        return {}


# `transform` wants them to exist, and resolves none of ours: no property that it reads depends on one.
template = yaml_parse(sys.stdin.read())
parameters = {name: declared.get("Default", "") for name, declared in template.get("Parameters", {}).items()}
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
json.dump(transform(template, parameters, NoManagedPolicies()), sys.stdout)
