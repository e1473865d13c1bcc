"""An AWS account on this machine: the emulator that is deployed to, and what runs what was deployed there.

    account.py FOLDER SAM_PYTHON

Everything is read from the emulator's own APIs, nothing from the template. FOLDER/env is written for a
shell; then it runs until it is ended.
"""

import collections
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import boto3
from botocore.config import Config

from functions import Function, FunctionError
from gateway import Gateway, policy_of, routes_of
from identity import IdentityProvider, certify
from servers import serve
from triggers import Poller, Schedule

HERE = pathlib.Path(__file__).resolve().parent
REGION = "us-east-1"
ACCOUNT = "123456789012"
START_SECONDS = 60
# Of whoever deploys: the emulator does not ask for more.
DEPLOYER = {"AccessKeyId": "AKIAEXAMPLEDEPLOYER0", "SecretAccessKey": "none", "SessionToken": None}


@dataclass
class Deployment:
    """What runs, and what it was started from."""

    said: str
    functions: dict = field(default_factory=dict)
    policies: dict = field(default_factory=dict)
    routes: list = field(default_factory=list)
    pollers: list = field(default_factory=list)
    schedules: list = field(default_factory=list)

    def stop(self):
        for trigger in self.pollers + self.schedules:
            trigger.stopped.set()
        # What they have in hand is finished.
        for trigger in self.pollers + self.schedules:
            trigger.thread.join(START_SECONDS)
        for function in self.functions.values():
            function.stop()


