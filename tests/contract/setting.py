"""What the generated requests meet: a provider on this machine, and one of every kind of thing that has
an id, so that requests get beyond "not found".

    setting.py BASE_URL TOKEN FILE

Writes the ids to FILE as lines of shell, and serves the provider until it is ended.
"""

import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

SECRET = "whsec_example"
DEADLINE_SECONDS = 60


class Provider(http.server.BaseHTTPRequestHandler):
    """Has two people, and takes everything."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        body = json.dumps([{"id": "1", "name": "Ada"}, {"id": "2", "name": "Grace"}]).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_):
        pass


class Api:
    def __init__(self, base_url, token):
        self.base_url, self.token = base_url, token

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            self.base_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self.token}", "content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.loads(response.read() or "null")
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")

    def make(self, path, body):
        return self.call("POST", "/portal" + path, body)

    def wait_for_one(self, path):
        """The first item of a list, once there is one."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            if items := self.call("GET", "/portal" + path)["items"]:
                return items[0]
            time.sleep(0.1)
        sys.exit(f"{path}: nothing within {DEADLINE_SECONDS} s")

    def send_webhook(self, path, number):
        body = json.dumps({"id": f"evt_{number}", "type": "invoice.paid", "amount": 1}).encode()
        at = str(int(time.time()))
        digest = hmac.new(SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"stripe-signature": f"t={at},v1={digest}", "content-type": "application/json"}
        request = urllib.request.Request(self.base_url + path, data=body, headers=headers)
        urllib.request.urlopen(request, timeout=30).close()


def integration(name, provider_url):
    return {
        "name": name,
        "type": "enterprise",
        "baseUrl": provider_url,
        "authMethod": "api_key",
        "authConfig": {"keyLocation": "header", "keyHeader": "x-api-key"},
        "credentials": {"apiKey": "key_example"},
        "syncConfig": {
            "entities": {
                "people": {
                    "source": {
                        "listPath": "/people",
                        "items": "@",
                        "id": "id",
                        "pagination": {"kind": "none"},
                    }
                }
            }
        },
    }


def in_future(hours):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + hours * 3600))


def things_of_integrations(api, provider_url):
    """Those that one integration has. The second integration is there to be deleted."""
    ids = {}
    kept = api.make("/integrations", integration("Contract", provider_url))["id"]
    ids["INTEGRATION"] = kept
    ids["DOOMED_INTEGRATION"] = api.make("/integrations", integration("Doomed", provider_url))["id"]
    base = f"/integrations/{kept}"
    for name in ["ENDPOINT", "DOOMED_ENDPOINT"]:
        path = f"/webhooks/contract/{kept}/{name.lower()}"
        body = {"endpoint": path, "scheme": "stripe", "secret": SECRET}
        ids[name] = api.make(f"{base}/webhooks", body)["id"]
        secret = api.make(f"{base}/webhooks/{ids[name]}/secrets", {"secret": "whsec_other"})
        ids[name + "_SECRET"] = secret["id"]
    for name in ["DESTINATION", "DOOMED_DESTINATION"]:
        made = api.make(f"{base}/destinations", {"type": "http", "url": provider_url + "/sink"})
        ids[name] = made["id"]
    api.send_webhook(f"/webhooks/contract/{kept}/endpoint", 1)
    ids["EVENT"] = api.wait_for_one(f"{base}/webhooks/logs")["id"]
    api.make(f"{base}/requests", {"method": "GET", "endpoint": "/people"})
    ids["REQUEST"] = api.wait_for_one(f"{base}/requests")["id"]
    ids["JOB"] = api.make(f"{base}/sync", {"syncType": "full", "entities": ["people"]})["jobs"][0]["id"]
    ids["RECORD"] = api.wait_for_one(f"{base}/records?entity=people")["id"]
    rotation = api.make(f"{base}/credentials/rotate", {"credentials": {"apiKey": "key_new"}})
    ids["ROTATION"] = rotation["id"]
    return ids


def things_of_the_organization(api, integration_id, destination):
    target = {"type": "destination", "integrationId": integration_id, "destinationId": destination}
    silence = {"effect": "mute", "until": in_future(2), "reason": "a test"}
    incident = {"title": "Slow", "type": "availability", "severity": "high", "integrationId": integration_id}
    playbook = {"name": "Tell", "steps": [{"action": "notify", "text": "It is slow."}]}
    key = {"name": "A key", "roles": ["viewer"], "expiresAt": in_future(24)}
    elevation = {"role": "admin", "reason": "a test", "durationMinutes": 15}
    ids = {}
    for prefix in ["", "DOOMED_"]:
        ids[prefix + "CHANNEL"] = api.make("/alerts/channels", {"name": "Ops", "target": target})["id"]
        ids[prefix + "SILENCE"] = api.make("/alerts/silences", silence)["id"]
        ids[prefix + "PLAYBOOK"] = api.make("/playbooks", playbook)["id"]
        ids[prefix + "KEY"] = api.make("/access/keys", key)["id"]
        ids[prefix + "ELEVATION"] = api.make("/access/elevations", elevation)["id"]
    ids["INCIDENT"] = api.make("/incidents", incident)["id"]
    run = {"integrationId": integration_id, "incidentId": ids["INCIDENT"]}
    ids["RUN"] = api.make(f"/playbooks/{ids['PLAYBOOK']}/runs", run)["id"]
    return ids


def main():
    base_url, token, file = sys.argv[1:]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    provider_url = f"http://127.0.0.1:{server.server_port}"
    api = Api(base_url, token)
    ids = things_of_integrations(api, provider_url)
    ids |= things_of_the_organization(api, ids["INTEGRATION"], ids["DESTINATION"])
    ids["PROVIDER"] = provider_url
    with open(file + ".new", "w", encoding="utf-8") as lines:
        lines.writelines(f"export {name}={value}\n" for name, value in ids.items())
    os.rename(file + ".new", file)
    threading.Event().wait()


main()
