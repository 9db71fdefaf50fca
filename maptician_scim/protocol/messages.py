"""The bodies of requests and answers (RFC 7644 sections 3.3, 3.4.2, 3.5.1 and 3.12)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import orjson
import scim2_models as scim
from django.utils.http import parse_etags
from pydantic import ValidationError

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import BY_SCIM_TYPE, InvalidValue, ScimError
from maptician_scim.protocol import dialects
from maptician_scim.protocol.plain import is_plain
from maptician_scim.protocol.schemas import ResourceModel

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

POLICY = scim.ScimPolicy(
    unknown=scim.ScimPolicy.Unknown.ignore,
    remove_value_as_filter=scim.ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=scim.ScimPolicy.UnmatchedPathFilter.create,
)
"""How scim2-models reads: unknown attributes are dropped, Entra's PATCH dialect is understood."""

LITERAL_POLICY = POLICY.model_copy(
    update={"unmatched_path_filter": scim.ScimPolicy.UnmatchedPathFilter.forbid}
)
"""The same where no entry is created for a value path that matches none."""

NOT_IDENTIFYING = frozenset({"meta", "groups", "id"})


@dataclass(frozen=True)
class ResourceDocument:
    """A resource as a client wants it: the writable attributes, and a password apart.

    The password is no part of the document, so that nothing that stores, compares or logs a
    document can hold it.
    """

    attributes: dict[str, Any]
    password: str | None = None

    def __repr__(self) -> str:
        name = self.attributes.get("userName") or self.attributes.get("displayName")
        return f"{type(self).__name__}({name!r})"


def read_resource(
    model: ResourceModel, payload: dict[str, Any], *, replaces: bool
) -> ResourceDocument:
    """The resource in the body of a POST, or of a PUT if it ``replaces`` one.

    Raises ``InvalidValue``, naming the attribute.
    """
    check_values(model, dialects.without_read_only(payload), {})
    context = (
        scim.Context.RESOURCE_REPLACEMENT_REQUEST
        if replaces
        else scim.Context.RESOURCE_CREATION_REQUEST
    )
    readable = dialects.resource_payload(model, payload)
    if is_plain(model, readable):
        return _document(model, readable)
    try:
        resource = model.model_validate(readable, scim_ctx=context, scim_policy=POLICY)
    except ValidationError as error:
        raise scim_error(error) from error
    return resource_document(model, resource)


def resource_document(model: ResourceModel, resource: scim.Resource[Any]) -> ResourceDocument:
    """The document of a validated resource. Raises what ``named_document`` raises."""
    return _document(model, dialects.pruned(resource.model_dump(scim_ctx=scim.Context.DEFAULT)))


def _document(model: ResourceModel, attributes: dict[str, Any]) -> ResourceDocument:
    attributes = dialects.without_read_only(attributes)
    password = attributes.pop("password", None)
    for name in dialects.multi_valued_attributes(model).values():
        entries = attributes.pop(name, ())
        if kept := [entry for entry in entries if not dialects.is_hollow(entry)]:
            attributes[name] = kept
    return named_document(model, attributes, password)


def named_document(
    model: ResourceModel, attributes: dict[str, Any], password: str | None = None
) -> ResourceDocument:
    """The document with these attributes. Raises ``InvalidValue`` if it has no name."""
    name = "userName" if "user_name" in model.model_fields else "displayName"
    if not str(attributes.get(name, "")).strip():
        raise InvalidValue(f"{name!r} is required and must not be blank.")
    return ResourceDocument(attributes, password)


def check_values(
    model: ResourceModel, document: dict[str, Any], before: dict[str, Any], urn: str = ""
) -> None:
    """Refuse more values of an attribute than one may have, those of extensions too.

    Who has more already can still be changed, and deactivated above all.
    """
    limit = scim_settings.MAX_VALUES
    for name, value in document.items():
        earlier = before.get(name)
        if isinstance(value, dict) and not urn:
            check_values(model, value, earlier if isinstance(earlier, dict) else {}, f"{name}:")
        elif isinstance(value, list) and len(value) > limit:
            known = dialects.multi_valued_attributes(model).get(f"{urn}{name}".lower())
            is_more = not isinstance(earlier, list) or len(value) > len(earlier)
            if known not in (None, "schemas") and is_more:
                raise too_many_values(str(known), len(value))


