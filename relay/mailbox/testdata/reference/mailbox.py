"""A second reader of what supernodes keep, written from docs/protocol/13-mailbox.md and 07-blobs.md alone.

    python3 mailbox.py files FOLDER          a store on a disk, that was closed
    python3 mailbox.py cluster FILE          the messages of its streams, in their order: a subject and hex a line
    python3 mailbox.py stick FILE            a file of blobs

It holds each field against what the text says of it, and prints a line for everything that is kept.
"""

import hashlib
import os
import pathlib
import sys


class Wrong(Exception):
    pass


def want(holds, what):
    if not holds:
        raise Wrong(what)


def u(text):
    return int.from_bytes(text, "big")


def table():
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        yield n


TABLE = list(table())


def crc32c(text):
    crc = 0xFFFFFFFF
    for b in text:
        crc = TABLE[(crc ^ b) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def sha256(text):
    return hashlib.sha256(text).digest()


class Cut:
    """Fields of fixed size, one after the other."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def take(self, n):
        want(self.at + n <= len(self.text), "it is cut short")
        self.at += n
        return self.text[self.at - n:self.at]

    def number(self, n):
        return u(self.take(n))

    def left(self):
        return len(self.text) - self.at


# Page 07.


class Header:
    def __init__(self, blob):
        cut = Cut(blob)
        want(cut.number(1) == 1, "version of a blob")
        self.of_class, self.day = cut.number(1), cut.number(2)
        self.tag, self.commitment = cut.take(16), cut.take(16)
        want(cut.take(4) == bytes(4), "reserved bytes of a blob")
        want(fits(self.of_class, len(blob)), f"a blob of class {self.of_class} has {len(blob)} bytes")


def fits(of_class, size):
    if of_class < 3:
        return size == (4096, 16384, 65536)[of_class]
    e = size.bit_length() - 1
    z = max(e - e.bit_length(), 0)
    return of_class == 3 and 4096 <= size <= 1 << 20 and size % (1 << z) == 0


class Log:
    """Records along the cursor of one community."""

    def __init__(self, community):
        self.community, self.lines = community, []
        self.cursor, self.chain = 0, bytes(32)
        self.chains, self.blobs = {0: bytes(32)}, {}

    def tell(self, *words):
        self.lines.append(" ".join([self.community, *(w.hex() if isinstance(w, bytes) else str(w) for w in words)]))

    def at(self, cursor, chain):
        want(cursor > self.cursor, f"cursor {cursor} stands behind {self.cursor}")
        want(chain == self.chain, f"the chain before cursor {cursor}")

    def blob(self, cursor, id, day, of_class):
        self.blobs[cursor] = id
        self.chain = sha256(b"sv1 chain" + self.chain + id)
        self.move(cursor)
        self.tell("blob", cursor, day, of_class, id)

    def tombstone(self, cursor, d, day, of, id):
        want(self.blobs.get(of, bytes(32)) == id and (of > 0) == (id != bytes(32)), f"what the tombstone {cursor} names")
        self.move(cursor)
        self.tell("tombstone", cursor, day, d, of)

    def move(self, cursor):
        self.cursor = cursor
        self.chains[cursor] = self.chain

    def closed(self, value):
        cut = Cut(value)
        day, cursor, chain = cut.number(2), cut.number(8), cut.take(32)
        want(cut.left() == 0 and self.chains.get(cursor) == chain, "the chain at the close of the day")
        if day:
            self.tell("close", day, cursor)


# Files.


def slots(path):
    """The value of a small file."""
    text = path.read_bytes()
    want(len(text) == 2 * 4096, f"{path.name} has {len(text)} bytes")
    valid = []
    for place in (text[:4096], text[4096:]):
        cut = Cut(place)
        crc, number, size = cut.number(4), cut.number(8), cut.number(2)
        if number and crc == crc32c(place[4:14 + size]):
            valid.append((number, cut.take(size)))
            want(not any(place[14 + size:]), f"{path.name} has more than its value")
    want(valid, f"{path.name} has no valid slot")
    return max(valid)[1]


class Frame:
    def __init__(self, cut):
        self.offset = cut.at
        crc, rest = cut.number(4), cut.at
        self.kind, size, self.cursor, self.commit, self.frames = (cut.number(n) for n in (1, 3, 8, 8, 4))
        want(cut.take(4) == bytes(4), "four zeros in a frame")
        self.before, self.id = cut.take(32), cut.take(32)
        want(size % 32 == 0 and size <= 1 << 20, f"a body of {size} bytes")
        self.body = cut.take(size)
        want(crc == crc32c(cut.text[rest:cut.at]), "checksum of a frame")
        self.units = (cut.at - self.offset) // 32


def frames(path):
    cut = Cut(path.read_bytes())
    out = []
    while cut.left():
        out.append(Frame(cut))
    return out


def side_index(path, described):
    """Blocks describe frames from the first on."""
    cut, units = Cut(path.read_bytes()), 0
    while cut.left():
        crc, start = cut.number(4), cut.at
        records, begin, end = cut.number(4), cut.number(4), cut.number(4)
        want(begin == units and 0 < records <= 256, "a block of the side index joins the one before it")
        for _ in range(records):
            f = described.pop(0)
            got = [cut.number(n) for n in (8, 4, 2, 1, 1)] + [cut.take(n) for n in (16, 16, 32)]
            if f.kind == 1:
                h = Header(f.body)
                of_class, tag, commitment = h.of_class, h.tag, h.commitment
            else:
                of_class, tag, commitment = 0, f.body[:16], sha256(f.body[:16])[:16]
            want(got == [f.cursor, f.offset // 32, f.units, f.kind, of_class, tag, commitment, f.id], "a record of the side index")
            units = f.offset // 32 + f.units
        want(end == units and crc == crc32c(cut.text[start:cut.at]), "a block of the side index")


def log_of_files(folder):
    log, of_day = Log(folder.name), {}
    commits = {}
    for path in sorted(folder.iterdir()):
        day, _, kind = path.name.partition(".")
        if kind in ("blobs", "spent"):
            want(len(day) == 5, f"five digits: {path.name}")
            of_day[path.name] = frames(path)
            for f in of_day[path.name]:
                commits.setdefault(f.commit, []).append(f.frames)
                want(f.kind in ((1, 2) if kind == "blobs" else (3,)), f"kind {f.kind} in {path.name}")
        else:
            want(kind == "index" or path.name in ("head", "close"), f"what {path.name} is")
    want(all(len(c) == c[0] and len(set(c)) == 1 for c in commits.values()), f"frames of commits: {commits}")
    everything = [(f, int(name[:5])) for name, fs in of_day.items() for f in fs if f.kind < 3]
    for f, day in sorted(everything, key=lambda e: e[0].cursor):
        log.at(f.cursor, f.before)
        want(f.commit <= f.cursor < f.commit + f.frames, "the commit of a frame")
        if f.kind == 1:
            h = Header(f.body)
            want(sha256(f.body) == f.id and h.day == day, "the blob of a frame")
            log.blob(f.cursor, f.id, day, h.of_class)
        else:
            cut = Cut(f.body)
            d, expires, of = cut.take(16), cut.number(2), cut.number(8)
            want(expires == day and cut.take(6) == bytes(6) and cut.left() == 0, "the body of a tombstone")
            log.tombstone(f.cursor, d, day, of, f.id)
    for name, fs in of_day.items():
        if name.endswith(".blobs"):
            side_index(folder / name.replace("blobs", "index"), list(fs))
            continue
        for f in fs:
            tokens = [f.body[i:i + 32] for i in range(0, len(f.body), 32)]
            want(f.cursor == 0 and f.id == bytes(32) and tokens == sorted(set(tokens)), "a frame of tokens")
            for token in tokens:
                log.tell("spent", int(name[:5]), token)
    head = Cut(slots(folder / "head"))
    want((head.number(8), head.number(8), head.take(32), head.left()) == (log.cursor, log.cursor + 1, log.chain, 0), "head")
    if (folder / "close").exists():
        log.closed(slots(folder / "close"))
    return log.lines


def files(folder):
    lines = []
    for path in sorted(pathlib.Path(folder).iterdir()):
        want(os.stat(path).st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), f"mode of {path.name}")
        if path.name == "days":
            lines.append(f"finished {u(slots(path))}")
        elif path.name != "lock":
            want(len(bytes.fromhex(path.name)) == 32 and path.name == path.name.lower(), f"what {path.name} is")
            lines += log_of_files(path)
    return lines


# On a cluster.


def commit(log, text, bodies):
    cut = Cut(text)
    want(cut.number(1) == 1, "version of a commit")
    cut.take(16)
    before, chain = cut.number(8), cut.take(32)
    # Cursors may leave some out; what stands before is what was there.
    want(before >= log.cursor and chain == log.chain, "where a commit begins")
    closed, messages, records, tokens = cut.take(42), cut.number(2), cut.number(2), cut.number(2)
    want(messages == len(bodies), f"{messages} messages of blobs, {len(bodies)} stand before")
    ends, deletions = [0] * messages, 0
    for cursor in range(before + 1, before + 1 + records):
        if cut.number(1) == 1:
            of_class, day, message, offset, size = (cut.number(n) for n in (1, 2, 2, 4, 4))
            tag, commitment, id = cut.take(16), cut.take(16), cut.take(32)
            of_day, body = bodies[message]
            blob = body[offset:offset + size]
            h = Header(blob)
            want(sha256(blob) == id, "the id of a blob of a commit")
            want((h.of_class, h.day, h.tag, h.commitment) == (of_class, day, tag, commitment) and of_day == day, "what a commit says of a blob")
            want(offset == ends[message] and (offset == 0 or offset + size <= 1 << 16), "blobs stand one after the other")
            ends[message] += size
            log.blob(cursor, id, day, of_class)
        else:
            want(cut.text[cut.at - 1] == 2, "the kind of a record")
            day, d, of, id = cut.number(2), cut.take(16), cut.number(8), cut.take(32)
            log.tombstone(cursor, d, day, of, id)
            deletions += 1
    want(ends == [len(body) for _, body in bodies] and deletions <= 4096, "a commit and its messages of blobs")
    spent = [(cut.number(2), cut.take(32)) for _ in range(tokens)]
    want([t for _, t in spent] == sorted(t for _, t in spent) and cut.left() == 0, "the tokens of a commit")
    for day, token in spent:
        log.tell("spent", day, token)
    return closed


def part(text, nonces, name):
    cut = Cut(text)
    want(cut.number(1) == 1, "version of a part")
    nonce, parts = cut.take(16), cut.number(2)
    want(nonces.setdefault(name, nonce) == nonce and parts > 0, "nonce of a part")
    return parts, cut.take(cut.left())


def cluster(path):
    lines, logs, bodies, closes, parts, nonces = [], {}, {}, {}, {}, {}
    for line in open(path, encoding="ascii"):
        subject, text = line.split(" ")
        text = bytes.fromhex(text)
        words = subject.split(".")
        if words[0].endswith("-store"):
            if words[1] == "finished":
                want(len(text) == 2, "the day that was finished with")
                lines.append(f"finished {u(text)}")
            else:
                want(words[1] == "file" and int(words[-1]) == len(parts.setdefault(subject.rpartition(".")[0], [])), f"what {subject} is")
                parts[subject.rpartition(".")[0]].append(part(text, nonces, subject.rpartition(".")[0]))
            continue
        community = words[1]
        log = logs.setdefault(community, Log(community))
        if words[2] == "day":
            want(len(words[3]) == 5, "five digits")
            bodies.setdefault(community, []).append((int(words[3]), text))
        else:
            want(words[2:] == ["log"], f"what {subject} is")
            closes[community] = commit(log, text, bodies.pop(community, []))
    want(not bodies, "blobs without a commit")
    for community, log in logs.items():
        log.closed(closes[community])
        lines += log.lines
    for name, those in parts.items():
        want(all(count == len(those) for count, _ in those), f"parts of {name}")
        want(all(len(content) == 524288 for _, content in those[:-1]), f"bytes of a part of {name}")
        content = b"".join(content for _, content in those)
        lines.append(f"file {'/'.join(name.split('.')[2:])} {len(content)} {sha256(content).hex()}")
    return lines


# A file of blobs.


def stick(path):
    text = pathlib.Path(path).read_bytes()
    first = b"sottovoce blobs 1\n"
    want(text.startswith(first), "how a file of blobs begins")
    cut, lines, community, tombs_end = Cut(text[len(first):]), [], None, {}
    while cut.left():
        crc, start = cut.number(4), cut.at
        kind, body = cut.number(1), None
        size = cut.number(3)
        want(size <= 1 << 20, "size of a body")
        body = cut.take(size)
        want(crc == crc32c(cut.text[start:cut.at]), "checksum of a record")
        if kind == 16:
            want(size == 32, "size of a community")
            community = body.hex()
        elif kind == 1:
            day = Header(body).day
            tombs_end[community, day] = True
            lines.append(f"{community} blob {sha256(body).hex()}")
        elif kind == 2:
            want(size == 18 and (community, u(body[16:])) not in tombs_end, "tombstones stand first")
            lines.append(f"{community} tombstone {body[:16].hex()} {u(body[16:])}")
    return lines


if __name__ == "__main__":
    try:
        for line in {"files": files, "cluster": cluster, "stick": stick}[sys.argv[1]](sys.argv[2]):
            print(line)
    except Wrong as wrong:
        sys.exit(f"not as the text says: {wrong}")
