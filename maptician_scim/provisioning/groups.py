"""The verbs on groups.

What is locked, in this order: the people who are to be added, the host group, our record. Whoever
deletes a person locks the person first and then the groups, so neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import (
    DataError,
    IntegrityError,
    transaction,
)
from django.db.models import ProtectedError, RestrictedError
from django.dispatch import Signal

from maptician_scim import events, membership, rehearsal, relations, rls, safeguard, signals
from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.exceptions import (
    Conflict,
    InvalidValue,
    NotFound,
    Reason,
    RefusedByHost,
    Uniqueness,
)
from maptician_scim.group_adapters import DISPLAY_NAME, GroupAdapter
from maptician_scim.membership import Change, Known
from maptician_scim.models import (
    HeldBack,
    ProvisionedGroup,
    ProvisionedGroupQuerySet,
    now,
    saving,
)
from maptician_scim.protocol import messages
from maptician_scim.protocol.expressions import user_name_key
from maptician_scim.protocol.filters import Sources, WithRelated
from maptician_scim.protocol.group_patch import Plan, separated, without_members
from maptician_scim.protocol.patch import raw_operations
from maptician_scim.protocol.paths import differences
from maptician_scim.provisioning.base import Document, Provisioner, tell_inside, tell_outside
from maptician_scim.tenancy import endpoint_url
from maptician_scim.writing import insert, update

AFTER_COMMIT: dict[str, Signal] = {
    "provisioned": signals.group_provisioned,
    "updated": signals.group_updated,
    "deleted": signals.group_deleted,
}

CHANGED_BY_A_WRITE = (
    "display_name",
    "display_name_key",
    "external_id",
    "attributes",
    "version",
    "modified_at",
)
"""What a PUT or PATCH may change of our record."""

IN_THE_LOG = 100
"""How many members an event names on each side."""


class GroupProvisioner(Provisioner):
    """The verbs on one tenant's groups for one request."""

    resource_type = "Group"
    record_model = ProvisionedGroup
    looked_up_by = {"displayname": "display_name_key", "externalid": "external_id"}

    @cached_property
    def adapter_class(self) -> type[GroupAdapter]:
        adapter = scim_settings.GROUP_ADAPTER
        if adapter is None:
            raise NotFound
        return adapter

    def visible_to(self, tenant: Tenant) -> ProvisionedGroupQuerySet:
        return self.adapter_class.annotated(ProvisionedGroup.objects.for_tenant(tenant))

    def sources(self) -> Sources:
        related = {"members": relations.members_for_filters(self.tenant)}
        return WithRelated(self.adapter_class.mapping(), related)

    def note(self, payload: Document) -> None:
        name = payload.get(DISPLAY_NAME)
        self.origin.group = name if isinstance(name, str) else ""

    def _completed(self, documents: list[Document]) -> list[Document]:
        if documents and self.projection.includes("members"):
            members = relations.members(self.tenant, [d["id"] for d in documents], self._urls)
            for document in documents:
                if document["id"] in members:
                    document["members"] = members[document["id"]]
        return documents

    @property
    def _urls(self) -> Mapping[str, str]:
        return {
            "User": endpoint_url(self.request, "users"),
            "Group": endpoint_url(self.request, "groups"),
        }

    # -- writing -------------------------------------------------------------------------------

    def create(self, payload: Document) -> Document:
        """A new group with these members.

        Raises ``Uniqueness`` if the name is taken, by a group the tenant sees or by one it does
        not, and ``InvalidValue`` for members there are not.
        """
        self.note(payload)
        wanted, plan = self._read(payload, replaces=False)
        return self.write(lambda: self._create(wanted, plan))

    def replace(self, scim_id: str, payload: Document, if_match: str | None) -> Document:
        """A group with just these attributes and members (PUT). Raises what ``create`` raises."""
        self.note(payload)
        wanted, plan = self._read(payload, replaces=True)
        return self._change(scim_id, if_match, plan, lambda adapter: adapter.from_dict(wanted))

    def patch(self, scim_id: str, payload: Document, if_match: str | None) -> Document:
        """A group after the operations of a PATCH body. Raises what ``create`` raises."""
        operations = raw_operations(payload)
        rest, plan = separated(self.adapter_class.mapping().model, operations, scim_id)
        return self._change(scim_id, if_match, plan, lambda adapter: adapter.patch(rest))

    def delete(self, scim_id: str, if_match: str | None) -> None:
        """End a group for ever. The host group goes if SCIM created it, or else is only closed."""
        self.write(lambda: self._delete(scim_id, if_match))

    def _read(self, payload: Document, *, replaces: bool) -> tuple[Document, Plan]:
        rest, members = without_members(payload)
        model = self.adapter_class.mapping().model
        plan = Plan()
        if replaces:
            plan.replace(members)
        else:
            plan.add(members)
        return messages.read_resource(model, rest, replaces=replaces).attributes, plan

    def _create(self, wanted: Document, plan: Plan) -> Document:
        known = membership.known_members(self.tenant, plan)
        adapter = self.adapter_class(None, self.request, tenant=self.tenant)
        adapter.obj = adapter.new_group()
        adapter.provisioned_group = ProvisionedGroup(tenant=self.tenant)
        adapter.from_dict(wanted)
        self._refuse_hidden(adapter)
        self._save_host_group(adapter)
        adapter.record.group = adapter.obj
        self._save_record(adapter)
        change = self._change_members(adapter, plan, known)
        changes = differences({}, adapter.document())
        self._finish(adapter, "provisioned", changes, change, 201)
        return adapter.to_dict(self.projection)

    def _change(
        self,
        scim_id: str,
        if_match: str | None,
        plan: Plan,
        change: Callable[[GroupAdapter], None],
    ) -> Document:
        return self.write(lambda: self._changed(scim_id, if_match, plan, change))

    def _changed(
        self,
        scim_id: str,
        if_match: str | None,
        plan: Plan,
        change: Callable[[GroupAdapter], None],
    ) -> Document:
        try:
            known = membership.known_members(self.tenant, plan)
        except InvalidValue:
            self._locked(scim_id, if_match)  # what is not there is 404 first
            raise
        adapter = self._locked(scim_id, if_match)
        before = adapter.document()
        change(adapter)
        if user_name_key(before[DISPLAY_NAME]) != adapter.record.display_name_key:
            self._refuse_hidden(adapter)
        if adapter.has_changes:
            self._save_host_group(adapter)
        members = self._change_members(adapter, plan, known)
        self._let_go(adapter, members.removed)
        changes = differences(before, adapter.document())
        if changes or members:
            adapter.record.version += 1
            adapter.record.modified_at = max(now(), adapter.record.modified_at)
            self._save_record(adapter)
        self._finish(adapter, "updated", changes, members, 200)
        return adapter.to_dict(self.projection)

    def _change_members(self, adapter: GroupAdapter, plan: Plan, known: Known) -> Change:
        """Who came and went. Raises what a rule of the host's on memberships refuses."""
        try:
            return adapter.change_members(plan, known)
        except IntegrityError as error:
            raise RefusedByHost from error

    def _delete(self, scim_id: str, if_match: str | None) -> None:
        adapter = self._locked(scim_id, if_match)
        if adapter.record.is_created_by_scim and self.connection.is_guarded:
            self._let_go(adapter, membership.people_in(adapter.obj.pk))
        adapter.record.end()
        self._finish(adapter, "deleted", {}, Change(), 204)
        if adapter.record.is_created_by_scim:
            self._delete_host_group(adapter)

    def _let_go(self, adapter: GroupAdapter, people: Sequence[Any]) -> None:
        """Let people lose their place in a group, unless the safeguard stops it."""
        safeguard.let_go(self.connection, HeldBack.group(adapter.record, len(people)), people)

    def _locked(self, scim_id: str, if_match: str | None) -> GroupAdapter:
        """The group, locked until the end of the transaction, if it is what was meant."""
        record = self.locked_record(scim_id)
        if record is None:
            raise self.not_found(scim_id)
        record.tenant = self.tenant
        adapter = self.adapter_class(record.group, self.request, provisioned_group=record)
        self.origin.group = record.display_name
        version = messages.etag(str(record.version))
        self.check_preconditions(if_match, version)
        return adapter

    def _save_host_group(self, adapter: GroupAdapter) -> None:
        """Save the host group. Raises what the host's own rules refuse."""
        try:
            with saving(adapter.obj), transaction.atomic():
                adapter.save()
        except IntegrityError as error:
            self._refuse_taken(adapter)
            raise RefusedByHost from error
        except DataError as error:
            raise InvalidValue("A value does not fit into its column.") from error
        except ValidationError as error:
            raise adapter.refused_by_host(error) from error

    def _save_record(self, adapter: GroupAdapter) -> None:
        """Save our record; the database says whether the name is free."""
        record = adapter.record
        try:
            if record._state.adding:
                record.modified_at = record.created_at
                insert(record)
            else:
                update(record, *CHANGED_BY_A_WRITE)
        except IntegrityError as error:
            raise _taken(record.display_name) from error

    def _refuse_hidden(self, adapter: GroupAdapter) -> None:
        """Refuse the name of a host group that nobody has opened to SCIM."""
        if adapter.find_hidden(adapter.record.display_name) is not None:
            raise Uniqueness(
                f"A group called {adapter.record.display_name!r} exists in Maptician already and "
                "is managed there. An administrator of Maptician can open it to SCIM, after which "
                "it can be found and linked; or push the group under another name.",
                reason=Reason.GROUP_NOT_OPEN,
                facts={"name": adapter.record.display_name},
            )

    def _refuse_taken(self, adapter: GroupAdapter) -> None:
        """Refuse a name that another group the tenant sees has."""
        named = ProvisionedGroup.objects.ever_of(self.tenant).live()
        key = adapter.record.display_name_key
        if named.filter(display_name_key=key).exclude(pk=adapter.record.pk).exists():
            raise _taken(adapter.record.display_name)

    def _delete_host_group(self, adapter: GroupAdapter) -> None:
        try:
            membership.empty(adapter.obj.pk)
            with rls.across_tenants():  # a host's group may be known to several tenants
                adapter.delete()
        except (ProtectedError, RestrictedError) as error:
            raise Conflict(
                "This group cannot be deleted because other records refer to it. "
                "Remove its members instead."
            ) from error

    def _finish(
        self,
        adapter: GroupAdapter,
        verb: str,
        changes: dict[str, Any],
        members: Change,
        status: int,
    ) -> None:
        """Write the event and tell the host: inside the transaction now, outside after it."""
        self.origin.resource_id = adapter.id
        self.origin.group = adapter.record.display_name
        self.origin.members_added = len(members.added) + len(members.added_groups)
        self.origin.members_removed = len(members.removed) + len(members.removed_groups)
        changes |= self._member_changes(members)
        arguments = {
            "tenant": self.tenant,
            "group": adapter.obj,
            "provisioned_group": adapter.record,
            "added": members.added,
            "removed": members.removed,
            "changes": changes,
        }
        if (changes or verb == "deleted") and not rehearsal.is_on():
            tell_inside(signals.group_in_transaction, self.adapter_class, verb, arguments)
            told = (AFTER_COMMIT[verb], self.adapter_class, arguments, self.origin.correlation_id)
            transaction.on_commit(partial(tell_outside, *told))
        events.record(self.origin, status, changes=changes)

    def _member_changes(self, members: Change) -> dict[str, Any]:
        """Who has come and gone, as the log keeps it: the ids of the first, and how many more."""
        sides = {
            "old": (members.removed, members.removed_groups),
            "new": (members.added, members.added_groups),
        }
        if not members:
            return {}
        ids = self._ids([u for users, _ in sides.values() for u in users[:IN_THE_LOG]])
        change: dict[str, Any] = {}
        for side, (users, groups) in sides.items():
            named = [ids[user] for user in users[:IN_THE_LOG] if user in ids]
            named += [str(i) for i in self._group_ids(groups[:IN_THE_LOG])]
            more = len(users) + len(groups) - len(named)
            change[side] = [*named, f"and {more} more"] if more else named or None
        return {"members": change}

    def _ids(self, users: list[Any]) -> dict[Any, str]:
        if not users:
            return {}
        return relations.ids_of(self.tenant, users)

    def _group_ids(self, groups: list[int]) -> list[Any]:
        if not groups:
            return []
        records = ProvisionedGroup.objects.for_tenant(self.tenant).filter(pk__in=groups)
        return list(records.values_list("scim_id", flat=True))


def _taken(display_name: str) -> Uniqueness:
    return Uniqueness(
        f"There is a group called {display_name!r} already. Look it up with the filter "
        'displayName eq "..." and link it, or push this one under another name.',
        reason=Reason.GROUP_TAKEN,
        facts={"name": display_name},
    )
