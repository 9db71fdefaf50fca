"""What all pages share: an admin sees the tenants they may see, and no hint of others."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from typing import Any, NoReturn

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from maptician_scim import redaction
from maptician_scim.conf import scim_settings
from maptician_scim.tenancy import tenants_for


class TenantFilter(SimpleListFilter):
    """By tenant, among those the admin may see."""

    title = _("tenant")
    parameter_name = "tenant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(tenant.pk), str(tenant)) for tenant in tenants_for(request.user)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {pk for pk, _name in self.lookup_choices}
        if self.value() is None:
            return queryset
        return queryset.filter(tenant_id=self.value()) if self.value() in known else queryset.none()


def key_of(model: type[Model], text: str | None) -> Any:
    """The primary key somebody wrote into an address; ``None`` if it cannot be one.

    A number that is too large for the column would fail in the database.
    """
    try:
        return model._meta.pk.clean(text, None)
    except (ValidationError, ValueError):
        return None


def recognisable(typed: str) -> str:
    """What was typed to find something, with a token in it cut to the beginning that is shown."""
    return redaction.without_tokens(typed).replace("…", "")


class TenantScopedAdmin(admin.ModelAdmin):
    """Rows with a ``tenant``. Whose tenant the admin may not see, they may not see either.

    What is not there and what is another tenant's are answered alike, with 403.
    """

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if scim_settings.TENANT_QUERYSET_FOR is None:
            return rows
        return rows.filter(tenant__in=tenants_for(request.user))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        typed = request.GET.get(SEARCH_VAR, "")
        if typed != recognisable(typed):
            # Somebody has pasted a whole token: it must not be on the page, nor in its links.
            query = request.GET.copy()
            query[SEARCH_VAR] = recognisable(typed)
            return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")
        return super().changelist_view(request, extra_context)

    def formfield_for_foreignkey(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "tenant":
            kwargs["queryset"] = tenants_for(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[arg-type]

    def is_own_page(self, request: HttpRequest) -> bool:
        """Whether a page of this model is open, and not one that deletes a whole tenant."""
        match = request.resolver_match
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        return match is None or (match.url_name or "").startswith(own)

    def row_or_403(self, request: HttpRequest, object_id: str) -> Any:
        """The row an address of our own names. Raises ``PermissionDenied``."""
        row = self.get_object(request, object_id)
        if row is None:
            raise PermissionDenied
        return row

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> NoReturn:
        raise PermissionDenied
