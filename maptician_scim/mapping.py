"""The attribute map: the one list of which SCIM attribute is which column of the host.

Reading, writing, filtering and the schema documents all come from it. What is not in the map is
kept in ``ProvisionedUser.attributes``, as are the unmapped parts of a mapped element: for
``emails[type eq "work"].value`` the rest of that e-mail is under the key ``emails[work]``, and
``emails`` holds the other e-mails, so that no value is stored twice. The attributes of an extension
are under its URN, and what a client sent under a URN that nobody has declared is under ``urn:``, so
that it is not taken for checked values once somebody declares it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import scim2_models as scim
from django.db.models import F, Value
from django.db.models.functions import Coalesce, NullIf

from maptician_scim.columns import holds, holds_days, known_field, scim_value
from maptician_scim.protocol.dialects import DESCRIBING, is_hollow
from maptician_scim.protocol.expressions import JSONText
from maptician_scim.protocol.extensions import is_unknown_schema
from maptician_scim.protocol.filters import (
    VALUE,
    Comparing,
    Element,
    Entries,
    Operand,
    any_of,
    kept_value,
    sub_attributes,
)
from maptician_scim.protocol.paths import AttributePath, parse_map_key
from maptician_scim.protocol.schemas import (
    CORE_USER,
    ResourceModel,
    UserResource,
    attribute_definition,
    core_schema,
    extension_schemas,
)

if TYPE_CHECKING:
    from maptician_scim.adapters import UserAdapter
    from maptician_scim.group_adapters import GroupAdapter

USER_NAME, EXTERNAL_ID, ACTIVE = "userName", "externalId", "active"
UNKNOWN_SCHEMAS = "urn:"
Document = dict[str, Any]


@dataclass(frozen=True)
class Attribute:
    """How one SCIM attribute is kept in the host.

    ``field`` is a field of the host's user, or an ORM path from it (``profile__city``). Lists and
    filters read that path in the database. ``to_scim`` and ``from_scim`` convert a single value
    between column and SCIM; an attribute with conversions cannot be filtered. ``read`` and
    ``write`` take the adapter, for values that are not on ``adapter.obj`` itself.
    """

    field: str
    to_scim: Callable[[Any], Any] | None = None
    from_scim: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = None
    write: Callable[[Any, Any], None] | None = None

    @cached_property
    def reader(self) -> Callable[[Any], Any]:
        """Takes the adapter and reads the column, for its host user or group."""
        return self.read or attrgetter(f"obj.{self.field.replace('__', '.')}")

    def value_in(self, adapter: UserAdapter | GroupAdapter) -> Any:
        """The value as SCIM shows it, read from the adapter's host user or group."""
        return self.shown(self.reader(adapter))

    def shown(self, value: Any) -> Any:
        """The value of the column as SCIM shows it."""
        return value if self.to_scim is None or value is None else self.to_scim(value)


@dataclass(frozen=True)
class Mapped:
    """One line of the map that is a column of the host."""

    path: AttributePath
    attribute: Attribute
    alias: str
    comparing: Comparing
    kind: str = "string"
    """The type in the schema."""

    is_read_only: bool = False
    """Whether only the host sets it (RFC 7643 section 2.2)."""

    @property
    def is_shown_as_it_is(self) -> bool:
        """Whether a text in the column is what SCIM shows."""
        return self.attribute.to_scim is None and self.kind != "decimal"

    def value_in(self, adapter: UserAdapter) -> Any:
        """The value as SCIM shows it, read from the adapter's host user."""
        return self.seen(self.attribute.value_in(adapter), adapter.record.active_when_removed)

    def seen(self, value: Any, active_when_removed: bool | None) -> Any:
        """The host's value as JSON shows it, unless it is an ``active`` that was removed."""
        if type(value) is str and self.kind != "decimal":
            return value
        return self.unless_removed(scim_value(self.kind, value), active_when_removed)

    def unless_removed(self, value: Any, active_when_removed: bool | None) -> Any:
        """The value, unless it is the ``active`` that a client has removed.

        The host must know whether somebody may come in; SCIM may leave it unsaid (RFC 7644 section
        3.5.2.2). As soon as it is another than the one removed, it is shown again.
        """
        is_removed = self.path.text == ACTIVE and value == active_when_removed
        return None if is_removed else value

    def shown(self, value: Any) -> Any:
        """The value of the column as SCIM shows it."""
        return scim_value(self.kind, self.attribute.shown(value))


