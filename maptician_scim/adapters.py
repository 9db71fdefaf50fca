"""From SCIM to the host's models and back. A host subclasses ``UserAdapter``.

The contract is django-scim2's (``obj``, ``request``, ``to_dict``, ``from_dict``, ``save``,
``delete``, ``handle_operations``), so an adapter written for it feels at home. This is the only
module that touches that package.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django_scim.adapters import SCIMUser
from scim2_models import Extension

from maptician_scim import sessions
from maptician_scim.columns import cannot_take, check_length, column_value, field_at, max_length
from maptician_scim.conf import HostUser, Tenant, scim_settings
from maptician_scim.exceptions import Conflict, Forbidden, InvalidValue, Reason
from maptician_scim.mapping import ACTIVE, USER_NAME, Attribute, AttributeMap, Mapped, Parts
from maptician_scim.models import ProvisionedUser
from maptician_scim.protocol import messages
from maptician_scim.protocol.expressions import Moment, Written, user_name_key
from maptician_scim.protocol.extensions import is_unknown_schema, keep_immutable
from maptician_scim.protocol.messages import ResourceDocument
from maptician_scim.protocol.patch import patch_resource
from maptician_scim.protocol.projection import EVERYTHING, Projection
from maptician_scim.protocol.schemas import CORE_USER, user_model
from maptician_scim.relations import group_entries
from maptician_scim.roles import Entitlement, Role, completed
from maptician_scim.statements import Row, columns, compiled, inherits, new, slot, split
from maptician_scim.tenancy import base_url, endpoint_url, tenant_key
from maptician_scim.writing import save

if TYPE_CHECKING:
    from maptician_scim.models import ProvisionedUserQuerySet

Document = dict[str, Any]

GROUPS_COLUMN = "scim_groups"
"""Under this name ``relations.groups_column`` stands beside records whose groups are shown."""

NOT_IN_A_USERNAME = re.compile(r"[^\w.@+-]")
DESCRIBING = (Written("scim_id"), Moment("created_at"), Moment("modified_at"))
"""The columns that ``id`` and ``meta`` are made of."""

CRITICAL = (USER_NAME, ACTIVE, "password", "emails", "name")


@dataclass(frozen=True)
class Provenance:
    """Where the present value of a mapped attribute comes from."""

    path: str
    field: str
    value: Any
    received: Any
    will_be: Any
    """The value after the client's next PUT."""

    @property
    def was_sent(self) -> bool:
        """Whether the client has sent this attribute, when it last said anything about it."""
        return self.received is not None

    @property
    def is_overridden(self) -> bool:
        """Whether it was changed in the host since, so that the next PUT changes it back."""
        return bool(self.will_be != self.value)


