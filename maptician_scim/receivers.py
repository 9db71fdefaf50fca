"""What this app does when the host saves, deletes or logs in a user, or changes a group.

The host's users and groups may have records in several tenants, so each looks across them, even
where it is a SCIM request that had the host save something.
"""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from maptician_scim import bookmarks, group_opening, linking, rls, sessions
from maptician_scim.conf import scim_settings
from maptician_scim.models import ProvisionedGroup, ProvisionedUser, SessionKey, detach
from maptician_scim.relations import group_model, relation


@rls.across_tenants()
def keep_record(
    sender: Any, instance: Any, raw: bool, update_fields: frozenset[str] | None, **kwargs: Any
) -> None:
    """``post_save`` of the host user: link new people, notice what admins changed."""
    if raw or getattr(instance, "_scim_is_saving", False):
        return
    if update_fields is not None and not _is_visible(update_fields):
        return  # a login saves last_login; no client can see that
    linking.sync_user(_as_stored(instance))


def _as_stored(instance: Any) -> Any:
    """What was saved, with the values that the database has computed from expressions."""
    if not any(hasattr(value, "resolve_expression") for value in vars(instance).values()):
        return instance
    return type(instance)._base_manager.get(pk=instance.pk)


@rls.across_tenants()
def end_records(sender: Any, instance: Any, **kwargs: Any) -> None:
    """``pre_delete`` of the host user: an id whose person is gone is not served again."""
    for record in ProvisionedUser.objects.live().filter(user=instance):
        detach(record)
    if scim_settings.serves_groups:
        of_user = {f"group__{relation().to_users}": instance}
        ProvisionedGroup.objects.live().filter(**of_user).touch()


@rls.across_tenants()
def keep_group(sender: Any, instance: Any, raw: bool, **kwargs: Any) -> None:
    """``post_save`` of the host group: notice what admins changed of a visible one."""
    if not raw and not getattr(instance, "_scim_is_saving", False):
        group_opening.sync_group(_as_stored(instance))


@rls.across_tenants()
def end_group(sender: Any, instance: Any, **kwargs: Any) -> None:
    """``pre_delete`` of the host group: an id whose group is gone is not served again."""
    group_opening.end_groups(instance)


@rls.across_tenants()
def follow_members(
    sender: Any, instance: Any, action: str, pk_set: set[Any] | None, **kwargs: Any
) -> None:
    """``m2m_changed``: somebody has come or gone by hand, seen from the group or from the user."""
    if action not in ("post_add", "post_remove", "pre_clear"):
        return
    if isinstance(instance, group_model()):
        group_opening.touch_groups([instance.pk])
    elif pk_set is not None:
        group_opening.touch_groups(pk_set)
    else:
        own = group_model()._base_manager.filter(**{relation().to_users: instance})
        group_opening.touch_groups(own.values_list("pk", flat=True))


@rls.across_tenants()
def follow_membership(sender: Any, instance: Any, **kwargs: Any) -> None:
    """``post_save`` and ``post_delete`` of a membership, where it is a model of the host's own."""
    group = instance._meta.get_field(relation().group_field)
    group_opening.touch_groups([getattr(instance, group.attname)])


@rls.across_tenants()
def remember_session(sender: Any, user: Any, request: Any = None, **kwargs: Any) -> None:
    """``user_logged_in``: note the session, so that deactivation can end it."""
    session = getattr(request, "session", None)
    if isinstance(session, SessionBase):
        sessions.remember(user, session)


@rls.across_tenants()
def remember_new_key(sender: Any, instance: Any, created: bool, **kwargs: Any) -> None:
    """``post_save`` of a session: a changed password gives it a new key without a login."""
    if created:
        sessions.remember_row(instance)


@rls.across_tenants()
def forget_session(sender: Any, user: Any, request: Any = None, **kwargs: Any) -> None:
    """``user_logged_out``: the session is gone."""
    session = getattr(request, "session", None)
    if isinstance(session, SessionBase) and session.session_key:
        SessionKey.objects.filter(session_key=session.session_key).delete()


def forget_tenant(sender: Any, instance: Any, **kwargs: Any) -> None:
    """``post_delete`` of a tenant: nobody lists its people any more."""
    bookmarks.forget(instance)


def _is_visible(fields: frozenset[str]) -> bool:
    adapter = scim_settings.USER_ADAPTER
    tenant_field = adapter.tenant_field.partition("__")[0]
    return bool(fields & (adapter.mapping().fields | {tenant_field, f"{tenant_field}_id"}))
