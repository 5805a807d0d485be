"""Hash, MAC and KDF: SHA-256, HMAC-SHA-256, HKDF-SHA-256 (RFC 5869)."""

import hashlib
import hmac


def H(label, *parts):
    return hashlib.sha256(label + b"".join(parts)).digest()


def HMAC(key, message):
    return hmac.digest(key, message, "sha256")


def HKDF(ikm, salt, info, size):
    key = HMAC(salt or bytes(32), ikm)
    out, last = b"", b""
    for i in range(1, (size + 31) // 32 + 1):
        last = HMAC(key, last + info + bytes((i,)))
        out += last
    return out[:size]


def split(text):
    """Pieces of 32 bytes: as many as it has."""
    return [text[i:i + 32] for i in range(0, len(text), 32)]
