"""Two devices that are contacts: starts, messages, receipts. docs/protocol/04-sessions.md

Left out is what needs a clock or a store more than a derivation: expiry, the sender's limit, when a reset is due.
"""

import copy
import struct

import blob as blobs
import bundle as bundles
import cbor
import ed25519
import mlkem
import x25519
from bundle import Refused
from kdf import H, HKDF
from ratchet import Ratchet, dh, session_order

STARTS, REMEMBERED, AHEAD = 8, 48, 8
FAR = 1000
START = {1: cbor.exactly(1), 2: cbor.sized(32), 3: cbor.sized(mlkem.CT), 4: cbor.sized(32), 5: cbor.sized(32),
         6: cbor.sized(32), 7: cbor.sized(32), 11: cbor.sized(32)}
START_OPTIONAL = {8: cbor.uint(4), 9: cbor.uint(2**32), 10: lambda v: isinstance(v, bool)}


def receipt(v):
    return isinstance(v, dict) and cbor.sized(8)(v.get(1)) and (v.get(2) is True or bool(v.get(3)))


CONTENT = {1: lambda v: isinstance(v, bytes), 2: cbor.listed(1, 16, receipt),
           3: lambda v: isinstance(v, bytes), 4: cbor.sized(mlkem.EK), 5: cbor.sized(mlkem.CT)}


def read(text, required, optional=()):
    try:
        return cbor.decode_map(text, required, optional)
    except (cbor.Malformed, cbor.Newer) as error:
        raise Refused(str(error)) from None


class Identity:
    """A device as both ends know it."""

    def __init__(self, account, sign, agree, heads):
        self.account, self.sign, self.agree, self.heads = account, sign, agree, heads
        self.id = H(b"sv1 peer id", sign, agree)


