"""From SCIM groups to the host's groups and back. A host subclasses ``GroupAdapter``.

Members are not read into the adapter: ``membership.py`` changes them in the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django_scim.adapters import SCIMGroup
from scim2_models import Extension

from maptician_scim import membership, relations
from maptician_scim.adapters import DESCRIBING, timestamp
from maptician_scim.columns import cannot_take, check_length, column_value, field_at, max_length
from maptician_scim.conf import HostGroup, Tenant
from maptician_scim.exceptions import InvalidValue
from maptician_scim.mapping import Attribute, AttributeMap, own_operands
from maptician_scim.membership import Change, Known
from maptician_scim.models import ProvisionedGroup, ProvisionedGroupQuerySet
from maptician_scim.protocol import messages
from maptician_scim.protocol.expressions import ComparisonKey, comparison_key, user_name_key
from maptician_scim.protocol.filters import Operand
from maptician_scim.protocol.group_patch import Plan, separated, without_members
from maptician_scim.protocol.patch import patch_resource
from maptician_scim.protocol.projection import EVERYTHING, Projection
from maptician_scim.protocol.schemas import group_model
from maptician_scim.statements import Row, inherits
from maptician_scim.tenancy import base_url, endpoint_url
from maptician_scim.writing import save

Document = dict[str, Any]

DISPLAY_NAME = "displayName"


class GroupMap(AttributeMap):
    """A host's attribute map of groups: ``displayName`` and what extensions add."""

    resource_type = "Group"
    name_attribute = DISPLAY_NAME
    required = ()
    relation = "group"

    @cached_property
    def own_operands(self) -> dict[str, dict[str | None, Operand]]:
        key = Operand(F("display_name_key"), "user_name")
        return own_operands(self.resource_type) | {DISPLAY_NAME: {None: key}}


