"""What identity providers send, and what becomes of it when bytes get lost on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.messages import ROOT, Request
from tests.fuzz.world import Tenant, World

CORPUS = Path(__file__).parent / "corpus"
TOKENS = [
    *(b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n", b"\x1b[31m"),
    *(b"\\u0000", b"\\ud800", b"\\uDC00", b"\\", b'"', b"'", b"%00", b"%", b"{}", b"[]", b"{"),
    *(b"null", b"true", b"NaN", b"Infinity", b"1e999", b"-0", b"9" * 30, b"0x10", b"1.0"),
    *(b"[" * 50, b'{"a":' * 30, b"]", b"}", b",", b":", b"a" * 5000, b" " * 100),
    *(b'"schemas":', b'"op":', b'"path":', b'"value":', b'"members":', b'"active":', b"urn:"),
]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post"]
PATHS = ["/Users", "/Groups", "/Bulk", "/.search", "/Users/.search", "/Me", "/Schemas", "/", "//"]
PATHS += ["/Users/Groups", "/Roles/.search", "/%2e%2e/admin/", "/Users/%00", "/Users/a%2Fb", "/%FF"]
ENDINGS = ["/", "//", "/x", "?", "?filter=", "?filter=%00", "?count=1&count=2", "?cursor", "%20"]
ENDINGS += ["?" + "a=b&" * 1200, "?filter=" + "(" * 3000, "?attributes=%ED%A0%80", ";x=y", "?%"]


@cache
def corpus() -> list[dict[str, Any]]:
    """All requests of the conversations in ``corpus/``."""
    return [r for file in sorted(CORPUS.glob("*.json")) for r in json.loads(file.read_text())]


def recorded(random: Random, world: World, tenant: Tenant) -> Request:
    """A request as an identity provider sends it, about somebody who is there."""
    found = random.choice(corpus())
    if found["method"] == "POST" and tenant.is_full("Users"):
        found = {"method": "DELETE", "target": "/Users/{user}"}
    exists = None
    filling = {"{new}": f"n{random.randrange(10**6)}.{tenant.canary}@example.com"}
    for place, kind in (("{user}", "Users"), ("{group}", "Groups")):
        own = tenant.someone(random, kind)
        filling[place] = own or "nobody"
        if place in found["target"].partition("?")[0]:
            exists = own is not None
    target = _filled(found["target"], filling)
    body = json.dumps(found["body"], ensure_ascii=False) if "body" in found else ""
    request = Request(tenant, "recorded", found["method"], f"{ROOT}{target}", exists=exists)
    request.body = _filled(body, filling).encode()
    return request


def _filled(text: str, filling: dict[str, str]) -> str:
    for place, value in filling.items():
        text = text.replace(place, value)
    return text


# -- what may happen to a request ----------------------------------------------------------------


def mutate(random: Random, request: Request) -> Request:
    """Change some bytes of the body, some headers, the method or the path."""
    request.is_mutated = True
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        random.choice(MUTATIONS)(random, request)
    return request


def change_body(random: Random, request: Request) -> None:
    """Flip, cut, repeat, insert; or join two halves."""
    body, others = request.body, request.tenant.bodies
    for _ in range(random.choice([1, 1, 2, 4])):
        place = random.randrange(len(body) + 1)
        end = min(len(body), place + random.choice([1, 1, 4, 30]))
        kind = random.randrange(6)
        if kind == 0 and place < len(body):
            flipped = bytes([body[place] ^ (1 << random.randrange(8))])
            body = body[:place] + flipped + body[place + 1 :]
        elif kind == 1:
            body = body[:place] + body[end:]
        elif kind == 2:
            body = body[:end] + body[place:]
        elif kind == 3:
            body = body[:place]
        elif kind == 4 and others:
            other = random.choice(others)
            body = body[:place] + other[random.randrange(len(other) + 1) :]
        else:
            body = body[:place] + random.choice(TOKENS) + body[place:]
    request.body = body


def change_header(random: Random, request: Request) -> None:
    """Another value of a header, or none."""
    name, value = random.choice(HEADERS)
    if value is None:
        request.headers.pop(name, None)
    else:
        version = request.tenant.versions.get((request.resource() or ("", ""))[1], '"0"')
        request.headers[name] = value.replace("{version}", version)


def change_method(random: Random, request: Request) -> None:
    request.method = random.choice(METHODS)


def change_path(random: Random, request: Request) -> None:
    """Another endpoint, another ending, or a character that does not belong there."""
    request.exists = None
    kind = random.randrange(3)
    if kind == 0:
        request.target = ROOT + random.choice(PATHS)
    elif kind == 1:
        request.target += random.choice(ENDINGS)
    else:
        place = random.randrange(len(ROOT) + 1, len(request.target) + 1)
        request.target = (
            request.target[:place] + random.choice(["%", "%0a", "/", "..", "é", "%C3"])
        ) + request.target[place + 1 :]


def change_sender(random: Random, request: Request) -> None:
    """Another token, another host: whoever is not the tenant's client has no access."""
    own = request.tenant
    other = random.choice(own.others)
    secret = own.secret
    host, authorization, is_known = random.choice(
        [
            (f"{other.key}.localhost", f"Bearer {secret}", False),
            (f"{own.key}.localhost", f"Bearer {other.secret}", False),
            (f"{own.key}.localhost", f"Bearer {secret[:-1]}", False),
            (f"{own.key}.localhost", f"Bearer {secret[:-1]}\x00", False),
            (f"{own.key}.localhost", f"Basic {secret}", False),
            (f"{own.key}.localhost", "Bearer \xe9\xff", False),
            (f"{own.key}.localhost", "", False),
            (f"{own.key}.localhost", secret, True),
            (f"{own.key}.localhost", f"Bearer Bearer {secret}", False),
            (f"{own.key}.localhost", f"bEARER   {secret}", True),
            (f"{own.key.upper()}.localhost:8000", f"Bearer {secret}", True),
            (f"nobody.{own.key}.localhost", f"Bearer {secret}", False),
            ("localhost", f"Bearer {secret}", False),
            ("evil.example", f"Bearer {secret}", False),
            (f"{own.key}.localhost\xe9", f"Bearer {secret}", False),
            ("a b", f"Bearer {secret}", False),
            ("", f"Bearer {secret}", False),
        ]
    )
    request.is_known = is_known
    request.headers |= {"Host": host, "Authorization": authorization}


