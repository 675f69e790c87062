#!/usr/bin/env python3
"""A client of the plain profile, written from plain.md and packets.md alone: registers at a peer, answers its challenge,
sends a keepalive.

Uses nothing of the Rust code: the standard library, and `cryptography` for Ed25519 and X.509.
Run: python3 spec/plain_client.py HOST PORT [--shifts N] [--keepalives N]
It prints a line for each step and ends with 0 if the peer knows its address, with 5 if the peer is unavailable.
"""

import argparse
import datetime
import hashlib
import os
import socket
import struct
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

KEEPALIVE, OK, REGISTER, CHALLENGE, RESPONSE = 0x00, 0x01, 0x02, 0x13, 0x14
TO_PEER, FROM_PEER, SHIFTS = 0x02, 0x01, 0x04
WAIT_S, TRIES = 2, 3


def certificate(key):
    """Self-signed, Ed25519, without a name."""
    nobody = x509.Name([])
    public = key.public_key()
    serial = int.from_bytes(hashlib.sha256(public.public_bytes_raw()).digest()[:19], "big") | 1
    builder = x509.CertificateBuilder().subject_name(nobody).issuer_name(nobody).public_key(public).serial_number(serial)
    builder = builder.not_valid_before(datetime.datetime(1975, 1, 1)).not_valid_after(datetime.datetime(4096, 1, 1))
    return builder.sign(key, None).public_bytes(Encoding.DER)


def write_root(kind, signature, timestamp, payload, shift):
    """Root, packets.md. `shift` is None or how many bytes of junk stand before each later field."""
    fields = [struct.pack(">H", len(signature)), signature, struct.pack(">Q", timestamp), payload]
    if shift is None:
        return bytes([TO_PEER, kind]) + b"".join(fields)
    return bytes([TO_PEER | SHIFTS, shift, kind]) + b"".join(os.urandom(shift) + field for field in fields)


def read_root(packet):
    """Type, timestamp and payload of a packet from a peer."""
    params, at, shift = packet[0], 1, 0
    if params & ~SHIFTS != FROM_PEER:
        raise ValueError("not from a peer")
    if params & SHIFTS:
        shift, at = packet[1], 2
    kind, at = packet[at], at + 1 + shift
    (length,) = struct.unpack_from(">H", packet, at)
    at += 2 + shift + length + shift
    (timestamp,) = struct.unpack_from(">Q", packet, at)
    return kind, timestamp, packet[at + 8 + shift :]


class Client:
    def __init__(self, address, shift):
        self.key = Ed25519PrivateKey.generate()
        self.certificate = certificate(self.key)
        self.fingerprint = hashlib.sha256(self.certificate).digest()
        self.shift = shift
        self.timestamp = 0
        family = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
        self.socket = socket.socket(family[0], socket.SOCK_DGRAM)
        self.socket.connect(family[4])
        self.socket.settimeout(WAIT_S)

    def next_timestamp(self):
        self.timestamp = max(int(time.time()), self.timestamp + 1)
        return self.timestamp

    def with_length(self):
        return struct.pack(">H", len(self.certificate)) + self.certificate

    def send(self, kind, signature, timestamp, payload):
        self.socket.send(write_root(kind, signature, timestamp, payload, self.shift))

    def register(self):
        timestamp, payload = self.next_timestamp(), self.with_length()
        signature = self.key.sign(struct.pack(">Q", timestamp) + payload)
        self.send(REGISTER, signature, timestamp, payload)
        return timestamp

    def respond(self, challenge):
        timestamp, payload = self.next_timestamp(), challenge + self.with_length()
        covered = b"DCSC1-ROOT\0" + bytes([TO_PEER, RESPONSE]) + self.fingerprint + bytes(32) + challenge
        covered += struct.pack(">QI", timestamp, len(payload)) + payload
        self.send(RESPONSE, self.key.sign(covered), timestamp, payload)
        return timestamp

    def keepalive(self):
        self.send(KEEPALIVE, b"", 0, b"")

    def receive(self):
        try:
            return read_root(self.socket.recv(1500))
        except ConnectionRefusedError:
            time.sleep(WAIT_S)
        except (TimeoutError, socket.timeout):
            pass
        return None


def run(client):
    """REGISTER until OK and CHALLENGE have come, RESPONSE until OK has; three tries in all for each."""
    for _ in range(TRIES):
        asked, challenge = client.register(), None
        while challenge is None and (packet := client.receive()):
            kind, timestamp, payload = packet
            if kind == OK and timestamp == asked and payload == b"":
                print("ok", flush=True)
            elif kind == CHALLENGE and timestamp == asked and len(payload) == 32:
                challenge = payload
        for _ in range(TRIES if challenge else 0):
            answered = client.respond(challenge)
            while packet := client.receive():
                if packet == (OK, answered, b""):
                    print("proven", client.fingerprint.hex(), flush=True)
                    return True
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--shifts", type=int, default=None)
    parser.add_argument("--keepalives", type=int, default=1)
    arguments = parser.parse_args()
    client = Client((arguments.host, arguments.port), arguments.shifts)
    if not run(client):
        print("peer unavailable")
        return 5
    client.socket.settimeout(0.3)
    for _ in range(arguments.keepalives):
        client.keepalive()
        if client.receive():
            print("a keepalive was answered")
            return 1
        print("keepalive", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
