"""Where a person's values come from, and what the next PUT does to them."""

import pytest

from maptician_scim.adapters import UserAdapter
from maptician_scim.conf import scim_settings
from maptician_scim.mapping import Attribute
from maptician_scim.models import ProvisionedUser
from tests.factories import OccupantFactory


class Adapter(UserAdapter):
    tenant_field = "company"
    attribute_map = {
        "userName": "username",
        "active": "is_active",
        "title": "job_title",
        "nickName": Attribute("city", to_scim=str.upper, from_scim=str.lower),
        'emails[type eq "work"].value': "email",
    }


@pytest.fixture
def provenance(acme):
    """A function: the provenance of each attribute of somebody, by path."""

    def of(received, **fields):
        user = OccupantFactory(company=acme, email="pat@acme.example", **fields)
        record = ProvisionedUser.objects.get(user=user)
        record.received = received
        adapter = Adapter(user, provisioned_user=record)
        return {found.path: found for found in adapter.provenance()}

    return of


@pytest.mark.parametrize(
    ("received", "now", "was_sent", "is_overridden", "will_be"),
    [
        ("Clerk", "Clerk", True, False, "Clerk"),
        ("Clerk", "Boss", True, True, "Clerk"),
        ("Clerk", "", True, True, "Clerk"),
        (None, "Boss", False, False, "Boss"),
        (None, "", False, False, None),
    ],
    ids=["as sent", "changed", "emptied", "never sent", "never there"],
)
def test_text(provenance, received, now, was_sent, is_overridden, will_be):
    sent = {} if received is None else {"title": received}
    title = provenance(sent, job_title=now)["title"]
    assert (title.was_sent, title.is_overridden, title.will_be) == (
        was_sent,
        is_overridden,
        will_be,
    )
    assert (title.value, title.field) == (now or None, "job_title")


def test_false_that_was_sent_counts_as_sent(provenance):
    active = provenance({"active": False}, is_active=True)["active"]
    assert (active.was_sent, active.is_overridden, active.will_be) == (True, True, False)


def test_conversion_makes_no_difference_of_its_own(provenance):
    nick = provenance({"nickName": "Köln"}, city="köln")["nickName"]
    assert (nick.value, nick.received, nick.is_overridden) == ("KÖLN", "Köln", False)


def test_value_the_column_does_not_take_any_more_is_told_as_it_was_sent(provenance):
    title = provenance({"title": "x" * 500}, job_title="Boss")["title"]
    assert (title.is_overridden, title.will_be) == (True, "x" * 500)


def test_lines_are_those_of_the_map_without_the_user_name(provenance):
    assert list(provenance({})) == [
        "active",
        "title",
        "nickName",
        'emails[type eq "work"].value',
    ]


def test_location_without_a_request_is_at_the_tenants_own_address(acme):
    OccupantFactory(company=acme)
    record = ProvisionedUser.objects.get()
    adapter = scim_settings.USER_ADAPTER(record.user, provisioned_user=record)
    location = adapter.to_dict()["meta"]["location"]
    assert location == f"https://acme.localhost/scim/v2/Users/{record.scim_id}"
