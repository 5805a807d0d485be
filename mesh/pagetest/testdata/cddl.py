"""The CDDL of docs/protocol, read from the pages as they stand: what it takes, and which edges it has."""

import pathlib
import re

import cbor

TOKEN = re.compile(r'\s*(?:;[^\n]*|(=>|\.\.|\.size|\.cbor|&\(|[{}\[\]():,?*+/=]|\d+|[A-Za-z][A-Za-z0-9-]*))')
FEW = 1 << 62  # more than any list has


class Page:
    """The rules of one page. Names that it does not have are those of page 00, or of the only page that has them."""

    def __init__(self, path, pages):
        self.text, self.pages, self.rules, self.read = path.read_text(encoding="utf-8"), pages, {}, {}
        for block in re.findall(r"```cddl\n(.*?)```", self.text, re.S):
            for rule in re.split(r"\n(?=[a-z])", block):
                name, _, body = rule.partition("=")
                self.rules[name.strip()] = body

    def rule(self, name):
        if name not in self.rules:
            first = self.pages["00-encoding.md"]
            [home] = [first] if name in first.rules else [p for p in self.pages.values() if name in p.rules]
            return home.rule(name)
        if name not in self.read:
            self.read[name] = Reader(self, self.rules[name]).whole()
        return self.read[name]


def read_pages(folder):
    pages = {}
    pages.update((path.name, Page(path, pages)) for path in sorted(pathlib.Path(folder).glob("[0-9]*.md")))
    return pages


class Any:
    def takes(self, v):
        return True

    def edges(self):
        return [b"", 7]


class Uint:
    def __init__(self, low, high):
        self.low, self.high = low, high

    def takes(self, v):
        return type(v) is int and self.low <= v <= self.high

    def edges(self):
        around = {0, 1, self.low - 1, self.low, self.high, self.high + 1, 1 << 16, 1 << 32, 1 << 63, (1 << 64) - 1}
        return sorted(n for n in around if -2 < n < 1 << 64)


class Bytes:
    def __init__(self, low, high, kind=bytes):
        self.low, self.high, self.kind = low, high, kind

    def takes(self, v):
        return type(v) is self.kind and self.low <= len(v.encode() if self.kind is str else v) <= self.high

    def edges(self):
        sizes = {0, 1, self.low - 1, self.low, self.low + 1} | ({self.high - 1, self.high, self.high + 1} if self.high < 1 << 17 else set())
        return [b"\1" * n if self.kind is bytes else "a" * n for n in sorted(sizes) if n >= 0]


class Bool:
    def takes(self, v):
        return type(v) is bool

    def edges(self):
        return [False, True, 0, 1]


class Either:
    def __init__(self, of):
        self.of = of

    def takes(self, v):
        return any(t.takes(v) for t in self.of)

    def edges(self):
        return [e for t in self.of for e in t.edges()]


class Name:
    def __init__(self, page, name):
        self.page, self.name = page, name

    def takes(self, v):
        return self.page.rule(self.name).takes(v)

    def edges(self):
        return self.page.rule(self.name).edges()

    def within(self):
        t = self.page.rule(self.name)
        return t.within() if isinstance(t, Name) else t


class List:
    """Parts in their order, each with how often it comes."""

    def __init__(self, parts):
        self.parts = parts

    def takes(self, v):
        if type(v) is not list:
            return False
        at = 0
        for low, high, t in self.parts:
            n = 0
            while n < high and at < len(v) and t.takes(v[at]):
                n, at = n + 1, at + 1
            if n < low:
                return False
        return at == len(v)

    def edges(self):
        return [[]]


class Map:
    """Fields by key; others are of later versions."""

    def __init__(self, fields, table):
        self.fields, self.table = fields, table

    def takes(self, v):
        if type(v) is not dict:
            return False
        if self.table:
            return all(self.table[0].takes(k) and self.table[1].takes(e) for k, e in v.items())
        return all(t.takes(v[k]) or optional and is_absent(t, v[k]) if k in v else optional for k, (optional, t) in self.fields.items())

    def edges(self):
        return [{}]


