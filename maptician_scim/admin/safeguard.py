"""The brake of the safeguard on the page of a connection: whom it holds back, and two buttons."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from maptician_scim import safeguard
from maptician_scim.admin.base import TenantScopedAdmin
from maptician_scim.admin.links import admin_url
from maptician_scim.admin.reading import pages_of
from maptician_scim.models import (
    Brake,
    Connection,
    HeldBack,
    ProvisionedGroup,
    ProvisionedUser,
)

PER_PAGE = 100

DECISIONS: dict[str, tuple[Callable[[Any, str], bool], str, Any]] = {
    "release": (
        safeguard.release,
        "Released the brake of the safeguard.",
        gettext_lazy(
            "The brake is released: whoever was held back is let through when the identity "
            "provider tries again."
        ),
    ),
    "keep": (
        safeguard.keep,
        "Kept the brake of the safeguard.",
        gettext_lazy("The brake stays on: nobody more is deactivated until you release it."),
    ),
}
"""What each button does, what the history says of it, and what the admin is told."""


@dataclass(frozen=True)
class Banner:
    """What the page says of a brake that is on, or was released and not all have come again."""

    brake: Brake
    people: int
    groups: int
    may_decide: bool
    decide_url: str
    list_url: str

    @property
    def is_on(self) -> bool:
        return self.brake.is_on

    @property
    def released_until(self) -> datetime | None:
        return self.brake.released_until if self.brake.is_released else None


@dataclass(frozen=True)
class Row:
    """Somebody, or a group, that was held back, as the list shows it."""

    held: HeldBack
    url: str


def banner_of(request: HttpRequest, connection: Connection) -> Banner | None:
    """What there is to say; nothing in most cases. At most two queries, none if it is off."""
    if not connection.is_guarded:
        return None
    brake = Brake.objects.of(connection.tenant)
    if not brake.is_on and not brake.is_released:
        return None
    held = HeldBack.objects.for_tenant(connection.tenant)
    if brake.is_on:
        held = held.waiting()
    kinds = list(held.values_list("resource_type", flat=True))
    return Banner(
        brake,
        people=kinds.count("User"),
        groups=kinds.count("Group"),
        may_decide=request.user.has_perm("maptician_scim.change_connection"),
        decide_url=admin_url("connection_decide", connection.pk),
        list_url=admin_url("connection_held_back", connection.pk),
    )


class SafeguardMixin(TenantScopedAdmin):
    """For the admin of connections: ``.../<tenant>/held-back/`` and what its buttons post to.

    Who may change a connection may release the brake; who may view it sees who is held back.
    """

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("<path:object_id>/held-back/", self.held_back_view, "held_back"),
            ("<path:object_id>/held-back/decide/", self.decide_view, "decide"),
        ]
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(route, self.admin_site.admin_view(view), name=f"{prefix}_{name}")
            for route, view, name in reversed(views)
        ]
        return [*own, *super().get_urls()]

    def held_back_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Whom the safeguard holds back, and whom it has released who have not come again."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        connection = self.row_or_403(request, unquote(object_id))
        held = HeldBack.objects.for_tenant(connection.tenant).select_related("token")
        page: Page[Any] = Paginator(
            held.order_by("released_at", "first_at", "pk"), PER_PAGE
        ).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Held back: %(tenant)s") % {"tenant": connection.tenant},
            "opts": self.opts,
            "media": self.media,
            "original": connection,
            "brake": banner_of(request, connection),
            "rows": _rows(request, list(page.object_list)),
            "page": page,
            "pages": pages_of(request, page, "page"),
            "is_list": True,
        }
        return TemplateResponse(request, "admin/maptician_scim/connection/held_back.html", context)

    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Release the brake, or keep it (POST)."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        connection = self.row_or_403(request, unquote(object_id))
        decision = DECISIONS.get(request.POST.get("decision", ""))
        if not self.has_change_permission(request, connection) or decision is None:
            raise PermissionDenied
        decide, history, text = decision
        with transaction.atomic():
            if is_new := decide(connection.tenant, request.user.get_username()):
                self.log_change(request, connection, history)
        if is_new:
            messages.success(request, str(text))
        else:
            messages.info(request, _("That has been decided already."))
        return HttpResponseRedirect(admin_url("connection_change", connection.pk) + "#container")


def _rows(request: HttpRequest, found: Sequence[HeldBack]) -> list[Row]:
    """With the addresses of the people's and groups' own pages, for who may see those."""
    urls: dict[str, str] = {}
    for kind, model in (("User", ProvisionedUser), ("Group", ProvisionedGroup)):
        name = model._meta.model_name
        if any(request.user.has_perm(f"maptician_scim.{a}_{name}") for a in ("view", "change")):
            ids = [h.resource_id for h in found if h.resource_type == kind and h.resource_id]
            records = model._default_manager.filter(scim_id__in=ids)
            for pk, scim_id in records.values_list("pk", "scim_id"):
                urls[str(scim_id)] = admin_url(f"{name}_change", pk)
    return [Row(held, urls.get(held.resource_id, "")) for held in found]
