"""Seeing to it that an examination leaves nothing behind: no row, no cache entry, no e-mail.

All of it holds for this thread only; requests that other threads serve meanwhile notice nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock, get_ident
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.mail import EmailMessage
from django.core.mail.backends.dummy import EmailBackend as DummyBackend
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from django.db.models.signals import post_save
from django.urls import get_urlconf, set_urlconf
from django.utils import timezone, translation
from django.utils.module_loading import import_string

from maptician_scim import rehearsal


@dataclass
class Isolation:
    """What came to light behind the screen."""

    errors: list[Exception]
    """What the views refused requests for."""

    withheld: list[EmailMessage] = field(default_factory=list)
    """E-mails that would have been sent."""

    new_users: list[Any] = field(default_factory=list)
    """The primary keys of host users that were not there before."""


@contextmanager
def isolated() -> Iterator[Isolation]:
    """Everything done within is undone, whatever ends it."""
    with ExitStack() as stack:
        found = Isolation(stack.enter_context(rehearsal.rehearsing()))
        stack.enter_context(_held_back(found.withheld))
        stack.enter_context(_noticed(found.new_users))
        stack.enter_context(_throwaway_caches())
        stack.enter_context(unchanged_thread())
        for alias in connections:
            _enter_rolled_back(stack, alias)
        yield found


# -- databases --------------------------------------------------------------------------------


def _enter_rolled_back(stack: ExitStack, alias: str) -> None:
    try:
        stack.enter_context(rolled_back(alias))
    except OperationalError:
        if alias == DEFAULT_DB_ALIAS:
            raise
        # Nothing can be written to a database that cannot be reached.


@contextmanager
def rolled_back(alias: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """A transaction, or a savepoint of the one there is, that is never committed.

    What was put off with ``transaction.on_commit`` goes with it.
    """
    with transaction.atomic(using=alias):
        try:
            yield
        finally:
            transaction.set_rollback(True, using=alias)


@contextmanager
def _noticed(new_users: list[Any]) -> Iterator[None]:
    """Note who is created in this thread."""
    thread = get_ident()

    def note(sender: Any, instance: Any, created: bool, **kwargs: Any) -> None:
        if created and get_ident() == thread:
            new_users.append(instance.pk)

    post_save.connect(note, sender=get_user_model())
    try:
        yield
    finally:
        post_save.disconnect(note, sender=get_user_model())


# -- caches -----------------------------------------------------------------------------------


class ThrowawayCache(LocMemCache):
    """A cache of one's own, empty at first.

    So nothing is counted against the clients' real throttles. Methods that Django's caches do not
    have are those of the real one.
    """

    def __init__(self, real: Any) -> None:
        super().__init__("maptician_scim.doctor", {})
        self._cache: OrderedDict[str, Any] = OrderedDict()  # not the one all of this name share
        self._expire_info: dict[str, float | None] = {}
        self._lock = Lock()
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def _throwaway_caches() -> Iterator[None]:
    # Django keeps the cache objects of each thread apart.
    real = {alias: caches[alias] for alias in caches}
    for alias, cache in real.items():
        caches[alias] = ThrowawayCache(cache)
    try:
        yield
    finally:
        for alias, cache in real.items():
            caches[alias] = cache


def forget_throttles() -> None:
    """Empty the throwaway caches, so that what they counted holds nothing up."""
    for cache in caches.all(initialized_only=True):
        if isinstance(cache, ThrowawayCache):
            cache.clear()


# -- e-mails ----------------------------------------------------------------------------------

_withheld: ContextVar[list[EmailMessage] | None] = ContextVar("scim_withheld", default=None)
_lock = Lock()
_examinations = 0
_real: dict[tuple[Any, str], Any] = {}


def _withhold(message: EmailMessage, *args: Any, **kwargs: Any) -> int:
    withheld = _withheld.get()
    if withheld is not None:
        withheld.append(message)
    return 1


def _withhold_all(backend: object, email_messages: Iterable[EmailMessage]) -> int:
    return sum(_withhold(message) for message in email_messages)


class _WithholdingBackend(DummyBackend):
    send_messages = _withhold_all


@contextmanager
def _held_back(withheld: list[EmailMessage]) -> Iterator[None]:
    """Keep back the e-mails of this thread, in whatever way Django is told to send them."""
    token = _withheld.set(withheld)
    _interpose(1)
    try:
        yield
    finally:
        _interpose(-1)
        _withheld.reset(token)


def _interpose(change: int) -> None:
    """Stand between the project and its e-mails as long as there is an examination."""
    global _examinations
    with _lock:
        _examinations += change
        if _examinations == 1 and change == 1:
            _replace(mail, "get_connection", _withholding_connection)
            _replace(EmailMessage, "send", _withhold)
            _replace(import_string(settings.EMAIL_BACKEND), "send_messages", _withhold_all)
        elif _examinations == 0:
            for (owner, name), real in _real.items():
                setattr(owner, name, real)
            _real.clear()


def _withholding_connection(*args: Any, **kwargs: Any) -> _WithholdingBackend:
    return _WithholdingBackend()


def _replace(owner: Any, name: str, withholding: Callable[..., Any]) -> None:
    """Have ``withholding`` called instead by those threads that examine."""
    real = _real[owner, name] = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        return (real if _withheld.get() is None else withholding)(*args, **kwargs)

    setattr(owner, name, call)


# -- what a request may change in its thread ----------------------------------------------------


@contextmanager
def unchanged_thread() -> Iterator[None]:
    """Language, time zone and URLconf are afterwards what they were: middleware sets them."""
    urlconf = get_urlconf()
    with (
        translation.override(translation.get_language()),
        timezone.override(timezone.get_current_timezone()),
    ):
        try:
            yield
        finally:
            set_urlconf(urlconf)
