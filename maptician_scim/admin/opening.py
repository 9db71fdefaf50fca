"""Opening host groups to SCIM, one by one, and closing them again."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from maptician_scim import relations
from maptician_scim.admin.base import key_of
from maptician_scim.admin.links import admin_url
from maptician_scim.admin.reading import ReadOnlyAdmin, pages_of
from maptician_scim.conf import HostGroup, Tenant, scim_settings
from maptician_scim.exceptions import CannotOpen
from maptician_scim.group_adapters import GroupAdapter
from maptician_scim.group_opening import close_group, open_group, openable_groups
from maptician_scim.models import ProvisionedGroup
from maptician_scim.tenancy import tenant_model, tenants_for

PER_PAGE = 100
TEMPLATES = "admin/maptician_scim/provisionedgroup"


@dataclass(frozen=True)
class HiddenGroup:
    """A host group that SCIM does not see, as the page lists it."""

    name: str
    members: int
    url: str


class OpeningMixin(ReadOnlyAdmin):
    """For the admin of groups: a page of the hidden ones, and a question before each change.

    All of it is for who may change provisioned groups; the list and the pages of groups are
    only read.
    """

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("open/<str:tenant_id>/", self.hidden_view, "open"),
            ("open/<str:tenant_id>/<str:group_id>/", self.open_view, "open_one"),
            ("<path:object_id>/close/", self.close_view, "close"),
        ]
        own = [
            path(route, self.admin_site.admin_view(view), name=f"{self._prefix}_{name}")
            for route, view, name in views
        ]
        return [*own, *super().get_urls()]

    @property
    def _prefix(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def may_open(self, request: HttpRequest) -> bool:
        """Whether an admin may open and close groups, of the tenants they see."""
        return may_open(request)

    # -- the pages -------------------------------------------------------------------------------

    def hidden_view(self, request: HttpRequest, tenant_id: str) -> HttpResponse:
        """The tenant's groups that SCIM does not see."""
        tenant = self._tenant(request, tenant_id)
        typed = request.GET.get("q", "").strip().replace("\x00", "")
        found = _by_name(tenant, typed)
        page: Page[Any] = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
        context = {
            "title": _("Open groups of %(tenant)s to SCIM") % {"tenant": tenant},
            "tenant": tenant,
            "page": page,
            "pages": pages_of(request, page, "page"),
            "groups": _listed(tenant, list(page.object_list)),
            "query": typed,
            "list_url": f"{admin_url('provisionedgroup_changelist')}?tenant={tenant.pk}",
        }
        return self._page(request, "open.html", context)

    def open_view(self, request: HttpRequest, tenant_id: str, group_id: str) -> HttpResponse:
        """What follows if this group is opened (GET); opens it (POST)."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        tenant = self._tenant(request, tenant_id)
        key = key_of(relations.group_model(), unquote(group_id))
        if known := ProvisionedGroup.objects.for_tenant(tenant).filter(group=key).first():
            messages.info(request, _("“%(name)s” is open to SCIM already.") % {"name": known})
            return _to("change", known.pk)
        group = openable_groups(tenant).filter(pk=key).first()
        if group is None:
            raise PermissionDenied
        if request.method == "POST":
            return self._open(request, tenant, group)
        [row] = _listed(tenant, [group])
        context = {
            "title": _("Open “%(name)s” to SCIM?") % {"name": row.name},
            "tenant": tenant,
            "group": row,
            "opens": True,
            "back_url": admin_url("provisionedgroup_open", tenant.pk),
        }
        return self._page(request, "confirm.html", context)

    def close_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What follows if this group is closed (GET); closes it (POST)."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        self._check(request)
        record = self.row_or_403(request, unquote(object_id))
        if record.is_created_by_scim:
            raise PermissionDenied
        if record.deleted_at is not None:
            messages.info(request, _("“%(name)s” is closed already.") % {"name": record})
            return _to("change", record.pk)
        if request.method == "POST":
            return self._close(request, record)
        context = {
            "title": _("Close “%(name)s” to SCIM?") % {"name": record},
            "tenant": record.tenant,
            "opens": False,
            "back_url": admin_url("provisionedgroup_change", record.pk),
        }
        return self._page(request, "confirm.html", context)

    # -- what the buttons do ---------------------------------------------------------------------

    def _open(self, request: HttpRequest, tenant: Tenant, group: HostGroup) -> HttpResponse:
        try:
            with transaction.atomic():
                record = open_group(tenant, group)
                self.log_addition(request, record, "Opened to SCIM.")
        except CannotOpen as error:
            messages.error(request, str(error))
            return _to("open", tenant.pk)
        text = _(
            "“%(name)s” is open to SCIM now. Okta's Link Group will find it; a push then changes "
            "its members."
        )
        messages.success(request, text % {"name": record})
        return _to("change", record.pk)

    def _close(self, request: HttpRequest, record: ProvisionedGroup) -> HttpResponse:
        with transaction.atomic():
            close_group(record)
            self.log_change(request, record, "Closed to SCIM.")
        text = _("“%(name)s” is closed to SCIM. The group and its members stay as they are.")
        messages.success(request, text % {"name": record})
        return _to("change", record.pk)

    # -- helpers ---------------------------------------------------------------------------------

    def _check(self, request: HttpRequest) -> None:
        if not self.may_open(request):
            raise PermissionDenied

    def _tenant(self, request: HttpRequest, text: str) -> Tenant:
        """The tenant an address names, if the admin may open its groups."""
        self._check(request)
        key = key_of(tenant_model(), unquote(text))
        tenant = tenants_for(request.user).filter(pk=key).first()
        if tenant is None:
            raise PermissionDenied
        return tenant

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        context |= {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return TemplateResponse(request, f"{TEMPLATES}/{template}", context)


def may_open(request: HttpRequest) -> bool:
    """Whether there are groups here, and the admin may open and close them."""
    change = "maptician_scim.change_provisionedgroup"
    return scim_settings.serves_groups and request.user.has_perm(change)


def open_url(tenant: Tenant, group: HostGroup) -> str:
    """The address of the question whether to open a host group."""
    return admin_url("provisionedgroup_open_one", tenant.pk, group.pk)


def _adapter_class() -> type[GroupAdapter]:
    adapter = scim_settings.GROUP_ADAPTER
    if adapter is None:
        raise PermissionDenied
    return adapter


def _by_name(tenant: Tenant, typed: str) -> QuerySet[Any]:
    """The hidden groups in the order of their names, those with a text in it."""
    name = _adapter_class().name_field()
    hidden = openable_groups(tenant).order_by(name, "pk")
    return hidden.filter(**{f"{name}__icontains": typed}) if typed else hidden


def _listed(tenant: Tenant, groups: list[HostGroup]) -> list[HiddenGroup]:
    """The groups as the page lists them: one query."""
    counts = relations.member_counts({tenant: [group.pk for group in groups]})
    adapter = _adapter_class()
    return [
        HiddenGroup(
            adapter(group, tenant=tenant).name_of_host,
            counts.get((tenant.pk, group.pk), 0),
            open_url(tenant, group),
        )
        for group in groups
    ]


def _to(page: str, key: Any) -> HttpResponseRedirect:
    return HttpResponseRedirect(admin_url(f"provisionedgroup_{page}", key))
