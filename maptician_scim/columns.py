"""The columns of the host that SCIM attributes are mapped to, and what fits into them."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import CharField, Field, Model

from maptician_scim.exceptions import InvalidValue, Reason


def field_at(path: str, model: type[Model] | None = None) -> Field[Any, Any]:
    """The column at the end of an ORM path from the host's user."""
    *relations, name = path.split("__")
    current = model or get_user_model()
    for relation in relations:
        current = cast("type[Model]", current._meta.get_field(relation).related_model)
    return cast("Field[Any, Any]", current._meta.get_field(name))


def max_length(name: str, model: type[Model] | None = None) -> int | None:
    """How many characters a column of the host's user, or of another model, takes."""
    field = field_at(name, model)
    return field.max_length if isinstance(field, CharField) else None


def column_value(text: str, field: Field[Any, Any], value: Any) -> Any:
    """A SCIM value as a column of the host takes it; ``text`` names it in errors.

    Raises ``InvalidValue`` with the limit if it does not fit: nothing is ever truncated.
    """
    if value is None:
        return None if field.null else field.get_default() if field.has_default() else ""
    check_length(text, value, field.max_length)
    try:
        return field.to_python(value)
    except ValidationError as error:
        raise cannot_take(text, error.messages[0]) from error


def cannot_take(text: str, message: str) -> InvalidValue:
    """The error for an attribute whose value the host refuses, in the host's words."""
    return InvalidValue(f"{text!r} cannot take this value: {message}")


def check_length(text: str, value: object, limit: int | None) -> None:
    """Raise ``InvalidValue`` if a text is longer than its column."""
    if isinstance(value, str) and limit is not None and len(value) > limit:
        raise InvalidValue(
            f"{text!r} has {len(value)} characters; at most {limit} can be kept. Shorten it.",
            reason=Reason.TOO_LONG,
            facts={"attribute": text, "length": str(len(value)), "limit": str(limit)},
        )
