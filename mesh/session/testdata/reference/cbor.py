"""Canonical CBOR as docs/protocol/00-encoding.md narrows it."""

import struct

DEPTH = 8
NEWER = 0x8000


class Malformed(Exception):
    pass


class Newer(Exception):
    """It needs a newer version."""


def _head(major, n):
    for extra, limit, form in ((None, 24, ""), (24, 1 << 8, ">B"), (25, 1 << 16, ">H"), (26, 1 << 32, ">I")):
        if n < limit:
            return bytes((major << 5 | (n if extra is None else extra),)) + (struct.pack(form, n) if form else b"")
    return bytes((major << 5 | 27,)) + struct.pack(">Q", n)


def encode(value):
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(encode, value))
    return _head(5, len(value)) + b"".join(encode(k) + encode(value[k]) for k in sorted(value))


class _Reader:
    def __init__(self, text):
        self.text, self.at = text, 0

    def take(self, n):
        if n > len(self.text) - self.at:
            raise Malformed("cut")
        self.at += n
        return self.text[self.at - n:self.at]

    def head(self):
        first = self.take(1)[0]
        major, n = first >> 5, first & 31
        if major == 7:
            if n not in (20, 21):
                raise Malformed("a float or simple value")
            return major, n
        if n >= 24:
            if n > 27:
                raise Malformed("indefinite or reserved")
            size = 1 << n - 24
            n = int.from_bytes(self.take(size), "big")
            if n < (24 if size == 1 else 1 << 4 * size):
                raise Malformed("not the shortest form")
        return major, n

    def value(self, depth):
        major, n = self.head()
        if major == 0:
            return n
        if major == 1:
            return -1 - n
        if major == 6:
            raise Malformed("a tag")
        if major == 7:
            return n == 21
        if n * (2 if major == 5 else 1) > len(self.text) - self.at:
            raise Malformed("longer than what is left")
        if major == 2:
            return self.take(n)
        if major == 3:
            try:
                return self.take(n).decode()
            except UnicodeDecodeError:
                raise Malformed("not UTF-8") from None
        if depth == DEPTH:
            raise Malformed("too deep")
        if major == 4:
            return [self.value(depth + 1) for _ in range(n)]
        return self.map(n, depth)

    def map(self, n, depth):
        out, last = {}, -1
        for _ in range(n):
            major, key = self.head()
            if major != 0 or key <= last:
                raise Malformed("map keys")
            out[key], last = self.value(depth + 1), key
        return out


def decode(text):
    reader = _Reader(text)
    value = reader.value(0)
    if reader.at != len(text):
        raise Malformed("bytes after the end")
    return value


def _newer(value, known):
    """Whether a key that is not known asks for a newer version, on any level."""
    if isinstance(value, list):
        return any(_newer(v, ()) for v in value)
    if isinstance(value, dict):
        return any(k >= NEWER and k not in known or _newer(v, ()) for k, v in value.items())
    return False


def decode_map(text, required, optional=()):
    """A map whose fields have the given kinds, {key: test}. Judged: malformed, newer, then the fields."""
    value = decode(text)
    fields = {**required, **dict(optional)}
    if not isinstance(value, dict):
        raise Malformed("not a map")
    if _newer(value, fields):
        raise Newer("keys of a later version")
    for key, test in fields.items():
        if key not in value and key in required or key in value and not test(value[key]):
            raise Malformed(f"field {key}")
    return value


def sized(*sizes):
    return lambda v: isinstance(v, bytes) and len(v) in sizes


def uint(limit):
    return lambda v: isinstance(v, int) and not isinstance(v, bool) and 0 <= v < limit


def listed(low, high, test):
    return lambda v: isinstance(v, list) and low <= len(v) <= high and all(map(test, v))


def exactly(wanted):
    return lambda v: type(v) is type(wanted) and v == wanted
