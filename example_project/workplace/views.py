"""The page people see at their company's address."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from maptician_scim.tenancy import endpoint_url, find_tenant, requested_tenant_key


def home(request: HttpRequest) -> HttpResponse:
    """The company whose subdomain was asked for, or the way to the admin."""
    key = requested_tenant_key(request)
    if key is None:  # the bare domain
        return render(request, "workplace/home.html")
    company = find_tenant(key)
    if company is None:
        return render(request, "workplace/home.html", {"is_unknown": True}, status=404)
    return render(
        request,
        "workplace/home.html",
        {"company": company, "base_url": endpoint_url(request, "root").rstrip("/")},
    )
