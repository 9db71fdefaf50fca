"""The verbs on people."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction
from django.db.models import Exists, OuterRef, ProtectedError, RestrictedError
from django.dispatch import Signal

from maptician_scim import (
    bookmarks,
    events,
    membership,
    rehearsal,
    relations,
    rls,
    safeguard,
    signals,
)
from maptician_scim.adapters import GROUPS_COLUMN, UserAdapter, critical_changes
from maptician_scim.bookmarks import Place
from maptician_scim.conf import HostUser, Tenant, scim_settings
from maptician_scim.exceptions import (
    Conflict,
    Forbidden,
    InvalidValue,
    Reason,
    RefusedByHost,
    Uniqueness,
)
from maptician_scim.mapping import ACTIVE
from maptician_scim.models import (
    Event,
    HeldBack,
    ProvisionedUser,
    ProvisionedUserQuerySet,
    detach,
    now,
    saving,
)
from maptician_scim.protocol import messages
from maptician_scim.protocol.expressions import user_name_key
from maptician_scim.protocol.filters import Sources, WithRelated
from maptician_scim.protocol.messages import ResourceDocument
from maptician_scim.protocol.patch import raw_operations
from maptician_scim.protocol.paths import differences
from maptician_scim.provisioning.base import Document, Provisioner, tell_inside, tell_outside
from maptician_scim.provisioning.newcomers import heard_of
from maptician_scim.statements import attach, new
from maptician_scim.writing import insert, update

AFTER_COMMIT: dict[str, Signal] = {
    "provisioned": signals.user_provisioned,
    "updated": signals.user_updated,
    "deactivated": signals.user_deactivated,
    "reactivated": signals.user_reactivated,
    "deleted": signals.user_deleted,
}

CHANGED_BY_A_WRITE = (
    "user_name",
    "user_name_key",
    "external_id",
    "attributes",
    "received",
    "active_when_removed",
    "digest",
    "modified_at",
)
"""What a PUT or PATCH may change of our record."""

EVENT_VERBS = {"deactivated": "deactivate", "reactivated": "reactivate"}
"""What a PUT or PATCH is called in the log when it did more than change attributes."""


class _UsernameTaken(Exception):
    """The host user could not be saved, perhaps because somebody has the derived username."""


class UserProvisioner(Provisioner):
    """The verbs on one tenant's users for one request."""

    resource_type = "User"
    record_model = ProvisionedUser
    looked_up_by = {"username": "user_name_key", "externalid": "external_id"}
    _takes_another_username = False

    @cached_property
    def adapter_class(self) -> type[UserAdapter]:
        return scim_settings.USER_ADAPTER

    def visible_to(self, tenant: Tenant) -> ProvisionedUserQuerySet:
        records = self.adapter_class.annotated(ProvisionedUser.objects.for_tenant(tenant))
        return records.annotate(**self.beside(tenant))

    @property
    def _shows_groups(self) -> bool:
        return scim_settings.serves_groups and self.projection.includes("groups")

    @property
    def columns_beside(self) -> tuple[str, ...]:
        return (GROUPS_COLUMN,) if self._shows_groups else ()

    def beside(self, tenant: Tenant) -> dict[str, Any]:
        return {name: relations.groups_column(tenant) for name in self.columns_beside}

    def can_be_compiled(self) -> bool:
        groups = scim_settings.GROUP_ADAPTER if self._shows_groups else None
        return super().can_be_compiled() and (groups is None or groups.can_be_compiled())

    def reading_depends_on(self) -> tuple[object, ...]:
        groups = scim_settings.GROUP_ADAPTER if self._shows_groups else None
        return (*super().reading_depends_on(), groups)

    def place(self, first: int) -> Place | None:
        return bookmarks.place(self.tenant, first)

    def sources(self) -> Sources:
        if not scim_settings.serves_groups:
            return super().sources()
        related = {"groups": relations.groups_for_filters(self.tenant)}
        return WithRelated(self.adapter_class.mapping(), related)

    # -- writing -------------------------------------------------------------------------------

    def create(self, payload: Document) -> Document:
        """A new person, or one whom DELETE had detached, taken up again under a new id.

        Raises ``Uniqueness`` if the userName is taken, ``Forbidden`` for a protected account.
        """
        self.note(payload)
        if not self.connection.may_create:
            raise Forbidden(
                "New people may not be created here. Whoever issued the token can allow it.",
                reason=Reason.CREATE_OFF,
            )
        wanted = self.wanted(payload, replaces=False)
        wanted.attributes.setdefault("active", True)
        return self._written(lambda: self._create(wanted))

    def replace(self, scim_id: str, payload: Document, if_match: str | None) -> Document:
        """A person with just these attributes (PUT). Raises what ``create`` raises."""
        self.note(payload)
        wanted = self.wanted(payload, replaces=True)
        return self._change(scim_id, if_match, lambda adapter: adapter.replace(wanted))

    def patch(self, scim_id: str, payload: Document, if_match: str | None) -> Document:
        """A person after the operations of a PATCH body. Raises what ``create`` raises."""
        operations = raw_operations(payload)
        return self._change(
            scim_id, if_match, lambda adapter: adapter.handle_operations(operations)
        )

    def delete(self, scim_id: str, if_match: str | None) -> None:
        """Detach a person from SCIM for ever; the host user is kept, or deleted by setting."""
        self.write(lambda: self._delete(scim_id, if_match))

    def note(self, payload: Document) -> None:
        user_name = payload.get("userName")
        self.origin.user_name = user_name if isinstance(user_name, str) else ""
        self.origin.email = next((a for _, a in messages.addresses(payload)), "")

    def _create(self, wanted: ResourceDocument) -> Document:
        user_name = str(wanted.attributes["userName"])
        adapter = self._adapter_for_new(user_name)
        is_known = adapter.obj.pk is not None
        if is_known and adapter.is_protected():
            raise _protected()
        was_active = is_known and adapter.is_active
        adapter.provisioned_user = new(ProvisionedUser, tenant_id=self.tenant.pk)
        attach(adapter.record, "tenant", self.tenant)
        if is_known and scim_settings.serves_groups:
            setattr(adapter.record, GROUPS_COLUMN, self._groups_of(adapter.obj))
        adapter.take(wanted)
        if self.connection.email_domains:
            self._check_addresses({}, adapter.document())
        if was_active and not adapter.is_active:
            self._let_go(adapter)
        self._save_host_user(adapter)
        adapter.record.user = adapter.obj
        if was_active and not adapter.is_active:
            adapter.end_access()
        document = self._save_record(adapter)
        changes = differences({}, document)
        resource = adapter.described(document)
        if "groups" in resource:
            relations.touch_groups_of(self.tenant, [adapter.obj.pk])
        self._finish(adapter, "provisioned", changes, 201)
        return resource

    def _adapter_for_new(self, user_name: str) -> UserAdapter:
        """An adapter around the host user a POST is about: a former one, or a new one."""
        adapter = self.adapter_class(None, self.request, tenant=self.tenant)
        heard = heard_of(adapter, user_name)
        if heard.user is not None and heard.ended is None:
            self._check_is_free(user_name, adapter)
        elif heard.user is not None and (kept := self._kept_user(heard.user)):
            adapter.obj = kept
            return adapter
        found = adapter.find_existing(user_name) if heard.may_exist else None
        adapter.obj = found or adapter.new_user()
        return adapter

    def _check_is_free(self, user_name: str, adapter: UserAdapter) -> None:
        """Raise ``Uniqueness`` if the userName is that of somebody in the tenant."""
        latest = ProvisionedUser.objects.latest_with(self.tenant, user_name_key(user_name))
        if latest is None or latest.deleted_at is not None:
            return  # ended meanwhile
        adapter.obj = latest.user
        if adapter.belongs_to_tenant():
            adapter.provisioned_user = latest
            raise _taken(user_name, by=adapter)
        detach(latest)  # moved to another tenant without our being told

    def _groups_of(self, user: HostUser) -> Any:
        """The groups of somebody who is taken up, fetched with them if ``_kept_user`` did."""
        if hasattr(user, GROUPS_COLUMN):
            return getattr(user, GROUPS_COLUMN)
        users = self.adapter_class.users_of(self.tenant).filter(pk=user.pk)
        return users.values_list(relations.groups_column(self.tenant, "pk"), flat=True).first()

    def _kept_user(self, user_pk: Any) -> HostUser | None:
        """The host user whom DELETE had detached, locked; none if linked again or moved away."""
        linked = ProvisionedUser.objects.ever_of(self.tenant).live().filter(user=OuterRef("pk"))
        users = self.adapter_class.users_of(self.tenant).filter(~Exists(linked))
        if scim_settings.serves_groups:
            groups = relations.groups_column(self.tenant, "pk")
            users = users.annotate(**{GROUPS_COLUMN: groups})
        return users.select_for_update(of=("self",)).filter(pk=user_pk).first()

    def _change(
        self, scim_id: str, if_match: str | None, change: Callable[[UserAdapter], None]
    ) -> Document:
        return self._written(lambda: self._changed(scim_id, if_match, change))

    def _written(self, work: Callable[[], Document]) -> Document:
        """The result of a verb in one transaction, without a savepoint in it.

        A username that is taken over all tenants undoes everything; the verb then runs once more
        with another one. Doing all again costs the few it happens to a little. A savepoint around
        each ``INSERT`` would cost everybody two statements.
        """
        self._takes_another_username = False
        try:
            return self.write(work)
        except _UsernameTaken:
            # Says nothing to this tenant about who has it.
            self._takes_another_username = True
        return self.write(work)

    def _changed(
        self, scim_id: str, if_match: str | None, change: Callable[[UserAdapter], None]
    ) -> Document:
        adapter, before = self._locked(scim_id, if_match)
        was_active = adapter.is_active
        is_protected = adapter.is_protected()
        change(adapter)
        wanted = adapter.document()
        changes = differences(before, wanted)
        if is_protected and (critical_changes(changes) or adapter.has_new_password):
            raise _protected()
        if self.connection.email_domains:
            self._check_addresses(before, wanted)
        if was_active and not adapter.is_active:
            self._let_go(adapter)
        if adapter.has_changes:
            self._save_host_user(adapter)
        if was_active and not adapter.is_active:
            adapter.end_access()
        after = self._save_record(adapter)
        if after != wanted:  # the host's own save has its say
            changes = differences(before, after)
        verb = {(True, False): "deactivated", (False, True): "reactivated"}.get(
            (was_active, adapter.is_active), "updated"
        )
        self._finish(adapter, verb, changes, 200)
        return adapter.described(after)

    def _delete(self, scim_id: str, if_match: str | None) -> None:
        adapter, _ = self._locked(scim_id, if_match)
        if adapter.is_protected():
            raise _protected()
        changes = {"active": {"old": True, "new": False}} if adapter.is_active else {}
        if adapter.is_active:
            self._let_go(adapter)
        user, record = adapter.obj, adapter.record
        adapter.end_access()
        if scim_settings.serves_groups:
            membership.end_memberships(self.tenant, user.pk)
        if self.connection.deletes == "delete":
            detach(record)
            self._finish(adapter, "deleted", changes, 204)
            self._delete_host_user(adapter)
            return
        adapter.deactivate()
        with saving(user):
            adapter.save()
        detach(record)
        self._finish(adapter, "deleted", changes, 204)

    def _let_go(self, adapter: UserAdapter) -> None:
        """Let somebody who is active lose their access, unless the safeguard stops it."""
        if self.connection.is_guarded:
            held = HeldBack.person(adapter.obj, adapter.record)
            safeguard.let_go(self.connection, held, [adapter.obj.pk])

    def _locked(self, scim_id: str, if_match: str | None) -> tuple[UserAdapter, Document]:
        """The person, locked until the end of the transaction, if they are who was meant; and what
        a client may write of them."""
        record = self.locked_record(scim_id)
        if record is None:
            raise self.not_found(scim_id)
        record.tenant = self.tenant
        adapter = self.adapter_class(record.user, self.request, provisioned_user=record)
        document = adapter.document()
        self.note(document)
        if if_match is not None or self.if_none_match is not None:
            self.check_preconditions(if_match, messages.etag(messages.digest(document)))
        return adapter, document

    def _check_addresses(self, before: Document, after: Document) -> None:
        """Refuse addresses that are new and in a domain the tenant does not accept.

        Somebody who is here already can still be updated and deactivated.
        """
        known = {address.lower() for _, address in messages.addresses(before)}
        for name, address in messages.addresses(after):
            if address.lower() not in known and not self.connection.accepts_address(address):
                domains = ", ".join(self.connection.email_domains)
                raise InvalidValue(
                    f"{name!r} is {address!r}, but only addresses in these domains are accepted "
                    f"here: {domains}.",
                    reason=Reason.EMAIL_DOMAIN,
                    facts={"address": address},
                )

    def _save_host_user(self, adapter: UserAdapter) -> None:
        """Save the host user.

        Raises ``_UsernameTaken`` where another username may help, and ``InvalidValue`` for what
        the host's own rules refuse.
        """
        if self._takes_another_username and adapter.is_renamed:
            adapter.take_another_username()
        try:
            with saving(adapter.obj):
                adapter.save()
        except IntegrityError as error:
            if adapter.is_renamed and not self._takes_another_username:
                raise _UsernameTaken from error
            raise RefusedByHost from error
        except DataError as error:
            raise InvalidValue("A value does not fit into its column.") from error
        except ValidationError as error:
            raise adapter.refused_by_host(error) from error

    def _save_record(self, adapter: UserAdapter) -> Document:
        """What a client may write, once our record is saved with it.

        The database says whether the userName is free.
        """
        record, document = adapter.record, adapter.document()
        fingerprint = messages.digest(document)
        if fingerprint != record.digest and not record._state.adding:
            record.modified_at = max(now(), record.modified_at)
        record.digest = fingerprint
        try:
            if record._state.adding:
                record.modified_at = record.created_at
                insert(record)
            else:
                update(record, *CHANGED_BY_A_WRITE)
        except IntegrityError as error:
            raise _taken(record.user_name) from error
        self.origin.resource_id = adapter.id
        self.note(document)
        return document

    def _delete_host_user(self, adapter: UserAdapter) -> None:
        try:
            with rls.across_tenants():  # there may be ended records in tenants they have left
                adapter.delete()
        except (ProtectedError, RestrictedError) as error:
            raise Conflict(
                "This person cannot be deleted because other records refer to them. "
                "Deactivate them instead."
            ) from error

    def _finish(
        self, adapter: UserAdapter, verb: str, changes: dict[str, Any], status: int
    ) -> None:
        """Write the event and tell the host: inside the transaction now, outside after it."""
        self.origin.resource_id = adapter.id
        if changes:
            self.origin.verb = EVENT_VERBS.get(verb, self.origin.verb)
        arguments = {
            "tenant": self.tenant,
            "user": adapter.obj,
            "provisioned_user": adapter.record,
            "changes": changes,
        }
        is_heard = changes or adapter.has_new_password or verb == "deleted"
        if is_heard and not rehearsal.is_on():
            tell_inside(signals.in_transaction, self.adapter_class, verb, arguments)
            if AFTER_COMMIT[verb].has_listeners(self.adapter_class):
                told = (AFTER_COMMIT[verb], self.adapter_class, arguments)
                transaction.on_commit(partial(tell_outside, *told, self.origin.correlation_id))
        events.record(self.origin, status, changes=changes)


