"""Recomputes the vectors of docs/protocol/04-sessions.md from their inputs, written from the text alone.

    python3 reference.py [--wycheproof FOLDER] VECTORFILE…

Inputs are seeds, account ids, heads, what was drawn, times, the contact secret, and the payloads of messages. All else
is computed and compared, every blob is opened by its recipient, and every part of every blob is changed and refused.
"""

import sys

sys.dont_write_bytecode = True

import cbor
import selftest
from bundle import Refused, heads_hash, read
from sessions import Device

DECIMAL = ("now_ms", "chain", "n", "one_time_pairs", "late", "again", "lost_keys")
PARTS = {"version": 0, "class": 1, "day": 3, "tag": 4, "commitment": 20, "reserved": 36, "check": 40, "salt": 72,
         "sealed header": 88, "sealed content": 144, "end": -1}


class Difference(Exception):
    pass


def sections(path):
    """[(name, {name: value})] in order."""
    out = []
    with open(path, encoding="utf-8") as file:
        for line in map(str.strip, file):
            if line.startswith("["):
                out.append((line.strip("[]"), {}))
            elif line and not line.startswith("#"):
                name, _, value = line.partition(" = ")
                decimal = name in DECIMAL or name.endswith("_confirmed")
                out[-1][1][name] = int(value) if decimal else bytes.fromhex(value)
    return out


class Tape:
    """What a step drew: all of it, and nothing more."""

    def __init__(self, text):
        self.text = text

    def __call__(self, n):
        if n > len(self.text):
            raise Difference(f"draws {n} bytes, {len(self.text)} are left")
        out, self.text = self.text[:n], self.text[n:]
        return out


class Replay:
    def __init__(self):
        self.devices, self.checked = {}, 0
        self.kept = {}  # sections that are opened later
        self.now = 0

    def same(self, name, got, want):
        if got != want:
            show = [v.hex() if isinstance(v, bytes) else repr(v) for v in (got, want)]
            raise Difference(f"{name}:\n  computed {show[0]}\n  expected {show[1]}")
        self.checked += 1

    def all(self, got, want, given=("from", "now_ms", "rand", "late", "again", "lost_keys")):
        """Compares every value that is not an input; none may be missing on either side."""
        missing = set(got) ^ (set(want) - set(given))
        if missing:
            raise Difference(f"only one side has {sorted(missing)}")
        for name in got:
            self.same(name, got[name], want[name])

    def run(self, title, values):
        kind, _, rest = title.partition(" ")
        self.now = values.get("now_ms", self.now)
        tape = Tape(values.get("rand", b""))
        if kind == "device":
            self.device(rest, values)
        elif kind == "bundle":
            self.bundle(self.devices[rest], values, tape)
        elif kind == "contact":
            a, b = self.devices.values()
            a.meet(b, values["secret"])
            b.meet(a, values["secret"])
            for ours, theirs in ((a, b), (b, a)):
                theirs.their_bundles.append(read(ours.bundles[-1][0].object, ours, self.now))
        elif kind in ("start", "message"):
            self.sealed(title, values, tape)
        elif kind == "open":
            self.open_late(*self.kept.pop(rest))
        elif kind == "refused":
            self.refused(values)
        elif kind == "skipped":
            self.skipped(values)
        elif kind == "epochs":
            self.epochs(values)
        else:
            raise Difference("an unknown section")
        if tape.text:
            raise Difference(f"{len(tape.text)} bytes of rand are left")

    def device(self, name, values):
        heads = [v for k, v in values.items() if k.startswith("head_")]
        device = self.devices[name] = Device(values["seed"], values["account"], heads)
        self.same("id", device.id, values["id"])

    def bundle(self, device, values, tape):
        made = device.make_bundle(values["now_ms"], values["one_time_pairs"], tape)
        self.all({"heads_hash": heads_hash(made.heads), "object": made.object, "id": made.id},
                 values, ("now_ms", "one_time_pairs", "rand"))

    def ends(self, name):
        others = [d for n, d in self.devices.items() if n != name]
        return self.devices[name], others[0]

    def sealed(self, title, values, tape):
        kind = title.partition(" ")[0]
        sender, recipient = self.ends(values["from"].decode())
        now = values["now_ms"]
        if "again" in values:
            got = sender.seal_start(sender.in_order()[0], now, tape)
        elif kind == "start":
            got = sender.start(now, tape, bool(values.get("lost_keys")))
        else:
            fields = cbor.decode(values["content"])  # whose payload, and whether receipts ride, is for the caller to say
            got = sender.seal(now, tape, fields.get(1), 2 in fields)
        self.all(got, values)
        if "late" in values:
            self.kept[title] = sender, recipient, got
        else:
            self.open_late(sender, recipient, got)

    def open_late(self, sender, recipient, got):
        self.open(recipient, got, self.now)
        next(s for s in sender.sessions if s.id == got["session"]).known = True  # by its receipt

    def refused(self, values):
        _, recipient = self.ends(values["from"].decode())
        try:
            recipient.open(values["blob"], self.now)
        except Refused:
            self.checked += 1
            return
        raise Difference("opens what is to be refused")

    def open(self, recipient, got, now):
        for part, at in PARTS.items():
            changed = bytearray(got["blob"])
            changed[at] ^= 2
            try:
                recipient.open(bytes(changed), now)
            except Refused:
                self.checked += 1
                continue
            raise Difference(f"opens with its {part} changed")
        self.same("opened content", recipient.open(got["blob"], now), got["content"])

    def skipped(self, values):
        sender, recipient, got = self.kept.pop("message skipped")
        stored = {tag: mk for s in recipient.sessions for tag, (_, _, mk) in s.ratchet.skipped.items()}
        self.same("skipped keys", stored, {values["tag"]: values["key"]})
        self.open_late(sender, recipient, got)

    def epochs(self, values):
        got = {}
        for name, device in self.devices.items():
            ratchet = device.in_order()[0].ratchet
            got[f"{name}_confirmed"] = ratchet.confirmed
            for e, keys in ratchet.epochs.items():
                got[f"{name}_link_{e}"], got[f"{name}_reset_{e}"] = keys.link, keys.reset
        self.all(got, values)


def main(args):
    folder = None
    if args[:1] == ["--wycheproof"]:
        folder, args = args[1], args[2:]
    checked = selftest.run(folder)
    for path in args:
        replay = Replay()
        for title, values in sections(path):
            try:
                replay.run(title, values)
            except (Difference, Refused) as error:
                print(f"{path} [{title}] {error}")
                return 1
        if replay.kept:
            print(f"{path}: a message was never opened")
            return 1
        checked += replay.checked
    print(f"{checked} checked, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
