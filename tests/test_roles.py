"""Roles and entitlements as the host gives them, and as people carry them."""

from uuid import uuid4

import pytest
from django.utils.translation import gettext_lazy

from maptician_scim.exceptions import InvalidValue
from maptician_scim.roles import Entitlement, Role, completed

PLANNER = Role("1", "Team planner")


def test_ids_and_names_become_text():
    identifier = uuid4()
    role = Role(identifier, gettext_lazy("SCIM"))
    assert (role.id, role.display_name, role.description) == (str(identifier), "SCIM", "")
    assert type(role.display_name) is str


def test_id_goes_before_name():
    roles = [Role("1", "2"), Role("2", "1"), Role("3", "1")]
    [first, second] = completed("roles", [{"value": "1"}, {"value": "2"}], [], lambda: roles)
    assert (first["display"], second["display"]) == ("2", "1")


def test_what_was_sent_is_never_overwritten():
    sent = {"value": "1", "display": "Mine", "type": "Own"}
    assert completed("entitlements", [sent], [], lambda: [Entitlement("1", "Theirs")]) == [sent]


def test_fifty_thousand_entries_are_no_work():
    entries = [{"value": str(number)} for number in range(50_000)]
    changed = [*entries, {"value": "Team Planner"}]
    *others, last = completed("roles", changed, entries, lambda: [PLANNER])
    assert others[1] == {"value": "1", "display": "Team planner"}
    assert last == {"value": "Team Planner", "display": "Team planner"}


def test_value_in_a_refusal_is_cut(settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"UNKNOWN_ROLES": "refuse"}
    with pytest.raises(InvalidValue, match=r"'roles' has 'x{200}', which is unknown") as refusal:
        completed("roles", [{"value": "x" * 5000}], [], list)
    assert len(refusal.value.detail) < 250
