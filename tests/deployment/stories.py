"""Stories that a user's requests tell, of what the documents have set up and of some integrations more."""

import hashlib
import hmac
import json
import re
import ssl
import time
import urllib.error
import urllib.request

from servers import Answer, serve

DEADLINE_SECONDS = 130


class Failed(Exception):
    """It is not as it should be."""


def expect(condition, text):
    if not condition:
        raise Failed(text)


class Api:
    """The deployed API, by its public address."""

    def __init__(self, account):
        self.account = account
        self.tls = ssl.create_default_context(cafile=account.folder / "ca.pem")
        self.token = account.identity.token()

    def send(self, method, path, body=None, headers=None):
        """Status and body."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        given = {"authorization": f"Bearer {self.token}", "content-type": "application/json"} | (headers or {})
        url = self.account.public_url + path
        request = urllib.request.Request(url, data=data, headers=given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60, context=self.tls) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def call(self, method, path, body=None):
        status, answer = self.send(method, "/portal" + path, body)
        expect(status < 300, f"{method} {path}: {status} {answer.decode(errors='replace')}")
        return json.loads(answer or b"null")

    def items(self, path):
        return self.call("GET", path)["items"]


def wait_for(what, look, seconds=DEADLINE_SECONDS):
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        expect(time.monotonic() < deadline, f"{what}: not within {seconds} s")
        time.sleep(0.5)


SECRET = "whsec_story"


def signed(body):
    """As Stripe signs."""
    now = str(int(time.time()))
    digest = hmac.new(SECRET.encode(), f"{now}.{body}".encode(), hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={now},v1={digest}"}


class Provider:
    """Has two people, takes everything, and remembers the keys that it was shown and what it was told."""

    def __init__(self):
        self.keys, self.told = [], []
        self.url = serve(self.answer).url

    def answer(self, request):
        if request.path == "/told":
            self.told.append(json.loads(request.body)["id"])
            return Answer(204)
        self.keys.append(request.header("x-api-key"))
        return Answer.json(200, [{"id": "1", "name": "Ada"}, {"id": "2", "name": "Grace"}])


class Stories:
    def __init__(self, account, printed):
        self.account, self.printed = account, printed
        self.api = Api(account)
        self.provider = Provider()
        self.integration = None

    def all(self):
        return [
            ("webhooks arrive at the destination, forged ones do not", self.webhooks),
            ("a call through the gateway is made and logged", self.gateway),
            ("records are synchronized, as requested", self.requested_sync),
            ("another integration with a schedule is made; a webhook sent twice arrives once", self.set_up),
            ("nobody comes in without a token, or with another's", self.strangers),
            ("consents are asked for by connect", self.connect),
            ("credentials are replaced, by the schedule of rotation", self.rotation),
            ("records are synchronized, by the schedule of sync", self.scheduled_sync),
        ]

    def named(self, name):
        """The integration that the README calls so."""
        found = [one for one in self.api.items("/integrations") if one["name"] == name]
        expect(len(found) == 1, f"there are {len(found)} integrations called {name}")
        return found[0]["id"]

    def documents(self):
        first = self.printed["first request"]
        expect(re.search(r"^HTTP/1.1 200", first, re.M) and '{"items":[]' in first, f"the first request: {first}")
        text = "".join(self.printed.values())
        statuses = re.findall(r"^HTTP/1.1 (\d+)", text, re.M)
        expect(statuses == ["200", "200", "401", "200"], f"answered were {statuses}")
        expect('"signingSecret"' in text, "no signing secret was shown")
        expect('"evt_2"' not in "".join(re.findall(r"^None .*|^msg_.*", text, re.M)), "a forged webhook arrived")

    def webhooks(self):
        path = f"/integrations/{self.named('Payments')}/webhooks/logs"
        look = lambda: [one for one in self.api.items(path) if one["status"] == "delivered"]
        delivered = wait_for("two deliveries", lambda: len(look()) == 2 and look())
        expect(len(self.api.items(path)) == 2, "more events are listed than were sent")
        text = (self.account.folder / "logs" / "documents.log").read_text(encoding="utf-8", errors="replace")
        for event in ["evt_1", "evt_3"]:
            expect(re.search(rf'^\S+ \{{"id": "{event}"', text, re.M), f"the receiver did not get {event}")
        return f"{len(delivered)} delivered"

    def gateway(self):
        requests = self.api.items(f"/integrations/{self.named('CRM')}/requests")
        expect(requests, "no request is in the log")
        text = (self.account.folder / "logs" / "documents.log").read_text(encoding="utf-8", errors="replace")
        expect(re.search(r'^None \{"name": ?"Ada"\}', text, re.M), "the receiver did not get the call")

    def requested_sync(self):
        path = f"/integrations/{self.named('CRM')}/records?entity=people"
        records = wait_for("two people", lambda: len(self.api.items(path)) == 2)
        return records and "2 records"

    def set_up(self):
        source = {"listPath": "/people", "items": "@", "id": "id", "pagination": {"kind": "none"}}
        made = self.api.call("POST", "/integrations", {
            "name": "Scheduled",
            "type": "enterprise",
            "baseUrl": self.provider.url,
            "authMethod": "api_key",
            "authConfig": {"keyLocation": "header", "keyHeader": "x-api-key"},
            "credentials": {"apiKey": "key_first"},
            "syncConfig": {"entities": {"people": {"source": source, "schedule": "rate(1 minute)"}}},
        })
        self.integration = f"/integrations/{made['id']}"
        answer = self.api.call("POST", f"{self.integration}/requests", {"method": "GET", "endpoint": "/people"})
        expect(answer["status"] == 200 and self.provider.keys[-1] == "key_first", f"the call: {answer}")

        endpoint = {"endpoint": "/webhooks/story", "scheme": "stripe", "secret": SECRET}
        self.api.call("POST", f"{self.integration}/webhooks", endpoint)
        destination = {"type": "http", "url": f"{self.provider.url}/told"}
        self.api.call("POST", f"{self.integration}/destinations", destination)
        self.webhook("evt_before")

    def webhook(self, event):
        """Sends one, twice, and waits for its one delivery."""
        body = json.dumps({"id": event, "type": "invoice.paid"})
        for _ in range(2):
            status, answer = self.api.send("POST", "/webhooks/story", body.encode(), signed(body))
            expect(status == 200, f"the webhook: {status} {answer}")
        status, _ = self.api.send("POST", "/webhooks/story", b"{}", signed(body))
        expect(status == 401, f"a forged webhook: {status}")
        wait_for(f"the delivery of {event}", lambda: event in self.provider.told)
        path = f"{self.integration}/webhooks/logs"
        listed = [one["status"] for one in self.api.items(path) if one["providerEventId"] == event]
        expect(self.provider.told.count(event) == 1 and len(listed) == 1, f"{event} is there {listed}")

    def strangers(self):
        path = f"/portal{self.integration}"
        for token, expected in [
            ("none", 401),
            (self.account.identity.token(aud="another"), 401),
            (self.account.identity.token(org_id="org_01K72Z5QSW0123456789ABCDEG"), 404),
            (self.account.identity.token(roles=[]), 403),
        ]:
            status, _ = self.api.send("GET", path, headers={"authorization": f"Bearer {token}"})
            expect(status == expected, f"{status}, and not {expected}")
        status, _ = self.api.send("GET", "/elsewhere")
        expect(status == 404, f"a path without a route: {status}")

    def connect(self):
        status, answer = self.api.send("GET", f"/portal{self.integration}/oauth")
        expect(status in (200, 404, 409), f"the grant of one without consent: {status} {answer.decode()}")
        status, _ = self.api.send("GET", "/oauth/callback?state=none&code=none")
        expect(400 <= status < 500, f"an answer that nobody asked for: {status}")

    def rotation(self):
        path = f"{self.integration}/credentials/rotate"
        rotation = self.api.call("POST", path, {"credentials": {"apiKey": "key_second"}})
        show = f"{self.integration}/rotations/{rotation['id']}"
        states = ("grace", "revoke", "done")
        state = wait_for("the switch", lambda: (now := self.api.call("GET", show)["state"]) in states and now)

        def uses_the_new_one():
            self.api.call("POST", f"{self.integration}/requests", {"method": "GET", "endpoint": "/people"})
            return self.provider.keys[-1] == "key_second"

        wait_for("a call with the new key", uses_the_new_one)
        return state

    def scheduled_sync(self):
        path = f"{self.integration}/records?entity=people"
        wait_for("two people", lambda: len(self.api.items(path)) == 2)
        return "2 records, and nobody asked"

    def metrics(self):
        path = f"{self.integration}/metrics?window=1h"
        look = lambda: self.api.call("GET", path)["totalRequests"]
        return f"{wait_for('calls in the metrics', look, 360)} calls"
