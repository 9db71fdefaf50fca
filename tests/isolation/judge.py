"""What an answer must never hold: anything of a tenant that was planted to be recognised."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

MARK = "canary"
"""Stands in every text of a planted tenant."""

ID_MARK = bytes.fromhex("ca9a71e5")
"""The first bytes of every UUID of a planted tenant."""

CANARY = re.compile(rf"[\w.@+-]*{MARK}[\w.@+-]*|{ID_MARK.hex()}-?[0-9a-f-]*", re.IGNORECASE)


def canaries_in(response, *, sent: str = "", secrets: Iterable[str] = ()) -> set[str]:
    """What an answer, headers included, holds of a planted tenant and the request did not.

    ``secrets`` are further texts of that tenant, such as the prefix of its token.
    """
    headers = " ".join(f"{name}: {value}" for name, value in response.headers.items())
    return canaries_in_text(f"{headers} {response.content.decode()}", sent=sent, secrets=secrets)


def canaries_in_text(text: str, *, sent: str = "", secrets: Iterable[str] = ()) -> set[str]:
    """The same for a line of a log, an e-mail, a row.

    A name that was sent may come back as a part of another, as ``pat`` does in ``pat@acme``.
    """
    text = unquote(text)
    for word in sorted(set(CANARY.findall(unquote(sent))), key=len, reverse=True):
        text = re.sub(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", "", text, flags=re.IGNORECASE)
    return {*CANARY.findall(text), *(s for s in secrets if s in text and s not in sent)}