Mutation = Callable[[Random, Request], None]
MUTATIONS: list[Mutation] = [change_body, change_body, change_body, change_header, change_header]
MUTATIONS += [change_method, change_path, change_sender]

HEADERS: list[tuple[str, str | None]] = [
    *(
        ("Content-Type", value)
        for value in (None, "", "application/json", "text/plain", "x" * 5000)
    ),
    ("Content-Type", "application/scim+json; charset=utf-16"),
    ("Content-Type", "multipart/form-data; boundary=x"),
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Content-Type", "APPLICATION/JSON;;;="),
    *(("Content-Length", value) for value in ("0", "1", "-1", "x", "")),
    *(("Accept", value) for value in (None, "*/*", "text/html", "application/xml;q=0", "\xe9")),
    *(("If-Match", value) for value in ("*", "{version}", '"x"', 'W/"', "\xe9", "a," * 2000)),
    *(("If-None-Match", value) for value in ("*", "{version}", '"x"', "W/", "\xff")),
    *(("Prefer", value) for value in ("return=minimal", "return=representation", ";;=,\xe9")),
    *(("X-Request-Id", value) for value in ("abc-1", "x" * 65, "\xe9", "a b", "")),
    *(("X-Forwarded-For", value) for value in ("::1", "1.2.3.4, x", "\xff", "9" * 400)),
    *(("X-Forwarded-Host", value) for value in ("globex.localhost", "acme.localhost", "evil", "")),
    *(("User-Agent", value) for value in (None, "", "\xe9" * 300, "\x00", "a" * 5000)),
    *(("Accept-Encoding", value) for value in ("gzip", "br;q=x")),
    *(("Content-Encoding", value) for value in ("gzip", "x")),
    ("User-Agent", "Azure AD SCIM"),
    ("Cookie", "sessionid=x; csrftoken=\xe9"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("Transfer-Encoding", "chunked"),
    ("X-Forwarded-Proto", "https"),
    ("Range", "bytes=0-1"),
    ("Origin", "https://evil.example"),
    ("Date", "x"),
]
