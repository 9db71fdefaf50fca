"""The Content-Security-Policy of the example project.

Django has a middleware of its own from 6.0 on; this one is for 5.2 too.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = {
    "default-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "object-src": "'none'",
}
"""Scripts and styles come from our own files alone: none stands in a page."""

HEADER = "Content-Security-Policy"


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that says on every answer what a browser may load for it."""
    value = "; ".join(f"{directive} {sources}" for directive, sources in POLICY.items())

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault(HEADER, value)
        return response

    return middleware
