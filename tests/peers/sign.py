"""Signs a webhook with each provider's own library: one line of JSON for each."""

import json
import sys
import time
from datetime import datetime, timezone

import stripe
from slack_sdk.signature import SignatureVerifier
from standardwebhooks import Webhook as StandardWebhook
from svix.webhooks import Webhook as SvixWebhook
from twilio.request_validator import RequestValidator

TEXT_SECRET, BASE64_SECRET, ORIGIN = sys.argv[1:]
BODY = '{"id": "evt_python", "type": "invoice.paid", "note": "café \\u00e9 10.00"}'
NOW = int(time.time())


def say(scheme, headers, body=BODY, query=""):
    print(json.dumps({"scheme": scheme, "headers": headers, "body": body, "query": query}))


signature = stripe.WebhookSignature._compute_signature(f"{NOW}.{BODY}", TEXT_SECRET)
say("stripe", {"Stripe-Signature": f"t={NOW},v1={signature}"})

slack = SignatureVerifier(TEXT_SECRET)
signature = slack.generate_signature(timestamp=str(NOW), body=BODY)
say("slack", {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": str(NOW)})

at = datetime.fromtimestamp(NOW, timezone.utc)
for scheme, library, prefix in [
    ("standard-webhooks", StandardWebhook, "webhook"),
    ("svix", SvixWebhook, "svix"),
]:
    signature = library(BASE64_SECRET).sign("msg_1", at, BODY)
    headers = {"id": "msg_1", "timestamp": str(NOW), "signature": signature}
    say(scheme, {f"{prefix}-{name}": value for name, value in headers.items()})

form = {"CallSid": "CA1", "From": "+15551230000", "Body": "hi é"}
url = f"{ORIGIN}/webhooks/python/twilio?a=1"
signature = RequestValidator(TEXT_SECRET).compute_signature(url, form)
say(
    "twilio",
    {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"},
    "CallSid=CA1&From=%2B15551230000&Body=hi+%C3%A9",
    "?a=1",
)
