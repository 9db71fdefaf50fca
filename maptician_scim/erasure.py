"""Making the log forget a person, and keep that something happened.

A person is found by the SCIM id, a userName or an e-mail address, and then under every name their
events show. A name that somebody else has today, or had, does not make that person's events theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Q

from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.models import Event, EventQuerySet, HeldBack, ProvisionedUser
from maptician_scim.models.events import ERASED, KEY_LENGTH
from maptician_scim.protocol.expressions import comparison_key, user_name_key
from maptician_scim.protocol.paths import is_scim_id

BATCH = 500


@dataclass
class Person:
    """Everything by which a tenant's log knows somebody."""

    tenant: Tenant
    records: list[ProvisionedUser]
    ids: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)

    @property
    def live(self) -> list[ProvisionedUser]:
        """Their records that SCIM still serves."""
        return [record for record in self.records if record.deleted_at is None]

    @property
    def deleted(self) -> list[ProvisionedUser]:
        """Those it does not, as far as they still hold anything."""
        return [r for r in self.records if r.deleted_at is not None and r.user_name != ERASED]

    def events(self) -> EventQuerySet:
        """What the log says of them, and of nobody else."""
        events = Event.objects.for_tenant(self.tenant)
        named = events.filter(_named(self.names, self.addresses)).exclude(resource_id="")
        ids = set(named.order_by().values_list("resource_id", flat=True).distinct()) - self.ids
        return events.filter(
            Q(resource_id__in=self.ids)
            | _named(self.names, self.addresses) & ~Q(resource_id__in=_known(self.tenant, ids))
        )


def find(text: str, tenant: Tenant) -> list[Person]:
    """The people of a tenant whom a userName, an e-mail address or a SCIM id names.

    Whoever has only been refused has no record: events alone make a person then.
    """
    text = text.strip()
    names = {user_name_key(text)[:KEY_LENGTH]}
    addresses = {comparison_key(text)[:KEY_LENGTH]} if "@" in text else set()
    events = Event.objects.for_tenant(tenant)
    ids = {text.lower()} if is_scim_id(text.lower()) else set()
    mentioned = events.filter(Q(resource_id__in=ids) | _named(names, addresses))
    seen = set(mentioned.order_by().values_list("resource_id", flat=True).distinct())
    records = _records(tenant, text, (ids | seen) - {""})
    people = [_completed(Person(tenant, same)) for same in _by_account(records)]
    if not people and seen:
        people = [_with_former_names(Person(tenant, [], ids | seen - {""}))]
    if len(people) == 1:
        people[0].names |= names
        people[0].addresses |= addresses
    return people


def erase(
    person: Person,
    *,
    batch_size: int = BATCH,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Redact a person's events and empty their deleted records; how many events there were.

    They also leave the list of whom the safeguard holds back.

    Their live record stays. May be stopped and repeated: events without an id go first, since it
    is the others that tell under which names to look for them.
    """
    done = 0
    keys = list(person.events().order_by("resource_id", "pk").values_list("pk", flat=True))
    for first in range(0, len(keys), batch_size):
        with transaction.atomic():
            part = Event.objects.for_tenant(person.tenant).filter(
                pk__in=keys[first : first + batch_size]
            )
            done += part.erase_person()
        progress(done)
    for record in person.deleted:
        _empty(record)
    _forget_held_back(person)
    return done


def _forget_held_back(person: Person) -> None:
    """Take somebody off the list of whom the safeguard holds back. The brake stays as it is."""
    rows = HeldBack.objects.for_tenant(person.tenant).filter(resource_type="User")
    theirs = [
        pk
        for pk, scim_id, name in rows.values_list("pk", "resource_id", "name")
        if scim_id in person.ids or (not scim_id and _key(name) in person.names)
    ]
    rows.filter(pk__in=theirs).delete()


def _empty(record: ProvisionedUser) -> None:
    """Forget all but whose account it was: else the account would be taken for a new one.

    That reference goes with the account, which is the host's to delete.
    """
    record.user_name, record.user_name_key = ERASED, ""
    record.external_id, record.attributes, record.received, record.digest = None, {}, {}, ""
    record.save()


def _records(tenant: Tenant, text: str, ids: Iterable[str]) -> list[ProvisionedUser]:
    """Records by id, name or present address, and the others of the same accounts."""
    ever = ProvisionedUser.objects.ever_of(tenant)
    found = Q(scim_id__in=[i for i in ids if is_scim_id(i)])
    found |= Q(user_name_key=user_name_key(text))
    records = {record.pk: record for record in ever.filter(found)}
    if "@" in text:
        addressed = ever.filter(scim_settings.USER_ADAPTER.has_address(text))
        records |= {record.pk: record for record in addressed}
    accounts = {record.user_id for record in records.values()} - {None}
    records |= {record.pk: record for record in ever.filter(user_id__in=accounts)}
    return sorted(records.values(), key=lambda record: record.pk)


def _by_account(records: list[ProvisionedUser]) -> list[list[ProvisionedUser]]:
    """The records of each person."""
    people: list[list[ProvisionedUser]] = []
    for record in records:
        same = [p for p in people if any(_are_one(record, other) for other in p)]
        people = [p for p in people if p not in same]
        people.append([other for p in same for other in p] + [record])
    return people


def _are_one(record: ProvisionedUser, other: ProvisionedUser) -> bool:
    """Whether two records are the same person's: of one account, or, where an account is gone,
    of one userName."""
    if record.user_id is not None and other.user_id is not None:
        return bool(record.user_id == other.user_id)
    is_erased = record.user_name == ERASED
    return not is_erased and record.user_name_key == other.user_name_key


def _completed(person: Person) -> Person:
    """With the ids of their records, and all names and addresses they have gone by."""
    person.ids |= {str(record.scim_id) for record in person.records}
    person.names |= {r.user_name_key[:KEY_LENGTH] for r in person.records if r.user_name != ERASED}
    return _with_former_names(person)


def _with_former_names(person: Person) -> Person:
    own = Event.objects.for_tenant(person.tenant).filter(resource_id__in=person.ids)
    for name, address in own.order_by().values_list("user_name_key", "email_key").distinct():
        person.names.add(name)
        person.addresses.add(address)
    renamed = own.filter(changes__has_key="userName")
    for changes in renamed.values_list("changes", flat=True):
        person.names |= {_key(changes["userName"].get(side)) for side in ("old", "new")}
    person.names -= {"", user_name_key(ERASED)}
    person.addresses.discard("")
    return person


def _key(value: Any) -> str:
    return user_name_key(value)[:KEY_LENGTH] if isinstance(value, str) else ""


def _named(names: set[str], addresses: set[str]) -> Q:
    return Q(user_name_key__in=names) | Q(email_key__in=addresses)


def _known(tenant: Tenant, ids: set[str]) -> set[str]:
    """Those of the ids that are somebody's."""
    records = ProvisionedUser.objects.ever_of(tenant)
    known = records.filter(scim_id__in=[i for i in ids if is_scim_id(i)])
    return {str(scim_id) for scim_id in known.values_list("scim_id", flat=True)}
