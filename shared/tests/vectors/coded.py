#!/usr/bin/env python3
"""Writes coded.json: vectors for schemes that are code and that webhooks.json has none for.

Each scheme is written out here once more, from the providers' documentation and not from the code,
with Python's own hmac and with `cryptography` for ES256. The key is derived from a fixed number, so
that the file is the same each time.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import urllib.parse

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

NOW = 1_760_000_000
URL = "https://example.com/webhooks/a"
BODY = '{"id": "evt_1",  "amount": 10.00, "text": "café \\u00e9 \\/ $& {body} {timestamp}"}\r\n'
FOUND = []


def add(scheme, case, secret, headers, body, valid, **rest):
    provider, name = scheme.split("/")
    vector = {"id": f"{scheme}/{case}", "provider": provider, "scheme": name, "secret": secret, "method": "POST",
              "url": URL, "headers": headers, "now": NOW, "valid": valid, "body": body}
    FOUND.append({**vector, **rest})


def mac(key, message, digest="sha256"):
    key, message = (x.encode() if isinstance(x, str) else x for x in (key, message))
    return hmac.new(key, message, digest).digest()


def b64(code):
    return base64.b64encode(code).decode()


def b64url(code):
    code = code if isinstance(code, bytes) else json.dumps(code).encode()
    return base64.urlsafe_b64encode(code).rstrip(b"=").decode()


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def around(scheme, secret, good, body, of_signature, header, rest=None, changed=None):
    """What goes wrong with any signature in a header."""
    rest = rest or {}
    text = good[header]
    yield_ = lambda case, headers, body, valid, **more: add(scheme, case, secret, headers, body, valid, **{**rest, **more})
    yield_("valid", good, body, True)
    yield_("valid-lowercase-header-names", {k.lower(): v for k, v in good.items()}, body, True)
    yield_("valid-uppercase-header-names", {k.upper(): v for k, v in good.items()}, body, True)
    yield_("missing-signature-header", {k: v for k, v in good.items() if k != header}, body, False)
    yield_("empty-signature-header", {**good, header: ""}, body, False)
    yield_("repeated-signature-header", {**good, header: [text, of_signature("x")]}, body, False)
    yield_("joined-signature-header", {**good, header: f"{text}, {of_signature('x')}"}, body, False)
    yield_("truncated-signature", {**good, header: text[:-4]}, body, False)
    yield_("trailing-junk", {**good, header: text + "!"}, body, False)
    yield_("tampered-body", good, changed or body.replace("evt_1", "evt_9"), False)
    yield_("trimmed-body", good, body + "\n", False)
    add(scheme, "wrong-secret", secret[:-1] + ("b" if secret[-1] == "a" else "a"), good, body, False, **rest)


def adyen():
    scheme, secret = "adyen/payments", "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"

    def item(psp, code="AUTHORISATION", original=None, key=secret, success="true"):
        fields = [psp, original or "", "TestMerchant", "TestPayment-1407325143704", "1130", "EUR", code, success]
        signature = b64(mac(bytes.fromhex(key), ":".join(fields)))
        found = {"pspReference": psp, "merchantAccountCode": "TestMerchant", "merchantReference": fields[3],
                 "amount": {"currency": "EUR", "value": 1130}, "eventCode": code, "success": success,
                 "eventDate": "2025-10-09T08:53:20+02:00", "additionalData": {"hmacSignature": signature}}
        if original:
            found["originalReference"] = original
        return found

    def body(*items):
        return json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": one} for one in items]})

    good, other = item("7914073381342284"), item("7914073381342285", "CAPTURE", original="7914073381342284")
    # The documentation's own example.
    assert good["additionalData"]["hmacSignature"] == "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=", good
    run = lambda case, text, valid, key=secret: add(scheme, case, key, {"Content-Type": "application/json"}, text, valid)
    run("valid", body(good), True)
    run("valid-two-items", body(good, other), True)
    run("valid-lowercase-key", body(good), True, secret.lower())
    run("wrong-secret", body(good), False, secret[:-1] + "7")
    run("second-item-forged", body(good, {**other, "amount": {"currency": "EUR", "value": 1}}), False)
    run("second-item-unsigned", body(good, {**other, "additionalData": {}}), False)
    run("first-item-forged", body({**good, "success": "false"}, other), False)
    run("no-additional-data", body({k: v for k, v in good.items() if k != "additionalData"}), False)
    run("no-items", body(), False)
    run("signature-of-another-item", body({**other, "additionalData": good["additionalData"]}), False)
    run("key-as-text", body(item("1", key=secret.encode().hex())), False)
    run("not-json", "live=false", False)
    for n, text in enumerate(["x", good["additionalData"]["hmacSignature"] + "!", good["additionalData"]["hmacSignature"].rstrip("=")]):
        run(f"bad-signature-{n}", body({**good, "additionalData": {"hmacSignature": text}}), False)
    # Not of the eight fields.
    run("unsigned-field-changed", body({**good, "reason": "033899:1111:03/2030"}), True)


def box():
    scheme, one, two = "box/primary-secondary", "primary-key-a", "secondary-key-a"
    time = "2025-10-09T01:53:20-07:00"

    def headers(primary=one, secondary=two, time=time, body=BODY):
        sign = lambda key: b64(mac(key, body + time))
        found = {"BOX-DELIVERY-ID": "f96bb54b", "BOX-DELIVERY-TIMESTAMP": time, "BOX-SIGNATURE-VERSION": "1",
                 "BOX-SIGNATURE-ALGORITHM": "HmacSHA256", "BOX-SIGNATURE-PRIMARY": primary and sign(primary),
                 "BOX-SIGNATURE-SECONDARY": secondary and sign(secondary)}
        return {k: v for k, v in found.items() if v}

    run = lambda case, found, valid, body=BODY, secret=one, **more: add(scheme, case, secret, found, body, valid, extra={"secondary_key": two}, **more)
    run("valid", headers(), True)
    run("valid-primary-only", headers(secondary=None), True)
    run("valid-secondary-only", headers(primary=None), True)
    run("valid-old-secondary", headers(secondary="rotated"), True)
    run("valid-old-primary", headers(primary="rotated"), True)
    run("valid-utc", headers(time="2025-10-09T08:53:20Z"), True)
    run("both-wrong", headers("x", "y"), False)
    run("no-signature", headers(None, None), False)
    run("tampered-body", headers(), False, body=BODY.replace("evt_1", "evt_9"))
    run("other-instant-same-signature", {**headers(), "BOX-DELIVERY-TIMESTAMP": "2025-10-09T08:53:20Z"}, False)
    run("timestamp-before-body", {**headers(None, None), "BOX-SIGNATURE-PRIMARY": b64(mac(one, time + BODY))}, False)
    run("too-old", headers(), False, now=NOW + 601)
    run("old-enough", headers(), True, now=NOW + 600)
    run("from-the-future", headers(), False, now=NOW - 1)
    run("other-version", {**headers(), "BOX-SIGNATURE-VERSION": "2"}, False)
    run("other-algorithm", {**headers(), "BOX-SIGNATURE-ALGORITHM": "HmacSHA1"}, False)
    run("missing-timestamp", {k: v for k, v in headers().items() if k != "BOX-DELIVERY-TIMESTAMP"}, False)
    run("repeated-signature", {**headers(), "BOX-SIGNATURE-PRIMARY": [headers()["BOX-SIGNATURE-PRIMARY"], "x"]}, False)


def docusign():
    scheme, secret = "docusign/hmac-sha256-base64", "ANZr8i0yhzVLKW1L3b3QcyZVLlwvxgbb5XMaYNtkwDk="
    sign = lambda body=BODY, key=secret: b64(mac(key, body))
    good = {"X-DocuSign-Signature-1": sign()}
    around(scheme, secret, good, BODY, sign, "X-DocuSign-Signature-1")
    run = lambda case, headers, valid: add(scheme, case, secret, headers, BODY, valid)
    run("valid-second-of-three", {"X-DocuSign-Signature-1": sign(key="a"), "X-DocuSign-Signature-2": sign(), "X-DocuSign-Signature-3": sign(key="c")}, True)
    run("valid-tenth", {"X-DocuSign-Signature-10": sign()}, True)
    run("valid-beside-a-broken-one", {"X-DocuSign-Signature-1": "x", "X-DocuSign-Signature-2": sign()}, True)
    run("none-of-three", {f"X-DocuSign-Signature-{n}": sign(key="a") for n in (1, 2, 3)}, False)
    run("no-number", {"X-DocuSign-Signature-": sign(body="x")}, False)
    run("another-header", {"X-DocuSign-Signature-Digest": sign()}, False)
    run("key-decoded", {"X-DocuSign-Signature-1": b64(mac(base64.b64decode(secret), BODY))}, False)


def hubspot():
    secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyya"
    body = '[{"eventId":1,"subscriptionType":"contact.creation","note":"café evt_1"}]'
    v1 = {"X-HubSpot-Signature": sha256(secret + body), "X-HubSpot-Signature-Version": "v1"}
    around("hubspot/v1", secret, v1, body, sha256, "X-HubSpot-Signature")
    add("hubspot/v1", "hmac-instead", secret, {**v1, "X-HubSpot-Signature": mac(secret, body).hex()}, body, False)
    add("hubspot/v1", "says-v2", secret, {**v1, "X-HubSpot-Signature-Version": "v2"}, body, False)
    v2 = {"X-HubSpot-Signature": sha256(secret + "POST" + URL + body), "X-HubSpot-Signature-Version": "v2"}
    around("hubspot/v2", secret, v2, body, sha256, "X-HubSpot-Signature")
    add("hubspot/v2", "v1-for-v2", secret, v1, body, False)
    add("hubspot/v2", "v1-labelled-v2", secret, {**v1, "X-HubSpot-Signature-Version": "v2"}, body, False)
    add("hubspot/v2", "other-url", secret, v2, body, False, url=URL + "?x=1")
    public = "https://hooks.example.org/in"
    through = {**v2, "X-HubSpot-Signature": sha256(secret + "POST" + public + body)}
    add("hubspot/v2", "valid-configured-url", secret, through, body, True, extra={"public_url": public})

    def v3(url=URL, time=str(NOW * 1000), body=body):
        return {"X-HubSpot-Signature-v3": b64(mac(secret, "POST" + url + body + time)), "X-HubSpot-Request-Timestamp": time}

    around("hubspot/v3", secret, v3(), body, lambda text: b64(mac(secret, text)), "X-HubSpot-Signature-v3")
    at = lambda second: v3(time=str((NOW + second) * 1000))
    for case, second, valid in [("too-old", -301, False), ("old-enough", -300, True), ("just-ahead", 299, True), ("too-new", 301, False)]:
        add("hubspot/v3", case, secret, at(second), body, valid)
    add("hubspot/v3", "seconds", secret, v3(time=str(NOW)), body, False)
    add("hubspot/v3", "other-time", secret, {**v3(), "X-HubSpot-Request-Timestamp": str(NOW * 1000 + 1)}, body, False)
    escaped = URL + "?a=%3Ab%2Fc&d=%20e"
    add("hubspot/v3", "valid-url-as-it-is", secret, v3(escaped), body, True, url=escaped)
    decoded = URL + "?a=:b/c&d=%20e"
    add("hubspot/v3", "valid-url-decoded", secret, v3(decoded), body, True, url=escaped)
    add("hubspot/v3", "url-decoded-too-far", secret, v3(URL + "?a=:b/c&d= e"), body, False, url=escaped)


def contentful():
    scheme, secret = "contentful/canonical", ("0123456789" * 7)[:63] + "a"

    def headers(time=NOW * 1000, names=("x-contentful-signed-headers", "x-contentful-timestamp", "X-Contentful-Topic"),
                path="/webhooks/a", method="POST", body=BODY):
        found = {"x-contentful-timestamp": str(time), "x-contentful-signed-headers": ",".join(names), "X-Contentful-Topic": "ContentManagement.Entry.publish"}
        lower = {k.lower(): v for k, v in found.items()}
        pairs = ";".join(f"{name}:{lower[name]}" for name in sorted(name.lower() for name in names))
        found["x-contentful-signature"] = mac(secret, "\n".join([method, path, pairs, body])).hex()
        return found

    around(scheme, secret, headers(), BODY, lambda text: mac(secret, text).hex(), "x-contentful-signature")
    run = lambda case, found, valid, **more: add(scheme, case, secret, found, BODY, valid, **more)
    for case, second, valid in [("too-old", -31, False), ("old-enough", -30, True), ("too-new", 31, False)]:
        run(case, headers((NOW + second) * 1000), valid)
    run("changed-topic", {**headers(), "X-Contentful-Topic": "x"}, False)
    run("unsigned-timestamp", headers(names=("x-contentful-signed-headers",)), False)
    run("listed-header-missing", {k: v for k, v in headers().items() if k != "X-Contentful-Topic"}, False)
    # `encodeURI` escapes the percent signs of what was escaped already.
    query = "?q=a%20b&r=%C3%A9"
    run("valid-query", headers(path="/webhooks/a" + query.replace("%", "%25")), True, url=URL + query)
    run("query-escaped-once", headers(path="/webhooks/a" + query), False, url=URL + query)
    run("other-path", headers(path="/webhooks/b"), False)
    run("other-method", headers(method="PUT"), False)


def mandrill():
    scheme, secret = "mandrill/sha1-url-params", "mandrill-key-a"
    fields = {"mandrill_events": '[{"event":"send","_id":"evt_1","ts":1760000000,"msg":{"subject":"café & +"}}]'}
    sign = lambda text, url=URL: b64(mac(secret, url + text, "sha1"))
    joined = lambda fields: "".join(k + v for k, v in sorted(fields.items()))
    body = urllib.parse.urlencode(fields)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    good = {**form, "X-Mandrill-Signature": sign(joined(fields))}
    around(scheme, secret, good, body, sign, "X-Mandrill-Signature", changed=body.replace("evt_1", "evt_9"))
    two = {"z": "last", "a": "", **fields}
    add(scheme, "valid-sorted", secret, {**form, "X-Mandrill-Signature": sign(joined(two))}, urllib.parse.urlencode(two), True)
    url = "https://me:word@example.com/webhooks/a"
    add(scheme, "valid-user-info", secret, {**form, "X-Mandrill-Signature": sign(joined(fields), url)}, body, True, extra={"url": url})
    add(scheme, "other-url", secret, {**form, "X-Mandrill-Signature": sign(joined(fields), URL + "/")}, body, False)
    add(scheme, "raw-body", secret, {**form, "X-Mandrill-Signature": sign(body)}, body, False)
    add(scheme, "no-form", secret, {"X-Mandrill-Signature": sign(""), "Content-Type": "application/json"}, "{}", False)
    add(scheme, "head", secret, {}, "", True, method="HEAD", expect_response={"status": 200, "body": ""})


def trello():
    scheme, secret = "trello/sha1-base64", "trello-secret-a"
    sign = lambda text, url=URL: b64(mac(secret, text + url, "sha1"))
    around(scheme, secret, {"X-Trello-Webhook": sign(BODY)}, BODY, sign, "X-Trello-Webhook")
    url = "https://hooks.example.org/trello?x=1"
    add(scheme, "valid-callback-url", secret, {"X-Trello-Webhook": sign(BODY, url)}, BODY, True, extra={"callback_url": url})
    add(scheme, "url-first", secret, {"X-Trello-Webhook": b64(mac(secret, URL + BODY, "sha1"))}, BODY, False)
    add(scheme, "head", secret, {}, "", True, method="HEAD", expect_response={"status": 200, "body": ""})


def asana():
    scheme, secret = "asana/hmac-sha256-hex", "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e8a"
    sign = lambda text: mac(secret, text).hex()
    around(scheme, secret, {"X-Hook-Signature": sign(BODY)}, BODY, sign, "X-Hook-Signature")
    beat = '{"events": []}'
    add(scheme, "valid-heartbeat", secret, {"X-Hook-Signature": sign(beat)}, beat, True)
    add(scheme, "uppercase-hex", secret, {"X-Hook-Signature": sign(BODY).upper()}, BODY, False)
    add(scheme, "key-decoded", secret, {"X-Hook-Signature": mac(bytes.fromhex(secret), BODY).hex()}, BODY, False)
    offer = {"X-Hook-Secret": secret}
    answer = {"status": 200, "headers": {"X-Hook-Secret": secret}}
    add("asana/handshake", "first", secret, offer, "{}", True, expect_response=answer)
    # There is a secret, and it stays.
    add("asana/handshake", "second", secret, {"X-Hook-Secret": "another-secret-of-somebody"}, "{}", False)
    add("asana/handshake", "second-beside-a-signature", secret, {**offer, "X-Hook-Signature": sign(BODY)}, BODY, False)


def token(header, claims, sign):
    signed = f"{b64url(header)}.{b64url(claims)}"
    return f"{signed}.{b64url(sign(signed.encode()))}"


def netlify():
    scheme, secret = "netlify/jws-hs256", "netlify-secret-a"
    body = '{"id":"evt_1","state":"ready"}'

    def make(body, header=None, claims=None, sign=lambda signed: mac(secret, signed)):
        claims = {"iss": "netlify", "sha256": sha256(body), **(claims or {})}
        return token(header or {"alg": "HS256", "typ": "JWT"}, claims, sign)

    around(scheme, secret, {"X-Webhook-Signature": make(body)}, body, make, "X-Webhook-Signature")
    run = lambda case, text, valid: add(scheme, case, secret, {"X-Webhook-Signature": text}, body, valid)
    run("other-issuer", make(body, claims={"iss": "x"}), False)
    run("other-hash", make(body, claims={"sha256": sha256("x")}), False)
    run("alg-none", make(body, {"alg": "none"}, sign=lambda _: b""), False)
    run("alg-none-signed", make(body, {"alg": "none"}), False)
    run("alg-hs512", make(body, {"alg": "HS512"}, sign=lambda signed: mac(secret, signed, "sha512")), False)
    run("critical-extension", make(body, {"alg": "HS256", "crit": ["exp"], "exp": 1}), False)
    run("unencoded-payload", make(body, {"alg": "HS256", "b64": False}), False)
    run("two-parts", make(body).rsplit(".", 1)[0], False)
    run("four-parts", make(body) + ".x", False)
    run("padded", make(body) + "=", False)


def plaid():
    scheme = "plaid/jwt-es256"
    body = '{\n  "item_id": "evt_1",\n  "webhook_code": "DEFAULT_UPDATE",\n  "webhook_type": "TRANSACTIONS"\n}'
    private, other = ec.derive_private_key(1234567, ec.SECP256R1()), ec.derive_private_key(7654321, ec.SECP256R1())

    def jwk(key, kid):
        point = key.public_key().public_numbers()
        return {"alg": "ES256", "crv": "P-256", "kty": "EC", "use": "sig", "kid": kid, "created_at": 1560466150, "expired_at": None,
                "x": b64url(point.x.to_bytes(32, "big")), "y": b64url(point.y.to_bytes(32, "big"))}

    def es256(key):
        def sign(signed):
            der = key.sign(signed, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
            r, s = utils.decode_dss_signature(der)
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return sign

    def make(body, header=None, iat=NOW, sign=es256(private), **claims):
        header = {"alg": "ES256", "kid": "key-1", "typ": "JWT", **(header or {})}
        return token(header, {"iat": iat, "request_body_sha256": sha256(body), **claims}, sign)

    secret = json.dumps(jwk(private, "key-1"))
    run = lambda case, text, valid, key=secret, body=body, **more: add(scheme, case, key, {"Plaid-Verification": text}, body, valid, **more)
    run("valid", make(body), True)
    run("tampered-body", make(body), False, body=body.replace("evt_1", "evt_9"))
    run("reserialized-body", make(body), False, body=json.dumps(json.loads(body)))
    run("wrong-secret", make(body), False, key=json.dumps(jwk(other, "key-1")))
    run("other-key-id", make(body, {"kid": "key-2"}), False)
    run("no-key-id", token({"alg": "ES256"}, {"iat": NOW, "request_body_sha256": sha256(body)}, es256(private)), False)
    run("too-old", make(body, iat=NOW - 301), False)
    run("old-enough", make(body, iat=NOW - 300), True)
    run("too-new", make(body, iat=NOW + 301), False)
    run("no-time", token({"alg": "ES256", "kid": "key-1"}, {"request_body_sha256": sha256(body)}, es256(private)), False)
    run("der-signature", make(body, sign=lambda signed: private.sign(signed, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))), False)
    run("alg-none", make(body, {"alg": "none"}, sign=lambda _: b""), False)
    run("alg-hs256-keyed-with-the-key", make(body, {"alg": "HS256"}, sign=lambda signed: mac(secret, signed)), False)
    run("critical-extension", make(body, {"crit": ["x"], "x": 1}), False)
    run("uppercase-hash", make(body, request_body_sha256=sha256(body).upper()), False)
    run("repeated-header", [make(body), "x"], False)
    add(scheme, "missing-header", secret, {}, body, False)
    run("valid-second-key", make(body, {"kid": "key-2"}, sign=es256(other)), True, extra={"jwk": jwk(other, "key-2")})


def connect():
    scheme, secret = "atlassian-connect/jwt-qsh", "connect-shared-secret-a"
    body = '{"webhookEvent": "jira:issue_updated"}'

    def make(request="POST&/webhooks/a&", header=None, sign=lambda signed: mac(secret, signed), **claims):
        claims = {"iss": "client-key", "iat": NOW, "exp": NOW + 180, "qsh": sha256(request), **claims}
        return token(header or {"alg": "HS256", "typ": "JWT"}, claims, sign)

    run = lambda case, text, valid, key=secret, body=body, **more: add(scheme, case, key, {"Authorization": f"JWT {text}"}, body, valid, **more)
    run("valid", make(), True)
    run("wrong-secret", make(), False, key="x")
    query = "?zee_last=param&repeated=parameter%201&first=param&repeated=parameter+2"
    canonical = "first=param&repeated=parameter%201,parameter%202&zee_last=param"
    run("valid-query", make(f"POST&/webhooks/a&{canonical}"), True, url=URL + query)
    run("other-query", make(f"POST&/webhooks/a&{canonical}"), False, url=URL + query + "&x=1")
    run("unsorted-query", make("POST&/webhooks/a&" + query[1:]), False, url=URL + query)
    add(scheme, "valid-in-query", secret, {}, body, True, url=f"{URL}?jwt={make()}")
    run("valid-relative-to-base", make("POST&/a&"), True, extra={"base_url": "https://example.com/webhooks"})
    run("other-method", make("GET&/webhooks/a&"), False)
    run("other-path", make("POST&/webhooks/b&"), False)
    run("context-qsh", make(qsh="context-qsh"), False)
    run("no-qsh", token({"alg": "HS256"}, {"iss": "client-key", "iat": NOW, "exp": NOW + 180}, lambda signed: mac(secret, signed)), False)
    run("expired", make(exp=NOW - 61), False)
    run("no-expiry", token({"alg": "HS256"}, {"qsh": sha256("POST&/webhooks/a&")}, lambda signed: mac(secret, signed)), False)
    run("not-yet", make(nbf=NOW + 61), False)
    run("alg-none", make(header={"alg": "none"}, sign=lambda _: b""), False)
    run("alg-hs512", make(header={"alg": "HS512"}, sign=lambda signed: mac(secret, signed, "sha512")), False)
    run("any-body", make(), True, body="{}")
    add(scheme, "bearer", secret, {"Authorization": f"Bearer {make()}"}, body, False)
    add(scheme, "missing", secret, {}, body, False)
    add(scheme, "repeated-header", secret, {"Authorization": [f"JWT {make()}", "JWT x"]}, body, False)


def salesforce():
    scheme, ours = "salesforce/outbound", "00D5f000001abcDEAQ"

    def body(organization, *ids):
        one = '<Notification><Id>%s</Id><sObject xsi:type="sf:Account" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>0015f00000AbCdE</sf:Id></sObject></Notification>'
        head = '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        return head + f"<OrganizationId>{organization}</OrganizationId>" + "".join(one % i for i in ids) + "</notifications></soapenv:Body></soapenv:Envelope>"

    first = "04l5f000000AbCdEAB"
    run = lambda case, text, valid: add(scheme, case, "", {"Content-Type": "text/xml"}, text, valid, extra={"organization_id": ours})
    run("valid", body(ours, first), True)
    run("valid-hundred", body(ours, *[first] * 100), True)
    run("more-than-hundred", body(ours, *[first] * 101), False)
    run("other-organization", body("00D5f000001abcDEAZ", first), False)
    run("no-notification", body(ours), False)
    run("organization-in-a-notification", body("x", first).replace("<sf:Id>", f"<OrganizationId>{ours}</OrganizationId><sf:Id>"), False)
    run("not-xml", "{}", False)


def main():
    for scheme in [adyen, asana, box, connect, contentful, docusign, hubspot, mandrill, netlify, plaid, salesforce, trello]:
        scheme()
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in FOUND)
    path = pathlib.Path(__file__).with_name("coded.json")
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
