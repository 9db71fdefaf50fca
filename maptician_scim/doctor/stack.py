"""The project's whole stack: a request is played to it as its server would hand it in."""

from __future__ import annotations

import json
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from html import unescape
from inspect import iscoroutinefunction
from io import BytesIO
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import got_request_exception
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import get_script_prefix
from rest_framework.exceptions import Throttled

from maptician_scim import redaction
from maptician_scim.conf import scim_settings
from maptician_scim.doctor.isolation import Isolation, unchanged_thread
from maptician_scim.doctor.report import Exchange
from maptician_scim.parsers import SCIM_JSON
from maptician_scim.views.base import SCIMView

Document: TypeAlias = dict[str, Any]
GetResponse: TypeAlias = Callable[[HttpRequest], HttpResponseBase]

USER_AGENT = "Okta SCIM Client 1.0.0 (played by scim_doctor)"
CLIENT_ADDRESS = "192.0.2.1"  # kept for documentation: nobody's (RFC 5737)
SHOWN_BODY = 4000
TITLE = re.compile(r"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """An answer, and what became of the request on its way through the stack."""

    exchange: Exchange
    document: Document
    location: str
    """Where a redirect leads."""
    is_ours: bool
    """Whether it is a SCIM view's, untouched."""
    reached: bool
    """Whether a SCIM view was called at all."""
    changed: bool
    """Whether a SCIM view answered and something changed the answer on its way out."""
    culprit: str
    """What answered, or changed the answer, if no SCIM view did: a dotted path."""
    view: Any
    """The view the address led to, if it came to that."""
    errors: tuple[BaseException, ...]
    """What was raised: by the views, or by whatever answered instead."""

    @property
    def status(self) -> int:
        return self.exchange.status

    @property
    def is_throttled(self) -> bool:
        return self.status == 429 or any(isinstance(error, Throttled) for error in self.errors)

    @property
    def detail(self) -> str:
        detail = self.document.get("detail")
        return detail if isinstance(detail, str) else ""


class Stack:
    """A tenant's way into the project: middleware, URLconf and views.

    Raises ``ImportError`` for a middleware that is not there.
    """

    def __init__(self, host: str, path: str, secret: str, isolation: Isolation) -> None:
        self.host, self.path, self.isolation = host, path, isolation
        self._secret = secret
        self._handler = BaseHandler()
        self._handler.load_middleware()
        self._watch = _Watch(self._handler)

    def send(
        self,
        method: str,
        target: str,
        body: Document | None = None,
        *,
        secret: str | None = None,
        host: str | None = None,
        https: bool = True,
    ) -> Answer:
        """Play one request; ``target`` is below the base URL.

        A failure in the database is undone, so that the next request is played all the same.
        """
        headers = {
            "Host": host or self.host,
            "Accept": SCIM_JSON,
            "Accept-Charset": "utf-8",
            "User-Agent": USER_AGENT,
            "Authorization": f"Bearer {secret or self._secret}",
            "X-Request-Id": uuid.uuid4().hex,
        }
        content = b""
        if body is not None:
            headers["Content-Type"] = f"{SCIM_JSON}; charset=utf-8"
            content = json.dumps(body).encode()
        request = WSGIRequest(self._environ(method, target, headers, content, https=https))
        heard = len(self.isolation.errors)
        began = time.perf_counter()
        response, raised = self._answer(request)
        took = (time.perf_counter() - began) * 1000
        raised += self.isolation.errors[heard:]
        return self._understood(request, headers, content, response, took, raised)

    def _environ(
        self, method: str, target: str, headers: dict[str, str], content: bytes, *, https: bool
    ) -> dict[str, Any]:
        """What a WSGI server hands over (PEP 3333)."""
        path, _, query = f"{self.path}{target}".partition("?")
        script = get_script_prefix().rstrip("/")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": script,
            "PATH_INFO": unquote_to_bytes(path.removeprefix(script)).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": self.host,
            "SERVER_PORT": "443" if https else "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": CLIENT_ADDRESS,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if https else "http",
            "wsgi.input": BytesIO(content),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        for name, value in headers.items():
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        if content:
            environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE")
            environ["CONTENT_LENGTH"] = str(len(content))
        if settings.SECURE_PROXY_SSL_HEADER:
            header, secure = settings.SECURE_PROXY_SSL_HEADER
            environ[header] = secure if https else "http"
            environ["wsgi.url_scheme"] = "http"
        if proxies := scim_settings.TRUSTED_PROXIES:
            environ["HTTP_X_FORWARDED_FOR"] = ", ".join([CLIENT_ADDRESS] * proxies)
        return environ

    def _answer(self, request: WSGIRequest) -> tuple[HttpResponseBase | None, list[BaseException]]:
        """The answer, and what was raised outside of our views."""
        self._watch.begin()
        response: HttpResponseBase | None = None
        with unchanged_thread(), _uncaught(request) as raised:
            try:
                with transaction.atomic():
                    response = self._handler.get_response(request)
            except DatabaseError as error:
                raised.append(error)  # something before or behind our views broke the transaction
        request.close()
        return response, raised

    def _understood(
        self,
        request: WSGIRequest,
        headers: dict[str, str],
        sent: bytes,
        response: HttpResponseBase | None,
        took: float,
        raised: list[BaseException],
    ) -> Answer:
        content = _content(response)
        document = _document(content)
        exchange = Exchange(
            method=request.method or "",
            target=redaction.target(request.get_full_path()),
            headers=redaction.headers(headers),
            body=redaction.body(sent, SHOWN_BODY) if sent else "",
            status=response.status_code if response else 500,
            answer_headers=redaction.headers(response.headers) if response else {},
            answer_body=_shown(response, content, document),
            milliseconds=took,
        )
        is_ours = response is not None and _is_ours(request, response)
        match = request.resolver_match
        func = match.func if match else None
        view = getattr(func, "cls", None) or getattr(func, "view_class", None) or func
        return Answer(
            exchange=exchange,
            document=document,
            location=response.get("Location", "") if response and not is_ours else "",
            is_ours=is_ours,
            reached=_is_reached(request),
            changed=not is_ours and self._watch.has_seen_ours,
            culprit="" if is_ours else self._watch.culprit or dotted(view),
            view=view,
            errors=tuple(raised),
        )


def is_scim_view(view: Any) -> bool:
    """Whether a view is one of this app's."""
    return isinstance(view, type) and issubclass(view, SCIMView)


def dotted(thing: Any) -> str:
    """How a settings file would name a class, an instance's class or a function."""
    if thing is None:
        return ""
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}.{named.__qualname__.partition('.<locals>')[0]}"


