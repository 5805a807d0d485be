"""A second reader of frames, ops and other objects, written from docs/protocol alone: their CDDL is read from the pages, what
only the prose says stands below.

    python3 reader.py DOCS/PROTOCOL CBOR-FOLDER frame|op|PAGE#RULE < VECTORS

VECTORS has an object in hex a line. It changes each at every place where the text has an edge, and byte by byte, and prints
a line for each: what the text says of it (ok, malformed, newer), and the bytes.
"""

import ipaddress
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[2])

import cbor
import cddl

PAGES = cddl.read_pages(sys.argv[1])
ZERO = bytes(32)


def ascends(keys):
    keys = list(keys)
    return all(a < b for a, b in zip(keys, keys[1:]))


def packed(text, size, most, least=0):
    """The items of a packed list, or None."""
    if len(text) % size or not least * size <= len(text) <= most * size:
        return None
    return [text[i:i + size] for i in range(0, len(text), size)]


def number(text):
    return int.from_bytes(text, "big")


# What the prose says of frames, by their names in the CDDL.


def receipt(f):
    ranges = f.get(3, [])
    follow = all(p[0] < r[0] or p[0] == r[0] and p[2] < r[1] for p, r in zip(ranges, ranges[1:]))
    return (f.get(2) or ranges) and all(first <= last for _, first, last in ranges) and follow


def kept(f):
    results = packed(f[1], 9, 256, 1)
    return results is not None and all(r[0] == 0 or number(r[1:]) == 0 for r in results)


def log_page(f):
    cursors, absent = packed(f.get(5, b""), 8, 256), packed(f.get(6, b""), 40, 1024)
    if cursors is None or absent is None or f[3] < f[1]:
        return False
    if not f[3]:  # the answer to a get, whose first four fields are 0: in any order
        return True
    lists = [number(c) for c in cursors], [number(a[:8]) for a in absent]
    return all(ascends(at) and all(f[1] < n <= f[3] for n in at) for at in lists)


def answers(f):
    told = packed(f.get(4, b""), 16384, 3)
    return told is not None and not (told and 2 in f) and not (f.get(3) and 2 not in f)


def stock(f):
    days = packed(f.get(2, b""), 10, 64)
    return days is not None and ascends([f[1]] + [number(d[:2]) for d in days])


FRAMES = {
    "receipt": receipt,
    "refusal": lambda f: f[2],
    "peers": lambda f: ascends(told[1] for told in f[1]),
    "view": lambda f: bool(f.get(4)) == bool(f.get(5)),
    "stop": lambda f: f[2],
    "ask": lambda f: 1 <= len(f[1].encode()) <= 256,
    "kept": kept,
    "range": lambda f: f[1] % 64 == 0,
    "page": log_page,
    "scan": lambda f: f[1] % 64 == 0,
    "entries": lambda f: packed(f.get(2, b""), 27, 2048) is not None,
    "get": lambda f: packed(f[1], 8, 256, 1) is not None,
    "delete": lambda f: packed(f[1], 18, 256, 1) is not None,
    "draw": lambda f: packed(f[2], 32, 256, 1) is not None,
    "drawn": lambda f: packed(f[1], 32, 256, 1) is not None,
    "refused": lambda f: f[1] and len(f.get(2, "").encode()) <= 256,
    "answers": answers,
    "stock": stock,
}


def frame_table():
    """{type: (name, rule, most bytes)} of the table on page 00; rule is None for a frame whose body is not read."""
    row = re.compile(r"^\| 0x(..) \| \[(\w+)\]\(([^)#]*)#[^)]*\) \| \w+ \| ([\d,]+) \|$", re.M)
    out = {}
    for number, name, where, most in row.findall(PAGES["00-encoding.md"].text):
        if where == "10-communities.md":  # what papers are; their frame is on the page of those who exchange them first
            where = "12-replication.md"
        rule = {"card": "cardfrm"}.get(name, name)
        rule = None if name == "padding" else PAGES[where or "00-encoding.md"].rule(rule)
        out[int(number, 16)] = name, rule, int(most.replace(",", ""))
    return out


TYPES = frame_table()


def uvarint(text):
    """(number, what is behind it), in the shortest form of at most 64 bits; None otherwise."""
    n = 0
    for i, b in enumerate(text[:10]):
        n |= (b & 127) << 7 * i
        if b < 128:
            return (n, text[i + 1:]) if (b or not i) and n < 1 << 64 else None
    return None


def put_uvarint(n):
    out = b""
    while n > 127:
        out, n = out + bytes((n & 127 | 128,)), n >> 7
    return out + bytes((n,))


