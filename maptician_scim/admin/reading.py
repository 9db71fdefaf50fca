"""What the pages share that are only read: the log and the people."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.contrib.admin import AdminSite, ShowFacets, SimpleListFilter
from django.core.paginator import Page, Paginator
from django.db import connections
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from maptician_scim import explanations
from maptician_scim.admin.base import TenantScopedAdmin
from maptician_scim.conf import scim_settings
from maptician_scim.models import Event
from maptician_scim.tenancy import tenant_model, tenants_for

COUNTED = 2000
MERGED = 50
TIMELINE = 50

OUTCOMES = {
    "done": ("✓", gettext_lazy("done")),
    "refused": ("✕", gettext_lazy("refused")),
    "not-let-in": ("⊘", gettext_lazy("not let in")),
}
"""A sign and a word for each ``explanations.outcome``."""


class DeletedFilter(SimpleListFilter):
    title = gettext_lazy("record")
    parameter_name = "record"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("live", gettext_lazy("provisioned now")), ("deleted", gettext_lazy("deleted"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "live":
            return queryset.filter(deleted_at=None)
        return queryset.exclude(deleted_at=None) if self.value() == "deleted" else queryset


class LimitedPaginator(Paginator):
    """Pages of rows that are in the order of their ids, newest first.

    Counts no further than to two thousand: whoever looks for more has to narrow it down.
    """

    tenants: Sequence[Any] | None = None
    """Those the rows are limited to."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by().values("pk")[:COUNTED].count()

    def page(self, number: int | str) -> Page[Any]:
        """The page, asked for in two steps: which rows, then these.

        A database can read the keys off an index alone. Were it asked for whole rows, it would
        rather walk through all of them from the newest on, and that is a long way where the last
        rows that fit are old.
        """
        page = super().page(number)
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        last = page.number * self.per_page
        page.object_list = rows.filter(pk__in=self._keys(rows, last - self.per_page, last))
        return page

    def _keys(self, rows: QuerySet[Any], first: int, last: int) -> list[Any]:
        keys = rows.order_by("-pk").values_list("pk")
        can_merge = connections[rows.db].features.supports_slicing_ordering_in_compound
        if can_merge and 1 < len(self.tenants or ()) <= MERGED:
            # No index is in the order of keys over several tenants; each by itself is.
            parts = [keys.filter(tenant_id=pk)[:last] for pk in self.tenants or ()]
            keys = parts[0].union(*parts[1:], all=True).order_by("-pk")
        return [pk for (pk,) in keys[first:last]]


class ReadOnlyAdmin(TenantScopedAdmin):
    """Lists and pages of what nobody adds, changes or deletes by hand."""

    actions = None
    paginator = LimitedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    list_per_page = 50
    list_max_show_all = 0

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Paginator:
        paginator = super().get_paginator(request, *args, **kwargs)
        paginator.tenants = visible_tenants(request)  # type: ignore[attr-defined]
        return paginator

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes a row by itself. With a tenant it goes, as the permission says."""
        return not self.is_own_page(request) and super().has_delete_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super(TenantScopedAdmin, self).get_queryset(request)
        seen = visible_tenants(request)
        return rows if seen is None else rows.filter(tenant_id__in=seen)


def visible_tenants(request: HttpRequest) -> list[Any] | None:
    """The primary keys of the tenants an admin is limited to, or ``None`` for all.

    As a list: with numbers at hand the database can tell which index is the best. Whoever may see
    every tenant there is may see what was sent to none of them, too.
    """
    if scim_settings.TENANT_QUERYSET_FOR is None:
        return None
    known: dict[str, Any] = request.__dict__
    if "_scim_visible_tenants" not in known:
        seen = list(tenants_for(request.user).order_by().values_list("pk", flat=True).distinct())
        others = tenant_model()._default_manager.exclude(pk__in=seen)
        known["_scim_visible_tenants"] = seen if others.exists() else None
    return cast("list[Any] | None", known["_scim_visible_tenants"])


def with_accounts_seen(request: HttpRequest, records: QuerySet[Any]) -> QuerySet[Any]:
    """Those of the records whose accounts an admin may see.

    Somebody may have moved to a tenant the admin sees nothing of. Their record stays with the old
    one, but what their account says now is not told there.
    """
    seen = visible_tenants(request)
    if seen is None:
        return records
    visible = records.filter(tenant_id__in=seen)
    return visible.filter(pk__in=scim_settings.USER_ADAPTER.activity_of(visible))  # type: ignore[arg-type]


def page_of(site: AdminSite, request: HttpRequest, model: type[Model], pk: Any) -> str:
    """The address of a row's own page; empty if there is none that this admin may see."""
    if pk is None or not site.is_registered(model):
        return ""
    if not site.get_model_admin(model).has_view_or_change_permission(request):
        return ""
    opts = model._meta
    return reverse(f"{site.name}:{opts.app_label}_{opts.model_name}_change", args=[pk])


def outcome_badge(event: Event) -> SafeString:
    """The outcome as a sign and a word, so that neither colour nor shape is the only one."""
    outcome = explanations.outcome(event)
    sign, word = OUTCOMES[outcome]
    return format_html(
        '<span class="scim-outcome scim-outcome-{}"><span aria-hidden="true">{}</span> {}</span>',
        outcome,
        sign,
        word,
    )


@dataclass(frozen=True)
class Line:
    """One event in the timeline of a person or a group."""

    event: Event
    badge: SafeString
    sentence: str
    url: str


def line_of(event: Event, url: str) -> Line:
    """The line of an event, with the address of its page."""
    return Line(event, outcome_badge(event), explanations.sentence(event), url)


@dataclass(frozen=True)
class Pages:
    """Where a reader is in a long list, and the addresses of what is before and behind."""

    number: int
    count: int
    previous: str
    next: str


def pages_of(request: HttpRequest, page: Page[Any], parameter: str) -> Pages:
    """The neighbours of a page whose number is the value of a parameter."""

    def url(number: int) -> str:
        query = request.GET.copy()
        query[parameter] = str(number)
        return f"?{query.urlencode()}"

    return Pages(
        page.number,
        page.paginator.num_pages,
        url(page.previous_page_number()) if page.has_previous() else "",
        url(page.next_page_number()) if page.has_next() else "",
    )


def readable(value: Any) -> list[str]:
    """A value of an attribute in lines: one for each entry of a list."""
    if value is None or value in ("", [], {}):
        return []
    if isinstance(value, list):
        return [_in_a_line(entry) for entry in value]
    return [_in_a_line(value)]


def _in_a_line(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_in_a_line(item)}" for name, item in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
