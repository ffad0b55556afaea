"""An integrator and a device in Python, written from the description of the protocol: they share no code with keyferry.

    hermod.py COMMAND_BASE PUBLIC_BASE ID KEY [CALLBACK_PORT BASIC SECRET]

Drives a hub through ping, provision, certificate and delete, in both roles, with what a hub has to refuse in between. With the last three arguments it
listens for callbacks too, and checks who sent them. Says `ok` at the end; exits 1 with what went wrong.

Needs the package `cryptography`.
"""

import base64
import datetime
import hashlib
import hmac
import http.server
import json
import queue
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

COMMANDS, PUBLIC, API_ID, API_KEY = sys.argv[1:5]
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_url64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check(condition, what):
    if not condition:
        sys.exit("failed: " + what)


def call(method, url, headers, body=None):
    """Status and body; a body of JSON is read."""
    data = None
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = dict(headers, **{"Content-Type": "application/json"})
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with OPENER.open(request, timeout=30) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    return status, json.loads(text) if text else None


# The integrator.


def api_headers(api_id=API_ID, key=API_KEY):
    return {"X-Api-Key": base64.b64encode(f"{api_id}:{key}".encode()).decode()}


def submit(path, member, command, to=None, external_id=None):
    header = {"lifespan": 60, "timeout": 60}
    if to is not None:
        header["to"] = to
    if external_id is not None:
        header["externalId"] = external_id
    status, answer = call("POST", f"{COMMANDS}/{path}", api_headers(), {"commandHeader": header, member: command})
    check(status == 200, f"{path} was answered with {status} {answer}")
    check(answer["state"] == "IN_PROGRESS", "a new command is in progress")
    check(answer.get("externalId") == external_id, "the externalId comes back")
    return answer


def poll(command_id):
    status, answer = call("GET", f"{COMMANDS}/poll/{command_id}", api_headers())
    check(status == 200, f"poll was answered with {status}")
    return answer


# The device.


class Mailbox:
    def __init__(self, address, token, claim=None):
        self.address = address
        self.headers = {"Authorization": f"Bearer {token}"}
        if claim:
            self.headers["X-Claim"] = claim

    @classmethod
    def of_link(cls, uri):
        scheme, rest = uri.split("://", 1)
        check(scheme == "com.nexusgroup.plugout", "the scheme of a link")
        params = dict(urllib.parse.parse_qsl(rest.lstrip("/").lstrip("?")))
        check(params["url"].startswith(PUBLIC + "/"), "a link leads to the public address")
        return cls(params["url"], params["token"], url64(os_random(32)))

    def list(self, wait=0):
        return call("GET", f"{self.address}?wait={wait}", self.headers)

    def fetch(self, mid):
        return call("GET", f"{self.address}/{mid}", self.headers)

    def answer(self, mid, body):
        return call("POST", f"{self.address}/{mid}", self.headers, body)

    def reserve(self):
        return call("POST", PUBLIC, self.headers, {})

    def remove(self):
        return call("DELETE", self.address, self.headers)

    def only_message(self):
        status, listing = self.list()
        check(status == 200 and len(listing["messages"]) == 1, f"one message waits: {status} {listing}")
        listed = listing["messages"][0]
        status, message = self.fetch(listed["mid"])
        check(status == 200, f"fetch was answered with {status}")
        check(message["header"]["location"] == f"{self.address}/{listed['mid']}", "the location of a message")
        return message


def os_random(length):
    import os

    return os.urandom(length)


def answer_to(message, member, response):
    header = {"inReplyTo": message["header"]["location"], "status": 200}
    return json.dumps({"responseHeader": header, member: response}).encode()


def raw_signature(key, message):
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def jws(key, header, payload):
    signed = url64(json.dumps(header).encode()) + "." + url64(json.dumps(payload).encode())
    return signed + "." + url64(raw_signature(key, signed.encode()))


def jwk(key):
    point = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": url64(point.x.to_bytes(32, "big")), "y": url64(point.y.to_bytes(32, "big")), "alg": "ES256"}


def verify_jws(text, key):
    """The payload, if the key, a JWK, made the signature."""
    signed, signature = text.rsplit(".", 1)
    x, y = (int.from_bytes(from_url64(key[name]), "big") for name in "xy")
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    raw = from_url64(signature)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    return json.loads(from_url64(signed.split(".")[1]))


