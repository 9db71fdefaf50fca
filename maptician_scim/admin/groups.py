"""The groups SCIM knows: who pushed or opened each, who is in it, and what happened to it."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.admin.views.main import ChangeList
from django.contrib.contenttypes.models import ContentType
from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from maptician_scim import explanations, relations
from maptician_scim.admin.base import TenantFilter, key_of
from maptician_scim.admin.links import admin_url
from maptician_scim.admin.opening import OpeningMixin
from maptician_scim.admin.reading import TIMELINE, DeletedFilter, line_of, page_of, pages_of
from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.models import Event, GroupNesting, ProvisionedGroup, ProvisionedUser
from maptician_scim.protocol.expressions import user_name_key
from maptician_scim.protocol.paths import is_scim_id
from maptician_scim.tenancy import tenant_model

MEMBERS = 100
"""How many members the page of a group lists at a time."""


class ProvisionedGroupChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """Members and origins are asked for once for the page."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        counts, origins = _counts(self.result_list), _origins(self.result_list)
        for record in self.result_list:
            record.member_count = counts.get(record.pk)
            record.origin = origins[record.pk]


@dataclass(frozen=True)
class Member:
    """A person in a group, as its page lists them."""

    user_name: str
    name: str
    is_active: bool
    url: str


@admin.register(ProvisionedGroup)
class ProvisionedGroupAdmin(OpeningMixin):
    change_form_template = "admin/maptician_scim/provisionedgroup/change_form.html"
    change_list_template = "admin/maptician_scim/provisionedgroup/change_list.html"
    list_display = [
        "display_name",
        "members",
        "tenant",
        "origin",
        "external_id",
        "modified_at",
        "deleted_at",
        "events",
    ]
    list_filter = [TenantFilter, DeletedFilter]
    list_select_related = ["tenant"]
    ordering = ["-id"]
    search_fields = ["display_name_key"]  # what is searched says get_search_results
    search_help_text = gettext_lazy(
        "The beginning of a group's name, or a whole SCIM id or externalId."
    )

    class Media:
        css = {"all": ["maptician_scim/events.css"]}

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Where the host has no groups there is nothing to see."""
        return scim_settings.serves_groups and super().has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """So that the start page does not name it either."""
        return scim_settings.serves_groups and super().has_module_permission(request)

    # -- the list --------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("members"))
    def members(self, record: Any) -> int | None:
        count: int | None = record.member_count
        return count

    @admin.display(description=gettext_lazy("comes from"))
    def origin(self, record: Any) -> str:
        origin: str = record.origin
        return origin

    @admin.display(description=gettext_lazy("events"))
    def events(self, record: ProvisionedGroup) -> SafeString:
        label = _("Events of %(name)s") % {"name": record}
        url, word = self._events_of(record), _("events")
        return format_html('<a href="{}" aria-label="{}">{}</a>', url, label, word)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        shown = list(self.list_display)
        return shown if self._may_see_events(request) else shown[:-1]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ProvisionedGroupChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("tenant")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        found = Q(display_name_key__startswith=user_name_key(term)) | Q(external_id=term)
        if is_scim_id(term.lower()):
            found |= Q(scim_id=UUID(term))
        return queryset.filter(found), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        key = key_of(tenant_model(), request.GET.get(TenantFilter.parameter_name))
        is_offered = key is not None and self.may_open(request)
        url = admin_url("provisionedgroup_open", key) if is_offered else ""
        return super().changelist_view(request, {"open_url": url} | (extra_context or {}))

    # -- the page of a group ---------------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        record: ProvisionedGroup = context["original"]
        page = partial(page_of, self.admin_site, request)
        may_see_events = self._may_see_events(request)
        events = _timeline(record) if may_see_events else []
        is_seen = ProvisionedGroup.objects.for_tenant(record.tenant).filter(pk=record.pk).exists()
        people = self._people(request, record) if is_seen else None
        context |= {
            "title": _("Provisioned group"),
            "subtitle": None,
            "record": record,
            "is_seen": is_seen,
            "origin": _origins([record])[record.pk],
            "host_url": page(relations.group_model(), record.group_id) if is_seen else "",
            "close_url": self._close_url(request, record),
            "people": people,
            "pages": people and pages_of(request, people, "members"),
            "members": self._members(request, people) if people else [],
            "groups": _children(record, page) if is_seen else [],
            "timeline": [line_of(event, page(Event, event.pk)) for event in events[:TIMELINE]],
            "may_see_events": may_see_events,
            "has_more": len(events) > TIMELINE,
            "events_url": self._events_of(record) if may_see_events else "",
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def _people(self, request: HttpRequest, record: ProvisionedGroup) -> Page[Any]:
        """A page of the people in the group, whom the tenant sees."""
        people = relations.people_in(record.tenant, record.group_id).order_by("id")
        return Paginator(people, MEMBERS).get_page(request.GET.get("members"))

    def _members(self, request: HttpRequest, people: Page[Any]) -> list[Member]:
        found: QuerySet[Any] = people.object_list  # type: ignore[assignment]
        rows = list(found.values_list("pk", "user_name", "scim_display"))
        shown = ProvisionedUser.objects.filter(pk__in=[pk for pk, *_names in rows])
        activity = scim_settings.USER_ADAPTER.activity_of(shown)
        page = partial(page_of, self.admin_site, request, ProvisionedUser)
        return [
            Member(user_name, name or "", activity.get(pk, False), page(pk))
            for pk, user_name, name in rows
        ]

    def _close_url(self, request: HttpRequest, record: ProvisionedGroup) -> str:
        """Where an admin may close the group: one that was opened by hand."""
        is_offered = record.deleted_at is None and not record.is_created_by_scim
        if not is_offered or not self.may_open(request):
            return ""
        return admin_url("provisionedgroup_close", record.pk)

    def _may_see_events(self, request: HttpRequest) -> bool:
        site = self.admin_site
        if not site.is_registered(Event):
            return False
        return site.get_model_admin(Event).has_view_permission(request)

    def _events_of(self, record: ProvisionedGroup) -> str:
        return f"{admin_url('event_changelist')}?{urlencode({'q': str(record.scim_id)})}"


def _timeline(record: ProvisionedGroup) -> list[Event]:
    """The newest events of a group, and one more where there are more."""
    return list(Event.objects.of_group(record).in_short().order_by("-id")[: TIMELINE + 1])


def _children(record: ProvisionedGroup, page: Any) -> list[tuple[ProvisionedGroup, str]]:
    """The groups in the group, with the addresses of their pages."""
    if not scim_settings.NESTED_GROUPS:
        return []
    groups = ProvisionedGroup.objects.for_tenant(record.tenant).filter(parents__parent=record)
    return [(group, page(ProvisionedGroup, group.pk)) for group in groups.order_by("id")[:MEMBERS]]


def _counts(records: Sequence[ProvisionedGroup]) -> dict[int, int]:
    """How many members live groups have, by the records' primary keys: at most two queries."""
    live = [record for record in records if record.deleted_at is None]
    groups: dict[Tenant, list[Any]] = {}
    for record in live:
        groups.setdefault(record.tenant, []).append(record.group_id)
    people = relations.member_counts(groups)
    counts = {r.pk: people.get((r.tenant_id, r.group_id), 0) for r in live}
    if scim_settings.NESTED_GROUPS:
        nested = GroupNesting.objects.filter(parent__in=live).values_list("parent")
        for parent, number in nested.annotate(Count("pk")):
            counts[parent] += number
    return counts


