"""The discovery documents (RFC 7643 sections 5 to 7), made from settings and schemas."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import NotFound
from maptician_scim.protocol.catalogues import CATALOGUE_MODELS
from maptician_scim.protocol.schemas import (
    DISCOVERY_MODELS,
    ResourceModel,
    core_schema,
    extension_schemas,
    requires,
    schema_documents,
)
from maptician_scim.tenancy import endpoint_url

Document = dict[str, Any]

SERVICE_PROVIDER_CONFIG = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
RESOURCE_TYPE = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"


def service_provider_config(request: HttpRequest) -> Document:
    """What this service provider can do."""
    config: Document = {
        "schemas": [SERVICE_PROVIDER_CONFIG],
        "patch": {"supported": True},
        "bulk": {
            "supported": scim_settings.BULK,
            "maxOperations": scim_settings.BULK_MAX_OPERATIONS if scim_settings.BULK else 0,
            "maxPayloadSize": scim_settings.BULK_MAX_PAYLOAD_SIZE if scim_settings.BULK else 0,
        },
        "filter": {"supported": True, "maxResults": scim_settings.MAX_PAGE_SIZE},
        "changePassword": {"supported": scim_settings.SET_PASSWORD},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": scim_settings.DEFAULT_PAGE_SIZE,
            "maxPageSize": scim_settings.MAX_PAGE_SIZE,
            "cursorTimeout": scim_settings.CURSOR_LIFETIME,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "A token issued for this tenant, in the Authorization header.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": True,
            }
        ],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": endpoint_url(request, "service-provider-config"),
        },
    }
    if scim_settings.DOCUMENTATION_URI:
        config["documentationUri"] = scim_settings.DOCUMENTATION_URI
        for scheme in config["authenticationSchemes"]:
            scheme["documentationUri"] = scim_settings.DOCUMENTATION_URI
    return config


def resource_types(request: HttpRequest) -> list[Document]:
    """The kinds of resources there are."""
    return [_resource_type(request, name, model) for name, model in resource_models().items()]


def _resource_type(request: HttpRequest, name: str, model: ResourceModel) -> Document:
    location = endpoint_url(request, "resource-types")
    return {
        "schemas": [RESOURCE_TYPE],
        "id": name,
        "name": name,
        "endpoint": f"/{name}s",
        "description": schema_documents(model)[core_schema(model)]["description"],
        "schema": core_schema(model),
        "schemaExtensions": [
            {"schema": urn, "required": requires(model, urn)} for urn in extension_schemas(model)
        ],
        "meta": {"resourceType": "ResourceType", "location": f"{location}/{name}"},
    }


def schemas(request: HttpRequest) -> list[Document]:
    """The attributes of the resources."""
    location = endpoint_url(request, "schemas")
    return [
        document | {"meta": {"resourceType": "Schema", "location": f"{location}/{urn}"}}
        for model in (*resource_models().values(), *DISCOVERY_MODELS)
        for urn, document in schema_documents(model).items()
    ]


def resource_models() -> dict[str, ResourceModel]:
    """The models of the resource types this service provider serves, by name."""
    models: dict[str, ResourceModel] = {"User": scim_settings.USER_ADAPTER.mapping().model}
    if scim_settings.GROUP_ADAPTER is not None:
        models["Group"] = scim_settings.GROUP_ADAPTER.mapping().model
    if scim_settings.ROLES_AND_ENTITLEMENTS:
        models |= CATALOGUE_MODELS
    return models


def one(documents: list[Document], identifier: str) -> Document:
    """The document with this id. Raises ``NotFound``."""
    for document in documents:
        if document["id"] == identifier:
            return document
    raise NotFound(f"There is no {identifier[:200]!r} here.")
