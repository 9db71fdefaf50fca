"""What this app does when the host saves, deletes or logs in a user."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from maptician_scim import linking, sessions
from maptician_scim.conf import scim_settings
from maptician_scim.models import ProvisionedUser, SessionKey, detach


def keep_record(
    sender: Any, instance: Any, raw: bool, update_fields: frozenset[str] | None, **kwargs: Any
) -> None:
    """``post_save`` of the host user: link new people, notice what admins changed."""
    if raw or getattr(instance, "_scim_is_saving", False):
        return
    if update_fields is not None and not _is_visible(update_fields):
        return  # a login saves last_login; no client can see that
    linking.sync_user(instance)


def end_records(sender: Any, instance: Any, **kwargs: Any) -> None:
    """``pre_delete`` of the host user: an id whose person is gone is not served again."""
    for record in ProvisionedUser.objects.live().filter(user=instance):
        detach(record)


def remember_session(sender: Any, user: Any, request: Any = None, **kwargs: Any) -> None:
    """``user_logged_in``: note the session, so that deactivation can end it."""
    session = getattr(request, "session", None)
    if isinstance(session, SessionBase):
        sessions.remember(user, session)


def remember_new_key(sender: Any, instance: Any, created: bool, **kwargs: Any) -> None:
    """``post_save`` of a session: a changed password gives it a new key without a login."""
    if created:
        sessions.remember_row(instance)


def forget_session(sender: Any, user: Any, request: Any = None, **kwargs: Any) -> None:
    """``user_logged_out``: the session is gone."""
    session = getattr(request, "session", None)
    if isinstance(session, SessionBase) and session.session_key:
        SessionKey.objects.filter(session_key=session.session_key).delete()


def _is_visible(fields: frozenset[str]) -> bool:
    adapter = scim_settings.USER_ADAPTER
    tenant_field = adapter.tenant_field.partition("__")[0]
    return bool(fields & (adapter.mapping().fields | {tenant_field, f"{tenant_field}_id"}))
