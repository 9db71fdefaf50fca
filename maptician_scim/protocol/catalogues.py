"""Roles and entitlements as resources of their own, in Okta's schemas.

Okta imports them to let its administrators assign them; nobody writes them over SCIM. They are few
and come from the host's code, so they are filtered in memory.
"""

from __future__ import annotations

from typing import Annotated, Any

import scim2_models as scim
from django.db.models import Value
from pydantic import ValidationError

from maptician_scim.exceptions import InvalidValue
from maptician_scim.protocol.filters import Entries, Operand, parse_filter
from maptician_scim.protocol.schemas import ResourceModel

Document = dict[str, Any]


class Role(scim.Resource[Any]):
    """A role that can be assigned to people"""

    __schema__ = scim.URN("urn:okta:scim:schemas:core:1.0:Role")

    display_name: Annotated[str | None, scim.Mutability.read_only, scim.Required.true] = None
    """The name of the role, as people read it."""

    description: Annotated[str | None, scim.Mutability.read_only] = None
    """What the role lets somebody do."""


class Entitlement(scim.Resource[Any]):
    """An entitlement that can be assigned to people"""

    __schema__ = scim.URN("urn:okta:scim:schemas:core:1.0:Entitlement")

    display_name: Annotated[str | None, scim.Mutability.read_only, scim.Required.true] = None
    """The name of the entitlement, as people read it."""

    type: Annotated[
        str | None, scim.Mutability.read_only, scim.Required.true, scim.CaseExact.true
    ] = None
    """The name of the resource type."""

    description: Annotated[str | None, scim.Mutability.read_only] = None
    """What the entitlement lets somebody do."""


CATALOGUE_MODELS: dict[str, ResourceModel] = {"Role": Role, "Entitlement": Entitlement}
"""The models of the read-only resource types, by name."""


def matching(resource_type: str, documents: list[Document], filter_text: str) -> list[Document]:
    """The documents of a resource type that match a filter. Raises ``InvalidFilter``."""
    model = CATALOGUE_MODELS[resource_type]
    bound = parse_filter(filter_text, model, _Texts())
    return [d for d in documents if bound.match(model.model_validate(d))]


def ordered(
    resource_type: str, documents: list[Document], sort_by: str, *, is_descending: bool
) -> list[Document]:
    """The documents of a resource type by one of its attributes (RFC 7644 section 3.4.2.3).

    Raises ``InvalidValue`` for what is no attribute.
    """
    model = CATALOGUE_MODELS[resource_type]
    search: Any = scim.SearchRequest.__class_getitem__(model)
    try:
        order = "descending" if is_descending else "ascending"
        request = search.model_validate({"sortBy": sort_by, "sortOrder": order})
    except ValidationError as error:
        raise InvalidValue(
            f"'sortBy': resources cannot be ordered by {sort_by[:100]!r}."
        ) from error
    by_id = {document["id"]: document for document in documents}
    resources = request.sort([model.model_validate(document) for document in documents])
    return [by_id[resource.id] for resource in resources]


class _Texts:
    """The attributes that can be filtered: all that hold text of the resource's own."""

    def operand(self, schema: str | None, attribute: str, sub: str | None) -> Operand | None:
        if (attribute, sub) == ("schemas", None) or (attribute == "meta" and sub != "resourceType"):
            return None
        return Operand(Value(""))

    def entries(self, schema: str | None, attribute: str) -> Entries | None:
        return None
