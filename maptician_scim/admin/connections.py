"""The page "SCIM connection" of a tenant: everything somebody needs who sets it up or mends it."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from maptician_scim import activity, live, safeguard
from maptician_scim.admin.base import key_of
from maptician_scim.admin.connection_form import ConnectionForm, by_default
from maptician_scim.admin.connection_page import (
    HEADINGS,
    attribute_lines,
    attribute_rows,
    groups_of,
    health_of,
    token_rows,
)
from maptician_scim.admin.doctor import DoctorMixin
from maptician_scim.admin.links import admin_url, link
from maptician_scim.admin.safeguard import SafeguardMixin, banner_of
from maptician_scim.conf import scim_settings
from maptician_scim.exports import csv_lines
from maptician_scim.live import State
from maptician_scim.models import Brake, Connection
from maptician_scim.tenancy import (
    base_url,
    public_base_url,
    tenant_key,
    tenant_model,
    tenants_for,
)

SWITCHES = (
    "is_enabled",
    "delete_behaviour",
    "may_create",
    "email_domains",
    "keeps_unknown_schemas",
    "safeguard",
    "safeguard_people",
    "safeguard_percent",
)
SWITCHES_IN_WORDS = (
    "is_enabled",
    "delete_in_words",
    "may_create",
    "domains_in_words",
    "keeps_unknown_schemas",
    "safeguard_in_words",
)


@admin.register(Connection)
class ConnectionAdmin(DoctorMixin, SafeguardMixin):
    """A row for every tenant; it is neither added nor deleted on its own.

    What a tenant has no row for has the defaults, so the pages make the rows that are missing.
    """

    form = ConnectionForm
    fields = SWITCHES
    change_form_template = "admin/maptician_scim/connection/change_form.html"
    list_display = ("name", "is_on", "state", "people", "last_request")
    list_filter = ("is_enabled",)
    ordering = ("tenant",)
    actions = None
    show_full_result_count = False

    class Media:
        css = {"all": ("maptician_scim/connection.css",)}

    # -- who may do what ---------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Not here. The permission stays as it is: a tenant that is deleted takes the row along."""
        raise PermissionDenied

    # -- which rows --------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("tenant")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        if key_of(tenant_model(), object_id) is None:
            return None
        found = super().get_object(request, object_id, from_field)
        if found is None and (tenant := _visible_tenant(request, object_id)) is not None:
            Connection.objects.make_missing([tenant])
            found = super().get_object(request, object_id, from_field)
        return found

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """The subdomain, and what the host's own list of tenants searches in."""
        fields = [f"tenant__{scim_settings.TENANT_FIELD}"]
        model = tenant_model()
        if self.admin_site.is_registered(model):
            for name in self.admin_site.get_model_admin(model).get_search_fields(request):
                mark, plain = (name[0], name[1:]) if name[0] in "^=@" else ("", name)
                fields.append(f"{mark}tenant__{plain}")
        return list(dict.fromkeys(fields))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._check_may_view(request)
        Connection.objects.make_missing(tenants_for(request.user).filter(scim_connection=None))
        return super().changelist_view(request, extra_context)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        found = live.states(changelist.result_list)
        braked = set(Brake.objects.on().filter(tenant__in=found).values_list("tenant", flat=True))
        for connection in changelist.result_list:
            connection.live = found[connection.pk]
            connection.holds_back = connection.is_guarded and connection.pk in braked
        return changelist

    # -- the columns of the list -------------------------------------------------------------

    @admin.display(description=_("name"), ordering="tenant")
    def name(self, connection: Any) -> str:
        return str(connection.tenant)

    @admin.display(description=_("SCIM"), ordering="is_enabled", boolean=True)
    def is_on(self, connection: Any) -> bool:
        return bool(connection.is_enabled)

    @admin.display(description=_("state"))
    def state(self, connection: Any) -> str:
        state: State = connection.live
        words = state.headline if state.kind == "broken" else state.word
        if connection.holds_back:
            return _("Safeguard holds people back · %(state)s") % {"state": words}
        return words

    @admin.display(description=_("people"))
    def people(self, connection: Any) -> int:
        return int(connection.live.people)

    @admin.display(description=_("last request"))
    def last_request(self, connection: Any) -> datetime | None:
        state: State = connection.live
        return state.last_used_at

    # -- the page ----------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        views = [
            ("<path:object_id>/state/", self.state_view, "state"),
            ("<path:object_id>/attributes.csv", self.attributes_view, "attributes"),
        ]
        own = [
            path(route, self.admin_site.admin_view(view), name=f"maptician_scim_connection_{name}")
            for route, view, name in views
        ]
        return [*own, *super().get_urls()]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return SWITCHES if self.has_change_permission(request, obj) else SWITCHES_IN_WORDS

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if self.has_change_permission(request, obj) else SWITCHES_IN_WORDS

    @admin.display(description=_("DELETE"))
    def delete_in_words(self, connection: Connection) -> str:
        return connection.get_delete_behaviour_display() or by_default()

    @admin.display(description=_("accepted e-mail domains"))
    def domains_in_words(self, connection: Connection) -> str:
        return ", ".join(connection.email_domains) or gettext("any")

    @admin.display(description=_("mass-deactivation safeguard"))
    def safeguard_in_words(self, connection: Connection) -> str:
        if not connection.is_guarded:
            return gettext("off")
        return gettext("on: %(people)s people within an hour, or %(percent)s %% of the active") % {
            "people": connection.people_let_go,
            "percent": connection.percent_let_go,
        }

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # Only the switches: requests write the other columns at the same time.
        obj.save(update_fields=list(form.cleaned_data))
        if not obj.is_guarded:
            safeguard.forget(obj.tenant)

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        """Back to the page, which says what the switches have done."""
        # Its beginning: without a fragment, browsers would keep the form's.
        return HttpResponseRedirect(admin_url("connection_change", obj.pk) + "#container")

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        context |= self._page(request, obj)
        return super().render_change_form(request, context, add, change, "#switches", obj)

    def _page(self, request: HttpRequest, connection: Connection) -> dict[str, Any]:
        """Everything on the page but the form."""
        tenant = connection.tenant
        live.keep_watching(connection)
        activity.flush()
        state = live.states([connection])[connection.pk]
        may = {
            f"may_{action}_{name}": request.user.has_perm(f"maptician_scim.{action}_{name}")
            for action, name in (
                ("view", "token"),
                ("add", "token"),
                ("change", "token"),
                ("view", "event"),
                ("view", "provisionedgroup"),
                ("change", "provisionedgroup"),
            )
        }
        may["may_view_token"] |= may["may_change_token"]
        may["may_view_provisionedgroup"] |= may["may_change_provisionedgroup"]
        tokens = token_rows(tenant, may_change=may["may_change_token"])
        return may | {
            "title": gettext("SCIM connection of %(tenant)s") % {"tenant": tenant},
            "subtitle": None,
            "show_save_and_continue": False,
            "show_delete": False,
            "tenant": tenant,
            "tenant_key": tenant_key(tenant),
            "state": state,
            "brake": banner_of(request, connection),
            "state_url": admin_url("connection_state", connection.pk),
            "base_url": public_base_url(request, tenant),
            "public_url": base_url(tenant),
            "tokens": [row for row in tokens if row.token.is_valid],
            "former_tokens": [row for row in tokens if not row.token.is_valid],
            "issue_url": link("token_add", tenant),
            "events_url": link("event_changelist", tenant),
            "groups": groups_of(tenant),
            "groups_url": link("provisionedgroup_changelist", tenant),
            "open_url": admin_url("provisionedgroup_open", tenant.pk),
            "attributes": attribute_rows(),
            "attributes_text": "\n".join("\t".join(line) for line in attribute_lines()),
            "attributes_url": admin_url("connection_attributes", connection.pk),
            "headings": HEADINGS,
            "health": health_of(tenant, state.people),
        }

    def state_view(self, request: HttpRequest, object_id: str) -> JsonResponse:
        """The live state, for the page that asks for it all the time; ``admin_view`` forbids to
        store it."""
        connection = self._connection(request, object_id)
        live.keep_watching(connection)
        state = live.states([connection])[connection.pk]
        content = {
            "kind": state.kind,
            "word": state.word,
            "headline": state.headline,
            "advice": state.advice,
        }
        return JsonResponse(content)

    def attributes_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The attribute table as CSV."""
        connection = self._connection(request, object_id)
        heading, *lines = attribute_lines()
        name = f"{tenant_key(connection.tenant)}-scim-attributes.csv"
        headers = {"Content-Disposition": content_disposition_header(True, name)}
        return HttpResponse(
            "".join(csv_lines(heading, lines)),
            content_type="text/csv; charset=utf-8",
            headers=headers,
        )

    def _connection(self, request: HttpRequest, object_id: str) -> Connection:
        self._check_may_view(request)
        connection: Connection = self.row_or_403(request, unquote(object_id))
        return connection

    def _check_may_view(self, request: HttpRequest) -> None:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied


def _visible_tenant(request: HttpRequest, object_id: str) -> Model | None:
    """The tenant with this primary key, if the admin may see it."""
    pk = key_of(tenant_model(), object_id)
    return tenants_for(request.user).filter(pk=pk).first()


class ConnectionLinkMixin:
    """For the host's own admin of its tenants: a button "SCIM connection" on a tenant's form.

    A project with a ``change_form_template`` of its own finds the address in its context, as
    ``scim_connection_url``; it is missing for who may not see the page.
    """

    change_form_template: Any = "admin/maptician_scim/connection/tenant_change_form.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        may_view = any(
            request.user.has_perm(f"maptician_scim.{action}_connection")
            for action in ("view", "change")
        )
        pk = unquote(object_id)
        if may_view and _visible_tenant(request, pk) is not None:
            context["scim_connection_url"] = admin_url("connection_change", pk)
        answer: HttpResponse = super().change_view(request, object_id, form_url, context)  # type: ignore[misc]
        return answer
