"""Each invariant is seen to fail where it does not hold."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from example_project.workplace.models import ApiKey, Occupant
from maptician_scim import sessions
from maptician_scim.models import Event, GroupNesting, ProvisionedGroup, ProvisionedUser, Token
from tests.factories import DeskFactory, OccupantFactory
from tests.invariants import check_invariants, protected_accounts


@pytest.fixture
def jane(scim):
    """A person whom a client has created, and another one, in a group."""
    ids = [scim.create(userName=name).json()["id"] for name in ("jane", "joe")]
    assert scim.push("Team", ids).status_code == 201
    return ProvisionedUser.objects.get(scim_id=ids[0])


def test_nothing_is_wrong_after_requests(jane, scim, other_scim):
    scim.modify(jane.scim_id, {"op": "replace", "path": "active", "value": False})
    other_scim.create(userName="jane", emails=[{"type": "work", "value": "j@a.example"}])
    check_invariants(protected=protected_accounts())


RECORD = {
    "key": ({"user_name_key": "x"}, "user_name_key is not the key"),
    "same name": ({"user_name": "JOE"}, "two are called 'joe'"),
    "digest": ({"digest": "0" * 32}, "digest is not that"),
    "twice": ({"attributes": {"title": "Boss"}}, "twice, or malformed"),
    "no object": ({"attributes": [1]}, "stored JSON is no object"),
    "before it was": ({"modified_at": timezone.now() - timedelta(days=1)}, "changed before"),
}


@pytest.mark.parametrize(("values", "said"), RECORD.values(), ids=RECORD)
def test_record_that_is_wrong_is_found(jane, values, said):
    ProvisionedUser.objects.filter(pk=jane.pk).update(**values)
    with pytest.raises(AssertionError, match=said):
        check_invariants()


def test_person_of_another_tenant_is_found(jane, globex):
    Occupant.objects.filter(pk=jane.user_id).update(company=globex)
    with pytest.raises(AssertionError, match="the host user is not the tenant's"):
        check_invariants()


def test_person_without_a_record_is_found(acme):
    Occupant.objects.bulk_create([Occupant(company=acme, username="nobody")])
    with pytest.raises(AssertionError, match="has no record"):
        check_invariants()


def give_a_session(person):
    session = sessions.store()()
    session["_auth_user_id"] = str(person.pk)
    session.save()


ACCESS = {
    "a session": (give_a_session, "shut out and has a session"),
    "an API key": (
        lambda person: ApiKey.objects.issue(person, "x"),
        "inactive and has .'API keys'",
    ),
    "a desk": (
        lambda person: person.desk_assignments.create(desk=DeskFactory(company=person.company)),
        "inactive and has .'a desk'",
    ),
}


@pytest.mark.parametrize(("give", "said"), ACCESS.values(), ids=ACCESS)
def test_access_of_somebody_inactive_is_found(jane, give, said):
    give(jane.user)
    check_invariants()
    ProvisionedUser.objects.filter(pk=jane.pk).update(digest="")
    Occupant.objects.filter(pk=jane.user_id).update(is_active=False)
    with pytest.raises(AssertionError, match=said):
        check_invariants()


def test_session_that_nobody_can_end_is_found(db):
    Session.objects.create(session_key="x", session_data="", expire_date=timezone.now())
    with pytest.raises(AssertionError, match="nobody could end: x"):
        check_invariants()


def test_change_of_a_protected_account_is_found(acme):
    boss = OccupantFactory(company=acme, is_break_glass=True)
    before = protected_accounts()
    assert set(before) == {boss.pk}
    Occupant.objects.filter(pk=boss.pk).update(password="x")
    with pytest.raises(AssertionError, match="protected account has changed"):
        check_invariants(protected=before)


# -- groups --------------------------------------------------------------------------------------


def test_member_of_another_tenant_is_found(jane, globex):
    ProvisionedGroup.objects.get().group.members.add(OccupantFactory(company=globex))
    with pytest.raises(AssertionError, match="is in Team and no one of the tenant"):
        check_invariants()


def test_group_of_another_tenant_is_found(jane, globex):
    ProvisionedGroup.objects.update(tenant=globex)
    with pytest.raises(AssertionError, match="the host group is not the tenant's"):
        check_invariants()


def test_group_with_a_wrong_key_is_found(jane):
    ProvisionedGroup.objects.update(display_name_key="x")
    with pytest.raises(AssertionError, match="display_name_key is not the key"):
        check_invariants()


def test_two_groups_of_one_name_are_found(jane, scim):
    scim.push("Other")
    ProvisionedGroup.objects.update(display_name="Same")
    with pytest.raises(AssertionError, match="two groups are called 'same'"):
        check_invariants()


@pytest.fixture
def nested(jane, scim):
    """Two groups, the second in the first."""
    scim.push("Inner")
    outer, inner = ProvisionedGroup.objects.order_by("pk")
    GroupNesting.objects.create(tenant=outer.tenant, parent=outer, child=inner)
    check_invariants()
    return outer, inner


def test_group_in_itself_is_found(nested):
    outer, inner = nested
    GroupNesting.objects.create(tenant=inner.tenant, parent=inner, child=outer)
    with pytest.raises(AssertionError, match=f"the group {outer.pk} is in itself"):
        check_invariants()


def test_group_in_one_that_has_ended_is_found(nested):
    ProvisionedGroup.objects.filter(pk=nested[0].pk).update(deleted_at=timezone.now())
    with pytest.raises(AssertionError, match="with a group that has ended"):
        check_invariants()


# -- the log -------------------------------------------------------------------------------------

EVENT = {
    "verb": ({"verb": "x"}, ": x 201"),
    "status": ({"status": 0}, " 0"),
    "of nobody": ({"resource_id": ""}, "of nobody, or by nobody"),
    "by nobody": ({"token": None}, "of nobody, or by nobody"),
    "with a reason": ({"detail": "x"}, "a success with the reason"),
    "refused without": ({"status": 400}, "a refusal without a reason"),
}


@pytest.mark.parametrize(("values", "said"), EVENT.values(), ids=EVENT)
def test_event_that_is_wrong_is_found(jane, values, said):
    Event.objects.filter(resource_id=jane.scim_id).update(**values)
    with pytest.raises(AssertionError, match=said):
        check_invariants()


def test_event_with_a_token_of_another_tenant_is_found(jane, globex):
    token, _ = Token.objects.issue(tenant=globex, name="x")
    Event.objects.update(token=token)
    with pytest.raises(AssertionError, match="the token is another tenant's"):
        check_invariants()


@pytest.mark.parametrize("kind", ["User", "Group"])
def test_write_without_an_event_is_found(jane, kind):
    Event.objects.filter(resource_type=kind).remove()
    with pytest.raises(AssertionError, match="no event says who has written this"):
        check_invariants()


def test_events_that_were_looked_at_are_not_looked_at_again(jane):
    Event.objects.update(verb="x")
    check_invariants(since=Event.objects.latest("pk").pk)