def _taken(user_name: str, *, by: UserAdapter | None = None) -> Uniqueness:
    """The refusal of a userName that somebody has: ``by`` whom, if they are known."""
    if by is None or by.is_active:
        return Uniqueness(
            f"The userName {user_name!r} belongs to somebody already. Look it up with the filter "
            f'userName eq "..." and update that person.',
            reason=Reason.TAKEN,
            facts={"id": by.id} if by else None,
        )
    return Uniqueness(
        f"The userName {user_name!r} belongs to somebody who is deactivated. To bring them back, "
        f'look them up with the filter userName eq "..." and set active to true.',
        reason=Reason.TAKEN_INACTIVE,
        facts=_since(by),
    )


def _since(adapter: UserAdapter) -> dict[str, str]:
    """The person's id, and since when they are deactivated.

    If SCIM did it, the log knows the moment. If an administrator did, the record knows when it was
    last changed, which may have been later.
    """
    last = (
        Event.objects.for_tenant(adapter.tenant)
        .filter(resource_id=adapter.id, status__lt=400)
        .filter(verb__in=["create", "deactivate", "reactivate"])
        .order_by("-id")
        .first()
    )
    facts = {"id": adapter.id}
    if last is None:
        return facts | {"by_then": adapter.record.modified_at.isoformat()}
    if last.verb == "deactivate" or last.changes.get(ACTIVE, {}).get("new") is False:
        return facts | {"since": last.created_at.isoformat()}
    return facts | {"by_then": adapter.record.modified_at.isoformat(), "by": "host"}


def _protected() -> Forbidden:
    return Forbidden(
        "This account is protected: it cannot be deactivated, renamed, deleted or taken over by "
        "provisioning. Its own administrators manage it; unassign it from the app.",
        reason=Reason.PROTECTED,
    )
