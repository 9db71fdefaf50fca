"""PATCH: operations of every dialect, applied to a document (RFC 7644 section 3.5.2).

scim2-models applies them; this brings what clients send into the form it takes: one operation per
attribute, unassigning values as ``remove``, extension attributes with their URN.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import scim2_models as scim
from pydantic import ValidationError
from scim2_models.path import AttributeBinding, AttrPath

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import InvalidSyntax, InvalidValue, NoTarget, ScimError
from maptician_scim.protocol import dialects
from maptician_scim.protocol.extensions import is_unknown_schema
from maptician_scim.protocol.filters import qualified, sub_attributes
from maptician_scim.protocol.messages import (
    POLICY,
    ResourceDocument,
    resource_document,
    scim_error,
)
from maptician_scim.protocol.paths import place_of
from maptician_scim.protocol.schemas import ResourceModel, extension_schemas
from maptician_scim.protocol.values import typed

Operation = dict[str, Any]


def patch_resource(
    model: ResourceModel, document: dict[str, Any], raw: list[Operation]
) -> ResourceDocument:
    """The document after the operations of a PATCH body; the one given is left alone.

    Raises ``InvalidSyntax``, ``InvalidValue``, ``InvalidPath``, ``NoTarget`` or ``Mutability``.
    """
    dialect = _Dialect(model)
    operations = [prepared for operation in raw for prepared in dialect.prepared(operation)]
    try:
        resource = _loaded(model, document)
        _apply(model, operations, resource)
    except (ValidationError, scim.SCIMException) as error:
        raise _named(model, scim_error(error), document, operations) from error
    return resource_document(model, resource)


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


def _apply(model: ResourceModel, operations: list[Operation], resource: scim.Resource[Any]) -> None:
    if operations:
        patch = scim.PatchOp.__class_getitem__(model).model_validate(
            {"Operations": operations},
            scim_ctx=scim.Context.RESOURCE_PATCH_REQUEST,
            scim_policy=POLICY,
        )
        patch.patch(resource, POLICY)


def _named(
    model: ResourceModel, error: ScimError, document: dict[str, Any], operations: list[Operation]
) -> ScimError:
    """The error with the path of the operation that causes it, found by trying one by one."""
    resource = _loaded(model, document)
    for operation in operations:
        try:
            _apply(model, [operation], resource)
        except (ValidationError, scim.SCIMException) as found:
            error = scim_error(found)
            if operation["path"] in error.detail:
                return error
            return type(error)(f"{operation['path']!r}: {error.detail}")
    return error


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

    def __init__(self, model: ResourceModel) -> None:
        self.model = model
        self.path = scim.Path.__class_getitem__(model)

    def prepared(self, raw: Operation) -> Iterator[Operation]:
        """One operation as the operations scim2-models is given for it."""
        members = {name.lower(): value for name, value in raw.items()}
        op, path, value = members.get("op"), members.get("path"), members.get("value")
        if not isinstance(op, str) or op.lower() not in ("add", "remove", "replace"):
            raise InvalidValue("'op' must be one of add, remove and replace.")
        if path is not None and not isinstance(path, str):
            raise InvalidSyntax("'path' must be a string.")
        op, path = op.lower(), (path or "").strip()
        if op == "remove":
            if not path:
                raise NoTarget("A remove operation needs a 'path'.")
            if not is_unknown_schema(self.model, path):
                yield from self._removal(self._parsed(path), value)
        elif not path:
            if not isinstance(value, dict):
                raise InvalidValue("An operation without a 'path' needs an object as 'value'.")
            yield from self._spread(op, dialects.without_read_only(value))
        else:
            if "value" not in members:
                raise InvalidValue(f"The {op} operation on {path!r} needs a 'value'.")
            yield from self._write(op, path, value)

    def _spread(self, op: str, value: dict[str, Any], prefix: str = "") -> Iterator[Operation]:
        """An object of attributes as one operation for each; keys may be paths (Entra)."""
        for name, item in value.items():
            if name.lower() != "schemas":
                yield from self._write(op, prefix + name, item)

    def _write(self, op: str, path: str, value: Any) -> Iterator[Operation]:
        if is_unknown_schema(self.model, path):
            return  # a schema nobody has declared is ignored, as unknown attributes are
        target = self._parsed(path)
        if isinstance(value, dict) and target.model is not None:
            yield from self._spread(op, value, "" if target.model is self.model else f"{target}:")
            return
        binding = target.resolve()
        if binding is None:
            if target.model is None:
                return  # an attribute nobody knows is ignored
            raise InvalidValue(f"{path!r} needs an object as value.")
        is_whole = binding.sub_field_name is None and target.value_filter is None
        if is_whole:
            value = dialects.attribute_value(self.model, _name(self.model, binding), value)
            if isinstance(value, dict) and not binding.is_multivalued and sub_attributes(binding):
                yield from self._spread(op, value, f"{target}.")
                return
        value = dialects.pruned(value)
        if not dialects.is_unassigned(value):
            yield {"op": op, "path": str(target), "value": typed(binding, value)}
        elif op == "replace" or not binding.is_multivalued:
            # null, "" and [] unassign (RFC 7643 section 2.5); adding no entries adds none.
            yield {"op": "remove", "path": str(target)}

    def _removal(self, target: scim.Path[Any], value: Any) -> Iterator[Operation]:
        """A remove; Entra sends a ``value`` with it, which selects entries or is superfluous."""
        operation: Operation = {"op": "remove", "path": str(target)}
        binding = target.resolve()
        if binding is None:
            if target.model is not None:
                yield operation
            return
        selects = (
            binding.is_multivalued
            and binding.sub_field_name is None
            and target.value_filter is None
        )
        value = dialects.pruned(value)
        if selects and not dialects.is_unassigned(value):
            listed = value if isinstance(value, list) else [value]
            operation["value"] = [v if isinstance(v, dict) else {"value": v} for v in listed]
        yield operation

    def _parsed(self, path: str) -> scim.Path[Any]:
        """A path, with its extension's URN if only an extension has the attribute (Entra)."""
        try:
            parsed: scim.Path[Any] = self.path(path)
        except scim.SCIMException as error:
            raise scim_error(error) from error
        if isinstance(parsed.ast, AttrPath) and parsed.model is None:
            return self.path(str(qualified(self.model, parsed.ast)))  # type: ignore[no-any-return]
        return parsed


def _name(model: ResourceModel, binding: AttributeBinding) -> str:
    """The attribute's name, with the URN if it is an extension's."""
    schema, attribute, _ = place_of(model, binding)
    return f"{schema}:{attribute}" if schema else attribute
