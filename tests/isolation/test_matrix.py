"""From one tenant, nothing of another is read, changed, or revealed: route by route, way by way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import transaction

from tests.client import ENTERPRISE
from tests.conformance.markers import ROOT
from tests.isolation import matrix
from tests.isolation.endpoints import endpoints
from tests.isolation.mutations import MUTATIONS
from tests.isolation.references import kinds_of, references
from tests.isolation.ways import NAMES
from tests.isolation.world import World, verdict

ENDPOINTS = endpoints()
CASES = [
    pytest.param(endpoint, way, id=f"{endpoint} - {way.name}")
    for endpoint, way in matrix.cases(ENDPOINTS)
]
pytestmark = pytest.mark.django_db

LOG = ("maptician_scim_event", "maptician_scim_connection")
"""Where the owner of a token or an address learns that somebody was turned away."""


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        yield World()
        transaction.set_rollback(True)


@pytest.fixture
def switched(settings):
    """A function that sets what a way needs."""

    def switch(way):
        settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | way.settings

    return switch


@pytest.mark.parametrize(("endpoint", "way"), CASES)
def test_another_tenant_might_as_well_not_be_there(world, switched, endpoint, way):
    switched(way)
    request = way.request(endpoint, world.own, world.foreign)
    attack = world.send(request)
    if way.from_a_stranger:
        control = world.send(replace(request, secret=world.strange_secret))
    else:
        control = world.send_alone(request)
    assert attack.answer == control.answer
    assert attack.told == control.told
    assert world.leaks(attack, request) == set()
    assert world.planted <= attack.rows
    if way.is_told:
        assert_only_told(world, attack, control)
    else:
        assert attack.statements == control.statements
        assert attack.rows - world.removed == control.rows - world.removed
    if not way.inert:
        owners = way.request(endpoint, world.foreign, world.foreign)
        assert is_reached(world, world.send(owners), attack), "the request is nonsense"


def assert_only_told(world, attack, control):
    """Nothing differs but the log: an event, and that there was one, for each of two tenants."""
    assert attack.shapes_without(*LOG) == control.shapes_without(*LOG)
    changed = (attack.rows ^ control.rows) - world.removed
    assert {row for row in changed if row.table not in LOG} == set()
    told = Counter((row.table, row.tenant) for row in attack.rows - control.rows - world.removed)
    assert set(told.values()) <= {1}


def is_reached(world, outcome, refused):
    """Whether the owner is answered otherwise, or changes something."""
    is_changed = not world.planted <= outcome.rows
    return is_changed or verdict(outcome.response) != verdict(refused.response)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.row)
def test_deliberate_break_still_fits_the_code_and_its_test_the_matrix(mutation):
    """``python -m tests.isolation.mutations`` looks whether each is noticed."""
    assert Path(ROOT, mutation.file).read_text().count(mutation.old) == 1
    assert mutation.row in {str(case.id) for case in CASES}


# -- nothing is left out ------------------------------------------------------------------------


def test_every_method_of_every_route_has_a_row():
    """If this fails: a route or a method is new. Give it its row in ``matrix.py``."""
    assert sorted(map(str, ENDPOINTS)) == sorted(matrix.MATRIX)


def test_every_way_to_leave_ways_out_has_a_reason():
    for endpoint, row in matrix.MATRIX.items():
        assert all((row.path, row.search, row.body)), endpoint
        assert isinstance(row.path, str) == ("<" not in endpoint), endpoint


def test_every_attribute_that_can_refer_to_something_is_attacked(world):
    """If this fails: an attribute of the schemas is new. Give it its place in ``NAMES``."""
    found = {
        (kind, path) for kind, schemas in kinds_of(world).items() for path in references(schemas)
    }
    attacked = {(kind, named.path) for kind, names in NAMES.items() for named in names}
    assert found - attacked == set()
    assert ("User", f"{ENTERPRISE}:manager.value") in found
    assert ("Group", "members.$ref") in found