@contextmanager
def _uncaught(request: HttpRequest) -> Iterator[list[BaseException]]:
    """What Django answers with a page of its own because nobody caught it."""
    raised: list[BaseException] = []

    def hear(sender: Any, request: Any = None, **kwargs: Any) -> None:
        error = sys.exc_info()[1]
        if request is played and error is not None:
            raised.append(error)

    played = request
    got_request_exception.connect(hear)
    try:
        yield raised
    finally:
        got_request_exception.disconnect(hear)


def _is_reached(request: HttpRequest) -> bool:
    """Whether a view of ours has begun to work on the request."""
    return "_scim_origin" in request.__dict__


def _is_ours(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether an answer is as our views make it."""
    if not _is_reached(request) or not response.has_header("X-Request-Id"):
        return False
    has_no_body = response.status_code in (204, 304)
    return has_no_body or response.get("Content-Type", "").startswith(SCIM_JSON)


def _content(response: HttpResponseBase | None) -> bytes:
    # A stream is not one of ours, and may never end.
    content = getattr(response, "content", b"")
    return content if isinstance(content, bytes) else b""


def _document(content: bytes) -> Document:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _shown(response: HttpResponseBase | None, content: bytes, document: Document) -> str:
    """What may be shown of an answer: no page with its source, and nobody's data but the played."""
    if document:
        return redaction.body(content, SHOWN_BODY)
    text = content.decode("utf-8", "backslashreplace")
    if response is not None and "html" in response.get("Content-Type", ""):
        title = TITLE.search(text)
        return f"[an HTML page: {unescape(title[1]) if title else '?'}]"
    return redaction.without_tokens(text[:SHOWN_BODY])


class _Watch:
    """Which middleware a request gets to, and what comes back from behind each."""

    def __init__(self, handler: Any) -> None:
        self.names: list[str] = []
        self._walk(handler)
        handler._view_middleware = [self._watched_hook(hook) for hook in handler._view_middleware]
        self.begin()

    def begin(self) -> None:
        """Forget the request before."""
        self._answers: dict[int, bool] = {}
        self._hook = ""

    @property
    def has_seen_ours(self) -> bool:
        return any(self._answers.values())

    @property
    def culprit(self) -> str:
        """What answered instead of our view, or changed its answer; empty if that was no middleware
        or one that cannot be watched."""
        ours = [index for index, is_ours in self._answers.items() if is_ours]
        if ours:
            return self.names[min(ours)]
        if self._hook:
            return self._hook
        unanswered = [name for n, name in enumerate(self.names) if n not in self._answers]
        return unanswered[0] if unanswered else ""

    def _walk(self, handler: Any) -> None:
        """Stand before each middleware's ``get_response``, from the outermost on.

        Django leaves the middleware in ``__wrapped__`` of what it wraps it into.
        """
        found = getattr(handler._middleware_chain, "__wrapped__", None)
        while found is not None and found != handler._get_response:
            inner = self._stand_before(found)
            if inner is None:
                return
            found = getattr(inner, "__wrapped__", None)

    def _stand_before(self, middleware: Any) -> GetResponse | None:
        """Watch what comes back from behind a middleware; ``None`` where that cannot be."""
        self.names.append(dotted(middleware))
        for get, put in _places_for_a_handler(middleware):
            inner: GetResponse = get()
            if iscoroutinefunction(inner) or iscoroutinefunction(middleware):
                return None
            put(self._watched(inner, len(self.names) - 1))
            return inner
        return None

    def _watched(self, get_response: GetResponse, index: int) -> GetResponse:
        def watched(request: HttpRequest) -> HttpResponseBase:
            response = get_response(request)
            self._answers[index] = _is_ours(request, response)
            return response

        return watched

    def _watched_hook(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any) -> Any:
            response = hook(*args)
            if response is not None:
                self._hook = dotted(getattr(hook, "__self__", hook))
            return response

        return watched


def _places_for_a_handler(
    middleware: Any,
) -> Iterator[tuple[Callable[[], Any], Callable[..., None]]]:
    """Where a middleware keeps what Django gave it: an attribute, or a variable of a function.

    Each as two functions, to read and to replace it.
    """
    for cell in getattr(middleware, "__closure__", None) or ():
        if _is_handler(cell.cell_contents):
            yield partial(getattr, cell, "cell_contents"), partial(setattr, cell, "cell_contents")
    for name, value in list(getattr(middleware, "__dict__", {}).items()):
        if _is_handler(value):
            yield partial(getattr, middleware, name), partial(setattr, middleware, name)


def _is_handler(value: Any) -> bool:
    """Whether this is the rest of the stack, as Django wraps it for a middleware."""
    return callable(value) and hasattr(value, "__wrapped__")
