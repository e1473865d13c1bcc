"""What `webhooks` does, as one would write it in Python: a GitHub webhook is verified, sent to SQS, answered."""

import base64
import hashlib
import hmac
import json
import os

import boto3

SECRET = os.environ["SECRET"].encode()
QUEUE_URL = os.environ["QUEUE_URL"]
SQS = boto3.client("sqs")


def is_signed(body: bytes, signature: str) -> bool:
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature.encode(), expected.encode())


def handler(event, _context):
    text = event.get("body") or ""
    body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()
    if not is_signed(body, event["headers"].get("x-hub-signature-256", "")):
        return {"statusCode": 401}
    message = {
        "delivery": event["headers"].get("x-github-delivery"),
        "type": event["headers"].get("x-github-event"),
        "body": base64.b64encode(body).decode(),
    }
    SQS.send_message(QueueUrl=QUEUE_URL, MessageBody=json.dumps(message))
    return {"statusCode": 200, "body": ""}
