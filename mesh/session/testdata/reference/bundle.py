"""Bundles: what a device gives to one other device. docs/protocol/04-sessions.md#bundle"""

import cbor
import ed25519
import mlkem
import x25519
from kdf import H

LABEL = b"sv1 bundle"
YEAR = 365 * 86_400_000
LIMIT = 8192


class Refused(Exception):
    """What the text refuses, junk included."""


class Keys:
    """The private keys of one bundle of ours. A one-time pair that was used is None."""

    def __init__(self, draw, one_time):
        self.signed, self.last = draw(32), draw(64)
        self.pairs = [(draw(32), draw(64)) for _ in range(one_time)]


class Bundle:
    """A bundle that was made here or read and verified; used holds the numbers of pairs that we used."""

    def __init__(self, obj, body):
        self.object, self.id = obj, H(LABEL, body)
        fields = cbor.decode(body)
        self.identity, self.signed, self.last = fields[2], fields[3], fields[4]
        self.pairs = fields.get(5, [])
        self.not_after, self.heads = fields[7], fields[8]
        self.used = set()


def heads_hash(heads):
    return H(b"sv1 heads", *sorted(heads))


def make(device, now, keys):
    body = {0: [1], 1: 1, 2: device.agree, 3: x25519.public(keys.signed), 4: mlkem.public(keys.last),
            6: now, 7: now + YEAR, 8: sorted(device.heads)}
    if keys.pairs:
        body[5] = [[x25519.public(a), mlkem.public(b)] for a, b in keys.pairs]
    text = cbor.encode(body)
    return Bundle(cbor.encode([text, {1: ed25519.sign(device.sign_seed, LABEL + text)}]), text)


def _one_time(v):
    return isinstance(v, list) and len(v) == 2 and cbor.sized(32)(v[0]) and cbor.sized(mlkem.EK)(v[1])


def _heads(v):
    return cbor.listed(1, 16, cbor.sized(32))(v) and all(a < b for a, b in zip(v, v[1:]))


FIELDS = {0: cbor.exactly([1]), 1: cbor.exactly(1), 2: cbor.sized(32), 3: cbor.sized(32), 4: cbor.sized(mlkem.EK),
          6: cbor.uint(2**64), 7: cbor.uint(2**64), 8: _heads}


def read(obj, peer, now):
    """The bundle of the peer's device, if all that a receiver checks holds."""
    if len(obj) > LIMIT:
        raise Refused("a bundle beyond its limit")
    try:
        outer = cbor.decode(obj)
        if not (isinstance(outer, list) and len(outer) == 2 and isinstance(outer[0], bytes)
                and isinstance(outer[1], dict) and list(outer[1]) == [1] and cbor.sized(64)(outer[1][1])):
            raise Refused("not a signed object")
        body = outer[0]
        cbor.decode_map(body, FIELDS, {5: cbor.listed(1, 3, _one_time)})
    except (cbor.Malformed, cbor.Newer) as error:
        raise Refused(f"bundle: {error}") from None
    bundle = Bundle(obj, body)
    if not ed25519.verify(peer.sign, LABEL + body, outer[1][1]):
        raise Refused("a bundle's signature")
    if bundle.identity != peer.agree or not all(map(mlkem.check, [bundle.last, *(b for _, b in bundle.pairs)])):
        raise Refused("a bundle's keys")
    if now > bundle.not_after or bundle.heads != sorted(peer.heads):
        raise Refused("a bundle's time or heads")
    return bundle