class Device(Identity):
    """A device with its private keys, and its state of the pair with one other device."""

    def __init__(self, seed, account, heads):
        self.sign_seed, self.agree_private = seed[:32], seed[32:]
        super().__init__(account, ed25519.public(self.sign_seed), x25519.public(self.agree_private), heads)
        self.bundles, self.their_bundles = [], []  # (Bundle, Keys) and Bundle, oldest first; ours have all arrived
        self.sessions, self.seen, self.started = [], set(), {}
        self.highest = 0

    def meet(self, peer, secret):
        self.peer, self.secret = peer, secret

    def make_bundle(self, now, one_time, draw):
        keys = bundles.Keys(draw, one_time)
        self.bundles.append((bundles.make(self, now, keys), keys))
        return self.bundles[-1][0]

    # Sessions

    def in_order(self):
        """The session to send on comes first."""
        return sorted(self.sessions, key=lambda s: (-s.reset, not s.lost_keys, s.order))

    def choose(self):
        for session in self.in_order()[1:]:
            session.ratchet.lost = True
            session.ratchet.seed = session.ratchet.ct = session.ratchet.waiting = None

    def keying(self):
        """The secret that keys our next start."""
        for session in self.in_order():
            if session.known:
                return session.ratchet.epochs[session.ratchet.confirmed].reset
        return self.secret

    # Starts

    def start(self, now, draw, lost_keys=False):
        """A new start and its session; returns what seal_start does."""
        ek_private, ratchet = draw(32), draw(32)
        theirs, (ours, _) = self.their_bundles[-1], self.bundles[-1]
        number = next((i for i in range(1, len(theirs.pairs) + 1) if i not in theirs.used), 0)
        one_time, ek = theirs.pairs[number - 1] if number else (None, theirs.last)
        ss, ct = mlkem.encaps(ek, draw(32))
        reset = self.highest + 1 if self.sessions else 0
        dhs = [dh(self.agree_private, theirs.signed), dh(ek_private, theirs.identity), dh(ek_private, theirs.signed)]
        if number:
            dhs.append(dh(ek_private, one_time))
            theirs.used.add(number)
        secret = self.keying()
        k_start, psk = blobs.start_keys(secret)
        fields = {1: 1, 2: x25519.public(ek_private), 3: ct, 4: ours.id, 5: theirs.id,
                  6: bundles.heads_hash(ours.heads), 7: bundles.heads_hash(theirs.heads)}
        fields |= {k: v for k, v in ((8, number), (9, reset), (10, lost_keys)) if v}
        key = x25519.public(ratchet)
        sk = secret_of(self, self.peer, fields, ek, key, dhs, ss, psk)
        fields[11] = HKDF(sk, b"", b"sv1 start commitment", 32)
        session = Session(True, sk, ratchet, theirs.signed, fields, now)
        session.start = secret, k_start, blobs.ratchet_header(key, 0, 0), cbor.encode(fields)
        self.sessions.append(session)
        self.highest = max(self.highest, reset)
        self.choose()
        return self.seal_start(session, now, draw)

    def seal_start(self, session, now, draw):
        secret, k_start, header, content = session.start
        day = now // blobs.DAY + blobs.LIFE
        i = self.started.get(day, 0)
        if i == STARTS:
            raise Refused("starts of one day")
        self.started[day] = i + 1
        tag = blobs.start_tag(k_start, day, self.id, self.peer.id, i)
        m, hk = blobs.start_message_keys(k_start, tag)
        text = blobs.seal(m, hk, header, content, tag, now, draw(16))
        return {"keying": secret, "start_key": k_start, "message_key": m, "header_key": hk, "ratchet_header": header,
                "content": content, "order": session.order, "session": session.id,
                "delete": blobs.deletion_secret(m), "blob": text}

    def find_start(self, blob):
        """(the session that keys it or None, the keying secret, K_start) if the blob lies under a start tag."""
        secrets = [(None, self.secret)]
        secrets += [(s, e.reset) for s in self.sessions for e in s.ratchet.epochs.values()]
        for by, secret in secrets:
            k_start = blobs.start_keys(secret)[0]
            for i in range(STARTS):
                if blobs.start_tag(k_start, blob.day, self.peer.id, self.id, i) == blob.tag:
                    return by, secret, k_start
        return None

    def accept(self, blob, found, now):
        by, secret, k_start = found
        m, hk = blobs.start_message_keys(k_start, blob.tag)
        blob.compare(m)
        header = blob.open_header(hk)
        if any(header[32:]):
            raise Refused("a start's ratchet header")
        content = blob.open_content(m)
        fields = read(content, START, START_OPTIONAL)
        order = session_order(fields[11])
        if order[:16] in self.seen:
            return content
        if len(self.seen) >= REMEMBERED:
            raise Refused("too many starts")
        session = self.answer(fields, header[:32], blobs.start_keys(secret)[1], now)
        if session.reset > self.highest + AHEAD:
            raise Refused("a reset number too far ahead")
        if by and by.reset >= session.reset:
            raise Refused("a start keyed by a session that is not below it")
        order_now = self.in_order()
        self.sessions.append(session)
        if order_now and self.in_order()[0] is session and order_now[0].opened and order_now[0] is not by:
            raise Refused("a start that would replace a session in use")
        number = fields.get(8, 0)
        if number:
            next(k for b, k in self.bundles if b.id == fields[5]).pairs[number - 1] = None
        self.seen.add(order[:16])
        self.highest = max(self.highest, session.reset)
        self.choose()
        return content

    def answer(self, fields, key, psk, now):
        """The responder's side of a start: step 4."""
        ours = next(((b, k) for b, k in self.bundles if b.id == fields[5]), None)
        theirs = next((b for b in self.their_bundles if b.id == fields[4]), None)
        if not ours or not theirs or fields[6] != bundles.heads_hash(theirs.heads) \
                or fields[7] != bundles.heads_hash(ours[0].heads):
            raise Refused("bundles or heads")
        keys, number = ours[1], fields.get(8, 0)
        if number > len(keys.pairs) or number and keys.pairs[number - 1] is None:
            raise Refused("one-time pair")
        one_time, seed = keys.pairs[number - 1] if number else (None, keys.last)
        ek = fields[2]
        dhs = [dh(keys.signed, theirs.identity), dh(self.agree_private, ek), dh(keys.signed, ek)]
        if number:
            dhs.append(dh(one_time, ek))
        sk = secret_of(self.peer, self, fields, mlkem.public(seed), key, dhs, mlkem.decaps(seed, fields[3]), psk)
        if HKDF(sk, b"", b"sv1 start commitment", 32) != fields[11]:
            raise Refused("commitment")
        return Session(False, sk, keys.signed, key, fields, now)

    # Messages

    def seal(self, now, draw, payload=None, receipts=False):
        """Seals on the sending session; receipts asks for those of what it opened lately."""
        session = self.in_order()[0]
        ratchet = session.ratchet
        riding = ratchet.prepare(now, draw)
        chain, n, mk = ratchet.next_key()
        fields = {1: payload} if payload else {}
        if receipts:
            fields[2] = [session.receipt()]
        content = cbor.encode(fields | riding)
        way = ratchet.sending
        tag = blobs.message_tag(way.tag_key, n)
        text = blobs.seal(mk, way.header_key, way.header, content, tag, now, draw(16))
        return {"session": session.id, "chain": chain, "n": n, "ratchet_header": way.header,
                "header_key": way.header_key, "message_key": mk, "content": content,
                "delete": blobs.deletion_secret(mk), "blob": text}

    def open(self, text, now):
        """The content of a blob. Whatever fails leaves everything as it was."""
        before = copy.deepcopy(self.__dict__)
        try:
            blob = blobs.Blob(text)
            found = self.find_start(blob)
            if found:
                return self.accept(blob, found, now)
            for session in self.sessions:
                content = session.open(blob, now)
                if content is not None:
                    return content
            raise Refused("no such tag")
        except Refused:
            self.__dict__ = before
            raise