def provision(message, mailbox, attestation, key):
    """The answer to a provision command, and the mailbox of the new profile."""
    status, reserved = mailbox.reserve()
    check(status == 201, f"reserve was answered with {status}")
    command = message["provCommand"]
    nonce, profile = command["nonce"], command["profile"]
    (asked,) = profile["keygenrequests"]
    template = x509.load_der_x509_csr(base64.b64decode(asked["certreq"]))
    request = x509.CertificateSigningRequestBuilder().subject_name(template.subject).sign(key, hashes.SHA256())
    statement = dict(jwk(key), use=asked["usage"], kid=asked["keyid"], keystate=asked["keystate"].lower())
    statement["certreq"] = base64.b64encode(request.public_bytes(serialization.Encoding.DER)).decode()
    signed_key = jws(key, {"alg": "ES256", "kid": asked["keyid"], "nonce": nonce}, statement)
    header = {"alg": "ES256", "nonce": nonce, "fqdn": message["header"]["fqdn"], "jwk": dict(jwk(attestation), kid="attestation")}
    payload = {
        "profile": {
            "id": "5f3c1c4e-2b0b-4c39-9a37-0c6f3a0e8a11",
            "userid": command["userid"],
            "name": profile["name"],
            "servername": profile["servername"],
            "boxurl": reserved["boxurl"],
            "signedkeys": [signed_key],
        },
        "deviceinfo": {"operatingsystem": "Python", "name": "peer", "model": "none"},
    }
    result = {"contenttype": "jws", "data": jws(attestation, header, payload)}
    body = answer_to(message, "provResponse", {"code": 0, "result": result})
    return body, Mailbox(reserved["boxurl"], reserved["token"])


def certificate_for(request, issuer):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Peer CA")])
    now = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder().subject_name(request.subject).issuer_name(name).public_key(request.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=365))
    return builder.sign(issuer, hashes.SHA256())


# Callbacks.


