"""Sealing and opening of blobs, and the keys and tags of starts. docs/protocol/04-sessions.md#body"""

import hashlib
import hmac
import struct

import chachapoly
from bundle import Refused
from kdf import HKDF, HMAC, split

SIZES = (4096, 16384, 65536)
HEADER, RATCHET = 40, 40
OVERHEAD = HEADER + 32 + 16 + (RATCHET + 16) + 4 + 16
LIFE = 58
DAY = 86_400_000


def start_keys(secret):
    """K_start and psk of a keying secret."""
    return HKDF(secret, b"", b"sv1 start", 32), HKDF(secret, b"", b"sv1 start psk", 32)


def start_tag(k_start, day, starter, responder, i):
    return HMAC(k_start, struct.pack(">H", day) + starter + responder + bytes((i,)))[:16]


def start_message_keys(k_start, tag):
    """M and HK."""
    return split(HKDF(k_start, tag, b"sv1 start message", 64))


def message_tag(tag_key, n):
    return HMAC(tag_key, struct.pack(">I", n))[:16]


def deletion_secret(mk):
    return HKDF(mk, b"", b"sv1 delete", 16)


def ratchet_header(key, pn, epoch):
    return key + struct.pack(">II", pn, epoch)


def _key_and_nonce(key, salt, header, label):
    out = HKDF(key, salt + header, label, 44)
    return out[:32], out[32:]


def seal(mk, header_key, ratchet, content, tag, now, salt):
    for cls, size in enumerate(SIZES):
        if len(content) <= size - OVERHEAD:
            break
    else:
        raise Refused("a content beyond class 2")
    commit = hashlib.sha256(deletion_secret(mk)).digest()[:16]
    header = struct.pack(">BBH", 1, cls, now // DAY + LIFE) + tag + commit + bytes(4)
    padded = (struct.pack(">I", len(content)) + content).ljust(size - OVERHEAD + 4, b"\0")
    sealed_header = chachapoly.seal(*_key_and_nonce(header_key, salt, header, b"sv1 header"), ratchet, header)
    sealed = chachapoly.seal(*_key_and_nonce(mk, salt, header, b"sv1 content"), padded, header + sealed_header)
    return header + HKDF(mk, b"", b"sv1 check", 32) + salt + sealed_header + sealed


class Blob:
    """A blob, cut into its parts."""

    def __init__(self, text):
        if len(text) < HEADER or text[0] != 1 or text[1] > 2 or len(text) != SIZES[text[1]] or any(text[36:40]):
            raise Refused("not a blob of a session")
        self.header = text[:40]
        self.day, self.tag = struct.unpack(">H", text[2:4])[0], text[4:20]
        self.check, self.salt, self.sealed_header, self.sealed = text[40:72], text[72:88], text[88:144], text[144:]

    def compare(self, mk):
        if not hmac.compare_digest(self.check, HKDF(mk, b"", b"sv1 check", 32)):
            raise Refused("check")

    def open_header(self, header_key):
        key, nonce = _key_and_nonce(header_key, self.salt, self.header, b"sv1 header")
        plain = chachapoly.open(key, nonce, self.sealed_header, self.header)
        if plain is None:
            raise Refused("sealed header")
        return plain

    def open_content(self, mk):
        key, nonce = _key_and_nonce(mk, self.salt, self.header, b"sv1 content")
        plain = chachapoly.open(key, nonce, self.sealed, self.header + self.sealed_header)
        if plain is None:
            raise Refused("sealed content")
        length = struct.unpack(">I", plain[:4])[0]
        content, rest = plain[4:4 + length], plain[4 + length:]
        if len(content) != length or any(rest):
            raise Refused("padding")
        return content
