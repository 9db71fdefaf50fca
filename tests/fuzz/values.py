"""Texts, numbers and trees, most of them harmless."""

from __future__ import annotations

import json
from random import Random
from typing import Any

PLAIN = ["Jane", "Doe", "Engineer", "Köln", "Research", "4711", "+49 221 1234", "en-US", "work"]
ODD = [
    "",
    " ",
    "\t\n",
    "ÄRGER",
    "straße",
    "STRASSE",
    "İıſKΣσς",
    "cafe\u0301",
    "\u1100\u1161\u11a8",
    "\U0001f469\u200d\U0001f680",
    "\u202eevil\u202c",
    "\ufeffbom",
    "\u200b",
    "\ufffd\ue000\uffff",
    "\x01\x1f\x7f\x85",
    "50%_\\",
    "q\"'`;--",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "{{7*7}}%(a)s{0}",
    "../../etc/passwd",
    "null",
    "True",
    "-1",
    "1e400",
    "a" * 64,
    "b" * 256,
    "ü" * 300,
]
UNSTORABLE = ["\x00", "a\x00b", "\ud800", "x\udfffy", "\udc00\ud800"]
NUMBERS = [
    0,
    1,
    -1,
    2,
    100,
    2**31,
    -(2**31) - 1,
    2**63 - 1,
    2**63,
    10**25,
    0.5,
    -1.5,
    1e308,
    5e-324,
]
MOMENTS = [
    "2026-01-31T08:00:00Z",
    "2026-01-31T08:00:00.123456+01:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z",
    "2026-01-31",
]
PASSWORD = "pass-phrase-that-nobody-may-see-"
"""How each password begins that is sent as one; it may come back nowhere."""


def often(random: Random, share: float) -> bool:
    return random.random() < share


def text(random: Random, marker: str = "") -> str:
    """A text; with a marker now and then, by which its tenant is known."""
    kind = random.random()
    if kind < 0.55:
        return random.choice(PLAIN)
    if kind < 0.75:
        return f"{random.choice(PLAIN)} {marker} {random.randrange(100)}"
    if kind < 0.95:
        return random.choice(ODD)
    if kind < 0.97:
        return random.choice(UNSTORABLE)
    if kind < 0.99:
        return "".join(chr(random.choice(RANGES)(random)) for _ in range(random.randrange(1, 12)))
    return random.choice("aü\U0001f600") * random.choice([150, 255, 256, 1025, 70_000])


RANGES = [
    lambda random: random.randrange(0x80),
    lambda random: random.randrange(0x300),
    lambda random: random.randrange(0xD800),
    lambda random: random.randrange(0xD800, 0x110000),
]


def of_type(random: Random, kind: str, marker: str = "") -> Any:
    """A value such as the type of an attribute allows, or nearly."""
    if kind == "boolean":
        return random.choice([True, False, True, False, "True", "False", "yes", 1])
    if kind in ("integer", "decimal"):
        return random.choice(NUMBERS)
    if kind == "dateTime":
        return random.choice(MOMENTS)
    if kind == "binary":
        return random.choice(["aGFsbG8=", "/+8=", "not base64!", ""])
    if kind == "reference":
        return random.choice(["https://example.com/p.png", "urn:x:y", "../Users/1", "\\", "//["])
    return text(random, marker)


def anything(random: Random, depth: int = 3) -> Any:
    """Any JSON there is."""
    kind = random.randrange(9 if depth else 6)
    if kind < 3:
        return random.choice([None, True, False, "", [], {}])
    if kind < 4:
        return random.choice(NUMBERS)
    if kind < 6:
        return text(random)
    if kind < 7:
        return [anything(random, depth - 1) for _ in range(random.randrange(4))]
    if kind < 8:
        return {text(random): anything(random, depth - 1) for _ in range(random.randrange(4))}
    return nested(random)


def nested(random: Random) -> Any:
    """Something deep."""
    value: Any = "bottom"
    for _ in range(random.choice([5, 18, 22, 60])):
        value = [value] if often(random, 0.5) else {"a": value}
    return value


def damaged(random: Random, document: Any) -> Any:
    """The document with one thing in it changed, in place where it can be."""
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        # Under another name nobody could know that it is a secret.
        keys = [key for key in keys if key != "password"]
        if not keys:
            return document
        key = random.choice(keys)
        inner = place[key]
        if isinstance(inner, (dict, list)) and inner and often(random, 0.6):
            place = inner
            continue
        _damage(random, place, key)
        return document


def _damage(random: Random, place: Any, key: Any) -> None:
    kind = random.randrange(8)
    if kind == 0:
        del place[key]
    elif kind == 1:
        place[key] = None
    elif kind == 2:
        place[key] = [place[key]]
    elif kind == 3:
        place[key] = {"value": place[key]}
    elif kind == 4 and isinstance(place, dict):
        place[random.choice([key.upper(), key.lower(), key + "x", text(random)])] = place.pop(key)
    elif kind == 5 and isinstance(place, dict):
        place[text(random)] = anything(random)
    else:
        place[key] = anything(random)


def written(random: Random, document: Any) -> bytes:
    """A document as some client may write it: escaped or not, rarely with a key twice."""
    body = json.dumps(document, ensure_ascii=often(random, 0.5))
    if isinstance(document, dict) and document and often(random, 0.01):
        key = json.dumps(random.choice(list(document)))
        body = f"{body[:-1]}, {key}: {json.dumps(anything(random, 1))}}}"
    return body.encode("utf-8", "surrogatepass")
