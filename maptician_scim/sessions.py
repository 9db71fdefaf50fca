"""Which sessions a user has, and ending them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib import import_module
from itertools import islice
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.db import transaction

from maptician_scim import rls
from maptician_scim.exceptions import Unavailable
from maptician_scim.models import ProvisionedUser, SessionKey, now

logger = logging.getLogger(__name__)

BATCH = 500


def store() -> Any:
    """The session class of the configured engine."""
    return import_module(settings.SESSION_ENGINE).SessionStore


def remember(user: AbstractBaseUser, session: SessionBase) -> None:
    """Note that a session belongs to a user; one in a cookie has no key to end it by.

    Somebody who was deactivated since their password was found right has no session afterwards.
    """
    if not (_keeps_rows(session) or _keeps_cache(session)):
        return
    if session.session_key is None:
        session.save()  # login() flushes another user's session and leaves none
    with transaction.atomic():
        SessionKey.objects.update_or_create(
            session_key=session.session_key,
            defaults={"user_id": user.pk, "tenant_id": _tenants_of([user.pk]).get(str(user.pk))},
        )
        if _is_shut_out(user):
            session.flush()
            end(user)


def _is_shut_out(user: AbstractBaseUser) -> bool:
    """Whether a user who was active is not any more, or is gone.

    Locked: a deactivation that is under way is waited for, and one that comes later finds what
    was noted. Some hosts let inactive people in on purpose; for those nothing changes.
    """
    users = get_user_model()._base_manager.select_for_update(of=("self",), no_key=True)
    present = users.filter(pk=user.pk).first()
    return user.is_active and not (present is not None and present.is_active)


def remember_row(row: Any) -> None:
    """Note a new session row that has a user already, as after a change of the password."""
    owner = row.get_decoded().get(SESSION_KEY)
    if owner is not None:
        SessionKey.objects.get_or_create(
            session_key=row.session_key,
            defaults={
                "user_id": owner,
                # Looked for only if the session is new.
                "tenant_id": lambda: _tenants_of([owner]).get(str(owner)),  # type: ignore[misc]
            },
        )


def _tenants_of(users: Iterable[Any]) -> dict[str, Any]:
    """The tenants of users, by their primary keys as text: of several, the first they were in.

    Staff who belong to none are left out.
    """
    records = ProvisionedUser.objects.live().filter(user__in=users).order_by("-id")
    return {str(user): tenant for user, tenant in records.values_list("user", "tenant")}


@rls.across_tenants()
def end(user: AbstractBaseUser) -> None:
    """End every session of a user, in a fixed number of statements.

    A session is a person's, whatever tenants they have a record in, or will have one in. Raises
    ``Unavailable`` where a cache that keeps sessions does not answer: they would be there again as
    soon as it does.
    """
    keys = SessionKey.objects.of(user)
    if not keys:
        return
    engine = store()
    if _keeps_cache(engine):
        _forget([engine.cache_key_prefix + key for key in keys])
    if _keeps_rows(engine):
        Session.objects.filter(session_key__in=keys).delete()
    SessionKey.objects.filter(session_key__in=keys).delete()


def _forget(names: list[str]) -> None:
    try:
        caches[settings.SESSION_CACHE_ALIAS].delete_many(names)
    except Exception as error:  # its client library's own: there is no common class to name
        logger.exception("Sessions could not be ended in the cache")
        raise Unavailable from error


def index_existing() -> int:
    """Note the sessions that began before this app was installed; how many there were."""
    if not _keeps_rows(store()):
        return 0
    known = SessionKey.objects.count()
    live = Session.objects.filter(expire_date__gt=now()).iterator(chunk_size=BATCH)
    for batch in iter(lambda: list(islice(live, BATCH)), []):
        _index(batch)
    return SessionKey.objects.count() - known


def _index(batch: list[Session]) -> None:
    owners = {s.session_key: s.get_decoded().get(SESSION_KEY) for s in batch}
    users = get_user_model()._base_manager.in_bulk([pk for pk in owners.values() if pk])
    present = {str(pk) for pk in users}
    tenants = _tenants_of(users)
    rows = [
        SessionKey(user_id=pk, tenant_id=tenants.get(pk), session_key=k)
        for k, pk in owners.items()
        if pk in present
    ]
    SessionKey.objects.bulk_create(rows, ignore_conflicts=True)


def _keeps_cache(engine: Any) -> bool:
    return hasattr(engine, "cache_key_prefix")


def _keeps_rows(engine: Any) -> bool:
    return hasattr(engine, "get_model_class")