class GroupAdapter(SCIMGroup):
    """One host group as one tenant's SCIM resource.

    ``tenant_field`` is the field of the host group that names its tenant, ``members_field`` the
    many-to-many relation with the host's users, by its name on the group's side. Every method
    without an underscore may be overridden.
    """

    tenant_field: ClassVar[str]
    members_field: ClassVar[str]
    attribute_map: ClassVar[Mapping[str, str | Attribute | None]] = {DISPLAY_NAME: "name"}
    extensions: ClassVar[tuple[type[Extension], ...]] = ()
    """Schema extensions of the host's own."""

    locked_relations: ClassVar[tuple[str, ...]] = ("group", "self")
    """What a write locks, in this order: an admin's save locks the host group first, too."""

    _mapping: ClassVar[GroupMap]

    def __init__(
        self,
        obj: HostGroup,
        request: HttpRequest | None = None,
        *,
        provisioned_group: ProvisionedGroup | None = None,
        tenant: Tenant | None = None,
    ) -> None:
        super().__init__(obj, request)  # type: ignore[no-untyped-call]  # django-scim2 has no types
        self.provisioned_group = provisioned_group
        self.tenant = tenant or (provisioned_group.tenant if provisioned_group else None)
        self.has_changes = False

    # -- which groups -------------------------------------------------------------------------

    @classmethod
    def scope(cls, records: ProvisionedGroupQuerySet, tenant: Tenant) -> ProvisionedGroupQuerySet:
        """The records whose groups belong to the tenant by the host's own account."""
        return records.filter(**{f"group__{cls.tenant_field}__scim_is_also": tenant})

    @classmethod
    def groups_of(cls, tenant: Tenant) -> QuerySet[Any]:
        """The host groups of a tenant, visible over SCIM or not."""
        return relations.group_model()._base_manager.filter(**{cls.tenant_field: tenant})

    def new_group(self) -> HostGroup:
        """A host group for the adapter's tenant, not yet saved."""
        group = relations.group_model()()
        setattr(group, self.tenant_field, self.tenant)
        return group

    def find_hidden(self, display_name: str) -> HostGroup | None:
        """A host group of the tenant that has this name and is not visible over SCIM.

        It is never taken over: an administrator can open it.
        """
        field = self._name_attribute.field
        visible = ProvisionedGroup.objects.ever_of(self.tenant).live()
        hidden = self.groups_of(self.tenant).exclude(pk__in=visible.values("group"))
        named = hidden.annotate(scim_name=ComparisonKey(F(field)))
        return named.filter(scim_name=comparison_key(self.name_for(display_name))).first()

    @classmethod
    def name_field(cls) -> str:
        """The field of the host group that displayName is mapped to, or an ORM path to it."""
        attribute = cls.mapping().user_name
        if attribute is None:
            raise ValueError(f"{DISPLAY_NAME!r} is not mapped")
        return attribute.field

    # -- names ---------------------------------------------------------------------------------

    def name_for(self, display_name: str) -> str:
        """The host's own name of a group for a displayName.

        Override it where names have to be unique over all tenants, together with
        ``display_name_for``.
        """
        return display_name

    def display_name_for(self, name: str) -> str:
        """The displayName of a group that has this name in the host."""
        return name

    # -- reading -------------------------------------------------------------------------------

    @classmethod
    def mapping(cls) -> GroupMap:
        """The attribute map of this class. Raises ``ValueError`` if it makes no sense."""
        if "_mapping" not in cls.__dict__:
            cls._mapping = GroupMap(cls.attribute_map, group_model(cls.extensions))
        return cls._mapping

    @classmethod
    def annotated(cls, records: ProvisionedGroupQuerySet) -> ProvisionedGroupQuerySet:
        """The records with the mapped columns beside them, for rows and filters."""
        return records.annotate(**cls.mapping().aliases)

    @classmethod
    def documents(
        cls,
        records: ProvisionedGroupQuerySet,
        request: HttpRequest,
        projection: Projection = EVERYTHING,
    ) -> list[Document]:
        """The resources of annotated records without their members: one query."""
        return cls.documents_in(cls.rows(records), request)

    @classmethod
    def rows(cls, records: ProvisionedGroupQuerySet) -> QuerySet[Any, Any]:
        """The columns of annotated records that ``documents_in`` takes."""
        return records.values_list(
            *DESCRIBING,
            "version",
            "display_name",
            "external_id",
            "attributes",
            *cls.mapping().aliases,
        )

    @classmethod
    def documents_in(cls, rows: Iterable[Row], request: HttpRequest) -> list[Document]:
        """The resources of such rows."""
        mapping, base = cls.mapping(), endpoint_url(request, "groups")
        attributes = [mapped.attribute for mapped in mapping.mapped]
        found = []
        for scim_id, created, modified, version, name, external_id, kept, *columns in rows:
            values = [a.shown(value) for a, value in zip(attributes, columns, strict=True)]
            document = mapping.document(name, external_id, kept, values)
            found.append(described(document, str(scim_id), created, modified, version, base))
        return found

    @classmethod
    def can_be_compiled(cls) -> bool:
        """Whether which groups a tenant sees is asked as in this class, and so can be compiled."""
        return inherits(cls, GroupAdapter, "scope", "annotated", "rows", "documents")

    @property
    def record(self) -> ProvisionedGroup:
        """The provisioned group, which every saved resource has."""
        if self.provisioned_group is None:
            raise RuntimeError("This adapter has no provisioned group yet.")
        return self.provisioned_group

    @property
    def id(self) -> str:
        return str(self.record.scim_id)

    @property
    def endpoint(self) -> str:
        """The URL of the tenant's groups: where the client asked, or as customers enter it."""
        if self._request is None:
            return f"{base_url(self.tenant)}/Groups"
        return endpoint_url(self._request, "groups")

    @property
    def location(self) -> str:
        return f"{self.endpoint}/{self.id}"

    @property
    def display_name(self) -> str:
        return self.record.display_name

    @property
    def members(self) -> list[Document]:
        """The members as entries of the resource; one query."""
        base = self.endpoint.removesuffix("/Groups")
        urls = {"User": f"{base}/Users", "Group": self.endpoint}
        return relations.members(self.tenant, [self.id], urls).get(self.id, [])

    def document(self) -> Document:
        """What a client may write, without the members: neither ``id`` nor ``meta``."""
        record = self.record
        values = [mapped.attribute.value_in(self) for mapped in self.mapping().mapped]
        return self.mapping().document(
            record.display_name, record.external_id, dict(record.attributes), values
        )

    def to_dict(self, projection: Projection = EVERYTHING) -> Document:
        """The whole resource as a client sees it; its members only if they are asked for."""
        record = self.record
        document = self.document()
        if projection.includes("members") and (members := self.members):
            document["members"] = members
        return described(
            document,
            self.id,
            record.created_at,
            record.modified_at,
            record.version,
            self.endpoint,
        )

    # -- writing -------------------------------------------------------------------------------

    def from_dict(self, d: Document) -> None:
        """Take over all attributes but the members (POST, PUT); ``save`` writes them.

        Raises ``InvalidValue`` for a value the host's column cannot hold.
        """
        rest, _ = without_members(d)
        parts = self.mapping().split(rest)
        self._take_own(parts.user_name or "", parts.external_id)
        self.record.attributes = parts.attributes
        for mapped in self.mapping().mapped:
            value = parts.values[mapped.path.text]
            if value != (mapped.attribute.value_in(self) or None):
                self._write(mapped.path.text, mapped.attribute, value)

    def handle_operations(self, operations: list[Document]) -> None:
        """Apply the operations of a PATCH request; members at once, the rest with ``save``."""
        rest, plan = separated(self.mapping().model, operations, self.id)
        known = membership.known_members(self.tenant, plan)
        self.patch(rest)
        self.change_members(plan, known)

    def patch(self, operations: list[Document]) -> None:
        """Apply operations on other attributes than members."""
        if operations:
            model = self.mapping().model
            self.from_dict(patch_resource(model, self.document(), operations).attributes)

    def change_members(self, plan: Plan, known: Known) -> Change:
        """Carry out what a client wants of the members of a saved group; who came and went."""
        model = self.mapping().model
        return membership.apply(self.record, plan, known, model, self.membership_values())

    def membership_values(self) -> dict[str, Any]:
        """Values of the columns of a new membership that have no default, by field name."""
        return {}

    def save(self) -> None:
        """Save the host group; the record is saved by ``provisioning``."""
        save(self.obj)

    def delete(self) -> None:
        """Delete the host group for good. Called only for groups that SCIM has created."""
        self.obj.delete()

    def refused_by_host(self, error: ValidationError) -> InvalidValue:
        """The SCIM error for what the host's ``save`` refuses, naming the attribute if known."""
        by_field = error.message_dict if hasattr(error, "error_dict") else {}
        lines = [(m.path.text, m.attribute.field) for m in self.mapping().mapped]
        for text, field in [(DISPLAY_NAME, self._name_attribute.field), *lines]:
            if field in by_field:
                return cannot_take(text, by_field[field][0])
        return InvalidValue(f"A value cannot be taken: {error.messages[0]}")

    @property
    def name_of_host(self) -> str:
        """The displayName the host group has by its own name."""
        return self.display_name_for(self._name_attribute.value_in(self))

    def take_name_of_host(self) -> bool:
        """Have the record follow the host group's name; whether it was another one."""
        name = self.name_of_host
        limit = max_length("display_name", ProvisionedGroup)
        if name == self.record.display_name or not name or len(name) > (limit or len(name)):
            return False
        self.record.display_name, self.record.display_name_key = name, user_name_key(name)
        return True

    @property
    def _name_attribute(self) -> Attribute:
        attribute = self.mapping().user_name
        if attribute is None:
            raise ValueError(f"{DISPLAY_NAME!r} is not mapped")
        return attribute

    def _take_own(self, display_name: str, external_id: str | None) -> None:
        record, attribute = self.record, self._name_attribute
        check_length(DISPLAY_NAME, display_name, max_length("display_name", ProvisionedGroup))
        check_length("externalId", external_id, max_length("external_id", ProvisionedGroup))
        if display_name != record.display_name:
            name = self.name_for(display_name)
            limit = field_at(attribute.field, type(self.obj)).max_length
            if limit is not None:
                limit -= len(name) - len(display_name)  # what the host adds
            check_length(DISPLAY_NAME, display_name, limit)
            self._write(DISPLAY_NAME, attribute, name)
        record.display_name, record.display_name_key = display_name, user_name_key(display_name)
        record.external_id = external_id

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
            setattr(self.obj, attribute.field, value)


def described(
    document: Document, scim_id: str, created: Any, modified: Any, version: int, base: str
) -> Document:
    """The resource with ``id`` and ``meta``."""
    document["id"] = scim_id
    document["meta"] = {
        "resourceType": "Group",
        "created": timestamp(created),
        "lastModified": timestamp(modified),
        "location": f"{base}/{scim_id}",
        "version": messages.etag(str(version)),
    }
    return document
