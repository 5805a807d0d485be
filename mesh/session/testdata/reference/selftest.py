"""The primitives against published vectors: those of the RFCs, and Wycheproof's when their folder is given."""

import json
import os

import cbor
import chachapoly
import ed25519
import kdf
import mlkem
import x25519

unhex = bytes.fromhex
SUNSCREEN = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
             b"sunscreen would be it.")


def check(name, got, want):
    if got != want:
        raise AssertionError(f"{name}: got {got!r}, want {want!r}")


def published():
    """RFC 7748 §5.2, RFC 8032 §7.1, RFC 8439 §2.8.2, RFC 5869 A.1 and A.3."""
    k = u = x25519.BASE
    for i in range(1000):
        k, u = x25519.mult(k, u), k
        if i == 0:
            check("X25519, once", k, unhex("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"))
    check("X25519, 1,000 times", k, unhex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"))

    seed = unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key, signature = ed25519.public(seed), ed25519.sign(seed, b"")
    check("Ed25519 key", key, unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
    check("Ed25519 signature", signature, unhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"))
    check("Ed25519 verify", [ed25519.verify(key, m, signature) for m in (b"", b"x")], [True, False])

    key, nonce, ad = bytes(range(0x80, 0xA0)), unhex("070000004041424344454647"), unhex("50515253c0c1c2c3c4c5c6c7")
    sealed = chachapoly.seal(key, nonce, SUNSCREEN, ad)
    check("AEAD tag", sealed[-16:], unhex("1ae10b594f09e26a7e902ecbd0600691"))
    check("AEAD open", [chachapoly.open(key, nonce, sealed, a) for a in (ad, b"")], [SUNSCREEN, None])

    check("HKDF A.1", kdf.HKDF(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42), unhex(
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"))
    check("HKDF A.3", kdf.HKDF(b"\x0b" * 22, b"", b"", 42), unhex(
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"))


def encoding():
    """The rules of 00-encoding: each text below breaks one."""
    for value in (0, 23, 24, 255, 256, 65535, 65536, 2**32, -1, -257, b"", b"x" * 300, "né", [], [1, [True]], {0: {24: b""}}):
        check("CBOR", cbor.decode(cbor.encode(value)), value)
    for text in ("1817 190018 1a0000ffff 1b00000000ffffffff 5800 9f00ff 5f40ff a10001a0 a161610 f6 f7 f97e00 c000 e0 f818"
                 " 61ff 5841 81 a2 a201000000 a200000000 ff 1c 818181818181818180").split():
        try:
            cbor.decode(unhex(text if len(text) % 2 == 0 else text + "0"))
        except cbor.Malformed:
            continue
        raise AssertionError(f"CBOR {text}: accepted")


def wycheproof(folder):
    """Every test of the six files that has our sizes; returns how many those are."""
    total = 0
    for name, test in (("x25519", _x25519), ("ed25519", _ed25519), ("chacha20_poly1305", _aead),
                       ("hkdf_sha256", _hkdf), ("mlkem_768", _decaps), ("mlkem_768_encaps", _encaps)):
        with open(os.path.join(folder, name + "_test.json"), encoding="utf-8") as file:
            groups = json.load(file)["testGroups"]
        for group in groups:
            for case in group["tests"]:
                if group.get("ivSize", 96) == 96:
                    test(f"{name} {case['tcId']} {case.get('comment', '')}", group, case)
                    total += 1
    return total


def _x25519(name, _, case):
    # What is not valid there is at most a warning: the result is right all the same.
    check(name, x25519.mult(unhex(case["private"]), unhex(case["public"])).hex(), case["shared"])


def _ed25519(name, group, case):
    key = unhex(group["publicKey"]["pk"])
    check(name, ed25519.verify(key, unhex(case["msg"]), unhex(case["sig"])), case["result"] == "valid")


def _aead(name, _, case):
    key, nonce, ad, message = (unhex(case[k]) for k in ("key", "iv", "aad", "msg"))
    sealed = unhex(case["ct"] + case["tag"])
    valid = case["result"] == "valid"
    check(name, chachapoly.open(key, nonce, sealed, ad), message if valid else None)
    check(name, chachapoly.seal(key, nonce, message, ad) == sealed, valid)


def _hkdf(name, _, case):
    if case["result"] == "valid":
        got = kdf.HKDF(unhex(case["ikm"]), unhex(case["salt"]), unhex(case["info"]), case["size"])
        check(name, got.hex(), case["okm"])


def _decaps(name, _, case):
    seed, ct = unhex(case["seed"]), unhex(case["c"])
    valid = len(seed) == mlkem.SEED and len(ct) == mlkem.CT
    check(name, valid, case["result"] == "valid")
    if valid:
        check(name, mlkem.decaps(seed, ct).hex(), case["K"])
        check(name, mlkem.public(seed).hex(), case["ek"])


def _encaps(name, _, case):
    ek = unhex(case["ek"])
    check(name, mlkem.check(ek), case["result"] == "valid")
    if case["result"] == "valid":
        key, ct = mlkem.encaps(ek, unhex(case["m"]))
        check(name, (key.hex(), ct.hex()), (case["K"], case["c"]))


def run(folder=None):
    published()
    encoding()
    return wycheproof(folder) if folder else 0