def too_many_values(name: str, number: int) -> InvalidValue:
    """The refusal of so many values of one attribute."""
    return InvalidValue(
        f"{name!r} has {number} values; at most {scim_settings.MAX_VALUES} are allowed."
    )


def addresses(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The e-mail addresses in a body or a document, each with its attribute: of ``emails``, the
    primary one first, and the userName if it is one. What is malformed is passed over."""
    emails = document.get("emails")
    listed = emails if isinstance(emails, list) else [emails]
    entries = [entry for entry in listed if isinstance(entry, dict)]
    entries.sort(key=lambda entry: entry.get("primary") is not True)
    found = [("emails", entry.get("value")) for entry in entries]
    found.append(("userName", document.get("userName")))
    return [(name, v.strip()) for name, v in found if isinstance(v, str) and "@" in v]


EXPECTED = {
    "string_type": "must be a string",
    "list_type": "must be an array",
    "model_type": "must be an object",
    "dict_type": "must be an object",
}
"""What pydantic found, in the words of JSON."""


def scim_error(error: ValidationError | scim.SCIMException) -> ScimError:
    """What scim2-models found, as an error of ours that names the attribute."""
    if isinstance(error, scim.SCIMException):
        if isinstance(error.__cause__, ValidationError) and error.scim_type != "invalidFilter":
            return scim_error(error.__cause__)
        return BY_SCIM_TYPE.get(error.scim_type, InvalidValue)(_sentence(error.detail))
    first = error.errors(include_input=False, include_url=False)[0]
    kind = BY_SCIM_TYPE.get(first.get("ctx", {}).get("scim_type", ""), InvalidValue)
    place = _place([str(part) for part in first["loc"]])
    message = _sentence(EXPECTED.get(first["type"], first["msg"].removeprefix("Value error, ")))
    return kind(f"{place!r} {message}" if kind is InvalidValue and place else message)


def _place(parts: list[str]) -> str:
    """The path of an attribute, from the keys and fields that lead to it."""
    if parts and parts[0].lower().startswith("urn:"):
        return f"{parts[0]}:{_place(parts[1:])}" if parts[1:] else parts[0]
    return ".".join(map(_scim_name, parts))


def _scim_name(field: str) -> str:
    """The name of an attribute; PATCH is validated by the names of scim2-models' fields."""
    return "$ref" if field == "ref" else re.sub(r"_([a-z])", lambda m: m[1].upper(), field)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def error_body(status: int, detail: str, scim_type: str | None = None) -> dict[str, Any]:
    """A SCIM Error; RFC 7644 section 3.12 wants ``status`` as a string."""
    body = {"schemas": [ERROR], "status": str(status), "detail": detail}
    return body | {"scimType": scim_type} if scim_type else body


def list_body(
    resources: list[dict[str, Any]],
    *,
    total: int,
    start: int | None = None,
    next_cursor: str | None = None,
    previous_cursor: str | None = None,
) -> dict[str, Any]:
    """A ListResponse; the numbers are JSON integers, as Okta requires.

    ``start`` is for pages by number, the cursors are for the others (RFC 9865 section 2).
    """
    paging = {
        "startIndex": start,
        "itemsPerPage": len(resources),
        "nextCursor": next_cursor,
        "previousCursor": previous_cursor,
    }
    return {
        "schemas": [LIST_RESPONSE],
        "totalResults": total,
        **{name: value for name, value in paging.items() if value is not None},
        "Resources": resources,
    }


def digest(document: dict[str, Any]) -> str:
    """A fingerprint of what a client sees, without what changes by itself: the source of ETags."""
    seen = document
    if not NOT_IDENTIFYING.isdisjoint(document):
        seen = {name: value for name, value in document.items() if name not in NOT_IDENTIFYING}
    return hashlib.blake2b(
        orjson.dumps(seen, option=orjson.OPT_SORT_KEYS), digest_size=16
    ).hexdigest()


def etag(fingerprint: str) -> str:
    """The weak entity tag, as ``meta.version`` and as the header (RFC 7644 section 3.14)."""
    return f'W/"{fingerprint}"'


def etag_matches(header: str, version: str) -> bool:
    """Whether a list of entity tags, or ``*``, names a version; what is no tag names none.

    Compared weakly in If-Match too: SCIM's own examples send weak tags there.
    """
    tags = parse_etags(header)
    return tags == ["*"] or version.removeprefix("W/") in {tag.removeprefix("W/") for tag in tags}
