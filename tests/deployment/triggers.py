"""What calls the deployed functions besides API Gateway: Lambda's pollers, one for each deployed event source
mapping, and EventBridge, for each deployed rule with a schedule.
"""

import json
import re
import threading
import time
import uuid

from botocore.exceptions import BotoCoreError, ClientError

from functions import FunctionError
from gateway import permits

WAIT_SECONDS = 1
UNITS = {"minute": 60, "hour": 3600, "day": 86400}
FAILURES = (FunctionError, BotoCoreError, ClientError)


class Poller:
    """Receives batches in the name of the function's role, as Lambda does, and deletes what was done."""

    def __init__(self, account, mapping, function):
        self.account, self.mapping, self.function = account, mapping, function
        self.arn = mapping["EventSourceArn"]
        self.client = account.client("sqs", function.credentials)
        self.url = f"{account.endpoint}/{account.id}/{self.arn.rsplit(':', 1)[1]}"
        self.reports_items = "ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", [])
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.is_set():
            try:
                self.poll()
            except FAILURES as error:
                if not self.stopped.is_set():
                    self.account.note(f"{self.function.name}, from its queue: {error}")
                    self.stopped.wait(WAIT_SECONDS)

    def poll(self):
        messages = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=min(self.mapping["BatchSize"], 10),
            WaitTimeSeconds=0,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages", [])
        if not messages:
            # Not a long poll: the emulator answers one request after the other.
            self.stopped.wait(0.2)
            return
        name, size = self.arn.rsplit(":", 1)[1], self.mapping["BatchSize"]
        self.account.counts[f"messages of the queue {name}, in batches of up to {size}"] += len(messages)
        answer = self.function.invoke({"Records": [self.record(message) for message in messages]})
        failed = self.failed(answer, {message["MessageId"] for message in messages})
        for message in messages:
            if message["MessageId"] not in failed:
                self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def failed(self, answer, ids):
        """<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>"""
        if not self.reports_items or not answer:
            return set()
        failed = {item.get("itemIdentifier") for item in answer.get("batchItemFailures") or []}
        return failed if failed <= ids else ids

    def record(self, message):
        attributes = message.get("MessageAttributes", {})
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {
                name: {
                    "stringValue": value.get("StringValue"),
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": value["DataType"],
                }
                for name, value in attributes.items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.arn,
            "awsRegion": self.account.region,
        }


def seconds_of(expression):
    """Of `rate(1 minute)` and the like."""
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if not found:
        raise FunctionError(f"`{expression}` is no rate; schedules of other kinds are not run here")
    return int(found[1]) * UNITS[found[2]]


class Schedule:
    """Calls the targets of a rule: at once, as no rule does, and from then on at its rate."""

    def __init__(self, account, rule, targets, deployment):
        self.account, self.rule, self.targets, self.deployment = account, rule, targets, deployment
        self.every_seconds = seconds_of(rule["ScheduleExpression"])
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.is_set():
            for target in self.targets:
                try:
                    self.call(target)
                    self.account.counts[f"runs of {self.rule['Name']}, {self.rule['ScheduleExpression']}"] += 1
                except FAILURES as error:
                    if not self.stopped.is_set():
                        self.account.note(f"{self.rule['Name']}: {error}")
            self.stopped.wait(self.every_seconds)

    def call(self, target):
        function = self.deployment.functions[target["Arn"]]
        policy = self.deployment.policies[target["Arn"]]
        if not permits(policy, "events.amazonaws.com", self.rule["Arn"]):
            raise FunctionError(f"it may not call {target['Arn']}")
        function.invoke(json.loads(target["Input"]) if "Input" in target else self.event())

    def event(self):
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": self.account.id,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "region": self.account.region,
            "resources": [self.rule["Arn"]],
            "detail": {},
        }
