"""PATCH: operations of every dialect, applied to a document (RFC 7644 section 3.5.2).

scim2-models applies them; this brings what clients send into the form it takes: one operation per
attribute, unassigning values as ``remove``, extension attributes with their URN.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import scim2_models as scim
from pydantic import ValidationError
from scim2_models.path import AttributeBinding, AttrPath, Comparison, LogicalExpr

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import (
    InvalidPath,
    InvalidSyntax,
    InvalidValue,
    NoTarget,
    ScimError,
)
from maptician_scim.protocol import dialects
from maptician_scim.protocol.extensions import is_unknown_schema
from maptician_scim.protocol.filters import check_size, qualified, sub_attributes
from maptician_scim.protocol.messages import (
    LITERAL_POLICY,
    POLICY,
    ResourceDocument,
    check_values,
    named_document,
    resource_document,
    scim_error,
)
from maptician_scim.protocol.paths import place_of, read_path
from maptician_scim.protocol.plain import plain_target
from maptician_scim.protocol.schemas import ResourceModel, extension_schemas
from maptician_scim.protocol.tolerances import Tolerance, tolerate
from maptician_scim.protocol.values import typed
from maptician_scim.protocol.workload import check_workload

Operation = dict[str, Any]


def patch_resource(
    model: ResourceModel,
    document: dict[str, Any],
    raw: list[Operation],
    *,
    scim_id: str | None = None,
) -> ResourceDocument:
    """The document after the operations of a PATCH body; the one given is left alone.

    ``scim_id`` is the resource's own, which a client may send back. Raises ``InvalidSyntax``,
    ``InvalidValue``, ``InvalidPath``, ``NoTarget`` or ``Mutability``.
    """
    check_workload(model, raw, document)
    dialect = _Dialect(model, scim_id)
    operations = [prepared for operation in raw for prepared in dialect.prepared(operation)]
    plainly = _plainly_changed(model, document, operations)
    if plainly is not None:
        return named_document(model, plainly)
    try:
        resource = _loaded(model, document)
    except ValidationError as error:
        raise scim_error(error) from error
    early = [operation for operation in operations if not _apply(model, operation, resource)]
    for operation in early:
        _apply(model, operation, resource)  # by now the entry may be there
    changed = resource_document(model, resource)
    check_values(model, changed.attributes, document)
    return changed


def _plainly_changed(
    model: ResourceModel, document: dict[str, Any], operations: list[Operation]
) -> dict[str, Any] | None:
    """The document with other values of plain attributes, if nothing else is asked for.

    That is how people are deactivated, and to read the document and to write it anew takes ten
    times as long.
    """
    changed = dict(document)
    for operation in operations:
        name = plain_target(model, operation)
        if name is None or ":" in name:  # in an extension
            return None
        changed[name] = operation["value"]
    return changed


def _loaded(model: ResourceModel, document: dict[str, Any]) -> scim.Resource[Any]:
    """The resource as it is kept, without what no longer fits its extension's declaration.

    Else nobody could be deactivated by PATCH after the host has given an attribute another type.
    """
    try:
        return model.model_validate(document, scim_policy=POLICY)
    except ValidationError as error:
        places = {error["loc"][:2] for error in error.errors(include_input=False)}
        unfit = [place for place in places if place[0] in extension_schemas(model)]
        if not unfit:
            raise
    fitting = document | {str(urn): dict(document[str(urn)]) for urn, *_ in unfit}
    for urn, *names in unfit:
        for name in names:
            fitting[str(urn)].pop(name, None)
    return model.model_validate(fitting, scim_policy=POLICY)


def _apply(model: ResourceModel, operation: Operation, resource: scim.Resource[Any]) -> bool:
    """Change the resource; ``False`` where just the value is missing that an entry needs.

    Raises an error that names the path.
    """
    if plain_target(model, operation) is not None:
        target, _ = read_path(model, operation["path"])
        target.set(resource, operation["value"])
        return True
    try:
        patch = _patch_of(model).model_validate(
            {"Operations": [operation]},
            scim_ctx=scim.Context.RESOURCE_PATCH_REQUEST,
            scim_policy=POLICY,
        )
        try:
            patch.patch(resource, LITERAL_POLICY)
        except scim.NoTargetException:
            path = patch.operations[0].path
            compared = _compared(path)
            if not _describes_an_entry(path, compared):
                raise
            written = path.parts[1:] or list(operation["value"])
            if dialects.is_hollow(dict.fromkeys([*compared, *written])):
                return False
            tolerate(Tolerance.ENTRY_CREATED, operation["path"])
            patch.patch(resource, POLICY)
    except (ValidationError, scim.SCIMException) as error:
        raise named(operation["path"], scim_error(error)) from error
    return True


@cache
def _patch_of(model: ResourceModel) -> Any:
    """The message for a kind of resource; pydantic would make the class again and again."""
    return scim.PatchOp.__class_getitem__(model)


def named(path: str, error: ScimError) -> ScimError:
    """The error, with the path in its detail."""
    shown = path[:100]
    return error if shown in error.detail else type(error)(f"{shown!r}: {error.detail}")


def _compared(path: scim.Path[Any]) -> set[str]:
    """The sub-attributes that a value path compares, in lower case."""
    condition = path.value_filter
    terms = condition.terms if isinstance(condition, LogicalExpr) else (condition,)
    return {term.attr_path.attr.lower() for term in terms if isinstance(term, Comparison)}


def _describes_an_entry(path: scim.Path[Any], compared: set[str]) -> bool:
    """Whether a value path that matches nothing says which entry it means.

    By ``type eq "..."``, maybe with more; Entra writes ``roles[primary eq "True"].value``, too.
    """
    attribute = path.parts[0].lower()
    is_free_text = attribute in {name.lower() for name in dialects.FREE_TEXT_ENTRIES}
    return "type" in compared or (is_free_text and compared == {"primary"})


def raw_operations(payload: dict[str, Any]) -> list[Operation]:
    """The operations in a PATCH body. Raises ``InvalidSyntax`` or ``InvalidValue``."""
    found = next((v for name, v in payload.items() if name.lower() == "operations"), None)
    if not isinstance(found, list) or not found:
        raise InvalidSyntax("'Operations' must be an array with at least one operation.")
    if len(found) > scim_settings.MAX_PATCH_OPERATIONS:
        raise InvalidValue(
            f"'Operations' has {len(found)} entries; at most "
            f"{scim_settings.MAX_PATCH_OPERATIONS} are allowed."
        )
    if not all(isinstance(operation, dict) for operation in found):
        raise InvalidSyntax("Each of the 'Operations' must be an object.")
    return found


class _Dialect:
    """Brings the operations a client sends into the form scim2-models takes."""

    def __init__(self, model: ResourceModel, scim_id: str | None = None) -> None:
        self.model = model
        self.scim_id = scim_id

    def prepared(self, raw: Operation) -> Iterator[Operation]:
        """One operation as the operations scim2-models is given for it."""
        members = {name.lower(): value for name, value in raw.items()}
        op, path, value = _op(members.get("op")), members.get("path"), members.get("value")
        if path is not None and not isinstance(path, str):
            raise InvalidSyntax("'path' must be a string.")
        path = (path or "").strip()
        if op == "remove":
            if not path:
                raise NoTarget("A remove operation needs a 'path'.")
            if not is_unknown_schema(self.model, path):
                yield from self._removal(path, value)
        elif not path:
            if not isinstance(value, dict):
                raise InvalidValue("An operation without a 'path' needs an object as 'value'.")
            yield from self._root(op, value)
        else:
            if "value" not in members:
                raise InvalidValue(f"The {op} operation on {path!r} needs a 'value'.")
            yield from self._write(op, path, value)

    def _root(self, op: str, value: dict[str, Any]) -> Iterator[Operation]:
        """The operations of a value without a path: read-only attributes are no matter in it."""
        for name, item in value.items():
            if name.lower() in dialects.READ_ONLY and not self._is_own_id(name, item):
                tolerate(Tolerance.READ_ONLY_SENT_BACK, name)
        yield from self._spread(op, dialects.without_read_only(value))

    def _is_own_id(self, path: str, value: Any) -> bool:
        return path.lower() == "id" and value is not None and value == self.scim_id

    def _spread(self, op: str, value: dict[str, Any], prefix: str = "") -> Iterator[Operation]:
        """An object of attributes as one operation for each; keys may be paths (Entra)."""
        extensions = {urn.lower() for urn in extension_schemas(self.model)}
        for name, item in value.items():
            if set(name) & set(".:[") and name.lower() not in extensions:
                tolerate(Tolerance.PATHS_AS_KEYS, name)
            if name.lower() != "schemas":
                yield from self._write(op, prefix + name, item)

    def _write(self, op: str, path: str, value: Any) -> Iterator[Operation]:
        if is_unknown_schema(self.model, path):
            return  # a schema nobody has declared is ignored, as unknown attributes are
        target, binding = self._parsed(path)
        if isinstance(value, dict) and target.model is not None:
            yield from self._spread(op, value, "" if target.model is self.model else f"{target}:")
            return
        if binding is None:
            yield from self._write_nothing(op, path, target, value)
            return
        attribute = binding.urn.rpartition(":")[2]
        if self._is_own_id(attribute, value):
            return
        is_whole = binding.sub_field_name is None and target.value_filter is None
        if is_whole:
            name = _name(self.model, binding)
            value = dialects.attribute_value(self.model, name, value, adds=op == "add")
            if isinstance(value, dict) and not binding.is_multivalued and sub_attributes(binding):
                yield from self._spread(op, value, f"{target}.")
                return
        if op == "add" and value is None:
            tolerate(Tolerance.EMPTY_VALUE, path)
        dialects.note_address(attribute, value)
        value = dialects.assigned(path, value)
        if not dialects.is_unassigned(value):
            yield {"op": op, "path": str(target), "value": typed(binding, value)}
        elif op == "replace" or not binding.is_multivalued:
            # null, "" and [] unassign (RFC 7643 section 2.5); adding no entries adds none.
            yield {"op": "remove", "path": str(target)}

    def _write_nothing(
        self, op: str, path: str, target: scim.Path[Any], value: Any
    ) -> Iterator[Operation]:
        """What is written where no attribute is: null unassigns a whole extension."""
        if target.model is None:
            tolerate(Tolerance.UNKNOWN_ATTRIBUTE, path)
        elif op != "replace" or value is not None or target.model is self.model:
            raise InvalidValue(f"{path!r} needs an object as value.")
        else:
            yield {"op": "remove", "path": str(target)}

    def _removal(self, path: str, value: Any) -> Iterator[Operation]:
        """A remove; Entra sends a ``value`` with it, which selects entries or is superfluous."""
        target, binding = self._parsed(path)
        operation: Operation = {"op": "remove", "path": str(target)}
        if binding is None:
            if target.model is not None:
                yield operation
            else:
                tolerate(Tolerance.UNKNOWN_ATTRIBUTE, path)
            return
        selects = (
            binding.is_multivalued
            and binding.sub_field_name is None
            and target.value_filter is None
        )
        listed = dialects.pruned(value)
        if selects and (listed == [] or not dialects.is_unassigned(listed)):
            tolerate(Tolerance.REMOVE_BY_VALUE, path)
            listed = listed if isinstance(listed, list) else [listed]
            operation["value"] = [v if isinstance(v, dict) else {"value": v} for v in listed]
        elif value is not None:
            tolerate(Tolerance.REMOVE_WITH_VALUE, path)
        yield operation

    def _parsed(self, path: str) -> tuple[scim.Path[Any], AttributeBinding | None]:
        """A path and the attribute it names, with the URN if only an extension has it (Entra)."""
        check_size(path, "path", InvalidPath)
        try:
            parsed, binding = read_path(self.model, path)
        except scim.SCIMException as error:
            raise named(path, scim_error(error)) from error
        if binding is None and isinstance(parsed.ast, AttrPath) and parsed.model is None:
            return read_path(self.model, str(qualified(self.model, parsed.ast, InvalidPath)))
        return parsed, binding


def _op(sent: Any) -> str:
    if not isinstance(sent, str) or sent.lower() not in ("add", "remove", "replace"):
        raise InvalidValue("'op' must be one of add, remove and replace.")
    if sent != sent.lower():
        tolerate(Tolerance.CAPITALISED_OP, "op")
    return sent.lower()


def _name(model: ResourceModel, binding: AttributeBinding) -> str:
    """The attribute's name, with the URN if it is an extension's."""
    schema, attribute, _ = place_of(model, binding)
    return f"{schema}:{attribute}" if schema else attribute
