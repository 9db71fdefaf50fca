"""Whom a POST is about: nobody known, as a rule, and one statement says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, QuerySet, Subquery

from maptician_scim.adapters import UserAdapter
from maptician_scim.conf import Tenant
from maptician_scim.models import ProvisionedUser
from maptician_scim.protocol.expressions import user_name_key
from maptician_scim.statements import compiled, inherits, slot
from maptician_scim.tenancy import tenant_model


@dataclass(frozen=True)
class Heard:
    """What there is of a userName in a tenant."""

    user: Any = None
    """The primary key of the host user whose record was the last to have it."""

    ended: datetime | None = None
    """When that record was ended; ``None`` where it is live, or there was none."""

    may_exist: bool = True
    """Whether ``find_existing`` may find somebody."""


def heard_of(adapter: UserAdapter, user_name: str) -> Heard:
    """Who may be meant by a POST with this userName to the adapter's tenant.

    Where the host finds people in its own way, nothing is said about those without a record.
    """
    kind, field = type(adapter), adapter.mapping().user_name
    tenant: Tenant = adapter.tenant
    key = user_name_key(user_name)
    if field is None or "__" in field.field or not _finds_as_we_do(kind):
        latest = ProvisionedUser.objects.latest_with(tenant, key)
        return Heard(latest.user_id, latest.deleted_at) if latest else Heard()
    statement = compiled(("heard of", kind, field.field), lambda: _to_hear_of(kind))
    names = {"sent": user_name, "derived": adapter.username_for(user_name)}
    [row] = statement.rows(names | {"tenant": tenant.pk, "key": key})
    return Heard(*row)


def _finds_as_we_do(kind: type[UserAdapter]) -> bool:
    return kind.find_existing is UserAdapter.find_existing and inherits(
        kind, UserAdapter, "users_of", "to_find_existing"
    )


def _to_hear_of(kind: type[UserAdapter]) -> QuerySet[Any, Any]:
    tenant = slot("tenant", ProvisionedUser, "tenant")
    key = slot("key", ProvisionedUser, "user_name_key")
    records = ProvisionedUser.objects.ever_of(tenant).filter(user_name_key=key).order_by("-id")
    tenants: QuerySet[Any, Any] = tenant_model()._base_manager.filter(pk=tenant).order_by()
    return tenants.values_list(
        Subquery(records.values("user")[:1]),
        Subquery(records.values("deleted_at")[:1]),
        Exists(kind.to_find_existing()),
    )
