"""What needs somebody's attention, for ``scim_token check``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from django.utils.translation import gettext as _

from maptician_scim import expiry, lifecycle, silence
from maptician_scim.conf import Tenant
from maptician_scim.models import Token, now
from maptician_scim.models.tokens import TokenQuerySet
from maptician_scim.tenancy import tenant_model

UNUSED_AFTER = timedelta(days=7)

Finder = Callable[[Tenant | None], Iterator[str]]
"""From a tenant, or ``None`` for all of them, to one line for each thing that was found."""


def expiring_tokens(tenant: Tenant | None) -> Iterator[str]:
    """Those that expire within 30 days and have no successor in use."""
    for token in expiry.expiring(tenant):
        if token.expires_at is not None:
            left = lifecycle.time_left(token.expires_at)
            yield _("%(token)s expires in %(left)s. Rotate it.") % (_names(token) | {"left": left})


def expired_tokens(tenant: Tenant | None) -> Iterator[str]:
    """Those that have expired without ever having been rotated, and that nobody has revoked."""
    found = lifecycle.in_state(_tokens(tenant), lifecycle.State.EXPIRED)
    for token in found.filter(successors=None):
        yield _(
            "%(token)s has expired (last use: %(use)s). Issue a new one if it is needed, and "
            "revoke this one."
        ) % _names(token)


def unused_tokens(tenant: Tenant | None) -> Iterator[str]:
    """Those that are valid and have not been used within a week of their issue."""
    old = _tokens(tenant).valid().filter(created_at__lte=now() - UNUSED_AFTER)
    for token in old.filter(last_used_at=None):
        yield _(
            "%(token)s has never been used. Paste it into the identity provider, or revoke it."
        ) % _names(token)


def silent_tenants(tenant: Tenant | None) -> Iterator[str]:
    """Those whose identity provider has been quiet for longer than it usually is."""
    tenants = [tenant] if tenant else tenant_model()._default_manager.order_by("pk").iterator()
    for silent, rhythm in silence.alarms(tenants):
        yield _("%(tenant)s is silent. %(explanation)s") % {
            "tenant": silent,
            "explanation": rhythm.explanation(),
        }


FINDERS: tuple[Finder, ...] = (expiring_tokens, expired_tokens, unused_tokens, silent_tenants)


def _tokens(tenant: Tenant | None) -> TokenQuerySet:
    tokens = Token.objects.all() if tenant is None else Token.objects.for_tenant(tenant)
    return tokens.select_related("tenant").order_by("tenant_id", "pk")


def _names(token: Token) -> dict[str, str]:
    return {"token": f"{token.tenant}: {token}", "use": lifecycle.last_use(token)}
