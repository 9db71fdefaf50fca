"""Django's WSGI application, which here answers every request that a client can send."""

from __future__ import annotations

from typing import Any

import django
from django.core.exceptions import TooManyFieldsSent
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest


class Request(WSGIRequest):
    """Reads the query string when somebody asks for it, not before the request has begun."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        # To take over the charset of a Content-Type, Django looks whether the parameters were read,
        # and reads them by that. What is raised there, nobody answers: the server says 500.
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]  # not in the stubs
        except TooManyFieldsSent:
            return  # the charset is noted; whoever reads the parameters is told again


class Handler(WSGIHandler):
    request_class = Request


def get_wsgi_application() -> WSGIHandler:
    """The application of the project, in the place of Django's function of this name."""
    django.setup(set_prefix=False)
    return Handler()
