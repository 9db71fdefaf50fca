"""The addresses of this app's pages in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import quote
from django.urls import NoReverseMatch, reverse

from maptician_scim.conf import Tenant


def admin_url(name: str, *args: Any) -> str:
    """The address of a page of this app in the admin; empty if the page is not there."""
    try:
        return reverse(f"admin:maptician_scim_{name}", args=[quote(arg) for arg in args])
    except NoReverseMatch:
        return ""


def link(name: str, tenant: Tenant) -> str:
    """The address of a list or a form about one tenant; empty if the page is not there."""
    url = admin_url(name)
    return f"{url}?tenant={tenant.pk}" if url else ""
