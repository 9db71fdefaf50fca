"""From a request to the tenant: the host name decides."""

from __future__ import annotations

from functools import cache
from typing import cast

from django.apps import apps
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.urls import get_script_prefix, get_urlconf, reverse

from maptician_scim import statements
from maptician_scim.conf import HostUser, Tenant, scim_settings
from maptician_scim.models.connections import tenant_columns, tenant_in_row

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def tenant_model() -> type[Model]:
    """The host's model of a customer."""
    return apps.get_model(scim_settings.TENANT_MODEL)


def find_tenant(key: str) -> Tenant | None:
    """The tenant with this subdomain. The host's default manager decides which exist."""
    field, tenants = scim_settings.TENANT_FIELD, tenant_model()._default_manager
    if not statements.is_plain(tenants):
        return tenants.select_related("scim_connection").filter(**{field: key}).first()
    asked = {field: statements.slot("key", tenant_model(), field)}
    statement = statements.compiled(
        ("tenant", field), lambda: tenants.filter(**asked).values_list(*tenant_columns())
    )
    for row in statement.rows({"key": key}):
        return tenant_in_row(statement.using, row)
    return None


def tenants_for(admin: HostUser) -> QuerySet[Model]:
    """The tenants an admin may see: all, unless ``TENANT_QUERYSET_FOR`` says otherwise."""
    chosen = scim_settings.TENANT_QUERYSET_FOR
    return tenant_model()._default_manager.all() if chosen is None else chosen(admin)


def tenant_key(tenant: Tenant) -> str:
    """The subdomain of a tenant."""
    return cast(str, getattr(tenant, scim_settings.TENANT_FIELD))


def requested_tenant_key(request: HttpRequest) -> str | None:
    """The subdomain a request was sent to; none for a host that is no subdomain of ours."""
    try:
        domain, _ = split_domain_port(_host_of(request))
    except DisallowedHost:
        return None
    key = domain.removesuffix("." + scim_settings.BASE_DOMAIN)
    return key if key != domain and key else None


def endpoint_url(request: HttpRequest, name: str = "users") -> str:
    """The absolute URL of an endpoint on the tenant's own host."""
    urls: dict[str, str] = request.__dict__.setdefault("_scim_endpoint_urls", {})
    if name not in urls:
        path = _path_of(name, get_urlconf() or settings.ROOT_URLCONF, get_script_prefix())
        urls[name] = f"{request.scheme}://{_host_of(request)}{path}"
    return urls[name]


def _host_of(request: HttpRequest) -> str:
    """The host a request was sent to, checked once. Raises ``DisallowedHost``."""
    kept = request.__dict__
    if "_scim_host" not in kept:
        kept["_scim_host"] = request.get_host()
    return cast(str, kept["_scim_host"])


@cache
def _path_of(name: str, urlconf: str, prefix: str) -> str:
    """The path of an endpoint, which nothing else decides."""
    return reverse(f"scim:{name}", urlconf)


def base_url(tenant: Tenant, *, scheme: str = "https", port: int | None = None) -> str:
    """What the customer's administrator enters as SCIM connector base URL."""
    host = f"{tenant_key(tenant)}.{scim_settings.BASE_DOMAIN}"
    netloc = f"{host}:{port}" if port else host
    return f"{scheme}://{netloc}{reverse('scim:root').rstrip('/')}"


def public_base_url(request: HttpRequest, tenant: Tenant) -> str:
    """The base URL as it is reached from outside, judged by a request to the admin.

    An admin below the base domain, or on this very machine, is reached in the same way as the
    tenants: scheme and port are those of the request. From elsewhere nothing follows but HTTPS.
    """
    domain, port = split_domain_port(request.get_host())
    is_near = f".{domain}".endswith(f".{scim_settings.BASE_DOMAIN}") or domain in LOOPBACK
    if not is_near:
        return base_url(tenant)
    return base_url(tenant, scheme=request.scheme or "https", port=int(port) if port else None)


ENDPOINTS = frozenset(
    {"users", "groups", "bulk", "serviceproviderconfig", "resourcetypes", "schemas"}
)


def names_endpoint(path: str) -> bool:
    """Whether a path ends as an endpoint of SCIM does: ``/Users``, ``/Groups/<id>``.

    Where such a path leads nowhere, a client has been given the wrong base URL.
    """
    return bool(ENDPOINTS.intersection(path.lower().rstrip("/").split("/")[-2:]))
