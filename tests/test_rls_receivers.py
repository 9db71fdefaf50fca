"""Row-level security, and a host that changes people of another tenant while a request runs.

As from a receiver of the host's own. What this package keeps of them follows all the same.
"""

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import IntegrityError, connection
from django.db.models.signals import pre_delete
from django.test import Client

from maptician_scim import rls
from maptician_scim.models import GroupNesting, ProvisionedGroup, ProvisionedUser, SessionKey
from tests.factories import OccupantFactory, TeamMembershipFactory

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's alone"),
    pytest.mark.usefixtures("row_level_security"),
]


@pytest.fixture
def pat(globex):
    return OccupantFactory(company=globex)


@pytest.fixture
def team(other_scim, pat):
    """A team of globex that SCIM knows."""
    assert other_scim.push("Team").status_code == 201
    return ProvisionedGroup.objects.get().group


@pytest.fixture
def in_a_request(acme):
    """A function: the scope of a request of acme."""
    return lambda: rls.within(acme.pk)


def version():
    return ProvisionedGroup.objects.get().version


def test_person_who_joins_has_a_record(in_a_request, globex):
    with in_a_request():
        OccupantFactory(company=globex)
    assert ProvisionedUser.objects.live().get().tenant == globex


def test_group_that_is_renamed_is_shown_so(in_a_request, team):
    team.name = "Renamed"
    with in_a_request():
        team.save()
    assert ProvisionedGroup.objects.get().display_name == "Renamed"


def test_members_who_come_together_are_noticed(in_a_request, team, pat):
    before = version()
    with in_a_request():
        team.members.add(pat)
    assert version() > before


def test_member_who_comes_alone_is_noticed(in_a_request, team, pat):
    before = version()
    with in_a_request():
        TeamMembershipFactory(team=team, occupant=pat)
    assert version() > before


def test_login_is_noted(in_a_request, pat):
    with in_a_request():
        Client().force_login(pat)
    assert SessionKey.objects.get().user == pat


def test_session_with_a_new_key_is_noted(in_a_request, pat):
    session = SessionStore()
    session[SESSION_KEY] = str(pat.pk)
    with in_a_request():
        session.save()
    assert SessionKey.objects.get().user == pat


def test_logout_is_forgotten(in_a_request, pat):
    browser = Client()
    browser.force_login(pat)
    with in_a_request():
        browser.logout()
    assert not SessionKey.objects.exists()


def test_deletion_is_refused_unless_it_says_that_it_looks_further(in_a_request, team, pat):
    """Django looks itself for what refers to the row, and finds what the request sees."""
    for row in (team, pat):
        with in_a_request():
            with pytest.raises(IntegrityError):
                row.delete()
            with rls.across_tenants():
                type(row).objects.get(pk=row.pk).delete()
    assert not ProvisionedGroup.objects.live().exists()
    assert not ProvisionedUser.objects.live().exists()


def test_records_end_in_every_tenant_before_what_they_are_about_is_deleted(in_a_request, team, pat):
    with in_a_request():
        for row in (team, pat):
            pre_delete.send(type(row), instance=row)
    assert not ProvisionedGroup.objects.live().exists()
    assert not ProvisionedUser.objects.live().exists()


@pytest.mark.parametrize("inner", ["child", "parent"])
def test_group_in_another_tenants_group_is_seen_by_neither(scim, other_scim, acme, globex, inner):
    """There is no way to make one; somebody may have done so by hand."""
    for client in (scim, other_scim):
        assert client.push("Team").status_code == 201
    mine, theirs = ProvisionedGroup.objects.order_by("tenant")
    ends = (
        {"parent": mine, "child": theirs} if inner == "child" else {"parent": theirs, "child": mine}
    )
    GroupNesting.objects.create(**ends)
    for tenant in (acme, globex):
        with rls.within(tenant.pk):
            assert not GroupNesting.objects.exists()
    assert GroupNesting.objects.exists()
