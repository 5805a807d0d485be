"""Recomputes the vectors of docs/protocol/10-communities.md from their inputs, written from the text alone.

    python3 community.py DOCS/PROTOCOL FOLDER-OF-THE-SESSIONS'-REFERENCE VECTORS
"""

import base64
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[2])

import cbor
import ed25519
from kdf import H, HKDF


def number(n, size):
    return n.to_bytes(size, "big")


def emoji():
    """The names of the table on page 05, in English."""
    with open(sys.argv[1] + "/05-contacts.md", encoding="utf-8") as file:
        found = re.findall(r"\| (\d+) \S+ ([a-z ]+?) / ", file.read().replace(" | ", " | | "))
    return {int(n): name.replace(" ", "-") for n, name in found}


def base32(text):
    return base64.b32encode(text).decode().rstrip("=").lower()


def words(entropy):
    bits = "".join(f"{b:08b}" for b in entropy + H(b"sv1 root words", entropy)[:2])
    return " ".join(emoji()[int(bits[i:i + 6], 2)] for i in range(0, 144, 6))


def signed(label, body, seed):
    return cbor.encode([body, {1: ed25519.sign(seed, label + body)}])


def body_of(label, text, seed):
    """The body of a signed object, whose bytes are what its signer makes of that."""
    body, signatures = cbor.decode(text)
    assert signatures == {1: ed25519.sign(seed, label + body)} and cbor.encode(cbor.decode(body)) == body, label
    return cbor.decode(body), H(label, body)


def recomputed(v):
    """{name: value} of all that is no input, from the text."""
    root_seed = HKDF(v["entropy"], b"", b"sv1 community root", 32)
    root = ed25519.public(root_seed)
    community = H(b"sv1 community", root)
    invite_seed = HKDF(v["join_secret"], b"", b"sv1 join invite", 32)
    out = {
        "words": words(v["entropy"]), "root": root, "community": community, "community_text": "comm-" + base32(community),
        "operator": ed25519.public(v["operator_seed"]), "persona": ed25519.public(v["persona_seed"]), "invite": ed25519.public(invite_seed),
        "link_secret": HKDF(v["week_secret"], b"", b"sv1 member link", 32),
    }
    device = v["device_seed"][:32]
    descriptor, out["descriptor_id"] = body_of(b"sv1 community descriptor", v["descriptor"], root_seed)
    supernode = descriptor[5][0]
    assert descriptor[1] == root and supernode[1] == ed25519.public(device) and supernode[3] != supernode[2]
    out["supernode"] = id = H(b"sv1 peer id", supernode[1], supernode[2])

    card, _ = body_of(b"sv1 supernode card", v["card"], device)
    draw, week, move = card[4]
    assert card[1] == community and card[2] == supernode and card[3] == out["operator"] and week == v["week"]
    claim = b"sv1 supernode seat" + community + supernode[1] + supernode[2] + supernode[3] + card[3]
    assert card[8] == {1: out["invite"], 2: ed25519.sign(invite_seed, claim)}, "the claim of a seat"
    secrets = v["week_secret"], bytes(range(8, 40))  # of the week and the next: counted bytes, as all inputs
    commitments = [H(b"sv1 week commit", id, community, number(week + i, 4), s) for i, s in enumerate(secrets)]
    assert card[9] == commitments, "commitments"
    out["commitments"] = b"".join(commitments)
    out["gist_beacon"] = H(b"sv1 card beacon", number(card[6], 4), card[7])
    out["gist_addresses"] = H(b"sv1 card addresses", "\n".join(card[5]).encode())
    out["gist_signed"] = b"sv1 card gist" + id + community + number(draw, 4) + number(week, 4) + number(move, 1) + \
        out["commitments"] + out["gist_beacon"] + out["gist_addresses"]
    out["gist_signature"] = ed25519.sign(device, out["gist_signed"])
    assert card[10] == out["gist_signature"], "signature of the gist"

    ids, before = [], None
    for entry in (v["entry_1"], v["entry_2"], v["entry_3"]):
        said, entry_id = body_of(b"sv1 roster entry", entry, v["operator_seed"])
        assert said[1] == community and said[2] == out["operator"] and said.get(3) == before, "where an entry goes"
        ids, before = ids + [entry_id], entry_id
    out["roster"] = H(b"sv1 roster", *sorted(ids))

    place = v["exporter"] + id + community + number(v["day"], 4)
    out["login"] = ed25519.sign(v["persona_seed"], b"sv1 persona login" + place)
    out["proof"] = out["invite"] + ed25519.sign(invite_seed, b"sv1 community join" + place + out["persona"])
    text = v["link"].partition(":")[2].upper()
    link = base64.b32decode(text + "=" * (-len(text) % 8))
    assert link[:1] == b"\2" and link[-4:] == H(b"sv1 join link", link[:-4])[:4], "check of a link"
    said = cbor.decode(link[1:-4])
    assert said[1] == root and said[2] == v["join_secret"] and said[4][0][1] == supernode[1], "a join link"
    out["link"] = "sottovoce:" + base32(link)
    return out


def main(path):
    v = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            name, found, value = line.strip().partition("=")
            if found and not line.startswith("#"):
                plain = name in ("words", "community_text", "link")
                v[name] = value if plain else int(value) if name in ("week", "day") else bytes.fromhex(value)
    inputs = {"entropy", "device_seed", "operator_seed", "persona_seed", "join_secret", "descriptor", "card", "week", "day",
              "entry_1", "entry_2", "entry_3", "exporter", "week_secret"}
    out = recomputed(v)
    differ = [name for name in v if name not in inputs and out.get(name) != v[name]]
    if differ or set(out) != set(v) - inputs:
        sys.exit(f"not as the text says: {differ or set(out) ^ set(v) - inputs}")
    print(len(out), "values")


main(sys.argv[3])
