"""The AEAD ChaCha20-Poly1305 of RFC 8439. Not constant in time: for checking vectors only."""

import hmac
import struct

MASK = 0xFFFFFFFF
CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")
ROUNDS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
          (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def block(key, counter, nonce):
    start = CONSTANTS + struct.unpack("<8I", key) + (counter,) + struct.unpack("<3I", nonce)
    x = list(start)
    for _ in range(10):
        for i, j, k, m in ROUNDS:
            a, b, c, d = x[i], x[j], x[k], x[m]
            a = a + b & MASK
            d ^= a
            d = (d << 16 | d >> 16) & MASK
            c = c + d & MASK
            b ^= c
            b = (b << 12 | b >> 20) & MASK
            a = a + b & MASK
            d ^= a
            d = (d << 8 | d >> 24) & MASK
            c = c + d & MASK
            b ^= c
            b = (b << 7 | b >> 25) & MASK
            x[i], x[j], x[k], x[m] = a, b, c, d
    return struct.pack("<16I", *(a + b & MASK for a, b in zip(x, start)))


def _stream(key, nonce, text):
    pad = b"".join(block(key, 1 + i, nonce) for i in range((len(text) + 63) // 64))[:len(text)]
    return (int.from_bytes(text, "little") ^ int.from_bytes(pad, "little")).to_bytes(len(text), "little")


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i:i + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def _tag(key, nonce, cipher, ad):
    padded = b"".join(text + bytes(-len(text) % 16) for text in (ad, cipher))
    return poly1305(block(key, 0, nonce)[:32], padded + struct.pack("<QQ", len(ad), len(cipher)))


def seal(key, nonce, plain, ad):
    cipher = _stream(key, nonce, plain)
    return cipher + _tag(key, nonce, cipher, ad)


def open(key, nonce, sealed, ad):
    """The plain text, or None."""
    cipher, tag = sealed[:-16], sealed[-16:]
    if len(sealed) < 16 or not hmac.compare_digest(tag, _tag(key, nonce, cipher, ad)):
        return None
    return _stream(key, nonce, cipher)
