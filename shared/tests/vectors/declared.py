#!/usr/bin/env python3
"""Writes declared.json: vectors for schemes of the catalogue that webhooks.json has none for.

Each scheme is written out here once more, from the providers' documentation and not from the
catalogue, with Python's own hmac and with openssl for RSA. Run it beside declared.json; the RSA key
is made anew each time.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import subprocess
import tempfile

NOW = 1_760_000_000
BODIES = [
    b'{"id": "evt_1", "type": "thing.created", "amount": 10.00, "text": "caf\xc3\xa9 \\u00e9 \\/ $& {body} {timestamp}"}',
    b'{\r\n  "id": "evt_2"\r\n}\r\n',
    b"\xef\xbb\xbf\x00\xff\xfe not UTF-8",
]


def mac(digest, key, message):
    return hmac.new(key, message, digest).digest()


def write(code, how):
    return {
        "hex": code.hex,
        "base64": lambda: base64.b64encode(code).decode(),
        "base64url": lambda: base64.urlsafe_b64encode(code).rstrip(b"=").decode(),
    }[how]()


class Signed:
    """A scheme with a signature in a header."""

    def __init__(self, name, secret, header, **rest):
        self.name, self.secret, self.header = name, secret, header
        self.key = rest.get("key", secret.encode())
        self.digest = rest.get("digest", hashlib.sha256)
        self.encoding = rest.get("encoding", "hex")
        self.prefix = rest.get("prefix", "")
        # What is signed, of time and body.
        self.message = rest.get("message", lambda time, body: body)
        # The header's value, of time and signature.
        self.value = rest.get("value", lambda time, text: self.prefix + text)
        self.time_header = rest.get("time_header")
        self.time = rest.get("time")
        self.window = rest.get("window")
        self.extra = rest.get("extra", {})
        self.is_list = rest.get("is_list")
        self.sign = rest.get("sign", lambda message: mac(self.digest, self.key, message))
        self.bodies = rest.get("bodies", BODIES)

    def text(self, time, body):
        return write(self.sign(self.message(time, body)), self.encoding)

    def headers(self, time, body, text=None):
        text = self.text(time, body) if text is None else text
        headers = {**self.extra, self.header: self.value(time, text)}
        if self.time_header:
            headers[self.time_header] = time
        return headers

    def vectors(self):
        time = self.time(NOW) if self.time else None
        body = self.bodies[0]
        good = self.headers(time, body)
        text = self.text(time, body)
        bad = self.value(time, self.text(time, body + b" "))
        one = lambda value: {**good, self.header: value}
        yield "valid", good, body, True
        for n, other in enumerate(self.bodies[1:], 2):
            yield f"valid-body-{n}", self.headers(time, other), other, True
        yield "valid-lowercase-header-names", {k.lower(): v for k, v in good.items()}, body, True
        yield "valid-uppercase-header-names", {k.upper(): v for k, v in good.items()}, body, True
        yield "tampered-body", good, body.replace(b"evt_1", b"evt_9"), False
        yield "trimmed-body", good, body + b"\n", False
        yield "empty-body", good, b"", False
        yield "missing-signature-header", {k: v for k, v in good.items() if k != self.header}, body, False
        yield "empty-signature-header", one(""), body, False
        yield "repeated-signature-header", one([good[self.header], bad]), body, False
        yield "repeated-signature-header-wrong-first", one([bad, good[self.header]]), body, False
        yield "joined-signature-header", one(f"{good[self.header]}, {bad}"), body, False
        yield "padded-with-spaces", one(f" {good[self.header]} "), body, False
        yield "truncated-signature", one(self.value(time, text[:-4])), body, False
        yield "extended-signature", one(self.value(time, text + "00")), body, False
        yield "trailing-junk", one(self.value(time, text + "!")), body, False
        if self.prefix:
            yield "no-prefix", one(text), body, False
            yield "wrong-prefix", one("md5=" + text), body, False
        if self.encoding == "hex":
            yield "uppercase-hex", one(self.value(time, text.upper())), body, False
        else:
            code = self.sign(self.message(time, body))
            others = [base64.b64encode(code), base64.b64encode(code).rstrip(b"="), base64.urlsafe_b64encode(code)]
            for n, other in enumerate(x.decode() for x in others):
                if other != text:
                    yield f"other-base64-{n}", one(self.value(time, other)), body, False
            yield "hex-for-base64", one(self.value(time, code.hex())), body, False
        yield from self.of_list(time, body, text)
        yield from self.of_time(body)

    def of_list(self, time, body, text):
        if not self.is_list:
            return
        value = lambda *texts: {**self.headers(time, body), self.header: self.is_list(time, texts)}
        wrong = self.text(time, b"other")
        yield "valid-second-of-two", value(wrong, text), body, True
        yield "wrong-twice", value(wrong, wrong), body, False
        yield "too-many", value(*[wrong] * 30, text), body, False

    def of_time(self, body):
        if self.time_header:
            good = self.headers(self.time(NOW), body)
            yield "missing-timestamp", {k: v for k, v in good.items() if k != self.time_header}, body, False
            yield "changed-timestamp", {**good, self.time_header: self.time(NOW + 1)}, body, False
            twice = [self.time(NOW), self.time(NOW)]
            yield "repeated-timestamp", {**good, self.time_header: twice}, body, False
        if self.window is None:
            return
        for name, second, valid in [
            ("oldest", -self.window, True),
            ("too-old", -self.window - 1, False),
            ("too-far-ahead", self.window + 1, False),
        ]:
            time = self.time(NOW + second)
            yield name, self.headers(time, body), body, valid
        for name, time in [("garbage-timestamp", "soon"), ("negative-timestamp", "-1")]:
            yield name, self.headers(time, body), body, False


class Token:
    """A static token: the request is good, whatever is in it."""

    def __init__(self, name, secret, place, extra=None, body=b'{"id": "1"}'):
        self.name, self.secret, self.place = name, secret, place
        self.extra, self.body = extra or {}, body

    def vectors(self):
        good = self.place(self.secret)
        for name, given, body, valid in [
            ("valid", good, self.body, True),
            ("any-body", good, b"[]", True),
            ("wrong", self.place(self.secret[:-1] + "~"), self.body, False),
            ("truncated", self.place(self.secret[:-1]), self.body, False),
            ("extended", self.place(self.secret + "x"), self.body, False),
            ("other-case", self.place(self.secret.swapcase()), self.body, False),
            ("empty", self.place(""), self.body, False),
            ("missing", ({}, ""), self.body, False),
        ]:
            yield name, {**self.extra, **given[0]}, body, valid, given[1]
        headers, query = good
        if query:
            yield "repeated", self.extra, self.body, False, f"{query}&{query}"
        for header, value in headers.items():
            yield "repeated", {**self.extra, header: [value, value]}, self.body, False, ""
            yield "joined", {**self.extra, header: f"{value}, {value}"}, self.body, False, ""


def in_header(name):
    return lambda token: ({name: token}, "")


def in_query(name):
    return lambda token: ({}, f"{name}={token}")


def basic(token):
    return {"Authorization": "Basic " + base64.b64encode(token.encode()).decode()}, ""


def rsa():
    folder = pathlib.Path(tempfile.mkdtemp())
    private, message = folder / "key.pem", folder / "message"
    run = lambda *command: subprocess.run(command, check=True, capture_output=True).stdout
    run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private)
    public = run("openssl", "pkey", "-in", private, "-pubout").decode().strip()

    def sign(text):
        message.write_bytes(text)
        return run("openssl", "dgst", "-sha256", "-sign", private, message)

    return public, sign


def seconds(now):
    return str(now)


def milliseconds(now):
    return str(now * 1000)


def rfc3339(now):
    import datetime

    return datetime.datetime.fromtimestamp(now, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def linear(now):
    return b'{"id": "evt_1", "type": "Issue", "webhookTimestamp": %d}' % (now * 1000)


class Linear(Signed):
    """The timestamp is in the body, which is signed whole."""

    def of_time(self, _):
        for name, second, valid in [("oldest", -60, True), ("too-old", -61, False), ("too-far-ahead", 61, False)]:
            body = linear(NOW + second)
            yield name, self.headers(None, body), body, valid
        for name, body in [("no-timestamp", b"{}"), ("timestamp-as-text", b'{"webhookTimestamp": "soon"}')]:
            yield name, self.headers(None, body), body, False


def comma(time_label, label):
    joined = lambda time, texts: ",".join([f"{time_label}={time}"] + [f"{label}={text}" for text in texts])
    return {"value": lambda time, text: joined(time, [text]), "is_list": joined}


def labels(label):
    joined = lambda _, texts: ",".join(f"{label}={text}" for text in texts)
    return {"value": lambda time, text: joined(time, [text]), "is_list": joined}


def schemes():
    sha1 = hashlib.sha1
    dotted = lambda time, body: f"{time}.".encode() + body
    yield Signed("bitbucket/sha256", "It's a Secret", "X-Hub-Signature", prefix="sha256=", extra={"X-Event-Key": "repo:push"})
    key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
    yield Signed("adyen/platform", key, "HmacSignature", key=bytes.fromhex(key), encoding="base64", extra={"Protocol": "HmacSHA256"})
    yield Signed("razorpay/hmac-sha256-hex", "rzp_secret", "X-Razorpay-Signature")
    positional = lambda time, texts: ",".join([time, *texts])
    yield Signed("recurly/positional-ms", "recurly", "recurly-signature", message=dotted, time=milliseconds, window=300,
                 value=lambda time, text: positional(time, [text]), is_list=positional)
    public, sign = rsa()
    yield Signed("wise/rsa-sha256", public, "X-Signature-SHA256", encoding="base64", sign=sign, extra={"X-Delivery-Id": "d1"})
    yield Signed("bigcommerce/text-key", "0123456789abcdef", "webhook-signature", encoding="base64",
                 message=lambda time, body: b"msg_1." + dotted(time, body), time_header="webhook-timestamp", time=seconds, window=300,
                 extra={"webhook-id": "msg_1"}, value=lambda _, text: "v1," + text,
                 is_list=lambda _, texts: " ".join("v1," + text for text in texts))
    yield Signed("woocommerce/entities", "a&amp;b &lt;c&gt; &quot;d&#039; &amp;amp; &euro; &#x27;", "X-WC-Webhook-Signature",
                 key=b"a&b <c> \"d' &amp; &euro; '", encoding="base64", extra={"X-WC-Webhook-Topic": "order.created"})
    yield Signed("intercom/sha1", "intercom", "X-Hub-Signature", digest=sha1, prefix="sha1=")
    yield Signed("zendesk/timestamp-body", "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==", "X-Zendesk-Webhook-Signature", encoding="base64",
                 message=lambda time, body: time.encode() + body, time_header="X-Zendesk-Webhook-Signature-Timestamp", time=rfc3339)
    yield Signed("mailersend/hmac-sha256-hex", "mailersend", "Signature")
    yield Linear("linear/body-timestamp", "lin_wh", "Linear-Signature", bodies=[linear(NOW), linear(NOW - 5)])
    yield Signed("calendly/t-v1", "calendly", "Calendly-Webhook-Signature", message=dotted, time=seconds, window=180, **comma("t", "v1"))
    yield Signed("typeform/sha256-base64", "typeform", "Typeform-Signature", encoding="base64", prefix="sha256=")
    yield Signed("vercel/sha1-hex", "vercel", "x-vercel-signature", digest=sha1)
    yield Signed("cloudflare-stream/time-sig1", "stream", "Webhook-Signature", message=dotted, time=seconds, window=300, **comma("time", "sig1"))
    yield Signed("circleci/v1", "circle", "circleci-signature", **labels("v1"))
    yield Signed("crowdstrike/body-timestamp-base64", "Caprice_of_the_Leaves_0123456789", "X-Cs-Primary-Signature", encoding="base64",
                 message=lambda time, body: body + time.encode(), time_header="X-Cs-Delivery-Timestamp", time=rfc3339)
    yield Signed("sanity/base64url-ms", "sanity", "sanity-webhook-signature", encoding="base64url", message=dotted, time=milliseconds, **comma("t", "v1"))
    yield Signed("heroku/hmac-sha256-base64", "heroku", "Heroku-Webhook-Hmac-SHA256", encoding="base64")
    yield Token("telegram/secret-token", "Tele_gram-1", in_header("X-Telegram-Bot-Api-Secret-Token"), body=b'{"update_id": 1, "message": {}}')
    channel = {"X-Goog-Channel-Id": "c", "X-Goog-Message-Number": "2", "X-Goog-Resource-State": "update"}
    yield Token("google/channel-token", "channel-Token", in_header("X-Goog-Channel-Token"), channel, body=b"")
    for name in ["chargebee", "mixpanel", "workday", "datadog", "aws-eventbridge"]:
        yield Token(f"{name}/basic-auth", "me:Pass:word", basic)
    for name in ["amplitude", "datadog"]:
        yield Token(f"{name}/header", "s3cret-Header", in_header("Authorization"))
    yield Token("aws-eventbridge/api-key", "s3cret-Header", in_header("X-Api-Key"))
    yield Token("mollie/classic", "s3cret-Query", in_query("token"), body=b"id=tr_d0b0E3EA3v")
    yield Token("mailchimp/query", "s3cret-Query", in_query("token"), body=b"type=subscribe")


def main():
    found = []
    for scheme in schemes():
        provider, name = scheme.name.split("/")
        for case, headers, body, valid, *query in scheme.vectors():
            url = "https://example.com/webhooks/a" + (f"?{query[0]}" if query and query[0] else "")
            vector = {"id": f"{scheme.name}/{case}", "provider": provider, "scheme": name, "secret": scheme.secret,
                      "method": "POST", "url": url, "headers": headers, "now": NOW, "valid": valid}
            try:
                vector["body"] = body.decode()
            except UnicodeDecodeError:
                vector["body_b64"] = base64.b64encode(body).decode()
            found.append(vector)
        wrong = next(one for one in found if one["id"] == f"{scheme.name}/valid")
        secret = "v" + scheme.secret if ":" in scheme.secret else "another-secret"
        found.append({**wrong, "id": f"{scheme.name}/wrong-secret", "secret": secret, "valid": False})
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in found)
    path = pathlib.Path(__file__).with_name("declared.json")
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