class Session:
    def __init__(self, starter, sk, ours, theirs, fields, now):
        self.order = session_order(fields[11])
        self.id = self.order[:8]
        self.starter, self.reset, self.lost_keys = starter, fields.get(9, 0), fields.get(10, False)
        self.ratchet = Ratchet(starter, sk, ours, theirs, now)
        self.known = not starter  # the peer is known to have it
        self.opened = set()  # (chain, n) whose content is stored for good

    def receipt(self):
        ranges = []
        for chain, n in sorted(self.opened):
            if ranges and ranges[-1][0] == chain and ranges[-1][2] == n - 1:
                ranges[-1][2] = n
            else:
                ranges.append([chain, n, n])
        return {1: self.id} | ({} if self.starter else {2: True}) | ({3: ranges} if ranges else {})

    def find(self, tag):
        """(whether of the following chain, n), or None."""
        way = self.ratchet.receiving
        if way.number >= 0:
            for n in range(way.n, way.n + FAR):
                if blobs.message_tag(way.tag_key, n) == tag:
                    return False, n
        for n in range(FAR):
            if blobs.message_tag(way.next_tag_key, n) == tag:
                return True, n
        return None

    def open(self, blob, now):
        """The content, or None if the tag is not of this session."""
        if blob.tag in self.ratchet.skipped:
            chain, n, mk = self.ratchet.skipped[blob.tag]
            blob.compare(mk)
            content = blob.open_content(mk)
            read(content, {}, CONTENT)
            del self.ratchet.skipped[blob.tag]
        else:
            found = self.find(blob.tag)
            if not found:
                return None
            following, n = found
            content = self.ratchet.receive(blob, following, n, blobs.message_tag, now)
            self.ratchet.take_in(read(content, {}, CONTENT), now)
            chain = self.ratchet.receiving.number
        self.known = True
        self.opened.add((chain, n))
        return content


def secret_of(starter, responder, fields, ek, key, dhs, ss, psk):
    """SK."""
    transcript = H(
        b"sv1 start transcript", bytes((1, 1)),
        starter.account, starter.id, fields[4], fields[6],
        responder.account, responder.id, fields[5], fields[7],
        ek, fields[3], fields[2], key,
        struct.pack(">BIB", fields.get(8, 0), fields.get(9, 0), fields.get(10, False)))
    return HKDF(b"\xff" * 32 + b"".join(dhs) + ss + psk, b"", b"sv1 start secret" + transcript, 32)
