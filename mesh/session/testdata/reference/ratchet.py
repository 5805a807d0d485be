"""One session after its start: chains, epochs, message keys. docs/protocol/04-sessions.md#root-step"""

import hashlib
import struct

import mlkem
import x25519
from blob import DAY, ratchet_header
from bundle import Refused
from kdf import H, HKDF, HMAC, split

SKIP, STORED, STEP_MESSAGES = 1000, 2000, 50


def dh(private, public):
    shared = x25519.mult(private, public)
    if not any(shared):
        raise Refused("an all-zero DH")
    return shared


class Epoch:
    def __init__(self, keys):
        self.root, self.messages, self.link, self.reset = keys


class Direction:
    """The chains of one direction: the present one (number -1 before the first) and the keys of the next one."""

    def __init__(self, number, header_key, tag_key):
        self.index, self.number, self.n = number, -1, 0
        self.header = self.header_key = self.tag_key = None
        self.next_header_key, self.next_tag_key = header_key, tag_key
        self.epoch = 0

    def step(self):
        """mk of number n; n is then the next."""
        both = HMAC(self.dr, b"\1") + HMAC(self.pq, b"\1")
        self.dr, self.pq = HMAC(self.dr, b"\2"), HMAC(self.pq, b"\2")
        self.n += 1
        return HKDF(both, b"", b"sv1 message key", 32)


class Ratchet:
    """Of the starter: ours is the private R, theirs SPK. Of the responder: ours is SPK's private key, theirs R."""

    def __init__(self, starter, sk, ours, theirs, now):
        keys = split(HKDF(sk, b"", b"sv1 session secrets", 288))
        self.root = keys[0]
        ends = Direction(0, keys[1], keys[2]), Direction(1, keys[3], keys[4])
        self.epochs, self.confirmed = {0: Epoch(keys[5:])}, 0
        self.starter, self.ours, self.theirs = starter, ours, theirs
        self.sending, self.receiving = ends if starter else ends[::-1]
        self.fresh = not starter  # a key of theirs came since our chain began
        self.skipped = {}  # tag: (chain, n, mk)
        self.seed = self.waiting = self.ct = None  # ours outstanding, theirs unanswered, our unconfirmed answer
        self.lost = False
        self.completed(now)
        key = x25519.public(ours) if starter else theirs
        self.begin(self.sending if starter else self.receiving, ratchet_header(key, 0, 0))

    # Chains

    def begin(self, way, header):
        """The root step that begins the next chain of a direction."""
        epoch = struct.unpack(">I", header[36:])[0]
        way.header_key, way.tag_key = way.next_header_key, way.next_tag_key
        self.root, way.dr, way.next_header_key, way.next_tag_key = split(
            HKDF(dh(self.ours, self.theirs), self.root, b"sv1 ratchet root", 128))
        way.number, way.n, way.header, way.epoch = way.number + 1, 0, header, epoch
        info = b"sv1 pq chain" + struct.pack(">BI", way.index, way.number)
        way.pq = HKDF(self.epochs[epoch].messages, b"", info, 32)

    # Epochs

    @property
    def newest(self):
        return max(self.epochs)

    def make_epoch(self, e, ss, ek, ct):
        info = b"sv1 pq epoch" + struct.pack(">I", e) + hashlib.sha256(ek + ct).digest()
        self.epochs[e] = Epoch(split(HKDF(ss, self.epochs[e - 1].root, info, 128)))
        self.epochs[e - 1].root = None

    def confirm(self, e, now):
        self.confirmed, self.ct = e, None
        self.epochs = {k: v for k, v in self.epochs.items() if k >= e - 1}
        self.completed(now)

    def completed(self, now):
        self.stepped, self.counted = now, 0

    def ours_to_make(self, e):
        return self.starter == (e % 2 == 1)

    def due(self, now):
        return (not self.lost and self.seed is None and self.newest == self.confirmed == self.sending.epoch
                and self.ours_to_make(self.newest + 1)
                and (now - self.stepped >= DAY or self.counted >= STEP_MESSAGES))

    def take_in(self, content, now):
        """The ek and ct of a message of the present receiving chain."""
        self.take_keys(content, now)
        self.counted += 1

    def take_keys(self, content, now):
        e = self.receiving.epoch + 1
        if self.lost or e in self.epochs:
            return
        ek, ct = content.get(4), content.get(5)
        if ek and not self.ours_to_make(e) and self.waiting is None and mlkem.check(ek):
            self.waiting = ek
        if ct and self.seed:
            self.make_epoch(e, mlkem.decaps(self.seed, ct), mlkem.public(self.seed), ct)
            self.seed = None
            self.confirm(e, now)

    # Messages

    def prepare(self, now, draw):
        """What a sender does before it encodes a content; returns the fields that ride in it."""
        if self.fresh:
            self.ours, self.fresh = draw(32), False
            pn = self.sending.n
            self.begin(self.sending, ratchet_header(x25519.public(self.ours), pn, self.confirmed))
        if self.waiting:
            ss, self.ct = mlkem.encaps(self.waiting, draw(32))
            self.make_epoch(self.newest + 1, ss, self.waiting, self.ct)
            self.waiting = None
        elif self.due(now):
            self.seed = draw(64)
        riding = {}
        if self.seed:
            riding[4] = mlkem.public(self.seed)
        if self.ct:
            riding[5] = self.ct
        return riding

    def next_key(self):
        """(chain, n, mk) of the next message to seal."""
        self.counted += 1
        return self.sending.number, self.sending.n, self.sending.step()

    def skip(self, n, tag):
        """Stores the keys of the present receiving chain below n."""
        way = self.receiving
        while way.n < n:
            i = way.n
            self.skipped[tag(way.tag_key, i)] = (way.number, i, way.step())
        if len(self.skipped) > STORED:
            raise Refused("too many skipped keys")

    def receive(self, blob, following, n, tag, now):
        """Opens number n of the present or the following receiving chain. The caller drops self if this fails."""
        way, jump = self.receiving, n - self.receiving.n
        if following:
            header = blob.open_header(way.next_header_key)
            pn, epoch = struct.unpack(">II", header[32:])
            if pn < way.n or (way.number < 0 and pn) or epoch not in self.epochs or epoch < way.epoch:
                raise Refused("ratchet header")
            jump = pn - way.n + n
        if jump > SKIP:
            raise Refused("too far a jump")
        if following:
            self.skip(pn, tag)
            self.theirs, self.fresh = header[:32], True
            self.begin(way, header)
            for e, keys in self.epochs.items():
                keys.messages = keys.messages if e >= epoch else None
            if epoch > self.confirmed:
                self.confirm(epoch, now)
        self.skip(n, tag)
        mk = way.step()
        blob.compare(mk)
        if blob.open_header(way.header_key) != way.header:
            raise Refused("another header than the chain's")
        return blob.open_content(mk)


def session_order(commitment):
    return H(b"sv1 session order", commitment)
