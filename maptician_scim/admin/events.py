"""The provisioning log: what happened, why not, and what to do."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import path, reverse
from django.utils import timezone, translation
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from maptician_scim import explanations, redaction
from maptician_scim.admin.base import TenantFilter, key_of
from maptician_scim.admin.opening import may_open, open_url
from maptician_scim.admin.reading import (
    COUNTED,
    OUTCOMES,
    ReadOnlyAdmin,
    outcome_badge,
    page_of,
    readable,
    visible_tenants,
    with_accounts_seen,
)
from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import Reason
from maptician_scim.exports import csv_lines, json_lines
from maptician_scim.models import (
    Event,
    EventQuerySet,
    ProvisionedGroup,
    ProvisionedUser,
    Token,
    now,
)
from maptician_scim.models.events import KEY_LENGTH
from maptician_scim.protocol.expressions import comparison_key, user_name_key
from maptician_scim.protocol.paths import is_scim_id
from maptician_scim.protocol.tolerances import sentence_of
from maptician_scim.tenancy import tenant_model

VERBS = {
    "create": gettext_lazy("create"),
    "replace": gettext_lazy("update (PUT)"),
    "patch": gettext_lazy("update (PATCH)"),
    "deactivate": gettext_lazy("deactivate"),
    "reactivate": gettext_lazy("reactivate"),
    "delete": gettext_lazy("delete"),
    "read": gettext_lazy("read"),
    "bulk": gettext_lazy("bulk request as a whole"),
    "trip": gettext_lazy("safeguard: stop"),
    "keep": gettext_lazy("safeguard: keep the brake"),
    "release": gettext_lazy("safeguard: release the brake"),
    "other": gettext_lazy("something else"),
}

PERIODS = {
    "hour": (timedelta(hours=1), gettext_lazy("the last hour")),
    "day": (timedelta(days=1), gettext_lazy("the last 24 hours")),
    "week": (timedelta(days=7), gettext_lazy("the last 7 days")),
    "month": (timedelta(days=30), gettext_lazy("the last 30 days")),
}

FOLDED = "admin/maptician_scim/includes/folded_filter.html"
PEOPLE_FOUND = 100
TOKENS_OFFERED = 30
EXPORTED_AT_A_TIME = 1000


# -- filters ------------------------------------------------------------------------------------


class OutcomeFilter(SimpleListFilter):
    title = gettext_lazy("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(outcome, word) for outcome, (_sign, word) in OUTCOMES.items()]

    def queryset(self, request: HttpRequest, queryset: EventQuerySet) -> EventQuerySet:  # type: ignore[override]
        narrow: dict[str | None, Callable[[], EventQuerySet]] = {
            "done": queryset.done,
            "refused": queryset.refused,
            "not-let-in": queryset.not_let_in,
        }
        return narrow.get(self.value(), queryset.all)()


class PeriodFilter(SimpleListFilter):
    title = gettext_lazy("time")
    parameter_name = "period"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(period, words) for period, (_length, words) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in PERIODS:
            return queryset
        length, _words = PERIODS[self.value()]  # type: ignore[index]
        return queryset.filter(created_at__gte=now() - length)


class VerbFilter(SimpleListFilter):
    """By the verbs there are: asking the table which occur in it would read all of it."""

    title = gettext_lazy("verb")
    template = FOLDED
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(VERBS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(verb=self.value()) if self.value() in VERBS else queryset.none()


class ReasonFilter(SimpleListFilter):
    title = gettext_lazy("reason")
    template = FOLDED
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Reason.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        if self.value() not in Reason.values:
            return queryset.none()
        return queryset.filter(status__gte=400, reason=self.value())


class TokenFilter(SimpleListFilter):
    """By token, of the chosen tenant or of those the admin may see; the newest ones."""

    title = gettext_lazy("token")
    template = FOLDED
    parameter_name = "token"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        offered = tokens = self._visible(request)
        if chosen := request.GET.get(TenantFilter.parameter_name):
            offered = tokens.filter(tenant_id__in=_keys(chosen))
        found = list(offered[:TOKENS_OFFERED])
        if self.value() not in {None, *(str(token.pk) for token in found)}:
            found += tokens.filter(pk__in=_keys(self.value(), Token))
        return [(str(token.pk), str(token)) for token in found]

    def has_output(self) -> bool:
        """Also where nothing is offered: a filter that is asked for is never passed over."""
        return self.value() is not None or super().has_output()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        token = self._visible(request).filter(pk__in=_keys(self.value(), Token)).first()
        if token is None:
            return queryset.none()
        # The index on tokens has the tenant too, for whoever is limited to some.
        return queryset.filter(token=token, tenant_id=token.tenant_id)

    def _visible(self, request: HttpRequest) -> QuerySet[Token]:
        tokens, seen = Token.objects.order_by("-id"), visible_tenants(request)
        return tokens if seen is None else tokens.filter(tenant__in=seen)


def _keys(text: str | None, model: type[Model] | None = None) -> list[Any]:
    """The primary key somebody wrote into an address; none if it cannot be one."""
    key = key_of(model or tenant_model(), text)
    return [] if key is None else [key]


# -- the pages ----------------------------------------------------------------------------------


class EventChangeList(ChangeList):
    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        events: EventQuerySet = super().get_queryset(request, exclude_parameters)  # type: ignore[assignment]
        return events.in_short()


@dataclass(frozen=True)
class Change:
    """One line of the table of what was changed."""

    path: str
    old: list[str]
    new: list[str]

    @property
    def kind(self) -> str:
        if not self.old:
            return _("added")
        return _("changed") if self.new else _("removed")


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    change_list_template = "admin/maptician_scim/event/change_list.html"
    change_form_template = "admin/maptician_scim/event/change_form.html"
    list_display = ["time", "outcome", "explanation", "in_machine_words", "tenant"]
    list_display_links = ["explanation"]
    list_filter = [
        TenantFilter,
        OutcomeFilter,
        PeriodFilter,
        VerbFilter,
        ReasonFilter,
        TokenFilter,
    ]
    list_select_related = ["tenant"]
    ordering = ["-id"]
    search_fields = ["user_name_key"]  # what is searched says get_search_results
    search_help_text = gettext_lazy(
        "The beginning of a userName, an e-mail address or a group's name, or a whole id or "
        "correlation id."
    )

    class Media:
        css = {"all": ["maptician_scim/events.css"]}

    # -- the list --------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("time"))
    def time(self, event: Event) -> SafeString:
        return format_html(
            '<time datetime="{}">{}</time>',
            event.created_at.isoformat(),
            f"{timezone.localtime(event.created_at):%Y-%m-%d %H:%M:%S}",
        )

    @admin.display(description=gettext_lazy("outcome"))
    def outcome(self, event: Event) -> SafeString:
        return outcome_badge(event)

    @admin.display(description=gettext_lazy("what happened"))
    def explanation(self, event: Event) -> str:
        return explanations.sentence(event)

    @admin.display(description=gettext_lazy("in the machine's words"))
    def in_machine_words(self, event: Event) -> SafeString:
        words = (
            event.verb,
            f"{event.status} {event.scim_type}".rstrip(),
            event.resource_type,
            event.resource_id,
            event.user_name,
            event.token_prefix,
            f"{event.duration_ms} ms",
        )
        return format_html_join(" · ", "<span>{}</span>", ((word,) for word in words if word))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return EventChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Each way to find something is one that an index answers."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        name = user_name_key(term)[:KEY_LENGTH]
        found = Q(user_name_key__startswith=name)
        found |= Q(email_key__startswith=comparison_key(term)[:KEY_LENGTH])
        found |= Q(correlation_id=term)
        found |= Q(resource_id__in={term, term.lower(), *_people_named(request, term)})
        found |= Q(resource_id__in=_groups_named(request, term))
        return queryset.filter(found), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        kept = request.GET.copy()
        kept.pop(PAGE_VAR, None)
        closed = urlencode({OutcomeFilter.parameter_name: "not-let-in", "period": "week"})
        context = {
            "export_query": kept.urlencode(),
            "not_let_in_query": closed,
            "counted": COUNTED,
        }
        return super().changelist_view(request, context | (extra_context or {}))

    # -- the page of an event --------------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        event: Event = context["original"]
        subject, holder = _people_of(event)
        group, namesake = _groups_of(event)
        page = partial(page_of, self.admin_site, request)
        context |= {
            "title": _("Event"),
            "subtitle": None,
            "event": event,
            "badge": outcome_badge(event),
            "sentence": explanations.sentence(event),
            "advice": explanations.advice(event),
            "client": explanations.client_name(event.client),
            "changes": list(_changes(event)),
            "tolerated": [sentence_of(name) for name in event.tolerated],
            "is_group": event.resource_type == "Group",
            "request_body": _body(event),
            "reason": Reason(event.reason).label if event.reason in Reason else event.reason,
            "person_url": subject and page(ProvisionedUser, subject.pk),
            "holder_url": holder and page(ProvisionedUser, holder.pk),
            "holder": holder,
            "group_url": group and page(ProvisionedGroup, group.pk),
            "namesake": namesake,
            "namesake_url": namesake and page(ProvisionedGroup, namesake.pk),
            "open_url": _open_url(request, event),
            "token_url": page(Token, event.token_id),
            "events_url": self._events_of(event),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def _events_of(self, event: Event) -> str:
        """All events of the same person; empty where nobody is named."""
        whom = event.resource_id or event.user_name_key
        if not whom:
            return ""
        events = reverse(f"{self.admin_site.name}:maptician_scim_event_changelist")
        return f"{events}?{urlencode({'q': whom})}"

    # -- export ----------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        export = self.admin_site.admin_view(self.export_view)
        name = "maptician_scim_event_export"
        return [path("export/<str:form>/", export, name=name), *super().get_urls()]

    def export_view(self, request: HttpRequest, form: str) -> HttpResponse | StreamingHttpResponse:
        """The list as it is narrowed down, all pages of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if form not in EXPORTS:
            raise Http404
        content_type, lines = EXPORTS[form]
        try:
            events = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(
                reverse(f"{self.admin_site.name}:maptician_scim_event_changelist")
            )
        name = f"scim-events-{timezone.localtime():%Y-%m-%d-%H%M}.{form}"
        return StreamingHttpResponse(
            lines(_exported(events.defer(None).defer("request"))),
            content_type=content_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _changes(event: Event) -> Iterator[Change]:
    """The lines of the table. Of a group's members, those who left and those who came."""
    for name, change in event.changes.items():
        old, new = readable(change.get("old")), readable(change.get("new"))
        if name == "members" and event.resource_type == "Group" and old and new:
            yield Change(name, old, [])
            old = []
        yield Change(name, old, new)


def _groups_named(request: HttpRequest, text: str) -> set[str]:
    """The ids of groups whose name begins with a text."""
    records, seen = ProvisionedGroup.objects.all(), visible_tenants(request)
    if seen is not None:
        records = records.filter(tenant_id__in=seen)
    named = records.filter(display_name_key__startswith=user_name_key(text))
    return {str(scim_id) for scim_id in named.values_list("scim_id", flat=True)[:PEOPLE_FOUND]}


def _people_named(request: HttpRequest, text: str) -> set[str]:
    """The ids of people whose userName begins with a text, or whose e-mail address it is now.

    Events know people by the names they had then.
    """
    records, seen = ProvisionedUser.objects.all(), visible_tenants(request)
    if seen is not None:
        records = records.filter(tenant_id__in=seen)
    named = records.filter(user_name_key__startswith=user_name_key(text))
    found = set(named.values_list("scim_id", flat=True)[:PEOPLE_FOUND])
    if "@" in text:
        addressed = with_accounts_seen(
            request, records.filter(scim_settings.USER_ADAPTER.has_address(text))
        )
        found |= set(addressed.values_list("scim_id", flat=True)[:PEOPLE_FOUND])
    return {str(scim_id) for scim_id in found}


def _people_of(event: Event) -> tuple[ProvisionedUser | None, ProvisionedUser | None]:
    """Whom an event is about, and who has the userName that was refused to them."""
    ids = [event.resource_id, event.facts.get("id", "")]
    if event.tenant_id is None or not any(map(is_scim_id, ids)):
        return None, None
    records = ProvisionedUser.objects.ever_of(event.tenant)
    found = {
        str(record.scim_id): record
        for record in records.filter(scim_id__in=[UUID(i) for i in ids if is_scim_id(i)])
    }
    return found.get(ids[0]), found.get(ids[1])


def _groups_of(event: Event) -> tuple[ProvisionedGroup | None, ProvisionedGroup | None]:
    """Which group an event is about, and which one has the name that was refused to it."""
    if event.tenant_id is None or event.resource_type != "Group":
        return None, None
    records = ProvisionedGroup.objects.ever_of(event.tenant)
    is_named = is_scim_id(event.resource_id)
    group = records.filter(scim_id=event.resource_id).first() if is_named else None
    if event.reason != Reason.GROUP_TAKEN:
        return group, None
    key = user_name_key(event.facts.get("name", ""))
    return group, records.live().filter(display_name_key=key).first()


def _open_url(request: HttpRequest, event: Event) -> str:
    """Where an admin may open the group whose name was refused, if it is still hidden."""
    adapter = scim_settings.GROUP_ADAPTER
    if event.reason != Reason.GROUP_NOT_OPEN or adapter is None or not may_open(request):
        return ""
    hidden = adapter(None, tenant=event.tenant).find_hidden(event.facts.get("name", ""))
    return open_url(event.tenant, hidden) if hidden is not None else ""


def _body(event: Event) -> str:
    body = str((event.request or {}).get("body", ""))
    return redaction.indented(body) if body.startswith(("{", "[")) else body


# -- what is exported ----------------------------------------------------------------------------

COLUMNS: dict[str, Callable[[Event], Any]] = {
    "time": lambda event: event.created_at.isoformat(),
    "tenant": lambda event: str(event.tenant or ""),
    "outcome": explanations.outcome,
    "sentence": explanations.sentence,
    "advice": explanations.advice,
    "verb": lambda event: event.verb,
    "status": lambda event: event.status,
    "scimType": lambda event: event.scim_type,
    "reason": lambda event: event.reason,
    "detail": lambda event: event.detail,
    "tolerated": lambda event: " ".join(event.tolerated),
    "resourceType": lambda event: event.resource_type,
    "resourceId": lambda event: event.resource_id,
    "userName": lambda event: event.user_name,
    "tokenPrefix": lambda event: event.token_prefix,
    "client": lambda event: event.client,
    "address": lambda event: event.ip or "",
    "correlationId": lambda event: event.correlation_id,
    "durationMs": lambda event: event.duration_ms,
    "changes": lambda event: event.changes,
}


def _exported(events: QuerySet[Any]) -> Iterator[dict[str, Any]]:
    """The columns of each event, read through a cursor on the server.

    An answer is streamed when its request is over, so the language is remembered.
    """
    language = translation.get_language()
    rows = events.iterator(chunk_size=EXPORTED_AT_A_TIME)
    while chunk := list(islice(rows, EXPORTED_AT_A_TIME)):
        with translation.override(language):
            documents = [{name: of(event) for name, of in COLUMNS.items()} for event in chunk]
        yield from documents


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    columns = [name for name in COLUMNS if name != "changes"]
    return csv_lines(columns, ([row[name] for name in columns] for row in rows))


EXPORTS: dict[str, tuple[str, Callable[[Iterator[dict[str, Any]]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "jsonl": ("application/jsonl; charset=utf-8", json_lines),
}
