"""The people SCIM knows: what happened to each, and which of their values come from where."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from maptician_scim import explanations
from maptician_scim.adapters import Provenance, UserAdapter
from maptician_scim.admin.base import TenantFilter
from maptician_scim.admin.reading import (
    TIMELINE,
    DeletedFilter,
    ReadOnlyAdmin,
    line_of,
    page_of,
    readable,
    with_accounts_seen,
)
from maptician_scim.conf import scim_settings
from maptician_scim.models import Event, ProvisionedUser
from maptician_scim.protocol.expressions import user_name_key
from maptician_scim.protocol.paths import is_scim_id

FOUND_BY_ADDRESS = 100


class ProvisionedUserChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """Who is active is asked of the host, once for the page."""
        super().get_results(request)
        page = partial(page_of, self.model_admin.admin_site, request, get_user_model())
        self.result_list = list(self.result_list)
        shown = ProvisionedUser.objects.filter(pk__in=[r.pk for r in self.result_list])
        activity = scim_settings.USER_ADAPTER.activity_of(shown.live())
        seen = set(with_accounts_seen(request, shown).values_list("pk", flat=True))
        for record in self.result_list:
            record.is_active = activity.get(record.pk)
            record.account = record.user if record.pk in seen else None
            record.host_user_url = page(record.user_id) if record.account else ""


@dataclass(frozen=True)
class Row:
    """One line of the table of attributes."""

    attribute: Provenance
    value: list[str]
    received: list[str]
    will_be: list[str]
    status: str


@admin.register(ProvisionedUser)
class ProvisionedUserAdmin(ReadOnlyAdmin):
    change_form_template = "admin/maptician_scim/provisioneduser/change_form.html"
    list_display = [
        "user_name",
        "active",
        "tenant",
        "host_user",
        "external_id",
        "created_at",
        "modified_at",
        "deleted_at",
    ]
    list_filter = [TenantFilter, DeletedFilter]
    list_select_related = ["tenant", "user"]
    ordering = ["-id"]
    search_fields = ["user_name_key"]  # what is searched says get_search_results
    search_help_text = gettext_lazy(
        "The beginning of a userName, or a whole e-mail address, SCIM id or externalId."
    )

    class Media:
        css = {"all": ["maptician_scim/events.css"]}

    # -- the list --------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("account"))
    def host_user(self, record: Any) -> SafeString | str:
        if not record.host_user_url:
            return str(record.account or "")
        return format_html('<a href="{}">{}</a>', record.host_user_url, record.account)

    @admin.display(description=gettext_lazy("active"), boolean=True)
    def active(self, record: Any) -> bool | None:
        active: bool | None = record.is_active
        return active

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ProvisionedUserChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("tenant", "user")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        found = Q(user_name_key__startswith=user_name_key(term)) | Q(external_id=term)
        if is_scim_id(term.lower()):
            found |= Q(scim_id=UUID(term))
        if "@" in term:
            # First by itself: a condition on two tables at once could use no index.
            addressed = with_accounts_seen(
                request,
                ProvisionedUser.objects.filter(scim_settings.USER_ADAPTER.has_address(term)),
            )
            found |= Q(pk__in=list(addressed.values_list("pk", flat=True)[:FOUND_BY_ADDRESS]))
        return queryset.filter(found), False

    # -- the page of a person --------------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        record: ProvisionedUser = context["original"]
        site, page = self.admin_site, partial(page_of, self.admin_site, request)
        may_see_events = site.is_registered(Event) and site.get_model_admin(
            Event
        ).has_view_permission(request)
        events = list(_timeline(record)[: TIMELINE + 1]) if may_see_events else []
        adapter = _adapter(record)
        rows = [_row(attribute) for attribute in adapter.provenance()] if adapter else []
        context |= {
            "title": _("Provisioned person"),
            "subtitle": None,
            "record": record,
            "adapter": adapter,
            "host_user_url": self._account_url(request, record),
            "timeline": [line_of(event, page(Event, event.pk)) for event in events[:TIMELINE]],
            "may_see_events": may_see_events,
            "has_more": len(events) > TIMELINE,
            "events_url": self._events_of(record) if may_see_events else "",
            "client": _client(events),
            "representation": adapter and _pretty(adapter.to_dict()),
            "rows": rows,
            "overridden": [row for row in rows if row.attribute.is_overridden],
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def _account_url(self, request: HttpRequest, record: ProvisionedUser) -> str:
        mine = ProvisionedUser.objects.ever_of(record.tenant).filter(pk=record.pk)
        if not with_accounts_seen(request, mine).exists():
            return ""
        return page_of(self.admin_site, request, get_user_model(), record.user_id)

    def _events_of(self, record: ProvisionedUser) -> str:
        events = reverse(f"{self.admin_site.name}:maptician_scim_event_changelist")
        return f"{events}?{urlencode({'q': str(record.scim_id)})}"


def _timeline(record: ProvisionedUser) -> QuerySet[Event]:
    return Event.objects.of_person(record).in_short().order_by("-id")


def _client(events: list[Event]) -> str:
    """Who provisions the person, as far as the timeline shows."""
    agents = [event.client for event in events if event.status < 400]
    return explanations.client_name(agents[0]) if agents else _("the identity provider")


def _adapter(record: ProvisionedUser) -> UserAdapter | None:
    """The adapter of somebody the tenant still sees."""
    if record.deleted_at is not None or record.user is None:
        return None
    adapter = scim_settings.USER_ADAPTER(record.user, provisioned_user=record)
    return adapter if adapter.belongs_to_tenant() else None


def _row(attribute: Provenance) -> Row:
    status = "overridden" if attribute.is_overridden else "sent"
    return Row(
        attribute,
        readable(attribute.value),
        readable(attribute.received),
        readable(attribute.will_be),
        status if attribute.was_sent else "never-sent",
    )


def _pretty(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, default=str)
