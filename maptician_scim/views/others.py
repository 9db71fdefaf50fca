"""Paths that lead nowhere, and ``/Me``."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response

from maptician_scim.exceptions import (
    NotFound,
    NotImplementedHere,
    Reason,
)
from maptician_scim.tenancy import names_endpoint
from maptician_scim.views.base import NO_ENDPOINT, SCIMView


class MeView(SCIMView):
    """``/Me``: a token belongs to a tenant, to nobody in it (RFC 7644 section 3.11)."""

    def not_implemented(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise NotImplementedHere("A bearer token here belongs to no person: '/Me' is nobody.")

    get = post = put = patch = delete = not_implemented


class NoEndpointView(SCIMView):
    """Everything else below the base URL."""

    def missing(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        reason = Reason.BASE_URL if names_endpoint(kwargs.get("path", "")) else None
        raise NotFound(NO_ENDPOINT, reason=reason)

    get = post = put = patch = delete = http_method_not_allowed = missing