@dataclass(frozen=True)
class Description:
    """One line of the map as people read it, beside their identity provider's mapping table."""

    path: AttributePath
    kind: str
    """The type in the schema, such as ``string``."""

    field: str | None
    """The field of the host's user, or ``None`` for what only our own record keeps."""

    is_required: bool
    is_filterable: bool

    @property
    def namespace(self) -> str:
        """The URN of the schema: the "External namespace" in Okta's profile editor."""
        return self.path.schema or CORE_USER


@dataclass(frozen=True)
class Parts:
    """A resource taken apart: what goes into which place."""

    user_name: str | None
    external_id: str | None
    values: dict[str, Any]
    attributes: Document = field(default_factory=dict)


class AttributeMap:
    """A host's attribute map, read once for each adapter class.

    Raises ``ValueError`` for a line that makes no sense; ``manage.py check`` reports it.
    """

    resource_type: ClassVar[str] = "User"
    name_attribute: ClassVar[str] = USER_NAME
    """What every resource has, and our own record keeps in the form in which it is looked up."""

    required: ClassVar[tuple[str, ...]] = (ACTIVE,)
    """What else must be mapped."""

    relation: ClassVar[str] = "user"
    """The way from our record to the host's row."""

    def __init__(
        self, lines: Mapping[str, str | Attribute | None], model: ResourceModel = UserResource
    ) -> None:
        self.model = model
        self.mapped: list[Mapped] = []
        self.user_name: Attribute | None = None
        for text, target in lines.items():
            path = parse_map_key(self.model, text)
            if path.attribute in OF_RELATED:
                raise ValueError(f"{text!r} is no column: it is made from memberships")
            if path.text == EXTERNAL_ID:
                if target is not None:
                    raise ValueError("'externalId' is kept by maptician_scim: map it to None")
                continue
            if target is None:
                raise ValueError(f"{text!r} is mapped to nothing; leave it out to have it kept")
            attribute = Attribute(target) if isinstance(target, str) else target
            if path.text == self.name_attribute:
                self.user_name = attribute
                continue
            self.mapped.append(self._line(path, attribute))
        self._check_required()
        self.texts = [m.path.text for m in self.mapped]
        self.aliases = {m.alias: self._shown_column(m) for m in self.mapped}
        self.fields = {m.attribute.field.partition("__")[0] for m in self.mapped}
        self._elements = self._grouped()
        # Last first: what is put in front of a list last stands first in it.
        self._containers = [(c, lines[0].path) for c, lines in reversed(self._elements.items())]
        self._schema = core_schema(model)
        by_attribute = [(lines[0].path.attribute, c) for c, lines in self._elements.items()]
        self._first_elements = set(dict(reversed(by_attribute)).values())
        self._places = [m.path.place for m in self.mapped]
        self._is_shown_as_it_is = [m.is_shown_as_it_is for m in self.mapped]
        self._readers = [m.attribute.reader for m in self.mapped]

    def _shown_column(self, mapped: Mapped) -> F | NullIf:
        column = F(f"{self.relation}__{mapped.attribute.field}")
        if mapped.path.text == ACTIVE and _column(mapped) is not None:
            return NullIf(column, F("active_when_removed"))
        return column

    def _check_required(self) -> None:
        mapped = {m.path.text for m in self.mapped}
        if self.user_name is None or not mapped.issuperset(self.required):
            names = " and ".join(repr(n) for n in (self.name_attribute, *self.required))
            raise ValueError(f"{names} must be in the attribute map")

    @cached_property
    def own_operands(self) -> dict[str, dict[str | None, Operand]]:
        """Attributes that are columns of our own record, and what is never filtered."""
        key = Operand(F("user_name_key"), "user_name")
        return own_operands(self.resource_type) | {USER_NAME: {None: key}, "password": {}}

    def _line(self, path: AttributePath, attribute: Attribute) -> Mapped:
        if path.element is not None and path.schema is not None:
            raise ValueError(f"{path.text!r}: elements of an extension cannot be mapped")
        if path.schema is None and path.attribute in self.own_operands:
            raise ValueError(f"{path.text!r} is kept by maptician_scim and cannot be mapped")
        place = (path.schema, path.attribute, path.sub_attribute)
        comparing = _comparing(self.model, *place) or "text"
        definition = attribute_definition(self.model, *place)
        return Mapped(
            path,
            attribute,
            f"scim_{len(self.mapped)}",
            IN_A_COLUMN.get(comparing, comparing),
            definition["type"],
            definition.get("mutability") == "readOnly",
        )

    def _grouped(self) -> dict[str, list[Mapped]]:
        """The lines of each mapped element, by its container, in the order of the map."""
        groups: dict[str, list[Mapped]] = {}
        for mapped in self.mapped:
            if mapped.path.element is not None:
                groups.setdefault(mapped.path.container, []).append(mapped)
        return groups

    def values_in(self, adapter: UserAdapter) -> list[Any]:
        """The values of the mapped columns of an adapter's host user, as ``shown``."""
        columns = [read(adapter) for read in self._readers]
        return self.shown(columns, adapter.record.active_when_removed)

    def shown(self, columns: Sequence[Any], active_when_removed: bool | None) -> list[Any]:
        """The values of the mapped columns, in the order of the map, as SCIM shows them."""
        return [
            value
            if is_plain and type(value) is str  # nearly all are
            else mapped.seen(mapped.attribute.shown(value), active_when_removed)
            for mapped, is_plain, value in zip(
                self.mapped, self._is_shown_as_it_is, columns, strict=True
            )
        ]

    def described(self) -> list[Description]:
        """The whole map for people: userName first, then its lines, externalId last.

        What is said of a line to be filterable is what ``compile_filter`` does with it.
        """
        user_name = self.user_name.field if self.user_name else None
        return [
            self._description(parse_map_key(self.model, self.name_attribute), user_name),
            *(self._description(m.path, m.attribute.field) for m in self.mapped),
            self._description(parse_map_key(self.model, EXTERNAL_ID), None),
        ]

    def _description(self, path: AttributePath, field: str | None) -> Description:
        place = (path.schema, path.attribute, path.sub_attribute)
        definition = attribute_definition(self.model, *place)
        if path.element is None:
            is_filterable = self.operand(*place) is not None
        else:
            entries = self.entries(path.schema, path.attribute)
            is_filterable = entries is not None and entries.has(path.sub_attribute or "")
        return Description(path, definition["type"], field, definition["required"], is_filterable)

    # -- documents -------------------------------------------------------------------------

    def document(
        self,
        user_name: str,
        external_id: str | None,
        attributes: Document,
        values: Sequence[Any],
    ) -> Document:
        """The client's view without ``id`` and ``meta``; takes ``attributes`` over.

        ``values`` are those of the mapped columns as SCIM shows them, in the order of the map.
        """
        document: Document = {
            "schemas": [self._schema],
            self.name_attribute: user_name,
        }
        if external_id:
            document[EXTERNAL_ID] = external_id
        elements: dict[str, Document] = {}
        for (is_element, outer, name), value in zip(self._places, values, strict=True):
            if value is None or value == "":
                continue
            place = elements if is_element else attributes
            for key in outer:
                place = place.setdefault(key, {})
            place[name] = value
        for container, path in self._containers:
            if container not in elements and container not in attributes:
                continue
            element = elements.get(container, {}) | attributes.pop(container, {})
            element.setdefault("type", path.element)
            if not element["type"]:
                del element["type"]
            if not is_hollow(element):
                attributes.setdefault(path.attribute, []).insert(0, element)
        unknown = attributes.pop(UNKNOWN_SCHEMAS, None)
        document |= attributes
        document["schemas"] += [urn for urn in extension_schemas(self.model) if urn in document]
        if unknown:
            self._add_unknown(document, unknown)
        return document

    def _add_unknown(self, document: Document, unknown: Document) -> None:
        # PostgreSQL forgets the order, the ETag must not.
        for urn, value in sorted(unknown.items()):
            if is_unknown_schema(self.model, urn):  # else the host has declared it since
                document[urn] = value
                document["schemas"].append(urn)

    def split(self, document: Document) -> Parts:
        """Take a document apart again; what the map does not name stays in ``attributes``."""
        rest = {name: value for name, value in document.items() if name != "schemas"}
        user_name = rest.pop(self.name_attribute, None)
        external_id = rest.pop(EXTERNAL_ID, None)
        unknown = {urn: rest.pop(urn) for urn in document if is_unknown_schema(self.model, urn)}
        if unknown:
            rest[UNKNOWN_SCHEMAS] = unknown
        values: dict[str, Any] = {}
        for text, (is_element, outer, name) in zip(self.texts, self._places, strict=True):
            if not is_element:
                values[text] = _pop(rest, outer, name)
        for container, lines in self._elements.items():
            element = self._take_element(rest, container, lines)
            for mapped in lines:
                values[mapped.path.text] = element.pop(mapped.path.sub_attribute or "", None)
            if element:
                rest[container] = element
        return Parts(user_name, external_id, values, rest)

    def _take_element(self, rest: Document, container: str, lines: list[Mapped]) -> Document:
        """Remove the entry that is the mapped element from its list and return it.

        The primary one where several have the type. An entry without a type is taken for the first
        mapped element, so that its value reaches the host; the empty type remembers it.
        """
        path = lines[0].path
        entries: list[Document] = rest.get(path.attribute, [])
        if not entries:
            return {}
        kind = (path.element or "").lower()
        candidates = [e for e in entries if e.get("type", "").lower() == kind]
        if not candidates and container in self._first_elements:
            candidates = [e for e in entries if not e.get("type")]
        if not candidates:
            return {}
        chosen = next((e for e in candidates if e.get("primary")), candidates[0])
        remaining = [e for e in entries if e is not chosen]
        if remaining:
            rest[path.attribute] = remaining
        else:
            del rest[path.attribute]
        element = {"type": ""} | chosen
        if element["type"] == path.element:
            del element["type"]
        return element

    def initial_attributes(self) -> Document:
        """What is kept of a person who was there before: the mapped e-mail is the primary one.

        Okta imports the primary e-mail address and would find none.
        """
        emails = [c for c in self._elements if c.startswith("emails[")]
        return {emails[0]: {"primary": True}} if emails else {}

    # -- filters: where an attribute is in the database -----------------------------------------

    def operand(self, schema: str | None, attribute: str, sub: str | None) -> Operand | None:
        """A single value in the database, or ``None`` if it cannot be filtered."""
        if schema is None and attribute in self.own_operands:
            return self.own_operands[attribute].get(sub)
        for mapped in self.mapped:
            path = mapped.path
            if (path.schema, path.attribute, path.sub_attribute) == (schema, attribute, sub):
                return _column(mapped)
        comparing = _comparing(self.model, schema, attribute, sub)
        if comparing is None:
            return None
        names = [name for name in (schema, attribute, sub) if name]
        return kept_value(F("attributes"), names, comparing)

    def entries(self, schema: str | None, attribute: str) -> Entries | None:
        """A multi-valued attribute in the database, or ``None`` if it cannot be filtered."""
        if schema is None and (attribute in OF_RELATED or attribute == "schemas"):
            return None
        names = (schema, attribute) if schema else (attribute,)
        binding = _binding(self.model, schema, attribute, None)
        subs = sub_attributes(binding) if binding else []
        if not subs:
            kind = _comparing(self.model, schema, attribute, None)
            return Entries(F("attributes"), names, {VALUE: kind}, is_simple=True) if kind else None
        comparing = {}
        for name in subs:
            kind = _comparing(self.model, schema, attribute, name)
            if kind is not None:
                comparing[name] = kind
        elements = tuple(
            self._element(container, lines, comparing)
            for container, lines in self._elements.items()
            if schema is None and lines[0].path.attribute == attribute
        )
        return Entries(F("attributes"), names, comparing, elements)

    def _element(
        self, container: str, lines: list[Mapped], comparing: Mapping[str, Comparing]
    ) -> Element:
        operands: dict[str, Operand] = {
            name: Operand(JSONText(F("attributes"), container, name), kind)
            for name, kind in comparing.items()
        }
        sent_type = Coalesce(operands["type"].expression, Value(lines[0].path.element))
        operands["type"] = Operand(NullIf(sent_type, Value("")))
        for mapped in lines:
            column = _column(mapped)
            name = mapped.path.sub_attribute or ""
            operands.pop(name)
            if column is not None:
                operands[name] = column
        present = [o.is_present for name, o in operands.items() if name not in DESCRIBING]
        return Element(operands, any_of(present))


