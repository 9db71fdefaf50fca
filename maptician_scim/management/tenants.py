"""Finding a tenant by what is typed on a command line."""

from __future__ import annotations

from django.core.management.base import CommandError

from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.tenancy import find_tenant, tenant_model


def tenant_or_error(key: str) -> Tenant:
    """The tenant with this subdomain; ``CommandError`` if there is none."""
    tenant = find_tenant(key.lower())
    if tenant is None:
        raise CommandError(
            f"There is no {tenant_model()._meta.verbose_name} whose "
            f"{scim_settings.TENANT_FIELD} is {key!r}."
        )
    return tenant
