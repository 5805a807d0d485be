"""A second implementation of 11-tokens: ristretto255 (RFC 9496) and its POPRF (RFC 9497, mode 2), slow and plain.

tokens.py draw.txt rfc9497.txt rfc9496.txt recomputes the vectors, and says what differs.
"""

import hashlib
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
I = pow(2, (P - 1) // 4, P)  # a square root of -1
ZERO = (0, 1, 1, 0)
CONTEXT = b"OPRFV1-\x02-ristretto255-SHA512"


# The field and the curve (RFC 9496, section 4).

def negative(x):
    return x % P & 1


def absolute(x):
    return (-x if negative(x) else x) % P


def sqrt_ratio(u, v):
    """(u/v is a square, the root of u/v or of I*u/v that is not negative)"""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    right, flipped, flipped_i = check == u % P, check == -u % P, check == -u * I % P
    if flipped or flipped_i:
        r = r * I % P
    return right or flipped, absolute(r)


INVSQRT_A_MINUS_D = sqrt_ratio(1, -1 - D)[1]


# RFC 9496 fixes which of the two roots.
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
assert SQRT_AD_MINUS_ONE**2 % P == (-D - 1) % P


def add(p, q):
    x1, y1, z1, t1 = p
    x2, y2, z2, t2 = q
    a, b = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def mul(p, k):
    out = ZERO
    while k:
        if k & 1:
            out = add(out, p)
        p, k = add(p, p), k >> 1
    return out


def decode(b):
    """An element, or ValueError; the identity is refused as well."""
    s = int.from_bytes(b, "little")
    if len(b) != 32 or s >= P or negative(s) or s == 0:
        raise ValueError("no element")
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    square, inv = sqrt_ratio(1, v * u2 * u2)
    den_x = inv * u2 % P
    den_y = inv * den_x * v % P
    x, y = absolute(2 * s * den_x), u1 * den_y % P
    t = x * y % P
    if not square or negative(t) or y == 0:
        raise ValueError("no element")
    return x, y, 1, t


def encode(p):
    x, y, z, t = p
    u1, u2 = (z + y) * (z - y) % P, x * y % P
    inv = sqrt_ratio(1, u1 * u2 * u2)[1]
    den1, den2 = inv * u1 % P, inv * u2 % P
    z_inv = den1 * den2 * t % P
    if negative(t * z_inv):
        x, y, den = y * I % P, x * I % P, den1 * INVSQRT_A_MINUS_D % P
    else:
        den = den2
    if negative(x * z_inv):
        y = -y % P
    return absolute(den * (z - y)).to_bytes(32, "little")


def mapped(b):
    t = (int.from_bytes(b, "little") & (2**255 - 1)) % P
    r = I * t * t % P
    u, c = (r + 1) * (1 - D * D) % P, -1
    v = (-1 - r * D) * (r + D) % P
    square, s = sqrt_ratio(u, v)
    if not square:
        s, c = -absolute(s * t) % P, r
    n = (c * (r - 1) * (D - 1) ** 2 - v) % P
    w0, w1, w2, w3 = 2 * s * v, n * SQRT_AD_MINUS_ONE, 1 - s * s, 1 + s * s
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


def base():
    y = 4 * pow(5, -1, P) % P
    x = absolute(sqrt_ratio(y * y - 1, D * y * y + 1)[1])
    return x, y, 1, x * y % P


# Hashing (RFC 9380, section 5.3.1, and RFC 9497, section 4.1).

def sha512(*parts):
    return hashlib.sha512(b"".join(parts)).digest()


def expand(message, dst):
    dst += bytes([len(dst)])
    b0 = sha512(bytes(128), message, bytes([0, 64, 0]), dst)
    return sha512(b0, b"\x01", dst)


def to_element(message):
    b = expand(message, b"HashToGroup-" + CONTEXT)
    return add(mapped(b[:32]), mapped(b[32:]))


def to_scalar(message, prefix=b"HashToScalar-"):
    return int.from_bytes(expand(message, prefix + CONTEXT), "little") % L


def framed(*parts):
    return b"".join(len(p).to_bytes(2, "big") + p for p in parts)


# The POPRF (RFC 9497, section 3.3.3).

def derive(seed, info):
    for counter in range(256):
        k = to_scalar(seed + framed(info) + bytes([counter]), b"DeriveKeyPair")
        if k:
            return k, encode(mul(base(), k))


def tweak(info):
    return to_scalar(b"Info" + framed(info))


def composites(key, c, d):
    seed = sha512(framed(key, b"Seed-" + CONTEXT))
    m = z = ZERO
    for i, (ci, di) in enumerate(zip(c, d)):
        k = to_scalar(framed(seed) + i.to_bytes(2, "big") + framed(ci, di) + b"Composite")
        m, z = add(m, mul(decode(ci), k)), add(z, mul(decode(di), k))
    return m, z


def proves(key, c, d, proof):
    challenge, s = (int.from_bytes(proof[i:i + 32], "little") for i in (0, 32))
    m, z = composites(key, c, d)
    t2 = add(mul(base(), s), mul(decode(key), challenge))
    t3 = add(mul(m, s), mul(z, challenge))
    return challenge < L and s < L and challenge == to_scalar(framed(key, *map(encode, (m, z, t2, t3))) + b"Challenge")


def prove(t, once, c, d):
    key = encode(mul(base(), t))
    m, z = composites(key, c, d)
    challenge = to_scalar(framed(key, *map(encode, (m, z, mul(base(), once), mul(m, once)))) + b"Challenge")
    return challenge.to_bytes(32, "little") + ((once - challenge * t) % L).to_bytes(32, "little")


def output(secret, info, nonce):
    """What the supernode computes when a token is redeemed."""
    e = mul(to_element(nonce), pow(secret + tweak(info), -1, L))
    return sha512(framed(nonce, info, encode(e)), b"Finalize")


def finish(public, info, nonces, blinds, evaluated, proof, blinded):
    """What the client makes of an answer; None where the proof is of another key."""
    key = encode(add(decode(public), mul(base(), tweak(info))))
    if not proves(key, evaluated, blinded, proof):
        return None
    unblinded = [encode(mul(decode(e), pow(r, -1, L))) for e, r in zip(evaluated, blinds)]
    return [sha512(framed(n, info, u), b"Finalize") for n, u in zip(nonces, unblinded)]


# The vectors.

wrong = []


def same(name, got, want):
    if got != want:
        wrong.append(f"{name}: {got.hex() if isinstance(got, bytes) else got}, the vector says {want.hex() if isinstance(want, bytes) else want}")


def pieces(b, n=32):
    return [b[i:i + n] for i in range(0, len(b), n)]


def number(b):
    return int.from_bytes(b, "little")


def check_batch(name, secret, public, info, nonces, blinds, once, blinded, evaluated, proof):
    same(name + " blinded", [encode(mul(to_element(n), r)) for n, r in zip(nonces, blinds)], blinded)
    t = (secret + tweak(info)) % L
    same(name + " evaluated", [encode(mul(decode(b), pow(t, -1, L))) for b in blinded], evaluated)
    same(name + " proof", prove(t, once, evaluated, blinded), proof)
    same(name + " wrong proof", finish(public, info, nonces, blinds, evaluated, bytes([proof[0] ^ 1]) + proof[1:], blinded), None)
    outputs = finish(public, info, nonces, blinds, evaluated, proof, blinded)
    same(name + " redeemed", [output(secret, info, n) for n in nonces], outputs)
    return outputs


def check_draw(v):
    secret, public = derive(v["seed"], b"sv1 token key")
    same("secret key", secret.to_bytes(32, "little"), v["secret key"])
    same("public key", public, v["public key"])
    day = v["token 0"][:2]
    same("info", b"sv1 token" + v["supernode"] + v["community"] + bytes(2) + day, v["info"])
    nonces, blinds = [v["nonce 0"], v["nonce 1"]], [number(v["blind 0"]), number(v["blind 1"])]
    outputs = check_batch("draw", secret, public, v["info"], nonces, blinds, number(v["once"]), pieces(v["blinded"]), pieces(v["evaluated"]), v["proof"])
    for i, nonce in enumerate(nonces):
        same(f"token {i}", day + nonce + outputs[i][:32], v[f"token {i}"])
        same(f"id {i}", hashlib.sha256(b"sv1 token id" + day + nonce).digest(), v[f"id {i}"])


def check_rfc9497(v):
    secret, public = derive(v["seed"], v["keyInfo"])
    same("skSm", secret.to_bytes(32, "little"), v["skSm"])
    same("pkSm", public, v["pkSm"])
    for n in "123":
        of = lambda name: v[f"{n} {name}"]
        inputs = [of("Input")] if n != "3" else [of("Input")[:1], of("Input")[1:]]
        outputs = check_batch("RFC 9497 " + n, secret, public, of("Info"), inputs, [number(b) for b in pieces(of("Blind"))], number(of("ProofRandomScalar")),
                              pieces(of("BlindedElement")), pieces(of("EvaluationElement")), of("Proof"))
        same(f"RFC 9497 {n} output", outputs, pieces(of("Output"), 64))


def check_rfc9496(v):
    for name, b in v.items():
        try:
            decode(b)
            wrong.append(f"{name} is decoded")
        except ValueError:
            pass


def main():
    checks = {"draw.txt": check_draw, "rfc9497.txt": check_rfc9497, "rfc9496.txt": check_rfc9496}
    for path in sys.argv[1:]:
        with open(path) as f:
            values = {name: bytes.fromhex(digits) for name, digits in (line.strip().split(" = ") for line in f)}
        checks.pop(path.replace("\\", "/").rsplit("/", 1)[-1])(values)
    if wrong or checks:
        sys.exit("\n".join(wrong + [f"{name} was not given" for name in checks]))


main()