class Reader:
    def __init__(self, page, text):
        self.page = page
        self.tokens = [t for t in (m.group(1) for m in TOKEN.finditer(text)) if t]
        self.at = 0

    def peek(self, n=0):
        return self.tokens[self.at + n] if self.at + n < len(self.tokens) else ""

    def take(self, wanted=None):
        token = self.peek()
        if wanted is not None and token != wanted:
            raise ValueError(f"{token!r} stands where {wanted!r} should: {self.tokens}")
        self.at += 1
        return token

    def whole(self):
        t = self.type()
        if self.at != len(self.tokens):
            raise ValueError(f"behind the rule stands {self.tokens[self.at:]}")
        return t

    def type(self):
        of = [self.one()]
        while self.peek() == "/":
            self.take()
            of.append(self.one())
        return of[0] if len(of) == 1 else Either(of)

    def size(self):
        self.take(".size")
        if self.peek() != "(":
            n = int(self.take())
            return n, n
        self.take("(")
        low = int(self.take())
        self.take("..")
        high = int(self.take())
        self.take(")")
        return low, high

    def one(self):
        token = self.take()
        if token.isdigit():
            if self.peek() == "..":
                self.take()
                return Uint(int(token), int(self.take()))
            return Uint(int(token), int(token))
        if token == "{":
            return self.map()
        if token == "[":
            return self.list()
        if token == "&(":
            numbers = []
            while self.peek(-1) != ")":
                self.take(), self.take(":")
                numbers.append(int(self.take()))
                self.take()
            return Either([Uint(n, n) for n in numbers])
        if token in ("bytes", "tstr"):
            low, high = self.size() if self.peek() == ".size" else (0, FEW)
            if self.peek() == ".cbor":  # judged when it is parsed
                self.take(), self.one()
            return Bytes(low, high, bytes if token == "bytes" else str)
        if token == "uint":
            return Uint(0, (1 << 8 * self.size()[0]) - 1 if self.peek() == ".size" else (1 << 64) - 1)
        if token == "bool":
            return Bool()
        return Any() if token == "any" else Name(self.page, token)

    def often(self):
        """How often the next part comes: *, +, n*, *m, n*m."""
        low, high = 1, 1
        if self.peek() == "+":
            self.take()
            return 1, FEW
        if self.peek() == "*" or self.peek().isdigit() and self.peek(1) == "*":
            low = int(self.take()) if self.peek().isdigit() else 0
            self.take("*")
            high = int(self.take()) if self.peek().isdigit() else FEW
        return low, high

    def list(self):
        parts = []
        while self.peek() != "]":
            often = self.often()
            if self.peek(1) == ":":
                self.take(), self.take()
            parts.append((*often, self.type()))
            if self.peek() == ",":
                self.take()
        self.take()
        return List(parts)

    def map(self):
        fields, table = {}, None
        while self.peek() != "}":
            if self.peek() == "later":
                self.take()
            elif self.peek() in "*+":
                self.take()
                key = self.type()
                self.take("=>")
                table = key, self.type()
            else:
                optional = self.peek() == "?" and bool(self.take())
                key = int(self.take())
                self.take()
                fields[key] = optional, self.type()
            if self.peek() == ",":
                self.take()
        self.take()
        return Map(fields, None if fields else table)


def example(t):
    """Something that t takes, with every field."""
    t = inner(t)
    if isinstance(t, Map):
        return {key: example(of) for key, (_, of) in t.fields.items()}
    if isinstance(t, List):
        return [example(of) for low, _, of in t.parts for _ in range(max(low, 1))]
    return example(t.of[0]) if isinstance(t, Either) else next(e for e in t.edges() if t.takes(e))


def is_absent(t, v):
    """Whether v is what an optional field of this type says by not being there (page 00)."""
    t = inner(t)
    if isinstance(t, Bytes):
        return t.low != t.high and type(v) is t.kind and not v
    if isinstance(t, Either):  # of strings of several lengths
        return type(v) is t.of[0].kind and not v
    if isinstance(t, List):
        return v == [] and any(low != high for low, high, _ in t.parts)
    empty = {Uint: 0, Bool: False}.get(type(t))
    return type(v) is type(empty) and v == empty


def inner(t):
    return t.within() if isinstance(t, Name) else t


def variants(t, v):
    """Values beside v that differ from it at one place, at the edges of what t allows there."""
    t = inner(t)
    for edge in t.edges():
        yield edge
    for other in (0, b"", "", [], {}, True, -1):
        yield other
    if isinstance(t, Map) and type(v) is dict:
        yield from ({k: e for k, e in v.items() if k != gone} for gone in v)
        yield from ({**v, key: e} for key in (100, 0x7fff, 0x8000, 1 << 63) for e in (0, [{0x8000: 1}], {1: {2: b""}}))
        for key, (_, of) in t.fields.items():
            yield from ({**v, key: e} for e in variants(of, v.get(key)))
    if isinstance(t, List) and type(v) is list:
        yield from (v[:i] + v[i + 1:] for i in range(len(v)))
        yield from (v[:i] + [e] + v[i:] for i, e in enumerate(v))
        yield v[::-1]
        for low, high, of in t.parts:
            if v and high < 2000:
                yield from ([counted(v[0], i + 1) for i in range(n)] for n in (low - 1, low, high, high + 1) if n >= 0)
        for i, e in enumerate(v):
            of = t.parts[min(i, len(t.parts) - 1)][2]
            yield from (v[:i] + [x] + v[i + 1:] for x in variants(of, e))


def counted(v, n):
    """v with n in its first place, so that several ascend."""
    if type(v) is dict:
        return {k: counted(e, n) if k == min(v) else e for k, e in v.items()}
    if type(v) is list:
        return [counted(v[0], n)] + v[1:]
    return n if type(v) is int else n.to_bytes(len(v), "big") if type(v) is bytes and len(v) > 1 else v


def judge(t, text):
    """(verdict, value): rules 1 to 8 of page 00 for the whole, unknown keys, then the fields. No value but of a map whose keys are in order."""
    try:
        v = cbor.decode(text)
    except cbor.Malformed:
        return "malformed", None
    if needs_newer(v, t):
        return "newer", None
    return "ok" if t.takes(v) else "malformed", v if type(v) is dict else None


def needs_newer(v, t=None):
    """Whether a map has a key of a version that is not known, on any level; tables may have any."""
    t = t and inner(t)
    fields = t.fields if isinstance(t, Map) else {}
    if type(v) is list:
        return any(map(needs_newer, v))
    table = isinstance(t, Map) and t.table and not isinstance(t.table[1], Any)
    return type(v) is dict and any(k >= cbor.NEWER and not table or needs_newer(e, fields.get(k, (0, None))[1]) for k, e in v.items())
