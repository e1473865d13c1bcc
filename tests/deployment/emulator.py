"""The AWS account that is deployed to: moto on 127.0.0.1, which answers one request after the other.

    emulator.py PORT SAM_PYTHON UNREAD

To moto's CloudFormation it adds the SAM transform, for which it runs SAM_PYTHON, and the types of
resource_types.py. Which properties of which types moto has not looked at when it made a resource is
written to the file UNREAD, as lines of JSON.
"""

import json
import os
import subprocess
import sys
import threading

from moto.cloudformation import models, parsing, responses
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.server import MotoRequestHandler
from moto.sqs.models import Queue
from werkzeug.serving import run_simple

import resource_types
from permissions import Permissions

FOLDER = os.path.dirname(os.path.abspath(__file__))


class Watched(dict):
    """A resource's properties, and which of them were looked at."""

    def __init__(self, properties):
        super().__init__(properties)
        self.unread = set(properties)

    def __getitem__(self, key):
        self.unread.discard(key)
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.unread.discard(key)
        return super().get(key, default)

    def pop(self, key, *default):
        self.unread.discard(key)
        return super().pop(key, *default)

    def all(self):
        self.unread.clear()
        return super()

    def items(self):
        return self.all().items()

    def values(self):
        return self.all().values()

    def copy(self):
        return self.all().copy()

    def __or__(self, other):
        return dict(self.items()) | other

    def __deepcopy__(self, memo):
        return dict(self.items())


def watch_properties(unread_file):
    """Notes for each resource that is made what was not looked at."""
    parse, create = parsing.parse_resource_and_generate_name, parsing.parse_and_create_resource
    watched = {}

    def parse_and_watch(logical_id, resource_json, resources_map):
        parsed = parse(logical_id, resource_json, resources_map)
        if parsed and "Properties" in parsed[1]:
            properties = Watched(parsed[1]["Properties"])
            # Its name was read before.
            properties.unread.discard(parsing.resource_name_property_from_type(parsed[1]["Type"]))
            watched[logical_id] = properties
            parsed = (parsed[0], parsed[1] | {"Properties": properties}, parsed[2])
        return parsed

    def create_and_note(logical_id, resource_json, *arguments, **named):
        resource = create(logical_id, resource_json, *arguments, **named)
        properties = watched.pop(logical_id, None)
        line = {
            "type": resource_json["Type"],
            "id": logical_id,
            "made": resource is not None,
            "is_unknown": resource_json["Type"] not in parsing.get_model_map(),
            "unread": sorted(properties.unread) if properties is not None else [],
        }
        with open(unread_file, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return resource

    parsing.parse_resource_and_generate_name = parse_and_watch
    parsing.parse_and_create_resource = create_and_note


def expand_templates(sam_python):
    """Has CloudFormation expand a SAM template before it does anything else with it."""

    def expanded(template):
        if "AWS::Serverless-2016-10-31" not in template:
            return template
        command = [sam_python, os.path.join(FOLDER, "transform.py")]
        ended = subprocess.run(command, input=template.encode(), capture_output=True, check=False)
        if ended.returncode != 0:
            sys.stderr.write(ended.stderr.decode())
            raise models.ValidationError(message="The SAM transform failed; see the emulator's log.")
        return ended.stdout.decode()

    for method in ["create_stack", "create_change_set"]:
        of_moto = getattr(models.CloudFormationBackend, method)

        def with_expansion(backend, *arguments, of_moto=of_moto, template, **named):
            return of_moto(backend, *arguments, template=expanded(template), **named)

        setattr(models.CloudFormationBackend, method, with_expansion)


def take_templates_from_here():
    """moto takes a URL with an address for one that has the bucket in its host name."""
    read = responses.get_stack_from_s3_url

    def read_from_here(template_url, **named):
        return read(template_url.replace("//127.0.0.1:", "//localhost:"), **named)

    responses.get_stack_from_s3_url = read_from_here


def show_outputs():
    """moto forgets the outputs of a stack that a change set has made."""
    execute = models.CloudFormationBackend.execute_change_set

    def execute_and_keep(backend, *arguments, change_set_name, **named):
        execute(backend, *arguments, change_set_name=change_set_name, **named)
        stack = backend.describe_change_set(change_set_name).stack
        stack._parse_template()
        stack.output_map = stack._create_output_map()

    models.CloudFormationBackend.execute_change_set = execute_and_keep


def update_what_is_there():
    """moto updates what a condition has kept it from making, and forgets what it cannot update."""
    update = parsing.parse_and_update_resource

    def update_or_keep(logical_id, resource_json, resources_map, *arguments, **named):
        condition = resource_json.get("Condition")
        if condition and not resources_map.lazy_condition_map[condition]:
            return None
        updated = update(logical_id, resource_json, resources_map, *arguments, **named)
        return updated or resources_map[logical_id]

    parsing.parse_and_update_resource = update_or_keep


def leave_queues_to_pollers():
    """moto would have Docker run the function within `SendMessage`."""
    Queue.lambda_event_source_mappings = property(lambda queue: {}, lambda queue, value: None)


def refuse(why, start_response):
    sys.stderr.write(f"refused: {why}\n")
    body = json.dumps({"__type": "AccessDeniedException", "message": why}).encode()
    headers = [("content-type", "application/x-amz-json-1.0"), ("content-length", str(len(body)))]
    start_response("400 Bad Request", headers)
    return [body]


def main():
    port, sam_python, unread_file = sys.argv[1:]
    resource_types.add_to_moto()
    watch_properties(unread_file)
    expand_templates(sam_python)
    take_templates_from_here()
    show_outputs()
    update_what_is_there()
    leave_queues_to_pollers()

    moto = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    permissions = Permissions("123456789012")

    def one_at_a_time(environ, start_response):
        with turn:
            if refusal := permissions.refusal(environ):
                return refuse(refusal, start_response)
            return moto(environ, start_response)

    handler = MotoRequestHandler
    run_simple("127.0.0.1", int(port), one_at_a_time, threaded=True, request_handler=handler)


main()
