#!/usr/bin/env python3
"""Reads the test vectors as somebody would who has only the pages of this folder.

Uses nothing of the Rust code: `cryptography` for Ed25519 and X.509, `blake3`, and the standard library.
Every valid vector must come out as it says, every invalid one must be refused.
Run: python3 spec/read_vectors.py [folder of vectors]
"""

import base64
import hashlib
import hmac
import ipaddress
import json
import re
import struct
import sys
from pathlib import Path

from blake3 import blake3
from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

VECTORS = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "vectors"
DATAGRAM_MAX = 1200
CERTIFICATE_MAX = 1024
DEFAULT_PORT = 7117


class Refused(Exception):
    """The bytes break a rule of the spec."""


def need(condition, rule):
    if not condition:
        raise Refused(rule)


class Reader:
    """A cursor over bytes; all numbers are big-endian."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        need(self.at + n <= len(self.data), "ends too early")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def rest(self):
        return self.take(len(self.data) - self.at)

    def end(self):
        need(self.at == len(self.data), "something stands behind")


# --- packets.md: addresses


def host_of(text):
    if text.startswith("[") and text.endswith("]"):
        return str(ipaddress.IPv6Address(text[1:-1]))
    if ":" in text:
        return str(ipaddress.IPv6Address(text))
    name = text.lower()
    if name.rsplit(".", 1)[-1].isdigit():
        return str(ipaddress.IPv4Address(name))
    label = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    need(re.fullmatch(rf"{label}(\.{label})*", name) and len(name) <= 253, "no host")
    return name


def unbase32(text, size):
    need(re.fullmatch("[a-z2-7]+", text.lower()), "no base32")
    try:
        data = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError as fault:
        raise Refused("no base32") from fault
    need(len(data) == size, "wrong size")
    return data


def base32(data):
    return base64.b32encode(data).decode().lower().rstrip("=")


def read_address(text):
    scheme, mark, rest = text.partition("://")
    if mark:
        need(scheme.lower() == "pirushka", "another scheme")
        text = rest
    place, _, query = text.partition("?")
    authority, slash, fingerprint = place.partition("/")
    need(slash and re.fullmatch("[0-9a-fA-F]{64}", fingerprint), "no fingerprint")
    port = re.fullmatch(r"(\[.*\]|[^:\[]*):(.*)", authority)
    if port:
        authority, digits = port.groups()
        need(digits.isdigit() and 0 < int(digits) < 65536, "no port")
    address = {
        "host": host_of(authority),
        "port": int(digits) if port else DEFAULT_PORT,
        "fingerprint": fingerprint.lower(),
        "peer_id": None,
        "token": None,
    }
    sizes = {"k": ("peer_id", 32), "t": ("token", 16)}
    for parameter in query.split("&") if query else []:
        name, _, value = parameter.partition("=")
        need(name in sizes, "an unknown parameter")
        field, size = sizes[name]
        need(address[field] is None, "a parameter given twice")
        address[field] = unbase32(value, size).hex()
    return address


def write_address(address):
    host = f"[{address['host']}]" if ":" in address["host"] else address["host"]
    port = "" if address["port"] == DEFAULT_PORT else f":{address['port']}"
    parameters = [
        f"{name}={base32(bytes.fromhex(address[field]))}"
        for name, field in (("k", "peer_id"), ("t", "token"))
        if address[field]
    ]
    return f"{host}{port}/{address['fingerprint']}" + ("?" + "&".join(parameters) if parameters else "")


def check_address(vector):
    address = read_address(vector["text"])
    expect(vector, address)
    expect(vector, {"canonical": write_address(address)})


def read_home(text):
    scheme, mark, rest = text.partition("://")
    if mark:
        need(scheme.lower() == "pirushka", "another scheme")
        text = rest
    place, _, query = text.partition("?")
    need("/" not in place, "a person, not a peer")
    port = re.fullmatch(r"(\[.*\]|[^:\[]*):(.*)", place)
    if port:
        place, digits = port.groups()
        need(digits.isdigit() and 0 < int(digits) < 65536, "no port")
    home = {"host": host_of(place), "port": int(digits) if port else DEFAULT_PORT, "peer_id": None, "invite": None}
    sizes = {"k": ("peer_id", 32), "i": ("invite", 15)}
    for parameter in query.split("&") if query else []:
        name, _, value = parameter.partition("=")
        need(name in sizes, "an unknown parameter")
        field, size = sizes[name]
        need(home[field] is None, "a parameter given twice")
        home[field] = unbase32(value, size).hex()
    need(home["peer_id"], "no key")
    need(home["invite"] != "00" * 15, "a secret of zeros")
    return home


def check_home(vector):
    home = read_home(vector["text"])
    expect(vector, home)
    host = f"[{home['host']}]" if ":" in home["host"] else home["host"]
    port = "" if home["port"] == DEFAULT_PORT else f":{home['port']}"
    secret = f"&i={base32(bytes.fromhex(home['invite']))}" if home["invite"] else ""
    expect(vector, {"canonical": f"{host}{port}?k={base32(bytes.fromhex(home['peer_id']))}{secret}"})


# --- packets.md: Root


def read_root(packet):
    need(len(packet) <= DATAGRAM_MAX, "too large")
    r = Reader(packet)
    params = r.number(1)
    need(params & ~7 == 0, "an unknown params bit")
    shift = r.number(1) if params & 4 else None
    kind = r.number(1)
    r.take(shift or 0)
    length = r.number(2)
    need(length in (0, 16, 64), "an unknown signature length")
    r.take(shift or 0)
    signature = r.take(length)
    r.take(shift or 0)
    timestamp = r.number(8)
    r.take(shift or 0)
    return {
        "direction": params & 3,
        "shift": shift,
        "type": kind,
        "signature": signature.hex(),
        "timestamp": timestamp,
        "payload": r.rest().hex(),
    }


def check_root(vector):
    expect(vector, read_root(bytes.fromhex(vector["packet"])))


# --- packets.md: certificate and what a signature covers


def read_certificate(der):
    need(len(der) <= CERTIFICATE_MAX, "too large")
    try:
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
    except ValueError as fault:
        raise Refused("no certificate") from fault
    need(certificate.version == x509.Version.v3, "another version")
    need(isinstance(key, Ed25519PublicKey), "another kind of key")
    need(not list(certificate.subject) and not list(certificate.issuer), "a name")
    verify(key, certificate.signature, certificate.tbs_certificate_bytes)
    return {
        "public_key": key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex(),
        "fingerprint": hashlib.sha256(der).hexdigest(),
        "key": key,
        "pem": certificate.public_bytes(Encoding.PEM).decode(),
    }


def verify(key, signature, message):
    try:
        key.verify(signature, message)
    except InvalidSignature as fault:
        raise Refused("a signature that does not hold") from fault


def check_certificate(vector):
    certificate = read_certificate(bytes.fromhex(vector["der"]))
    expect(vector, {field: certificate[field] for field in ("public_key", "fingerprint", "pem")})
    secret = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["secret"]))
    public = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    expect(vector, {"public_key": public.hex()})


def check_register(vector):
    root = read_root(bytes.fromhex(vector["packet"]))
    need((root["direction"], root["type"]) == (2, 2), "no registration")
    need(len(root["signature"]) == 128, "not signed")
    payload = bytes.fromhex(root["payload"])
    r = Reader(payload)
    certificate = read_certificate(r.take(r.number(2)))
    r.end()
    signed = (
        b"DCSC1-ROOT\0"
        + bytes([root["direction"], root["type"]])
        + bytes.fromhex(certificate["fingerprint"])
        + bytes.fromhex(vector["peer_id"])
        + bytes.fromhex(vector["binding"])
        + struct.pack(">QI", root["timestamp"], len(payload))
        + payload
    )
    verify(certificate["key"], bytes.fromhex(root["signature"]), signed)
    expect(vector, {"fingerprint": certificate["fingerprint"]})


# --- plain.md


def check_plain(vector):
    root = read_root(bytes.fromhex(vector["packet"]))
    kind, said = root["type"], {}
    need(root["direction"] == (1 if kind in (0x01, 0x13) else 2), "another direction")
    payload = Reader(bytes.fromhex(root["payload"]))
    challenge = payload.take(32) if kind in (0x13, 0x14) else b""
    if challenge:
        said["challenge"] = challenge.hex()
    if kind in (0x02, 0x14):
        certificate = read_certificate(payload.take(payload.number(2)))
        said["fingerprint"] = certificate["fingerprint"]
        signed = struct.pack(">Q", root["timestamp"]) + payload.data
        if kind == 0x14:
            signer = bytes.fromhex(certificate["fingerprint"])
            length = struct.pack(">QI", root["timestamp"], len(payload.data))
            signed = b"DCSC1-ROOT\0" + bytes([2, kind]) + signer + bytes(32) + challenge + length + payload.data
        verify(certificate["key"], bytes.fromhex(root["signature"]), signed)
    payload.end()
    expect(vector, said | {field: root[field] for field in ("type", "timestamp", "shift")})


# --- end-to-end.md: CARD


def check_card(vector):
    card = bytes.fromhex(vector["card"])
    r = Reader(card)
    need(r.take(11) == b"DCSC1-CARD\0", "no card")
    need(r.number(1) == 1, "another version")
    certificate = read_certificate(r.take(r.number(2)))
    n = r.number(1)
    need(1 <= n <= 4, "no homes or too many")
    homes = []
    for _ in range(n):
        text = r.take(r.number(1)).decode()
        need(host_of(text) == text, "a host in another form")
        homes.append({"host": text, "port": r.number(2), "peer_id": r.take(32).hex()})
    need(all(home["port"] for home in homes), "port 0")
    policy, seq, not_after = r.number(1), r.number(8), r.number(8)
    signed = card[: r.at]
    verify(certificate["key"], r.take(64), signed)
    r.end()
    expect(vector, {"fingerprint": certificate["fingerprint"], "homes": homes, "intro_policy": policy})
    expect(vector, {"seq": seq, "not_after_s": not_after})


# --- packets.md: frames


def ranges(r):
    n = r.number(1)
    need(n <= 64, "too many ranges")
    pairs = [(r.number(8), r.number(4)) for _ in range(n)]
    return [[first, first + count - 1] for first, count in pairs]


# Name of each field and how it is read: a size in bytes for a number, "N bytes" for bytes, or "rest" or "ranges".
FRAMES = {
    1: [("requests", "ranges")],
    2: [("request", 4), ("instance", "16 bytes"), ("invite", "15 bytes"), ("work", 8), ("root", "rest")],
    3: [("request", 4), ("code", 2), ("retry_after_ms", 4)],
    4: [("request", 4)],
    6: [("delivery", 8), ("class", 1), ("queue", "16 bytes"), ("body", "rest")],
    7: [("incarnation", "8 bytes"), ("deliveries", "ranges")],
    8: [("request", 4), ("incarnation", "8 bytes")],
    9: [("request", 4), ("boot", "8 bytes"), ("messages", 4), ("bytes", 8), ("oldest_s", 4)],
    10: [("request", 4), ("fingerprint", "32 bytes")],
    11: [("request", 4), ("object", 4), ("offset", 4)],
    12: [("request", 4), ("object", 4), ("offset", 4), ("total", 4), ("part", "rest")],
    13: [("request", 4), ("object", 4), ("offset", 4), ("total", 4), ("kind", 1), ("part", "rest")],
    14: [("request", 4), ("queue", "16 bytes"), ("secret_hash", "32 bytes"), ("quota_kib", 4)],
    15: [("request", 4), ("queue", "16 bytes")],
    16: [
        ("request", 4),
        ("fingerprint", "32 bytes"),
        ("queue", "16 bytes"),
        ("secret_hash", "32 bytes"),
        ("quota_kib", 4),
        ("expiry", 8),
        ("mac", "16 bytes"),
    ],
    17: [("request", 4)],
    18: [("request", 4), ("token_hash", "32 bytes"), ("uses", 2), ("expiry", 8)],
    19: [("request", 4), ("token_hash", "32 bytes")],
    20: [("data", "8 bytes")],
    21: [("data", "8 bytes")],
    22: [],
    23: [],
    24: [("request", 4), ("delay_s", 2)],
    25: [("request", 4), ("quota_kib", 4), ("expiry", 8), ("mac", "16 bytes")],
    26: [("request", 4), ("policy", 1)],
}
DEPOSITS = {
    1: [("queue", "16 bytes"), ("secret", "16 bytes"), ("deposit", "16 bytes"), ("flags", 1), ("envelope", "rest")],
    2: [
        ("fingerprint", "32 bytes"),
        ("intro", "16 bytes"),
        ("parts", 1),
        ("index", 1),
        ("token", "16 bytes"),
        ("work", 8),
        ("part", "rest"),
    ],
}


def fields(r, layout):
    read = {}
    for name, how in layout:
        if how == "ranges":
            read[name] = ranges(r)
        elif how == "rest":
            read[name] = r.rest().hex()
        elif isinstance(how, int):
            read[name] = r.number(how)
        else:
            read[name] = r.take(int(how.split()[0])).hex()
    return read


def read_frame(r):
    kind = r.number(1)
    if kind == 0:
        return {"type": 0}
    body = Reader(r.take(r.number(2)))
    frame = {"type": kind}
    if kind == 5:
        frame |= {"request": body.number(4), "kind": body.number(1)}
        need(frame["kind"] in DEPOSITS, "an unknown kind of deposit")
        frame |= fields(body, DEPOSITS[frame["kind"]])
    elif kind in FRAMES:
        frame |= fields(body, FRAMES[kind])
    else:
        body.rest()
    body.end()
    return frame


def check_frames(vector):
    r, frames = Reader(bytes.fromhex(vector["plaintext"])), []
    while r.at < len(r.data):
        frames.append(read_frame(r))
    expect(vector, {"frames": frames})


# --- peer.md: hashes of secrets, tickets


def kdf(context, key):
    return blake3(key, derive_key_context=context).digest()


def check_proofs(vector):
    if vector["kind"] == "invite secret":
        generation = struct.pack(">I", vector["generation"])
        expect(vector, {"secret": blake3(generation, key=bytes.fromhex(vector["key"])).digest()[:15].hex()})
        return
    if vector["kind"] != "ticket":
        expect(vector, {"hash": kdf(f"pirushka 2026 {vector['kind']}", bytes.fromhex(vector["secret"])).hex()})
        return
    claim = bytes.fromhex(vector["fingerprint"] + vector["queue"] + vector["secret_hash"])
    claim += struct.pack(">IQ", vector["quota_kib"], vector["expiry"])
    expect(vector, {"mac": blake3(claim, key=bytes.fromhex(vector["key"])).digest()[:16].hex()})


# --- peer.md: proof of work


def check_work(vector):
    if vector["kind"] == "intro id":
        parts = [bytes.fromhex(part) for part in vector["parts"]]
        named = bytes([len(parts)]) + b"".join(struct.pack(">H", len(part)) + part for part in parts)
        expect(vector, {"intro": kdf("pirushka 2026 introduction", named)[:16].hex()})
        return
    claim = bytes.fromhex(vector["binding"] + vector["fingerprint"])
    if vector["kind"] == "intro":
        claim += bytes([vector["parts"]]) + bytes.fromhex(vector["intro"])
    key = kdf(f"pirushka 2026 {vector['kind']} work", claim)
    proof = int.from_bytes(blake3(struct.pack(">Q", vector["nonce"]), key=key).digest(), "big")
    bits = 256 - proof.bit_length() if vector["nonce"] else 0
    expect(vector, {"bits": min(bits, 64)})


# --- link.md: a handshake and a restart, read by somebody who holds the peer's static key


def mac(key, data, size):
    return blake3(data, key=key).digest(size)[:size]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def unveil(datagram, peer_id):
    """The bare Root packet, and whether it is sealed."""
    mark = mac(kdf("pirushka 2026 veil mark", peer_id), datagram[:16] + datagram[20:36], 4)
    head = xor(datagram[16:20], mark)
    if head[1:4] == b"\x20\x00\x10":
        mask = Cipher(ChaCha20(kdf("pirushka 2026 veil sealed", peer_id), bytes(4) + datagram[:12]), None).encryptor()
        return head + datagram[:16] + mask.update(datagram[20:36]) + datagram[36:]
    salt, packet = datagram[:8], datagram[8:]
    stream = blake3(salt, key=kdf("pirushka 2026 veil handshake", peer_id)).digest(len(packet))
    return xor(packet, stream)


def noise_key(chaining, secret):
    """HKDF of the Noise specification, section 4.3, two outputs."""
    temporary = hmac.digest(chaining, secret, "blake2s")
    first = hmac.digest(temporary, b"\x01", "blake2s")
    return first, hmac.digest(temporary, first + b"\x02", "blake2s")


def verify_noise_1(prologue, static, peer_id, message):
    """Message 1 of Noise_NK: `e, es` and an empty payload, whose tag must hold."""
    name = b"Noise_NK_25519_AESGCM_BLAKE2s".ljust(32, b"\0")
    state = name
    for part in (prologue, peer_id, message[:32]):
        state = hashlib.blake2s(state + part).digest()
    shared = static.exchange(X25519PublicKey.from_public_bytes(message[:32]))
    _, key = noise_key(name, shared)
    try:
        AESGCM(key).decrypt(bytes(12), message[32:], state)
    except InvalidTag as fault:
        raise Refused("a noise message that does not decrypt") from fault


class Conversation:
    """What must be remembered between the datagrams of one conversation, which stand in order."""

    def __init__(self):
        self.mac1 = self.hello = self.cookie = self.session = None


CONVERSATIONS = {True: Conversation(), False: Conversation()}


def check_link(vector):
    talk, peer_id = CONVERSATIONS[vector["veiled"]], bytes.fromhex(vector["peer_id"])
    datagram, secret = bytes.fromhex(vector["datagram"]), bytes.fromhex(vector["static_key"])
    static = X25519PrivateKey.from_private_bytes(secret)
    need(static.public_key().public_bytes_raw() == peer_id, "another key")
    need(len(datagram) <= DATAGRAM_MAX, "too large")
    packet = unveil(datagram, peer_id) if vector["veiled"] else datagram
    root = read_root(packet)
    need(root["direction"] == (2 if vector["from"] == "client" else 1), "another direction")
    r = Reader(bytes.fromhex(root["payload"]))
    handshake_key = kdf("pirushka 2026 handshake mac", peer_id)
    zeroed = packet[:4] + bytes(16) + packet[20:]
    if root["type"] == 0x10:
        read_hello(vector, talk, packet, r, mac(handshake_key, zeroed, 16) == packet[4:20], static, peer_id)
    elif root["type"] == 0x11:
        need(mac(handshake_key, zeroed + talk.mac1, 16) == packet[4:20], "a MAC that does not hold")
        need(r.take(8) == talk.session, "another session")
        talk.cookie = r.take(24)
        need(talk.cookie == bake(vector, secret, talk), "a cookie of somebody else")
        need(len(datagram) <= talk.hello, "an answer larger than its question")
    elif root["type"] == 0x12:
        need(root["signature"] == "" and r.take(8) == talk.session, "another session")
        need(len(datagram) <= talk.hello, "an answer larger than its question")
    elif root["type"] == 0x20:
        need(root["timestamp"] == 1, "not the first packet")
        need(128 <= len(datagram) < 128 + 16, "no bucket")
        talk.peer_session = r.take(8)
        need(talk.peer_session[2] == vector["wall_s"] // 3600 % 256, "another hour")
    else:
        need(root["type"] == 0x21, "an unknown type")
        need(r.take(8) == talk.peer_session, "another session")
        need(r.take(16) == mac(kdf("pirushka 2026 reset", secret), talk.peer_session, 16), "another token")
        need(len(datagram) < 128, "an answer larger than its question")


def read_hello(vector, talk, packet, r, mac_holds, static, peer_id):
    need(mac_holds, "a MAC1 that does not hold")
    need(192 <= len(packet) <= 512, "no size of a HELLO")
    version, flags, talk.session = r.number(1), r.number(1), r.take(8)
    need(version == 1, "another version")
    cookie = r.take(r.number(1))
    need(cookie == (talk.cookie or b""), "another cookie")
    talk.noise = r.take(48)
    verify_noise_1(b"DCSC1" + peer_id + bytes([version, flags]) + talk.session, static, peer_id, talk.noise)
    talk.mac1, talk.hello = packet[4:20], len(bytes.fromhex(vector["datagram"]))


def bake(vector, secret, talk):
    host, port = vector["client_address"].rsplit(":", 1)
    source = bytes(10) + b"\xff\xff" + ipaddress.IPv4Address(host).packed + int(port).to_bytes(2, "big")
    epoch = (vector["wall_s"] // 60).to_bytes(4, "big")
    key = mac(kdf("pirushka 2026 cookie", secret), epoch, 32)
    return epoch + mac(key, source + talk.session + talk.noise, 20)


# --- end-to-end.md: envelopes


def check_envelope(vector):
    envelope, queue = bytes.fromhex(vector["envelope"]), bytes.fromhex(vector["queue"])
    need(len(envelope) in (320, 576, 1088), "no size of an envelope")
    salt, sealed = envelope[:8], envelope[8:]
    key = kdf("pirushka 2026 envelope", bytes.fromhex(vector["seal_key"]) + salt)
    try:
        r = Reader(AESGCM(key).decrypt(bytes(12), sealed, queue))
    except InvalidTag as fault:
        raise Refused("does not decrypt") from fault
    expect(vector, {"kind": r.number(1), "message_id": r.take(8).hex(), "n": r.number(2), "i": r.number(2)})
    expect(vector, {"part": r.take(r.number(2)).hex()})
    need(not any(r.rest()), "padding that is not zero")


# --- end-to-end.md: contents


def cbor(r):
    """The part of RFC 8949 that contents use; byte strings become hexadecimal digits, keys become text."""
    first = r.number(1)
    major, small = first >> 5, first & 31
    if first == 0xF6:
        return None
    need(small < 28, "an indefinite length")
    n = small if small < 24 else r.number(1 << (small - 24))
    if major == 0:
        return n
    if major == 2:
        return r.take(n).hex()
    if major == 3:
        return r.take(n).decode()
    if major == 4:
        return [cbor(r) for _ in range(n)]
    need(major == 5, "a type that contents do not use")
    return {str(cbor(r)): cbor(r) for _ in range(n)}


def check_content(vector):
    r = Reader(bytes.fromhex(vector["content"]))
    content = cbor(r)
    r.end()
    for number, field in enumerate(("id", "seq", "time_ms", "receipts", "kind")):
        expect(vector, {field: content.get(str(number))})
    body = Reader(bytes.fromhex(content["5"]))
    expect(vector, {"body": cbor(body) if body.data else None})
    body.end()


# --- end-to-end.md: the six digits and the sixty


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def thirty_digits(fingerprint):
    digest = sha256(b"DCSC1-DIGITS", fingerprint)
    return " ".join(f"{int.from_bytes(digest[at : at + 5], 'big') % 100_000:05}" for at in range(0, 30, 5))


def check_sas(vector):
    if vector["kind"] == "qr":
        expect(vector, {"text": f"pirushka://verify/{vector['a']}/{vector['b']}"})
    elif vector["kind"] == "sixty digits":
        people = sorted(bytes.fromhex(vector[person]) for person in "ab")
        expect(vector, {"digits": " ".join(map(thirty_digits, people))})
    else:
        names = ("vid", "initiator", "responder", "n_i", "n_r")
        vid, initiator, responder, n_i, n_r = (bytes.fromhex(vector[name]) for name in names)
        context = b"DCSC1-SAS" + vid + initiator + responder + bytes([vector["attempt"]])
        commitment = sha256(b"C", context, n_i)
        number = int.from_bytes(sha256(b"D", context, commitment, n_i, n_r)[:8], "big") % 1_000_000
        expect(vector, {"commitment": commitment.hex(), "code": f"{number // 1000:03} {number % 1000:03}"})


# --- the run


def expect(vector, read):
    for field, value in read.items():
        if vector[field] != value:
            raise SystemExit(f"{vector['name']}: {field} is {value!r}, the vector says {vector[field]!r}")


def run(check, vector):
    try:
        check(vector)
    except (Refused, ValueError) as fault:
        if vector.get("valid", True):
            raise SystemExit(f"{vector['name']}: refused ({fault}), the vector is valid") from fault
    else:
        if not vector.get("valid", True):
            raise SystemExit(f"{vector['name']}: accepted, the vector says: {vector['error']}")


def main():
    checks = {
        name.removeprefix("check_"): check for name, check in globals().items() if name.startswith("check_")
    }
    files = {path.stem for path in VECTORS.glob("*.json")}
    if not files or files - checks.keys() or (len(sys.argv) == 1 and files != checks.keys()):
        raise SystemExit(f"vectors without a check or checks without vectors: {files ^ checks.keys()}")
    for name, check in sorted(checks.items()):
        if name not in files:
            continue
        vectors = json.loads((VECTORS / f"{name}.json").read_text())["vectors"]
        for vector in vectors:
            run(check, vector)
        print(f"{name}: {len(vectors)} vectors hold")


if __name__ == "__main__":
    sys.exit(main())
