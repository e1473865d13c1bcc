"""Runs a deployed function as Lambda does: from its deployed zip, with its deployed environment and the
credentials of its deployed role, in a process of its own that the Runtime API feeds.

<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
"""

import base64
import hashlib
import io
import json
import pathlib
import queue
import subprocess
import tempfile
import threading
import time
import uuid
import zipfile
from dataclasses import dataclass

from servers import Answer, serve

RUNTIME = "/2018-06-01/runtime"
START_SECONDS = 60
# How much slower than on Lambda everything may be here.
SLACK = 6


class FunctionError(Exception):
    """The function has failed, ended, or taken too long."""


class FunctionStopped(FunctionError):
    """Another version has taken its place."""


@dataclass
class Invocation:
    id: str
    event: bytes
    timeout_seconds: int
    answer: queue.Queue


class Function:
    """One instance, which works on one event after the other; started anew if it ends."""

    def __init__(self, configuration, code, credentials, account):
        self.configuration = configuration
        self.name = configuration["FunctionName"]
        self.arn = configuration["FunctionArn"]
        self.timeout_seconds = configuration["Timeout"]
        self.account = account
        self.credentials = credentials
        # One of its own: what runs cannot be written over.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=account.folder / "functions"))
        self.log = (account.folder / "logs" / f"{self.name}.log").open("ab")
        self.waiting = queue.Queue()
        self.in_hand = {}
        self.turn = threading.Lock()
        self.ready = threading.Event()
        self.failed_start = None
        self.process = None
        self.stopped = False
        self.unpack(code)
        self.api = serve(self.answer)
        self.start()

    def unpack(self, code):
        digest = base64.b64encode(hashlib.sha256(code).digest()).decode()
        if digest != self.configuration["CodeSha256"]:
            raise FunctionError(f"{self.name}: the zip is not the one that was deployed")
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            archive.extractall(self.folder)
        bootstrap = self.folder / "bootstrap"
        if not bootstrap.is_file():
            raise FunctionError(f"{self.name}: the zip has no bootstrap")
        # As Lambda has it: what is not executable in the zip cannot be run.
        mode = zipfile.ZipFile(io.BytesIO(code)).getinfo("bootstrap").external_attr >> 16
        if not mode & 0o001:
            raise FunctionError(f"{self.name}: not everybody may execute bootstrap in the zip")
        bootstrap.chmod(0o755)

    def environment(self):
        """Its own variables, those that Lambda sets, and where AWS and trust are to be found here."""
        own = self.configuration.get("Environment", {}).get("Variables", {})
        # moto leaves what a parameter of type Number gives a number. To AWS a variable is text.
        return {name: str(value) for name, value in own.items()} | {
            "AWS_LAMBDA_RUNTIME_API": self.api.url.removeprefix("http://"),
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.configuration["MemorySize"]),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "[$LATEST]local",
            "AWS_ACCESS_KEY_ID": self.credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": self.credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": self.credentials["SessionToken"],
            "AWS_REGION": self.account.region,
            "AWS_DEFAULT_REGION": self.account.region,
            "LAMBDA_TASK_ROOT": str(self.folder),
            "_HANDLER": self.configuration["Handler"],
            "TZ": ":UTC",
            # Not Lambda's.
            "AWS_ENDPOINT_URL": self.account.endpoint,
            "SSL_CERT_FILE": str(self.account.folder / "ca.pem"),
        }

    def start(self):
        self.ready.clear()
        self.process = subprocess.Popen(
            [str(self.folder / self.configuration["Handler"])],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )

    def stop(self):
        """Ends it, after what it has in hand."""
        with self.turn:
            self.stopped = True
        self.process.kill()
        self.process.wait()
        self.api.close()
        self.log.close()

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while not self.ready.wait(0.05):
            if self.process.poll() is not None or self.failed_start:
                raise FunctionError(f"{self.name} cannot start: {self.failed_start or 'it ended'}; see its log")
            if time.monotonic() > deadline:
                raise FunctionError(f"{self.name} has not asked for an event in {START_SECONDS} s")

    def invoke(self, event):
        """The answer, as it is read from JSON."""
        with self.turn:
            if self.stopped:
                raise FunctionStopped(f"{self.name} was stopped")
            if self.process.poll() is not None:
                self.start()
            self.wait_until_ready()
            self.account.counts[f"invocations of {self.name}"] += 1
            body = json.dumps(event).encode()
            invocation = Invocation(str(uuid.uuid4()), body, self.timeout_seconds, queue.Queue())
            self.waiting.put(invocation)
            return self.wait_for(invocation)

    def wait_for(self, invocation):
        deadline = time.monotonic() + invocation.timeout_seconds * SLACK
        while True:
            try:
                succeeded, answer = invocation.answer.get(timeout=0.2)
            except queue.Empty:
                if self.process.poll() is not None:
                    raise FunctionError(f"{self.name} ended with an event in hand") from None
                if time.monotonic() > deadline:
                    # As Lambda does.
                    self.process.kill()
                    self.process.wait()
                    raise FunctionError(f"{self.name} timed out") from None
                continue
            if not succeeded:
                raise FunctionError(f"{self.name} failed: {answer}")
            return answer

    def answer(self, request):
        """The Runtime API."""
        path = request.path.removeprefix(RUNTIME)
        if (request.method, path) == ("GET", "/invocation/next"):
            self.ready.set()
            return self.next()
        if (request.method, path) == ("POST", "/init/error"):
            self.failed_start = request.body.decode(errors="replace")
            return Answer.json(202, {"status": "OK"})
        _, _, identifier, what = path.split("/")
        invocation = self.in_hand.pop(identifier, None)
        if invocation is None:
            return Answer.json(400, {"errorType": "InvalidRequestID", "errorMessage": "no such request"})
        invocation.answer.put((what == "response", json.loads(request.body or "null")))
        return Answer.json(202, {"status": "OK"})

    def next(self):
        process = self.process
        while True:
            try:
                invocation = self.waiting.get(timeout=0.2)
                break
            except queue.Empty:
                # Whoever asked is gone, and must not be given what the next one is to have.
                if process.poll() is not None:
                    return Answer.json(500, {})
        self.in_hand[invocation.id] = invocation
        deadline = int((time.time() + invocation.timeout_seconds) * 1000)
        trace = f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0"
        headers = [
            ("content-type", "application/json"),
            ("lambda-runtime-aws-request-id", invocation.id),
            ("lambda-runtime-deadline-ms", str(deadline)),
            ("lambda-runtime-invoked-function-arn", self.arn),
            ("lambda-runtime-trace-id", trace),
        ]
        return Answer(200, invocation.event, headers)
