"""ML-KEM-768 of FIPS 203, with its randomness given. Not constant in time: for checking vectors only."""

import hashlib

Q, K, DU, DV = 3329, 3, 10, 4
EK, CT, SEED = 384 * K + 32, 32 * (DU * K + DV), 64


def _reversed7(i):
    return int(f"{i:07b}"[::-1], 2)


ZETAS = [pow(17, _reversed7(i), Q) for i in range(128)]
GAMMAS = [pow(17, 2 * _reversed7(i) + 1, Q) for i in range(128)]


def _ntt(f):
    f, i, size = list(f), 1, 128
    while size >= 2:
        for start in range(0, 256, 2 * size):
            zeta = ZETAS[i]
            i += 1
            for j in range(start, start + size):
                t = zeta * f[j + size]
                f[j], f[j + size] = (f[j] + t) % Q, (f[j] - t) % Q
        size //= 2
    return f


def _inverse_ntt(f):
    f, i, size = list(f), 127, 2
    while size <= 128:
        for start in range(0, 256, 2 * size):
            zeta = ZETAS[i]
            i -= 1
            for j in range(start, start + size):
                t = f[j]
                f[j], f[j + size] = (t + f[j + size]) % Q, zeta * (f[j + size] - t) % Q
        size *= 2
    return [x * 3303 % Q for x in f]


def _product(f, g):
    """In the NTT domain."""
    h = []
    for i in range(128):
        a, b, c, d = f[2 * i], f[2 * i + 1], g[2 * i], g[2 * i + 1]
        h += [(a * c + b * d * GAMMAS[i]) % Q, (a * d + b * c) % Q]
    return h


def _sum(*polynomials):
    return [sum(c) % Q for c in zip(*polynomials)]


def _dot(u, v):
    return _sum(*(_product(a, b) for a, b in zip(u, v)))


def _encode(d, f):
    return sum(x << d * i for i, x in enumerate(f)).to_bytes(32 * d, "little")


def _decode(d, text):
    n = int.from_bytes(text, "little")
    return [n >> d * i & (1 << d) - 1 for i in range(256)]


def _pieces(text, size):
    return [text[i:i + size] for i in range(0, len(text), size)]


def _compress(d, f):
    return [((x << d) + Q // 2) // Q & (1 << d) - 1 for x in f]


def _decompress(d, f):
    return [(x * Q + (1 << d - 1)) >> d for x in f]


def _uniform(rho, j, i):
    """SampleNTT: an element of the matrix."""
    size, xof = 1008, hashlib.shake_128(rho + bytes((j, i)))
    while True:
        f = []
        for a, b, c in _pieces(xof.digest(size), 3):
            f += [x for x in (a | (b & 15) << 8, b >> 4 | c << 4) if x < Q]
        if len(f) >= 256:
            return f[:256]
        size *= 2


def _small(seed, n):
    """SamplePolyCBD with eta = 2, of PRF(seed, n)."""
    bits = int.from_bytes(hashlib.shake_256(seed + bytes((n,))).digest(128), "little")
    quads = (bits >> 4 * i for i in range(256))
    return [((b & 1) + (b >> 1 & 1) - (b >> 2 & 1) - (b >> 3 & 1)) % Q for b in quads]


def _G(*parts):
    digest = hashlib.sha3_512(b"".join(parts)).digest()
    return digest[:32], digest[32:]


def _H(text):
    return hashlib.sha3_256(text).digest()


def _secret(d):
    rho, sigma = _G(d, bytes((K,)))
    return rho, sigma, [_ntt(_small(sigma, n)) for n in range(K)]


def public(seed):
    """The encapsulation key of a seed d ‖ z."""
    rho, sigma, s = _secret(seed[:32])
    e = [_ntt(_small(sigma, K + n)) for n in range(K)]
    t = [_sum(_dot([_uniform(rho, j, i) for j in range(K)], s), e[i]) for i in range(K)]
    return b"".join(_encode(12, f) for f in t) + rho


def check(ek):
    """The checks of §7.2: the length, and that every coefficient is reduced."""
    return len(ek) == EK and all(x < Q for text in _pieces(ek[:-32], 384) for x in _decode(12, text))


def _encrypt(ek, m, r):
    t, rho = [_decode(12, text) for text in _pieces(ek[:-32], 384)], ek[-32:]
    y = [_ntt(_small(r, n)) for n in range(K)]
    u = [_sum(_inverse_ntt(_dot([_uniform(rho, i, j) for j in range(K)], y)), _small(r, K + i)) for i in range(K)]
    v = _sum(_inverse_ntt(_dot(t, y)), _small(r, 2 * K), _decompress(1, _decode(1, m)))
    return b"".join(_encode(DU, _compress(DU, f)) for f in u) + _encode(DV, _compress(DV, v))


def encaps(ek, m):
    """(ss, ct) for the 32 random bytes m: ML-KEM.Encaps_internal."""
    key, r = _G(m, _H(ek))
    return key, _encrypt(ek, m, r)


def decaps(seed, ct):
    """ss; another one, that nobody knows, if ct is not what encaps gave."""
    ek = public(seed)
    s = _secret(seed[:32])[2]
    u = [_decompress(DU, _decode(DU, text)) for text in _pieces(ct[:32 * DU * K], 32 * DU)]
    v = _decompress(DV, _decode(DV, ct[32 * DU * K:]))
    w = [(a - b) % Q for a, b in zip(v, _inverse_ntt(_dot(s, [_ntt(f) for f in u])))]
    m = _encode(1, _compress(1, w))
    key, r = _G(m, _H(ek))
    return key if _encrypt(ek, m, r) == ct else hashlib.shake_256(seed[32:] + ct).digest(32)