def judge_frame(text):
    size = uvarint(text[1:])
    name, rule, most = TYPES.get(text[0], ("", None, 65536))
    if size is None or size[0] > most or len(size[1]) < size[0] or text[0] == 0:
        return "malformed"
    if rule is None:
        return "newer" if text[0] >= 0x80 else "ok"
    verdict, f = cddl.judge(rule, size[1][:size[0]])
    return verdict if verdict != "ok" or FRAMES.get(name, lambda f: True)(f) else "malformed"


def frame_variants(text):
    body = uvarint(text[1:])[1]
    _, rule, most = TYPES[text[0]]
    for v in cddl.variants(rule, cbor.decode(body)) if rule else ():
        changed = cbor.encode(v)
        yield text[:1] + put_uvarint(len(changed)) + changed
    yield from (bytes((kind,)) + text[1:] for kind in (0, 0x0d, 0x24, 0x48, 0x7f, 0x80, 0xff))
    for size in (most, most + 1):
        rooms = range(size - len(body) - 10, size - len(body)) if rule else ()
        fillings = (cbor.encode({**cbor.decode(body), 0x7000: bytes(room)}) for room in rooms)
        filled = next((f for f in fillings if len(f) == size), bytes(size))
        yield text[:1] + put_uvarint(len(filled)) + filled
    yield text[:1] + bytes((text[1] | 128, 0)) + text[2:]


# What the prose says of ops and their bodies.


def name(text):
    return 1 <= len(text.encode()) <= 256


def said(text):
    return 1 <= len(text.encode()) <= 60000


def reaction(b):
    emoji, back = b.get(1, ""), b.get(2, [])
    if bool(emoji) == bool(back) or b[0] == ZERO:
        return False
    hidden = any(ord(c) <= 0x20 or 0x7f <= ord(c) <= 0xa0 or c in "\u2028\u2029" for c in emoji)
    return len(emoji.encode()) <= 64 and not hidden and ascends(back)


BODIES = {
    "text": lambda b: said(b[0]) and b.get(1) != ZERO,
    "edit": lambda b: said(b[1]) and b[0] != ZERO,
    "delete": lambda b: b[0] != ZERO,
    "reaction": reaction,
    "read mark": lambda b: ascends(author for author, _ in b[0]),
    "profile": lambda b: name(b[0]),
    "discovery key": lambda b: b[0] <= 178956970,
    "account": lambda b: True,
    "introduction": lambda b: name(b[1]),
    "mailbox": lambda b: True,
}


def kinds():
    """{number: (name, rule)} of the table of kinds that have a body."""
    row = re.compile(r"^\| (\d+) \| ([\w ]+) \| \[below\]", re.M)
    rules = {"read mark": "read-body", "discovery key": "discovery-body"}
    return {int(n): (name, PAGES["06-conversations.md"].rule(rules.get(name, name + "-body")))
            for n, name in row.findall(PAGES["06-conversations.md"].text)}


KINDS = kinds()


def judge_op(text):
    verdict, op = cddl.judge(PAGES["06-conversations.md"].rule("op"), text)
    if verdict != "ok":
        return verdict
    front = op.get(5, [])
    if len(text) > 62000 or (4 in op) != (op[3] > 1) or op.get(4) == ZERO or not ascends(front) or op.get(4) in front:
        return "malformed"
    kind, rule = KINDS.get(op[8], (None, None))
    return "ok" if kind is None or rule.takes(op[9]) and BODIES[kind](op[9]) else "malformed"


def op_variants(text):
    op = cbor.decode(text)
    _, rule = KINDS[op[8]]
    for v in cddl.variants(PAGES["06-conversations.md"].rule("op"), op):
        yield cbor.encode(v)
    for body in cddl.variants(rule, op[9]):
        yield cbor.encode({**op, 9: body})


# What the prose says of other objects, by their pages and rules.


def once(keys):
    keys = list(keys)
    return len(keys) == len(set(keys))


def addresses(those):
    return all(address(a) for a in those)


def address(text):
    host, colon, port = text.rpartition(":")
    if not colon or len(text.encode()) > 260 or not re.fullmatch("[1-9][0-9]{0,4}", port) or int(port) > 65535:
        return False
    if "[" in host or re.fullmatch(r"(\d+\.){3}\d+", host):
        try:
            ip = ipaddress.IPv6Address(host[1:-1]) if host[:1] + host[-1:] == "[]" else ipaddress.IPv4Address(host)
        except ValueError:
            return "[" not in host and is_name(host)
        return "%" not in host and not ip.is_unspecified and not ip.is_multicast
    return is_name(host)