class UserAdapter(SCIMUser):
    """One host user as one tenant's SCIM resource.

    ``tenant_field`` is the way from the host user to its tenant, as an ORM path. ``attribute_map``
    maps SCIM paths, written as identity providers write them, to fields of the host user. Every
    method without an underscore may be overridden.
    """

    tenant_field: ClassVar[str]
    attribute_map: ClassVar[Mapping[str, str | Attribute | None]]
    extensions: ClassVar[tuple[type[Extension], ...]] = ()
    """Schema extensions of the host's own, beside the enterprise extension."""

    locked_relations: ClassVar[tuple[str, ...]] = ("user", "self")
    """What a write locks, in this order: an admin's save locks the host user first, too."""

    _mapping: ClassVar[AttributeMap]

    def __init__(
        self,
        obj: HostUser,
        request: HttpRequest | None = None,
        *,
        provisioned_user: ProvisionedUser | None = None,
        tenant: Tenant | None = None,
    ) -> None:
        super().__init__(obj, request)  # type: ignore[no-untyped-call]  # django-scim2 has no types
        self.provisioned_user = provisioned_user
        self.tenant = tenant or (provisioned_user.tenant if provisioned_user else None)
        self.has_changes = False
        self.has_new_password = False
        self.is_renamed = False

    # -- which people -----------------------------------------------------------------------

    @classmethod
    def scope(cls, records: ProvisionedUserQuerySet, tenant: Tenant) -> ProvisionedUserQuerySet:
        """The records whose people belong to the tenant by the host's own account."""
        return records.filter(**{f"user__{cls.tenant_field}__scim_is_also": tenant})

    @classmethod
    def users_of(cls, tenant: Tenant) -> QuerySet[Any]:
        """The host users of a tenant."""
        return get_user_model()._base_manager.filter(**{cls.tenant_field: tenant})

    @classmethod
    def tenants_of(cls, user: HostUser) -> list[Tenant]:
        """The tenants a host user belongs to."""
        related = getattr(user, cls.tenant_field)
        return [related] if related is not None else []

    def belongs_to_tenant(self) -> bool:
        """Whether the host user belongs to the adapter's tenant."""
        return self.tenant in self.tenants_of(self.obj)

    def is_protected(self) -> bool:
        """Whether SCIM must not deactivate, rename, delete or take over this account."""
        return bool(
            getattr(self.obj, "is_staff", False) or getattr(self.obj, "is_superuser", False)
        )

    def owns_account(self) -> bool:
        """Whether no other tenant shares the host user, whose fields then are this tenant's.

        The identity provider of one tenant must not change what somebody logs in with at another.
        """
        if "__" not in self.tenant_field or self.obj.pk is None:
            return True
        return len(self.tenants_of(self.obj)) < 2

    def new_user(self) -> HostUser:
        """A host user for the adapter's tenant, not yet saved."""
        user = new(get_user_model())
        setattr(user, self.tenant_field, self.tenant)
        _make_password_unusable(user)
        return user

    def find_existing(self, user_name: str) -> HostUser | None:
        """A host user without a SCIM record that a POST with this userName is meant to be.

        By default one of the same tenant only: a person known under another tenant is neither
        revealed nor taken over, but gets a second, separate account.
        """
        field = self.mapping().user_name
        if field is None or "__" in field.field:
            return None
        tenant: Tenant = self.tenant
        names = {"sent": user_name, "derived": self.username_for(user_name)}
        if not inherits(type(self), UserAdapter, "users_of"):
            return self._unlinked(tenant, field.field, names.values()).first()
        statement = compiled(("unlinked", type(self), field.field), self.to_find_existing)
        for row in statement.page({"tenant": tenant.pk} | names, 0, 1):
            return split(get_user_model(), statement.using, row)[0]
        return None

    @classmethod
    def _unlinked(cls, tenant: Tenant, field: str, names: Iterable[Any]) -> QuerySet[Any]:
        """The host users of a tenant with one of these usernames who have no record there."""
        users = cls.users_of(tenant).filter(**{f"{field}__in": list(names)})
        return users.exclude(scim_records__tenant=tenant).order_by("pk")

    @classmethod
    def to_find_existing(cls) -> QuerySet[Any, Any]:
        """What ``find_existing`` asks for, with slots for values."""
        attribute, users = cls.mapping().user_name, get_user_model()
        field = attribute.field if attribute else users.USERNAME_FIELD
        names = [slot(name, users, field) for name in ("sent", "derived")]
        found = cls._unlinked(slot("tenant", ProvisionedUser, "tenant"), field, names)
        return found.values_list(*columns(users))

    # -- what can be assigned to people ---------------------------------------------------------

    @classmethod
    def roles(cls, tenant: Tenant) -> Sequence[Role]:
        """The roles of a tenant, always in the same order; none by default."""
        return ()

    @classmethod
    def entitlements(cls, tenant: Tenant) -> Sequence[Entitlement]:
        """The entitlements of a tenant, always in the same order; none by default."""
        return ()

    # -- names ---------------------------------------------------------------------------------

    def username_for(self, user_name: str) -> str:
        """The host's own username for a SCIM userName.

        It may have to be unique over all tenants, so it carries the tenant:
        ``pat@example.com@acme``. Characters Django's validator refuses become underscores.
        """
        suffix = f"@{tenant_key(self.tenant)}"
        return NOT_IN_A_USERNAME.sub("_", self._cut(user_name, suffix)) + suffix

    def another_username_for(self, user_name: str) -> str:
        """The same where that one is taken, by a staff account for instance."""
        suffix = f"-{secrets.token_hex(4)}@{tenant_key(self.tenant)}"
        return NOT_IN_A_USERNAME.sub("_", self._cut(user_name, suffix)) + suffix

    def initial_user_names(self) -> Iterator[str]:
        """The SCIM userNames, best first, for somebody who was there before SCIM.

        The first that nobody else of the tenant has is taken.
        """
        yield str(self.obj.get_username())

    def _cut(self, user_name: str, suffix: str) -> str:
        """As much of the name as fits; a cut name ends in something that tells it apart."""
        attribute = self.mapping().user_name
        limit = (max_length(attribute.field) if attribute else None) or 150
        room = limit - len(suffix)
        if len(user_name) <= room and not NOT_IN_A_USERNAME.search(user_name):
            return user_name
        mark = "-" + messages.digest({USER_NAME: user_name_key(user_name)})[:8]
        return user_name[: room - len(mark)] + mark

    # -- reading -------------------------------------------------------------------------------

    @classmethod
    def mapping(cls) -> AttributeMap:
        """The attribute map of this class. Raises ``ValueError`` if it makes no sense."""
        if "_mapping" not in cls.__dict__:
            cls._mapping = AttributeMap(cls.attribute_map, user_model(cls.extensions))
        return cls._mapping

    @classmethod
    def documents(
        cls,
        records: ProvisionedUserQuerySet,
        request: HttpRequest,
        projection: Projection = EVERYTHING,
    ) -> list[Document]:
        """The resources of annotated records, straight from rows: one query, no model instance."""
        return cls.documents_in(cls.rows(records), request)

    @classmethod
    def rows(cls, records: ProvisionedUserQuerySet) -> QuerySet[Any, Any]:
        """The columns of annotated records that ``documents_in`` takes."""
        groups = [GROUPS_COLUMN] if GROUPS_COLUMN in records.query.annotations else []
        return records.values_list(
            *DESCRIBING,
            "user_name",
            "external_id",
            "attributes",
            "active_when_removed",
            *cls.mapping().aliases,
            *groups,
        )

    @classmethod
    def documents_in(cls, rows: Iterable[Row], request: HttpRequest) -> list[Document]:
        """The resources of such rows."""
        mapping, base = cls.mapping(), endpoint_url(request)
        width, groups_url = len(mapping.mapped), ""
        found = []
        for scim_id, created, modified, user_name, external_id, kept, removed, *mapped in rows:
            values = mapping.shown(mapped[:width], removed)
            document = mapping.document(user_name, external_id, kept, values)
            _describe(document, str(scim_id), created, modified, base)
            for groups in mapped[width:]:
                if groups:
                    groups_url = groups_url or endpoint_url(request, "groups")
                    document["groups"] = group_entries(groups, groups_url)
            found.append(document)
        return found

    @classmethod
    def can_be_compiled(cls) -> bool:
        """Whether which people a tenant sees is asked as in this class, and so can be compiled.

        A host's own ``scope`` may depend on anything, on the time of day for instance.
        """
        return inherits(cls, UserAdapter, "scope", "annotated", "rows", "documents")

    @classmethod
    def annotated(cls, records: ProvisionedUserQuerySet) -> ProvisionedUserQuerySet:
        """The records with the mapped columns beside them, for rows and filters."""
        return records.annotate(**cls.mapping().aliases)

    @classmethod
    def has_address(cls, address: str) -> Q:
        """The condition on records that a mapped e-mail column holds this address.

        As it is written or in lower case, so that an index of the host's on the column serves.
        """
        lines = [m for m in cls.mapping().mapped if m.path.attribute == "emails"]
        found = Q(pk__in=[])
        for mapped in lines:
            if mapped.path.sub_attribute == "value":
                found |= Q(**{f"user__{mapped.attribute.field}__in": {address, address.lower()}})
        return found

    @classmethod
    def activity_of(cls, records: ProvisionedUserQuerySet) -> dict[int, bool]:
        """Which of these people may use their tenant, by the record's primary key; one query.

        Whoever does not belong to the tenant any more is left out.
        """
        [field] = [m.attribute.field for m in cls.mapping().mapped if m.path.text == ACTIVE]
        here = records.filter(**{f"user__{cls.tenant_field}": F("tenant")})
        return {pk: bool(value) for pk, value in here.values_list("pk", f"user__{field}")}

    @property
    def record(self) -> ProvisionedUser:
        """The provisioned user, which every saved resource has."""
        if self.provisioned_user is None:
            raise RuntimeError("This adapter has no provisioned user yet.")
        return self.provisioned_user

    @property
    def id(self) -> str:
        return str(self.record.scim_id)

    @property
    def endpoint(self) -> str:
        """The URL of the tenant's users: where the client asked, or else as customers enter it."""
        if self._request is None:
            return f"{base_url(self.tenant)}/Users"
        return endpoint_url(self._request)

    @property
    def location(self) -> str:
        return f"{self.endpoint}/{self.id}"

    @property
    def groups(self) -> list[Document]:
        """The groups of the person, as far as whoever fetched the record has asked for them."""
        rows = getattr(self.record, GROUPS_COLUMN, None)
        return group_entries(rows, f"{self.endpoint.removesuffix('/Users')}/Groups")

    def document(self) -> Document:
        """What a client may write: the resource without ``id`` and ``meta``."""
        record = self.record
        mapping = self.mapping()
        kept = {name: _copied(value) for name, value in record.attributes.items()}
        values = mapping.values_in(self)
        return mapping.document(record.user_name, record.external_id, kept, values)

    def to_dict(self) -> Document:
        """The whole resource as a client sees it (RFC 7643 section 3)."""
        return self.described(self.document())

    def described(self, document: Document) -> Document:
        """The present ``document`` with ``id``, ``meta`` and ``groups``; it is taken over."""
        record = self.record
        _describe(document, self.id, record.created_at, record.modified_at, self.endpoint)
        if groups := self.groups:
            document["groups"] = groups
        return document

    def provenance(self) -> list[Provenance]:
        """Each mapped attribute, what the client last sent for it, and what its next PUT does.

        A client's PUT is what GET answers with the client's own values put over it. So it brings
        back what the client has sent before, and leaves alone what it has never sent.
        """
        received = self.record.received
        found = []
        for mapped in self.mapping().mapped:
            text, value = mapped.path.text, _shown(mapped.value_in(self))
            sent = received.get(text)
            kept = value if sent is None or sent == value else _as_kept(mapped, sent)
            found.append(Provenance(text, mapped.attribute.field, value, sent, will_be=kept))
        return found

    # -- writing -------------------------------------------------------------------------------

    def from_dict(self, d: Document) -> None:
        """Take over a whole resource (POST, PUT); ``save`` writes it.

        What is left out is forgotten, except ``active``. Raises ``InvalidValue`` for a value the
        host's column cannot hold.
        """
        parts = self.mapping().split(d)
        self._take_own(parts)
        for mapped in self.mapping().mapped:
            value = parts.values[mapped.path.text]
            if mapped.is_read_only or (mapped.path.text == ACTIVE and value is None):
                continue
            if mapped.path.text == ACTIVE:
                self.record.active_when_removed = None
            if value != _shown(mapped.value_in(self)):
                self._write(mapped.path.text, mapped.attribute, value)
        self.record.received = {
            mapped.path.text: parts.values[mapped.path.text]
            for mapped in self.mapping().mapped
            if not mapped.is_read_only and parts.values[mapped.path.text] is not None
        }

    def handle_operations(self, operations: list[Document]) -> None:
        """Apply the operations of a PATCH request (RFC 7644 section 3.5.2)."""
        before, received = self.document(), self.record.received
        mapping = self.mapping()
        model = mapping.model
        old = dict(zip(mapping.texts, mapping.values_in(self), strict=True))
        wanted = patch_resource(model, before, operations, scim_id=self.id)
        # PATCH knows declared schemas only, and leaves the others as they are.
        unknown = {urn: v for urn, v in before.items() if is_unknown_schema(model, urn)}
        wanted.attributes.update(unknown)
        self.take(wanted)
        if ACTIVE not in wanted.attributes and any(map(removes_active, operations)):
            self.record.active_when_removed = self.is_active
        # The client has sent only what it changed, now or before.
        self.record.received = {
            text: value
            for text, value in self.record.received.items()
            if text in received or value != old[text]
        }

    def replace(self, wanted: ResourceDocument) -> None:
        """Take over a validated document instead of the present one (PUT).

        Raises ``Mutability`` if it changes an immutable attribute of an extension.
        """
        keep_immutable(self.mapping().model, self.document(), wanted.attributes)
        self.take(wanted)

    def take(self, wanted: ResourceDocument) -> None:
        """Take over a validated document, and its password if the setting says so."""
        self.from_dict(self._with_known_roles(wanted.attributes))
        if scim_settings.SET_PASSWORD and wanted.password:
            self._check_ownership("password")
            self.obj.set_password(wanted.password)
            self.has_new_password = self.has_changes = True

    def _with_known_roles(self, wanted: Document) -> Document:
        """The document with the names of the roles and entitlements the host knows."""
        offers = {"roles": self.roles, "entitlements": self.entitlements}
        found = {name: wanted[name] for name in offers if wanted.get(name)}
        before = self.document() if found else {}
        return wanted | {
            name: completed(name, entries, before.get(name, []), partial(offers[name], self.tenant))
            for name, entries in found.items()
        }

    def take_another_username(self) -> None:
        """Give the host user another username, where the derived one is taken."""
        attribute = self.mapping().user_name
        if attribute is not None:
            name = self.another_username_for(self.record.user_name)
            self._write(USER_NAME, attribute, name)

    def save(self) -> None:
        """Save the host user; the record is saved by ``provisioning``."""
        save(self.obj)

    def refused_by_host(self, error: ValidationError) -> InvalidValue:
        """The SCIM error for what the host's ``save`` refuses, naming the attribute if known."""
        by_field = error.message_dict if hasattr(error, "error_dict") else {}
        for mapped in self.mapping().mapped:
            if mapped.attribute.field in by_field:
                return cannot_take(mapped.path.text, by_field[mapped.attribute.field][0])
        return InvalidValue(f"A value cannot be taken: {error.messages[0]}")

    def delete(self) -> None:
        """Delete the host user for good (``DELETE_BEHAVIOUR`` is ``"delete"``).

        Override it where people belong to several tenants, to end their membership instead.
        """
        if not self.owns_account():
            raise Conflict(
                "This person cannot be deleted here: their account is also used elsewhere. "
                "Deactivate them instead."
            )
        self.obj.delete()

    def deactivate(self) -> None:
        """Shut the person out of the tenant; ``save`` writes it."""
        self._set(ACTIVE, False)

    def end_access(self) -> None:
        """End what the person has open, in the transaction of the deactivation.

        Database sessions and cached ones; for another engine override this. API keys are ended by
        the host's receiver of ``signals.in_transaction``.
        """
        sessions.end(self.obj)

    @property
    def is_active(self) -> bool:
        """Whether the person may use the tenant."""
        return any(
            m.attribute.value_in(self) for m in self.mapping().mapped if m.path.text == ACTIVE
        )

    def _set(self, text: str, value: Any) -> None:
        for mapped in self.mapping().mapped:
            if mapped.path.text == text:
                self._write(text, mapped.attribute, value)

    def _take_own(self, parts: Parts) -> None:
        record, attribute = self.record, self.mapping().user_name
        user_name = parts.user_name or ""
        check_length(USER_NAME, user_name, max_length("user_name", ProvisionedUser))
        check_length("externalId", parts.external_id, max_length("external_id", ProvisionedUser))
        is_linked = record._state.adding and self.obj.pk is not None
        keeps_username = is_linked or not self.owns_account()
        if user_name != record.user_name and attribute is not None and not keeps_username:
            # Somebody who is linked, or is known elsewhere, goes on logging in with their own.
            self._write(USER_NAME, attribute, self.username_for(user_name))
            self.is_renamed = True
        record.user_name, record.user_name_key = user_name, user_name_key(user_name)
        record.external_id, record.attributes = parts.external_id, parts.attributes

    def _write(self, text: str, attribute: Attribute, value: Any) -> None:
        if attribute.from_scim is not None and value is not None:
            try:
                value = attribute.from_scim(value)
            except (TypeError, ValueError) as error:
                raise InvalidValue(f"{text!r} cannot take this value.") from error
        self.has_changes = True
        value = column_value(text, field_at(attribute.field, type(self.obj)), value)
        if attribute.write is not None:
            attribute.write(self, value)
        else:
            self._check_ownership(text)
            setattr(self.obj, attribute.field, value)

    def _check_ownership(self, text: str) -> None:
        """Refuse to change in another tenant what a person is, or logs in with, there."""
        if not self.owns_account():
            raise Forbidden(
                f"{text!r} cannot be changed here: this person's account is also used elsewhere. "
                "They can change it themselves; leave the attribute out of the app's mapping.",
                reason=Reason.SHARED,
            )


