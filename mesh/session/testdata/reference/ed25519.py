"""Ed25519 of RFC 8032. Slow and not constant in time: for checking vectors only."""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # of -1


def _recover(y, sign):
    """The x of the point with this y, or None."""
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * ROOT % P
    if (v * x * x - u) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def _point(x, y):
    return x, y, 1, x * y % P


_BY = 4 * pow(5, P - 2, P) % P
BASE = _point(_recover(_BY, 0), _BY)


def _add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(n, p):
    total = _point(0, 1)
    while n:
        if n & 1:
            total = _add(total, p)
        p, n = _add(p, p), n >> 1
    return total


def _encode(p):
    inverse = pow(p[2], P - 2, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode(text):
    n = int.from_bytes(text, "little")
    y, sign = n & (2**255 - 1), n >> 255
    x = _recover(y, sign) if y < P else None
    return None if x is None else _point(x, y)


def _number(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def _expand(seed):
    digest = hashlib.sha512(seed).digest()
    return int.from_bytes(digest[:32], "little") & ~7 & (2**255 - 1) | 2**254, digest[32:]


def public(seed):
    return _encode(_times(_expand(seed)[0], BASE))


def sign(seed, message):
    scalar, prefix = _expand(seed)
    key = _encode(_times(scalar, BASE))
    r = _number(prefix, message) % L
    nonce = _encode(_times(r, BASE))
    s = (r + _number(nonce, key, message) * scalar) % L
    return nonce + s.to_bytes(32, "little")


def verify(key, message, signature):
    """Without the cofactor: the encoding of [S]B - [k]A must be R itself."""
    if len(key) != 32 or len(signature) != 64:
        return False
    s, a = int.from_bytes(signature[32:], "little"), _decode(key)
    if s >= L or a is None:
        return False
    minus = (P - a[0]) % P, a[1], a[2], (P - a[3]) % P
    k = _number(signature[:32], key, message) % L
    return _encode(_add(_times(s, BASE), _times(k, minus))) == signature[:32]
