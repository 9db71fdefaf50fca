"""What a PATCH would cost, found before anything is parsed or locked.

A value path compares every entry of its attribute, so a body of the allowed size could otherwise
ask for minutes of work. The count is an upper bound taken from the text of the paths.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import InvalidPath, InvalidValue
from maptician_scim.protocol.dialects import multi_valued_attributes
from maptician_scim.protocol.messages import too_many_values
from maptician_scim.protocol.schemas import ResourceModel

TERM = re.compile(r"\b(?:and|or)\b", re.IGNORECASE)


def check_workload(
    model: ResourceModel, operations: Iterable[dict[str, Any]], document: dict[str, Any]
) -> None:
    """Raises ``InvalidValue`` for operations on a document that would take too long."""
    lists = {path.rpartition(":")[2] for path in multi_valued_attributes(model)}
    sizes = _sizes(document)
    writes: dict[str, list[_Write]] = defaultdict(list)
    for write in _writes(operations):
        # A filter takes time to read, whatever it stands behind.
        if write.attribute in lists or write.selection is not None:
            writes[write.attribute].append(write)
    limit = scim_settings.MAX_PATCH_COMPARISONS
    for name, asked in writes.items():
        most = max(write.entries for write in asked)
        if most > scim_settings.MAX_VALUES:
            raise too_many_values(name[:100], most)
        comparisons = _comparisons(asked, sizes.get(name, 0))
        if comparisons > limit:
            raise InvalidValue(
                f"The operations on {name[:100]!r} ask for {comparisons} comparisons of entries; "
                f"at most {limit} are allowed. Send them in several requests."
            )


@dataclass(frozen=True)
class _Write:
    """One attribute that is written to, or removed."""

    op: str
    path: str
    value: Any

    @property
    def attribute(self) -> str:
        """The attribute without URN, filter and sub-attribute, in lower case."""
        # The version in a URN has a dot: what follows the last colon names the attribute.
        name = self.path.partition("[")[0].rpartition(":")[2]
        return name.partition(".")[0].strip().lower()

    @property
    def selection(self) -> str | None:
        """The part of a value path that selects entries."""
        return self.path.partition("]")[0].lower() if "[" in self.path else None

    @property
    def terms(self) -> int:
        """How many things each entry is compared with."""
        if self.selection is not None:
            return 1 + len(TERM.findall(self.path))
        return len(self.value) if self.op == "remove" and isinstance(self.value, list) else 0

    @property
    def entries(self) -> int:
        """How many entries are sent."""
        if self.op == "remove" or self.selection is not None:
            return 0
        return len(self.value) if isinstance(self.value, list) else 1


def _comparisons(writes: list[_Write], size: int) -> int:
    """How often writes to one attribute look at its entries, of which there are some already.

    Each may add to them, and a value path may create one. The first write of a list is none.
    """
    created = {write.selection for write in writes if write.selection and write.op != "remove"}
    most = size + len(created) + sum(write.entries for write in writes)
    looks = sum(write.terms or int(number > 0) for number, write in enumerate(writes))
    return looks * max(most, 1)


def _writes(operations: Iterable[dict[str, Any]]) -> Iterator[_Write]:
    """Each write that operations stand for.

    Raises ``InvalidValue`` where they are too many, and ``InvalidPath`` for one that is too long.
    """
    limit, found = scim_settings.MAX_PATCH_OPERATIONS, 0
    longest = scim_settings.MAX_FILTER_LENGTH
    for operation in operations:
        members = {name.lower(): value for name, value in operation.items()}
        op, path = str(members.get("op")).lower(), str(members.get("path") or "")
        for written, value in _spread(path, members.get("value")):
            found += 1
            if found > limit:
                raise InvalidValue(
                    f"'Operations' name more than {limit} attributes. Send them in several "
                    "requests."
                )
            if len(written) > longest:  # before a thousand copies of it are kept
                raise InvalidPath(
                    f"The path {written[:100]!r} has {len(written)} characters; at most {longest} "
                    "are allowed."
                )
            yield _Write(op, written, value)


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