def _origins(records: Sequence[ProvisionedGroup]) -> dict[int, str]:
    """Who pushed or opened each group, by the records' primary keys: at most two queries."""
    pushed = [record for record in records if record.is_created_by_scim]
    opened = [record for record in records if not record.is_created_by_scim]
    clients, openers = _clients(pushed), _openers(opened)
    origins = {}
    for record in pushed:
        client = clients.get(str(record.scim_id), _("the identity provider"))
        origins[record.pk] = _("pushed by %(client)s") % {"client": client}
    for record in opened:
        who = openers.get(str(record.pk))
        text = _("opened by %(admin)s") if who else _("opened in the administration")
        origins[record.pk] = text % {"admin": who} if who else text
    return origins


def _clients(records: Sequence[ProvisionedGroup]) -> dict[str, str]:
    """Who created the groups, by their SCIM ids, as far as the log still knows."""
    if not records:
        return {}
    created = Event.objects.done().filter(
        tenant_id__in={record.tenant_id for record in records},
        resource_id__in=[str(record.scim_id) for record in records],
        verb="create",
    )
    rows = created.values_list("resource_id", "client")
    return {scim_id: explanations.client_name(client) for scim_id, client in rows}


def _openers(records: Sequence[ProvisionedGroup]) -> dict[str, str]:
    """The usernames of who opened the groups, by the records' primary keys as text."""
    if not records:
        return {}
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(ProvisionedGroup),
        object_id__in=[str(record.pk) for record in records],
        action_flag=ADDITION,
    )
    return {entry.object_id: entry.user.get_username() for entry in entries.select_related("user")}  # type: ignore[misc]
