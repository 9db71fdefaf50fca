"""Values of extension attributes in the one form in which they are kept (RFC 7643 section 2.3).

scim2-models takes a number for a point in time and ``true`` for a number. Here the JSON type must
be the schema's, except where identity providers are known to send text. Points in time are brought
to UTC and base64 into its canonical form, so that equal values are equal texts in the database.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import scim2_models as scim
from pydantic import Base64Bytes
from scim2_models.path import AttributeBinding

from maptician_scim.exceptions import InvalidValue
from maptician_scim.protocol.schemas import boolean
from maptician_scim.protocol.tolerances import Tolerance, tolerate

LARGEST_INTEGER = 2**63 - 1
LARGEST_DECIMAL = 10**15
"""PostgreSQL gives larger ones back without their exponent, as whole numbers of any length."""

WHOLE_NUMBER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
NUMBER = re.compile(r"[+-]?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})?", re.ASCII
)


def typed(binding: AttributeBinding, value: Any) -> Any:
    """A value for the attribute of an extension, as it is kept.

    Raises ``InvalidValue``, naming the attribute and the type it has.
    """
    owner, field = binding.model, binding.field_name
    if not issubclass(owner, scim.Extension):
        return value
    if binding.sub_field_name and binding.target_model:
        owner, field = binding.target_model, binding.sub_field_name
    return _typed(owner, field, value, binding.urn)


def moment_text(moment: datetime) -> str:
    """A point in time as it is kept and shown: in UTC; one without a zone is in UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def kept_number(value: float, place: str) -> float:
    """A number that every database gives back as it is. Raises ``InvalidValue`` for others."""
    if isinstance(value, int):
        limit, is_within = LARGEST_INTEGER, abs(value) <= LARGEST_INTEGER
    else:
        limit, is_within = LARGEST_DECIMAL, abs(value) < LARGEST_DECIMAL
        value = value + 0.0  # minus zero is zero
    if not is_within:
        raise InvalidValue(f"{place!r} is out of range: up to {limit} can be kept.")
    return value


def _typed(owner: type[scim.BaseModel], field: str, value: Any, place: str) -> Any:
    kind = owner.get_field_root_type(field)
    if owner.get_field_multiplicity(field) and isinstance(value, list):
        return [_single(kind, item, place) for item in value]
    return _single(kind, value, place)


def _single(kind: Any, value: Any, place: str) -> Any:
    if value is None:
        return None
    if isinstance(kind, type) and issubclass(kind, scim.ComplexAttribute):
        return _complex(kind, value, place) if isinstance(value, dict) else value
    convert = CONVERSIONS.get(kind)
    return value if convert is None else convert(value, place)


def _complex(kind: type[scim.ComplexAttribute], value: dict[str, Any], place: str) -> Any:
    fields = _fields_of(kind)
    return {
        name: _typed(kind, fields[name.lower()], item, f"{place}.{name}")
        if name.lower() in fields
        else item
        for name, item in value.items()
    }


@cache
def _fields_of(kind: type[scim.ComplexAttribute]) -> dict[str, str]:
    """The fields of a complex attribute by the names of its sub-attributes in lower case."""
    return {(f.serialization_alias or n).lower(): n for n, f in kind.model_fields.items()}


def _boolean(value: Any, place: str) -> bool:
    try:
        return bool(boolean(value, place))
    except ValueError as error:
        raise InvalidValue(f"{place!r} {error}.") from error


def _integer(value: Any, place: str) -> int:
    if isinstance(value, str) and WHOLE_NUMBER.fullmatch(value):
        tolerate(Tolerance.NUMBER_AS_TEXT, place)
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValue(f"{place!r} must be a whole number.")
    return int(kept_number(value, place))


def _decimal(value: Any, place: str) -> float:
    if isinstance(value, str) and NUMBER.fullmatch(value):
        tolerate(Tolerance.NUMBER_AS_TEXT, place)
        value = float(value)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise InvalidValue(f"{place!r} must be a number.")
    return float(kept_number(float(value), place))


def _moment(value: Any, place: str) -> str:
    if isinstance(value, str) and DATE.fullmatch(value):
        tolerate(Tolerance.DATE_WITHOUT_TIME, place)
        value = f"{value}T00:00:00Z"
    try:
        if isinstance(value, str) and MOMENT.fullmatch(value):
            return moment_text(datetime.fromisoformat(value))
    except (ValueError, OverflowError):
        pass  # the thirtieth of February
    raise InvalidValue(f'{place!r} must be a date and time such as "2026-01-31T08:00:00Z".')


def _binary(value: Any, place: str) -> str:
    text = canonical_base64(value) if isinstance(value, str) else None
    if text is None:
        raise InvalidValue(f"{place!r} must be encoded in base64.")
    return text


def canonical_base64(text: str) -> str | None:
    """Base64 without the white space it may hold; ``None`` for what is no base64."""
    try:
        return base64_text(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError):
        return None


def base64_text(value: bytes) -> str:
    """Bytes in the canonical form of base64 (RFC 4648 section 4)."""
    return base64.b64encode(value).decode()


CONVERSIONS: dict[Any, Callable[[Any, str], Any]] = {
    bool: _boolean,
    int: _integer,
    float: _decimal,
    datetime: _moment,
    Base64Bytes: _binary,
}
"""By the type of a scim2-models field; strings and references are checked by scim2-models."""