def is_name(host):
    labels = host.split(".")
    return len(host) <= 253 and all(re.fullmatch("(?!-)[0-9A-Za-z-]{1,63}(?<!-)", label, re.A) for label in labels)


def algorithms(listed):
    """What key 0 of a signed body says: one that is not known needs a newer version."""
    if type(listed) is not list or not 1 <= len(listed) <= 8 or any(type(a) is not int or a < 0 for a in listed) or not ascends(listed):
        return "malformed"
    return "ok" if listed == [1] else "newer"


def descriptor(d):
    keys = [k for s in d[5] for k in (s[1], s[2], s[3])] + [s[1] for s in d.get(6, [])] + [o[1] for o in d[7]]
    return d[2] and name(d[3]) and once(keys) and all(o.get(2) or not o.get(3) for o in d[7])


def entry(e):
    """A field with a kind that is not named beside it is malformed."""
    invite, join = e[5] == 1, e[5] == 2
    return e[5] > 3 or invite == bool(e.get(7)) and (invite or not e.get(8)) and join == (9 in e)


def account_op(o):
    """A field stands exactly in the kinds named beside it; an unknown kind needs a newer version."""
    add, revoke, first, succession = (o[1] == n for n in (1, 2, 3, 4))
    parents = o.get(3, [])
    return (2 in o) != first and bool(parents) != first and ascends(parents) and (6 in o) == first and (5 in o) == (first or succession) and \
        (7 in o) == succession and (8 in o) == add and (9 in o) == revoke


def mailbox(c):
    logs, giver = c.get(1, []), c.get(2, b"")
    paid = [packed(log.get(5, b""), 66, 20) for log in logs]
    return None not in paid and all(addresses(log.get(4, [])) for log in logs) and (len(giver) == 16 or not giver and not any(paid))


def key_file(f):
    one, two = (len(slot[2]) - 24 - 16 for slot in f[3])
    return one == two and 0 < one <= 480 * 1024 and one % 4096 == 0


OBJECTS = {
    "09-storage#key-body": key_file,
    "01-identity#op-body": account_op,
    "08-custody#card": mailbox,
    "10-communities#descriptor-body": descriptor,
    "10-communities#card-body": lambda c: c[4][2] <= 3 and addresses(c.get(5, [])),
    "10-communities#entry-body": entry,
    "10-communities#papers": lambda p: p[5] != ZERO and ascends(p.get(4, [])),
    "10-communities#join-link": lambda l: all(addresses(s.get(3, [])) for s in l[4]),
}


# What needs a newer version for another reason than its keys: an algorithm, a kind, a version.
LATER = {
    "01-identity#op-body": lambda verdict, o: algorithms(o.get(0)) == "newer" or verdict == "ok" and o[1] > 4,
    "09-storage#key-body": lambda verdict, f: type(f.get(1)) is int and f[1] > 1,
    **{"10-communities#" + rule: lambda verdict, o: algorithms(o.get(0)) == "newer" for rule in ("descriptor-body", "card-body", "entry-body")},
}


class Object:
    """What is judged and changed by one rule of a page."""

    def __init__(self, what):
        where, _, rule = what.partition("#")
        self.rule, self.prose = PAGES[where + ".md"].rule(rule), OBJECTS.get(what, lambda v: True)
        self.later = LATER.get(what, lambda verdict, v: False)

    def judge(self, text):
        verdict, v = cddl.judge(self.rule, text)
        if v is not None and self.later(verdict, v):
            return "newer"
        return verdict if verdict != "ok" or self.prose(v) else "malformed"

    def variants(self, text):
        return map(cbor.encode, cddl.variants(self.rule, cbor.decode(text)))


def bent(text):
    """Each byte changed, and the end cut off everywhere."""
    for i, b in enumerate(text[:600]):
        yield from (text[:i] + bytes((c,)) + text[i + 1:] for c in (b ^ 1 << i % 8, 255))
        yield text[:i]


def main(what):
    vectors = [bytes.fromhex(line) for line in sys.stdin]
    if what == "frame":
        judge, change = judge_frame, frame_variants
        for kind, (_, rule, _) in TYPES.items():
            body = cbor.encode(cddl.example(rule)) if rule else b""
            vectors.append(bytes((kind,)) + put_uvarint(len(body)) + body)
    elif what == "op":
        judge, change = judge_op, op_variants
    else:
        judge, change = Object(what).judge, Object(what).variants
    seen = set()
    for text in vectors:
        for changed in (text, *change(text), *bent(text)):
            if changed and changed not in seen:
                seen.add(changed)
                print(judge(changed), changed.hex())


main(sys.argv[3])