class Callbacks:
    """Listens for callbacks and checks who sent them."""

    def __init__(self, port, basic, secret):
        self.came = queue.Queue()
        came = self.came

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                expected = "Basic " + base64.b64encode(basic.encode()).decode()
                name, stamp = self.headers["webhook-id"], self.headers["webhook-timestamp"]
                key = base64.b64decode(secret.removeprefix("whsec_"))
                mac = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
                signature = "v1," + base64.b64encode(mac).decode()
                good = self.headers["Authorization"] == expected and self.headers["webhook-signature"] == signature
                good = good and abs(time.time() - int(stamp)) < 300
                came.put((good, self.path, name, json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self, path):
        good, at, delivery, body = self.came.get(timeout=30)
        check(good, "the callback is authenticated")
        check(at.endswith("/callback/" + path), f"the callback came to {at}")
        check(len(delivery) == 36, "the callback has the id of its delivery")
        return body


def main():
    callbacks = Callbacks(int(sys.argv[5]), sys.argv[6], sys.argv[7]) if len(sys.argv) > 5 else None

    def outcome(command, path):
        polled = poll(command["commandId"])
        check(polled["state"] == "COMPLETED", f"{path}: {polled['state']}")
        if callbacks:
            told = callbacks.next(path)
            check(told == polled, f"{path}: the callback says what poll says")
        return polled

    # Who has no key, or a wrong one, learns nothing.
    answers = []
    for headers in ({}, api_headers(key="wrong"), api_headers(api_id="nobody"), {"X-Api-Key": "%%%"}):
        status, answer = call("GET", f"{COMMANDS}/poll/1", headers)
        check(status == 401, f"without a key: {status}")
        answer["error"].pop("requestId")
        answers.append(answer)
    check(all(answer == answers[0] for answer in answers), "every 401 is the same")
    check(call("GET", f"{COMMANDS}/poll/1", api_headers())[0] == 404, "an unknown command")
    check(call("POST", f"{COMMANDS}/ping", api_headers(), b"{")[0] == 400, "bad JSON")
    bad_ping = {"commandHeader": {"lifespan": 0, "timeout": 60}, "pingCommand": {}}
    check(call("POST", f"{COMMANDS}/ping", api_headers(), bad_ping)[0] == 400, "a lifespan of 0")

    # Ping, by a link.
    command = submit("ping", "pingCommand", {"deviceinfo": "true"}, external_id="peer-1")
    mailbox = Mailbox.of_link(command["destinations"][0]["uri"])
    message = mailbox.only_message()
    check(Mailbox.of_link(command["destinations"][0]["uri"]).list()[0] == 409, "another claim")
    check(Mailbox(mailbox.address, "0" * 36, "A" * 43).list()[0] == 401, "a guessed token")
    body = answer_to(message, "pingResponse", {"code": 0, "deviceinfo": {"operatingsystem": "Python"}})
    mid = message["header"]["mid"]
    check(mailbox.answer(mid, body)[0] == 200, "the answer to a ping")
    check(mailbox.answer(mid, body)[0] == 200, "the same answer again")
    check(mailbox.answer(mid, body + b" ")[0] == 409, "another answer")
    check(mailbox.fetch(mid)[0] == 410, "a message that has ended")
    told = outcome(command, "ping")
    check(told["pingResponse"]["deviceinfo"]["operatingsystem"] == "Python", "what the device said")

    # Provision.
    dummy, attestation, key, issuer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    subject = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "SE"), x509.NameAttribute(NameOID.COMMON_NAME, "Åsa Peer")])
    template = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(dummy, hashes.SHA256())
    asked = {
        "keyid": "signer",
        "usage": "SIG",
        "keytypeprios": [{"keytype": "EC", "keylength": "256", "responsemechanism": "ES256"}],
        "storageprios": ["APP"],
        "keystate": "ACTIVE",
        "certreq": base64.b64encode(template.public_bytes(serialization.Encoding.DER)).decode(),
    }
    command = submit(
        "provision",
        "provCommand",
        {
            "nonce": url64(os_random(16)),
            "userid": "peer@example",
            "responsesignaturekey": "ATTESTATION",
            "responseformat": "jws",
            "profile": {"servername": "Peer", "name": "Card", "keygenrequests": [asked]},
        },
    )
    mailbox = Mailbox.of_link(command["destinations"][0]["uri"])
    message = mailbox.only_message()
    body, own = provision(message, mailbox, attestation, dummy)
    forged = body.replace(b"contenttype", b"contentTypo")
    check(mailbox.answer(message["header"]["mid"], forged)[0] == 400, "an answer without a member")
    broken = json.loads(body)
    parts = broken["provResponse"]["result"]["data"].split(".")
    parts[2] = ("B" if parts[2][0] == "A" else "A") + parts[2][1:]
    broken["provResponse"]["result"]["data"] = ".".join(parts)
    status, answer = mailbox.answer(message["header"]["mid"], broken)
    check((status, answer["error"]["code"]) == (422, "SIGNATURE"), f"an answer that does not verify: {status} {answer}")
    body, own = provision(message, mailbox, attestation, key)
    check(mailbox.answer(message["header"]["mid"], body)[0] == 200, "the answer to a provision command")
    told = outcome(command, "provision")
    payload = verify_jws(told["provResponse"]["result"]["data"], jwk(attestation))
    check(payload["profile"]["boxurl"] == own.address, "the mailbox of the profile")
    statement = verify_jws(payload["profile"]["signedkeys"][0], jwk(key))
    request = x509.load_der_x509_csr(base64.b64decode(statement["certreq"]))
    check(request.is_signature_valid and request.subject == subject, "the request")

    # Certificate, to the user's mailbox.
    certificate = certificate_for(request, issuer).public_bytes(serialization.Encoding.DER)
    delivered = {"keyid": "signer", "keystate": "ACTIVE", "data": base64.b64encode(certificate).decode()}
    command = submit("certificate", "certCommand", {"profileid": payload["profile"]["id"], "certificates": [delivered]}, to=["@peer@example"])
    check(command["destinations"][0]["pid"] == payload["profile"]["id"], "the profile of a destination")
    message = own.only_message()
    arrived = x509.load_der_x509_certificate(base64.b64decode(message["certCommand"]["certificates"][0]["data"]))
    check(arrived.public_key().public_numbers() == key.public_key().public_numbers(), "the certificate is for the key")
    check(own.answer(message["header"]["mid"], answer_to(message, "certResponse", {"code": 0}))[0] == 200, "the answer to a certificate command")
    outcome(command, "certificate")

    # A long poll ends when a message comes.
    waited = queue.Queue()
    threading.Thread(target=lambda: waited.put(own.list(wait=30)), daemon=True).start()
    command = submit("ping", "pingCommand", {}, to=["@peer@example"])
    status, listing = waited.get(timeout=30)
    check(status == 200 and len(listing["messages"]) == 1, "a long poll")
    message = own.only_message()
    check(own.answer(message["header"]["mid"], answer_to(message, "pingResponse", {"code": 0}))[0] == 200, "the answer to a second ping")
    outcome(command, "ping")

    # The device gives its mailbox up.
    check(own.remove()[0] == 204, "removing a mailbox")
    check(own.list()[0] == 410, "a mailbox that is gone")
    status, _ = call("POST", f"{COMMANDS}/ping", api_headers(), {"commandHeader": {"to": ["@peer@example"], "lifespan": 60, "timeout": 60}, "pingCommand": {}})
    check(status == 404, "a user without a mailbox")
    print("ok")


if __name__ == "__main__":
    main()