class Account:
    def __init__(self, folder, sam_python):
        self.id, self.region, self.folder = ACCOUNT, REGION, folder
        self.deployment = None
        self.notes = []
        self.counts = collections.Counter()
        self.sam = pathlib.Path(sam_python).parent / "sam"
        for name in ["functions", "logs", "home"]:
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.unread = folder / "unread"
        self.emulator = self.start_emulator(sam_python)
        tls = certify(folder)
        self.identity = IdentityProvider(tls)
        self.gateway = Gateway(self)
        self.server = serve(self.gateway.answer, tls)
        self.public_url = self.server.url
        self.stopped = threading.Event()
        (folder / "env").write_text(self.shell_environment())

    def start_emulator(self, sam_python):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        command = [sys.executable, str(HERE / "emulator.py"), str(port), sam_python, str(self.unread)]
        log = (self.folder / "logs" / "emulator.log").open("wb")
        emulator = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return emulator
            if emulator.poll() is not None or time.monotonic() > deadline:
                emulator.kill()
                raise SystemExit(f"the emulator does not start: see {log.name}")
            time.sleep(0.1)

    def arn(self, service):
        return f"arn:aws:{service}:{self.region}:{self.id}"

    def client(self, service, credentials=None, region=REGION):
        credentials = credentials or DEPLOYER
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def note(self, text):
        self.notes.append(text)
        print(f"account: {text}", file=sys.stderr, flush=True)

    def variables(self):
        """Of a shell that is to deploy to this account and to use what it deploys."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": DEPLOYER["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": DEPLOYER["SecretAccessKey"],
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "SAM_CLI_TELEMETRY": "0",
            "CURL_CA_BUNDLE": str(self.folder / "ca.pem"),
            "ISSUER": self.identity.issuer,
            "PUBLIC_URL": self.public_url,
            "TOKEN": self.identity.token(),
        }

    def path(self):
        """Where `sam` is found, and `aws`, and a Python with the providers' libraries."""
        tools = self.folder / "tools"
        tools.mkdir(exist_ok=True)
        commands = {"sam": f'exec {shlex.quote(str(self.sam))} "$@"'}
        if not shutil.which("aws"):
            commands["aws"] = f'exec {shlex.quote(sys.executable)} {shlex.quote(str(HERE / "aws.py"))} "$@"'
        for name, command in commands.items():
            (tools / name).write_text(f"#!/bin/sh\n{command}\n")
            (tools / name).chmod(0o755)
        return f"{tools}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"

    def shell_environment(self):
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.variables().items()]
        lines.append(f"export PATH={shlex.quote(self.path())}")
        return "\n".join(lines) + "\n"

    def watch(self):
        """Runs what is deployed, and what is deployed in its place, until it is to stop."""
        while not self.stopped.is_set():
            try:
                self.look()
            except Exception as error:  # Whatever it is, it is told, and the thread goes on.
                if not self.stopped.is_set():
                    self.note(f"what is deployed cannot be run: {error!r}")
            self.stopped.wait(2)

    def running(self):
        """What is deployed, once it runs: to the first requests that is a long cold start."""
        deadline = time.monotonic() + START_SECONDS
        while self.deployment is None and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.deployment

    def look(self):
        found = self.found()
        said = json.dumps(found, default=str, sort_keys=True)
        if not found["functions"] or (self.deployment and self.deployment.said == said):
            return
        if json.dumps(self.found(), default=str, sort_keys=True) != said:
            # It was looked at while it was being deployed.
            return
        before, deployment = self.deployment, Deployment(said)
        try:
            self.run(deployment, found)
        except BaseException:
            deployment.stop()
            raise
        self.deployment = deployment
        if before:
            before.stop()

    def found(self):
        """What is deployed, as the emulator says it."""
        functions, events = self.client("lambda"), self.client("events")
        rules = events.list_rules()["Rules"]
        return {
            "functions": [
                (function, policy_of(functions, function["FunctionName"]))
                for function in functions.list_functions()["Functions"]
            ],
            "routes": routes_of(self.client("apigatewayv2")),
            "mappings": functions.list_event_source_mappings()["EventSourceMappings"],
            "rules": [(rule, events.list_targets_by_rule(Rule=rule["Name"])["Targets"]) for rule in rules],
        }

    def run(self, deployment, found):
        """Starts functions, then what calls them."""
        for configuration, policy in found["functions"]:
            function = self.start(configuration)
            deployment.functions[function.arn] = function
            deployment.policies[function.arn] = policy
        for function in deployment.functions.values():
            function.wait_until_ready()
        deployment.routes = found["routes"]
        for mapping in found["mappings"]:
            if mapping["State"] == "Enabled":
                deployment.pollers.append(Poller(self, mapping, deployment.functions[mapping["FunctionArn"]]))
        for rule, targets in found["rules"]:
            if rule["State"] == "ENABLED":
                deployment.schedules.append(Schedule(self, rule, targets, deployment))

    def start(self, configuration):
        """An instance of a function, with its zip and its role."""
        name = configuration["FunctionName"]
        location = self.client("lambda").get_function(FunctionName=name)["Code"]["Location"]
        role_arn = configuration["Role"]
        role = self.client("iam").get_role(RoleName=role_arn.rsplit("/", 1)[1])["Role"]
        trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        if trusted not in role["AssumeRolePolicyDocument"]["Statement"]:
            raise FunctionError(f"Lambda may not assume the role of {name}")
        assumed = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=name)
        return Function(configuration, self.code(location.rsplit("/", 1)[1]), assumed["Credentials"], self)

    def code(self, key):
        """The zip by its key, in whichever bucket `sam` has put it."""
        s3 = self.client("s3")
        for bucket in s3.list_buckets()["Buckets"]:
            try:
                return s3.get_object(Bucket=bucket["Name"], Key=key)["Body"].read()
            except s3.exceptions.NoSuchKey:
                continue
        raise FunctionError(f"no bucket has {key}")

    def stop(self):
        self.stopped.set()
        if self.deployment:
            self.deployment.stop()
        self.emulator.terminate()
        self.emulator.wait()


def main():
    folder, sam_python = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    account = Account(folder, sam_python)
    ended = lambda *_: account.stopped.set()
    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGINT, ended)
    print(f"Ready. In another terminal: . {os.path.relpath(folder / 'env')}", flush=True)
    try:
        account.watch()
    finally:
        account.stop()


if __name__ == "__main__":
    main()
