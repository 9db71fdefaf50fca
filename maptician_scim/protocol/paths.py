"""SCIM attribute paths as the keys of an attribute map and as places in a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from scim2_models import AttributeBinding, InvalidPathException, Path, Resource
from scim2_models.path import CompareOperator, Comparison

SCIM_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ELEMENT_TYPE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class AttributePath:
    """One place in a resource: ``title``, ``name.givenName``, ``emails[type eq "work"].value``.

    ``schema`` is the extension's URN, or ``None`` for the resource's own attributes;
    ``element`` is the ``type`` of the one element meant, for a multi-valued attribute.
    """

    text: str
    schema: str | None
    attribute: str
    sub_attribute: str | None
    element: str | None

    @property
    def container(self) -> str:
        """The key under which the rest of a mapped element is kept: ``emails[work]``."""
        return f"{self.attribute}[{self.element}]"

    @property
    def place(self) -> tuple[bool, tuple[str, ...], str]:
        """Whether it is in an element, the keys of the objects it is in, and its own."""
        if self.element is not None:
            return True, (self.container,), self.sub_attribute or ""
        *outer, name = filter(None, (self.schema, self.attribute, self.sub_attribute))
        return False, tuple(outer), name

    @property
    def okta_name(self) -> str:
        """The "External name" in Okta's profile editor: ``emails.^[type=='work'].value``."""
        element = f".^[type=='{self.element}']" if self.element is not None else ""
        sub_attribute = f".{self.sub_attribute}" if self.sub_attribute else ""
        return f"{self.attribute}{element}{sub_attribute}"


@lru_cache(maxsize=1000)  # clients send the same few
def read_path(model: type[Resource[Any]], text: str) -> tuple[Path[Any], AttributeBinding | None]:
    """A PATCH path, and the attribute it names. Raises ``SCIMException`` if it is malformed."""
    path: Path[Any] = Path.__class_getitem__(model)(text)
    return path, path.resolve()


def parse_map_key(model: type[Resource[Any]], text: str) -> AttributePath:
    """The place a key of an attribute map names.

    Raises ``ValueError`` where the schema has no such attribute, or where the key selects
    elements by anything but ``type eq "..."``.
    """
    try:
        path: Path[Any] = Path.__class_getitem__(model)(text)
    except InvalidPathException as error:
        raise ValueError(f"{text!r} is no SCIM attribute path: {error.detail}") from error
    binding = path.resolve()
    if binding is None:
        raise ValueError(f"{text!r} is no attribute of the User schemas")
    element = _element(path, text)
    if binding.is_multivalued and (element is None or binding.sub_field_name is None):
        raise ValueError(
            f"{text!r} is multi-valued: name one element's part, "
            f'as in {binding.urn.rpartition(":")[2]}[type eq "work"].value'
        )
    schema, attribute, sub_attribute = place_of(model, binding)
    return AttributePath(text, schema, attribute, sub_attribute, element)


def place_of(
    model: type[Resource[Any]], binding: AttributeBinding
) -> tuple[str | None, str, str | None]:
    """The extension URN (``None`` for the core schema), attribute and sub-attribute of a binding,
    spelled as the schema spells them."""
    schema, _, names = binding.urn.rpartition(":")
    attribute, _, sub_attribute = names.partition(".")
    return (
        schema if schema in model.get_extension_models() else None,
        attribute,
        sub_attribute or None,
    )


def _element(path: Path[Any], text: str) -> str | None:
    condition = path.value_filter
    if condition is None:
        return None
    if (
        isinstance(condition, Comparison)
        and condition.op == CompareOperator.eq
        and condition.attr_path.attr.lower() == "type"
        and condition.attr_path.sub_attr is None
        and isinstance(condition.value, str)
        and ELEMENT_TYPE.fullmatch(condition.value)
    ):
        return condition.value
    raise ValueError(f'{text!r} selects an element by something else than type eq "..."')


def is_scim_id(text: str) -> bool:
    """Whether a text is spelled as our ids are: a UUID in lower case with dashes."""
    return bool(SCIM_ID.fullmatch(text))


def flatten(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The single values of a document by path; a list is one value."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from flatten(
                value, f"{prefix}{name}{':' if name.lower().startswith('urn:') else '.'}"
            )
        else:
            yield prefix + name, value


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What differs between two documents: ``{path: {"old": ..., "new": ...}}``."""
    old, new = dict(flatten(before)), dict(flatten(after))
    for document in (old, new):
        document.pop("schemas", None)
    return {
        path: {"old": old.get(path), "new": new.get(path)}
        for path in [*old, *(path for path in new if path not in old)]
        if old.get(path) != new.get(path)
    }
