"""What a PATCH would cost, found before anything is parsed or locked.

A value path compares every entry of its attribute, so a body of the allowed size could otherwise
ask for minutes of work. The count is an upper bound taken from the text of the paths.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import InvalidValue

TERM = re.compile(r"\b(?:and|or)\b", re.IGNORECASE)


def check_workload(operations: Iterable[dict[str, Any]], document: dict[str, Any]) -> None:
    """Raises ``InvalidValue`` for operations on a document that would take too long."""
    writes = list(_writes(operations))
    entries = Counter(_sizes(document))
    selections: dict[str, set[str]] = defaultdict(set)
    terms: Counter[str] = Counter()
    sent: set[str] = set()
    for op, path, value in writes:
        name = _attribute(path)
        terms[name] += _terms(op, path, value) or int(op == "add" and name in sent)
        sent.add(name)
        entries[name] += len(value) if isinstance(value, list) and op != "remove" else 0
        if "[" in path:
            selections[name].add(path.partition("]")[0].lower())
    asked = {n: count * (entries[n] + len(selections[n])) for n, count in terms.items()}
    limit = scim_settings.MAX_PATCH_COMPARISONS
    for name, comparisons in asked.items():
        if comparisons > limit:
            raise InvalidValue(
                f"The operations on {name[:100]!r} ask for {comparisons} comparisons of entries; "
                f"at most {limit} are allowed. Send them in several requests."
            )


def _writes(operations: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """Each write that operations stand for. Raises ``InvalidValue`` where they are too many."""
    limit, found = scim_settings.MAX_PATCH_OPERATIONS, 0
    for operation in operations:
        members = {name.lower(): value for name, value in operation.items()}
        op, path = str(members.get("op")).lower(), str(members.get("path") or "")
        for write in _spread(path, members.get("value")):
            found += 1
            if found > limit:
                raise InvalidValue(
                    f"'Operations' name more than {limit} attributes. Send them in several "
                    "requests."
                )
            yield op, *write


def _spread(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        between = (":" if path.lower().startswith("urn:") else ".") if path else ""
        for name, item in value.items():
            yield from _spread(f"{path}{between}{name}", item)
    else:
        yield path, value


def _sizes(document: dict[str, Any]) -> dict[str, int]:
    """The entries of each multi-valued attribute, those of extensions too."""
    sizes: dict[str, int] = {}
    for name, value in document.items():
        if isinstance(value, list):
            sizes[name.lower()] = len(value)
        elif isinstance(value, dict):
            sizes |= _sizes(value)
    return sizes


def _attribute(path: str) -> str:
    """The attribute a path is about, without URN, filter and sub-attribute, in lower case."""
    before_filter = path.partition("[")[0]
    # The version in a URN has a dot: what follows the last colon names the attribute.
    return before_filter.rpartition(":")[2].partition(".")[0].strip().lower()


def _terms(op: str, path: str, value: Any) -> int:
    """How often a write compares each entry of its attribute."""
    if "[" in path:
        return 1 + len(TERM.findall(path))
    if op == "remove" and isinstance(value, list):
        return len(value)
    return 0
