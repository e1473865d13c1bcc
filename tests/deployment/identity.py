"""An identity provider and the certificates of this machine's servers, both made anew at each start."""

import datetime
import ipaddress
import json
import ssl
import time

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from servers import Answer, serve

ORGANIZATION = "org_01K72Z5QSW0123456789ABCDEF"
AUDIENCE = "gatehouse"
LIFETIME_SECONDS = 12 * 3600
PEM = serialization.Encoding.PEM


def name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certificate(subject, public_key, issuer, signing_key):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
    builder = builder.public_key(public_key).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=2))
    if subject == issuer:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    else:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(signing_key, hashes.SHA256())


def certify(folder):
    """Makes an authority (`ca.pem`) and a certificate of 127.0.0.1; the context of servers that show it."""
    authority = ec.generate_private_key(ec.SECP256R1())
    of_authority = certificate("Deployment check", authority.public_key(), "Deployment check", authority)
    (folder / "ca.pem").write_bytes(of_authority.public_bytes(PEM))
    key = ec.generate_private_key(ec.SECP256R1())
    of_server = certificate("127.0.0.1", key.public_key(), "Deployment check", authority)
    no_password = serialization.NoEncryption()
    private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, no_password)
    file = folder / "server.pem"
    file.touch(mode=0o600)
    file.write_bytes(private + of_server.public_bytes(PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


class IdentityProvider:
    """Signs access tokens, and shows its keys where OpenID Connect says."""

    def __init__(self, tls):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.server = serve(self.answer, tls)
        self.issuer = self.server.url

    def answer(self, request):
        documents = {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/keys",
            },
            "/keys": {"keys": [self.public_key()]},
        }
        if request.path not in documents:
            return Answer.json(404, {})
        return Answer.json(200, documents[request.path])

    def public_key(self):
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        return public | {"kid": "check", "use": "sig", "alg": "ES256"}

    def token(self, **claims):
        """An access token of an owner, unless the claims say otherwise."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "deployer",
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "org_id": ORGANIZATION,
            "roles": ["owner"],
        } | claims
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": "check", "typ": "at+jwt"})