OF_RELATED = frozenset({"groups", "members"})
"""Attributes that are made from the records of other resources."""


def own_operands(resource_type: str) -> dict[str, dict[str | None, Operand]]:
    """The common attributes of all resources, as columns of our own record."""
    return {
        "id": {None: Operand(F("scim_id"), "uuid")},
        EXTERNAL_ID: {None: Operand(F("external_id"), "exact")},
        "meta": {
            "resourceType": Operand(Value(resource_type), "exact"),
            "created": Operand(F("created_at"), "datetime"),
            "lastModified": Operand(F("modified_at"), "datetime"),
        },
    }


KEPT_AS_JSON: dict[type, Comparing] = {
    bool: "json_boolean",
    int: "number",
    float: "number",
    datetime: "json_datetime",
}
"""How values compare that are kept as JSON and are no strings; a boolean is an ``int`` too."""

IN_A_COLUMN: dict[Comparing, Comparing] = {"json_boolean": "boolean", "json_datetime": "datetime"}
"""How the same values compare in a column of the host."""


def _binding(
    model: ResourceModel, schema: str | None, attribute: str, sub: str | None
) -> scim.AttributeBinding | None:
    name = f"{attribute}.{sub}" if sub else attribute
    path: scim.Path[Any] = scim.Path.__class_getitem__(model)(
        f"{schema}:{name}" if schema else name
    )
    return path.resolve()


