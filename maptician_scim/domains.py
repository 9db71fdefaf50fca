"""Domains of e-mail addresses, as people write them and as they compare."""

from __future__ import annotations

import re
import unicodedata

from django.utils.translation import gettext as _

LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
LONGEST = 253


def normalized(text: str) -> str:
    """A domain in lower case, in the script it was written in.

    Raises ``ValueError`` with what is wrong with it and what to do.
    """
    domain = unicodedata.normalize("NFC", text.strip().lower()).rstrip(".")
    values = {"domain": text.strip()}
    if "@" in domain:
        raise ValueError(
            _("“%(domain)s”: write the domain alone, what stands after the @.") % values
        )
    if "*" in domain or domain.startswith("."):
        raise ValueError(
            _("“%(domain)s”: there are no wildcards; write each subdomain on a line of its own.")
            % values
        )
    if "/" in domain or ":" in domain:
        raise ValueError(
            _("“%(domain)s” is an address of the web; write the domain alone, as example.com.")
            % values
        )
    labels = comparable(domain).split(".")
    is_name = len(labels) > 1 or domain == "localhost"
    if not is_name or len(domain) > LONGEST or not all(map(LABEL.fullmatch, labels)):
        raise ValueError(_("“%(domain)s” is no domain name; write it as example.com.") % values)
    return domain


def comparable(domain: str) -> str:
    """The domain as it is on the wire: ``bücher.example`` and ``xn--bcher-kva.example`` are one."""
    plain = domain.strip().lower().rstrip(".")
    try:
        return plain.encode("idna").decode("ascii")
    except UnicodeError:
        return plain
