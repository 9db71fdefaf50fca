"""Django's WSGI application, which here answers every request that a client can send."""

from __future__ import annotations

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest


class Request(WSGIRequest):
    """Reads the query string when somebody asks for it, not before the request has begun."""

    @property
    def encoding(self) -> str | None:
        """By what the query string and forms are decoded."""
        return self._encoding

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        # To forget parameters that were read by another one, Django looks whether there are any,
        # which reads them. That happens before there is a request that could be answered: where
        # they are too many, the server says 500.
        self._encoding = value
        for name in ("GET", "_post"):
            self.__dict__.pop(name, None)


class Handler(WSGIHandler):
    request_class = Request


def get_wsgi_application() -> WSGIHandler:
    """The application of the project, in the place of Django's function of this name."""
    django.setup(set_prefix=False)
    return Handler()