def _comparing(
    model: ResourceModel, schema: str | None, attribute: str, sub: str | None
) -> Comparing | None:
    """How values of an attribute compare when kept as JSON; ``None`` for what has no single one."""
    binding = _binding(model, schema, attribute, sub)
    kind = binding.target_type if binding else None
    if binding is None or not isinstance(kind, type) or issubclass(kind, scim.BaseModel):
        return None
    if sub and binding.target_is_multivalued:
        return "list"
    for python_type, comparing in KEPT_AS_JSON.items():
        if issubclass(kind, python_type):
            return comparing
    return "exact" if binding.case_exact or issubclass(kind, bytes) else "text"


def _column(mapped: Mapped) -> Operand | None:
    attribute = mapped.attribute
    if attribute.to_scim or attribute.from_scim:
        return None
    field = known_field(attribute.field)
    if field is not None and not holds(field, mapped.kind):
        return None
    is_day = mapped.comparing == "datetime" and holds_days(field)
    return Operand(F(mapped.alias), "date" if is_day else mapped.comparing)


def _pop(document: Document, outer: tuple[str, ...], name: str) -> Any:
    """Remove a value from the objects it is in; these go when they are empty."""
    if not outer or outer[0] not in document:
        return None if outer else document.pop(name, None)
    inner = dict(document[outer[0]])
    value = _pop(inner, outer[1:], name)
    if inner:
        document[outer[0]] = inner
    else:
        del document[outer[0]]
    return value
