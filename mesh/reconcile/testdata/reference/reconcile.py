"""One end of a reconciliation of sets, written from docs/protocol/12-replication.md alone.

    python3 reconcile.py SALT LIMIT begin|wait < LINES

The first line has the ids in hex, separated by spaces; each further one is a message of the far end. It answers each by a line,
its own message, and says in the last line what the far end lacks, and after a "|" what it lacks itself.
"""

import bisect
import hashlib
import sys


def uvarint(n):
    out = b""
    while n > 127:
        out, n = out + bytes((n & 127 | 128,)), n >> 7
    return out + bytes((n,))


class Reader:
    def __init__(self, text):
        self.text, self.at = text, 0

    def take(self, n):
        assert self.at + n <= len(self.text), "cut short"
        self.at += n
        return self.text[self.at - n:self.at]

    def uvarint(self):
        n = shift = 0
        while True:
            b = self.take(1)[0]
            n |= (b & 127) << shift
            shift += 7
            if b < 128:
                assert b or shift == 7, "a number in a long form"
                return n

    def ids(self, n):
        return [self.take(32) for _ in range(n)]


class End:
    def __init__(self, ids, salt, limit):
        self.own, self.limit = sorted(set(ids)), limit
        self.key = hashlib.sha256(b"sv1 reconcile" + salt).digest()[:16]
        self.they_lack, self.we_lack = set(), set()

    def within(self, low, end):
        """Our ids from low to before end; both are prefixes, and the empty end is behind the highest."""
        return self.own[self.place(low):self.place(end) if end else None]

    def place(self, prefix):
        return bisect.bisect_left(self.own, prefix.ljust(32, b"\0"))

    def fingerprint(self, ids):
        total = sum(int.from_bytes(hashlib.sha256(self.key + id).digest()[:16], "big") for id in ids)
        return (total % (1 << 128)).to_bytes(16, "big")

    def first(self):
        return join(self.describe(b"", b""))

    def describe(self, low, end):
        """[(end, mode, content)] for a range."""
        ids = self.within(low, end)
        if len(ids) <= 16:
            return [(end, 2, uvarint(len(ids)) + b"".join(ids))]
        cuts = [p * len(ids) // 16 for p in range(17)]
        ends = [between(ids[c - 1], ids[c]) for c in cuts[1:16]] + [end]
        return [(e, 1, self.fingerprint(ids[a:b])) for a, b, e in zip(cuts, cuts[1:], ends)]

    def step(self, message):
        cut, out, low, last = Reader(message), [], b"", 1
        while cut.at < len(message):
            end = cut.take(cut.take(1)[0])
            assert not end.endswith(b"\0") and len(end) <= 32 and (end > low or not end), "the end of a range"
            mode = cut.take(1)[0]
            assert mode <= 3 and (mode or last) and (mode or cut.at < len(message)), "a mode"
            out += self.react(low, end, mode, cut)
            low, last = end, mode
            if not end:
                assert cut.at == len(message), "something behind the highest id"
        return self.fit(out)

    def react(self, low, end, mode, cut):
        settled = [(end, 0, b"")]
        own = self.within(low, end)
        if mode == 0:
            return settled
        if mode == 1:
            return settled if cut.take(16) == self.fingerprint(own) else self.describe(low, end)
        if mode == 2:
            listed = cut.ids(cut.uvarint())
            return self.answer(low, end, listed, own)
        listed = cut.uvarint()
        bits, more = cut.take((listed + 7) // 8), cut.ids(cut.uvarint())
        assert listed == len(own) and int.from_bytes(bits, "little") >> listed == 0, "bits of an answer"
        assert not set(more) & set(own) and more == self.sorted_within(more, low, end), "ids of an answer"
        self.they_lack |= {id for i, id in enumerate(own) if bits[i // 8] >> i % 8 & 1}
        self.we_lack |= set(more)
        return settled

    def answer(self, low, end, listed, own):
        assert listed == self.sorted_within(listed, low, end), "ids of a list"
        lacking, more = set(listed) - set(own), [id for id in own if id not in set(listed)]
        if not lacking and not more:
            return [(end, 0, b"")]
        self.we_lack |= lacking
        self.they_lack |= set(more)
        bits = sum(1 << i for i, id in enumerate(listed) if id in lacking).to_bytes((len(listed) + 7) // 8, "little")
        return [(end, 3, uvarint(len(listed)) + bits + uvarint(len(more)) + b"".join(more))]

    def sorted_within(self, ids, low, end):
        return sorted({id for id in ids if id >= low.ljust(32, b"\0") and (not end or id < end.ljust(32, b"\0"))})

    def fit(self, ranges):
        """Where there is no room, one fingerprint stands for all that is left, up to the highest id."""
        out, size, low = [], 0, b""
        for r in ranges:
            size += 34 + len(r[2])
            if size + 50 > self.limit:
                out.append((b"", 1, self.fingerprint(self.within(low, b""))))
                break
            out.append(r)
            low = r[0]
        return join(out)


def between(a, b):
    """The shortest prefix of b that is above a."""
    n = next(i for i in range(32) if a[i] != b[i])
    return b[:n + 1]


def join(ranges):
    """What is settled is said once, and not at the end."""
    while ranges and ranges[-1][1] == 0:
        ranges = ranges[:-1]
    kept = [r for r, after in zip(ranges, ranges[1:] + [None]) if r[1] or after[1]]
    return b"".join(bytes((len(end),)) + end + bytes((mode,)) + content for end, mode, content in kept)


def main(salt, limit, begins):
    end = End([bytes.fromhex(id) for id in sys.stdin.readline().split()], bytes.fromhex(salt), int(limit))
    ours = theirs = None
    if begins == "begin":
        ours = end.first()
        print(ours.hex(), flush=True)
    while ours != b"" and theirs != b"":
        theirs = bytes.fromhex(sys.stdin.readline().strip())
        if theirs:
            ours = end.step(theirs)
            print(ours.hex(), flush=True)
    print(*(id.hex() for id in sorted(end.they_lack)), "|", *(id.hex() for id in sorted(end.we_lack)))


main(*sys.argv[1:])