def _make_password_unusable(user: Any) -> None:
    """What Django's own method does, which draws forty characters one by one."""
    if type(user).set_unusable_password is AbstractBaseUser.set_unusable_password:
        user.password = UNUSABLE_PASSWORD_PREFIX + secrets.token_urlsafe(30)
    else:
        user.set_unusable_password()


def _as_kept(mapped: Mapped, sent: Any) -> Any:
    """A value the client has sent as SCIM shows it once it is in its column."""
    attribute = mapped.attribute
    try:
        value = sent if attribute.from_scim is None else attribute.from_scim(sent)
        value = column_value(mapped.path.text, field_at(attribute.field), value)
    except (InvalidValue, TypeError, ValueError):
        return sent
    return _shown(mapped.shown(value))


def removes_active(operation: Document) -> bool:
    """Whether a PATCH operation unassigns ``active``.

    A null does not: clients send it for what they have nothing to say of.
    """
    said = {name.lower(): str(value).lower() for name, value in operation.items()}
    path = said.get("path", "").removeprefix(f"{CORE_USER}:".lower())
    return (said.get("op"), path) == ("remove", ACTIVE)


def critical_changes(changes: Iterable[str]) -> list[str]:
    """Of changed paths those by which a protected account would be taken over or shut out."""
    return [path for path in changes if path.partition(".")[0] in CRITICAL]


def _describe(
    document: Document, scim_id: str, created: datetime | str, modified: datetime | str, base: str
) -> None:
    """Add ``id`` and ``meta`` to what a client may write."""
    version = messages.etag(messages.digest(document))
    document["id"] = scim_id
    document["meta"] = {
        "resourceType": "User",
        "created": timestamp(created),
        "lastModified": timestamp(modified),
        "location": f"{base}/{scim_id}",
        "version": version,
    }


def timestamp(value: datetime | str) -> str:
    """A point in time as SCIM writes it: in UTC and milliseconds; ``Moment`` has it written."""
    if isinstance(value, str):
        return value
    aware = timezone.make_aware(value) if timezone.is_naive(value) else value
    return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(value: Any) -> Any:
    return None if value == "" else value


def _copied(value: Any) -> Any:
    """A copy of a kept attribute deep enough to put mapped values into."""
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    return list(value) if isinstance(value, list) else value
