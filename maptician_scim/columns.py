"""The columns of the host that SCIM attributes are mapped to, and what fits into them."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import (
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    Field,
    IntegerField,
    Model,
)
from django.utils import timezone

from maptician_scim.exceptions import InvalidValue, Reason
from maptician_scim.protocol.values import base64_text, moment_text


def field_at(path: str, model: type[Model] | None = None) -> Field[Any, Any]:
    """The column at the end of an ORM path from the host's user, or from another model."""
    return _field_at(path, model or get_user_model())


@lru_cache(maxsize=1000)
def _field_at(path: str, model: type[Model]) -> Field[Any, Any]:
    *relations, name = path.split("__")
    current = model
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
        return _no_value(text, field)
    check_length(text, value, field.max_length)
    try:
        value = field.to_python(_prepared(text, field, value))
        if isinstance(field, (IntegerField, DecimalField)):
            field.run_validators(value)  # the range: SQLite would keep what does not fit
    except ValidationError as error:
        raise cannot_take(text, error.messages[0]) from error
    return value


def _no_value(text: str, field: Field[Any, Any]) -> Any:
    """What a column holds where SCIM has no value."""
    if field.null:
        return None
    if not field.has_default() and not field.empty_strings_allowed:
        raise cannot_take(text, str(field.error_messages["null"]))
    return field.get_default() if field.has_default() else ""


def _prepared(text: str, field: Field[Any, Any], value: Any) -> Any:
    """A SCIM value as the column's own conversion understands it without a loss."""
    if isinstance(field, DecimalField) and isinstance(value, float):
        return repr(value)
    if not isinstance(field, DateField) or not isinstance(value, str) or "T" not in value:
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value  # a text attribute; the column says what it takes
    if isinstance(field, DateTimeField):
        return moment if settings.USE_TZ else timezone.make_naive(moment)
    if moment.time() != time.min:
        raise InvalidValue(
            f"{text!r} is kept as a day here, without a time: send {moment:%Y-%m-%d}T00:00:00Z."
        )
    return moment.date()


def scim_value(kind: str, value: Any) -> Any:
    """The value of a column as JSON shows it; ``kind`` is the attribute's type in the schema."""
    if isinstance(value, datetime):
        return moment_text(timezone.make_aware(value) if timezone.is_naive(value) else value)
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00Z" if kind == "dateTime" else value.isoformat()
    if isinstance(value, Decimal) or (kind == "decimal" and value is not None):
        return float(value) if kind == "decimal" else str(value)
    if isinstance(value, (bytes, memoryview)):
        return base64_text(bytes(value))
    return str(value) if isinstance(value, UUID) else value


def known_field(path: str) -> Field[Any, Any] | None:
    """The column at the end of an ORM path; ``None`` for what is none, such as ``pk``."""
    try:
        return field_at(path)
    except (FieldDoesNotExist, AttributeError):
        return None


def holds_days(field: Field[Any, Any] | None) -> bool:
    """Whether a column holds days without a time."""
    return isinstance(field, DateField) and not isinstance(field, DateTimeField)


KINDS = {
    "BooleanField": {"boolean"},
    "CharField": {"string", "reference", "binary"},
    "DateField": {"dateTime"},
    "DateTimeField": {"dateTime"},
    "DecimalField": {"decimal"},
    "FloatField": {"decimal"},
    "TextField": {"string", "reference", "binary"},
    "UUIDField": set(),
}
"""Which types of SCIM attributes columns hold without a conversion."""


def holds(field: Field[Any, Any], kind: str) -> bool:
    """Whether a column takes the values of a SCIM type; of a kind nobody knows, it may."""
    if isinstance(field, IntegerField):
        return kind in ("integer", "decimal")
    return kind in KINDS.get(field.get_internal_type(), {kind})


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
