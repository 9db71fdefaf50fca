"""The attribute map: what may stand in it, and taking resources apart and together."""

import pytest

from maptician_scim.mapping import Attribute, AttributeMap
from maptician_scim.protocol.schemas import CORE_USER, ENTERPRISE_USER

LEAST = {"userName": "username", "active": "is_active"}
MAP = LEAST | {
    'emails[type eq "work"].value': "email",
    'addresses[type eq "work"].locality': "city",
    'addresses[type eq "work"].region': "region",
    "name.givenName": "first_name",
    f"{ENTERPRISE_USER}:department": "department",
}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"shoeSize": "x"}, "no attribute"),
        ({"name.shoe": "x"}, "no attribute"),
        ({"emails[": "x"}, "no SCIM attribute path"),
        ({"emails": "x"}, "multi-valued"),
        ({"emails.value": "x"}, "multi-valued"),
        ({'emails[type eq "work"]': "x"}, "multi-valued"),
        ({'emails[type ne "work"].value': "x"}, "something else"),
        ({'emails[value eq "work"].value': "x"}, "something else"),
        ({'emails[type eq "a b"].value': "x"}, "something else"),
        ({"externalId": "x"}, "kept by maptician_scim"),
        ({"title": None}, "leave it out"),
        ({"userName": None}, "leave it out"),
    ],
    ids=str,
)
def test_line_that_makes_no_sense_is_refused_with_the_reason(line, reason):
    with pytest.raises(ValueError, match=reason):
        AttributeMap(LEAST | line)


@pytest.mark.parametrize("missing", LEAST)
def test_without_user_name_or_active_there_is_no_map(missing):
    with pytest.raises(ValueError, match="must be in the attribute map"):
        AttributeMap({name: field for name, field in LEAST.items() if name != missing})


WHOLE = {
    "schemas": [CORE_USER, ENTERPRISE_USER],
    "userName": "pat",
    "externalId": "00u1",
    "active": True,
    "name": {"givenName": "Pat", "middleName": "Q"},
    "emails": [
        {"value": "w@x", "type": "work", "primary": True},
        {"value": "h@x", "type": "home"},
    ],
    "addresses": [{"locality": "K", "region": "N", "type": "work", "postalCode": "1"}],
    "nickName": "P",
    ENTERPRISE_USER: {"department": "D", "costCenter": "4"},
}


def test_resource_taken_apart_and_put_together_is_the_same():
    mapping = AttributeMap(MAP)
    parts = mapping.split(WHOLE)
    values = [parts.values[text] for text in mapping.texts]
    assert mapping.document(parts.user_name, parts.external_id, parts.attributes, values) == WHOLE


def test_no_mapped_value_is_kept_twice():
    assert AttributeMap(MAP).split(WHOLE).attributes == {
        "name": {"middleName": "Q"},
        "emails": [{"value": "h@x", "type": "home"}],
        "emails[work]": {"primary": True},
        "addresses[work]": {"postalCode": "1"},
        "nickName": "P",
        ENTERPRISE_USER: {"costCenter": "4"},
    }


def test_if_the_host_has_no_value_then_the_rest_of_the_element_is_not_shown():
    mapping = AttributeMap(MAP)
    values = [None for _ in mapping.texts]
    document = mapping.document("pat", None, {"emails[work]": {"primary": True}}, values)
    assert document == {"schemas": [CORE_USER], "userName": "pat"}


def test_conversions_are_shown_and_cannot_be_filtered():
    mapping = AttributeMap(LEAST | {"title": Attribute("grade", to_scim=str, from_scim=int)})
    [line] = [m for m in mapping.mapped if m.path.text == "title"]
    assert line.attribute.shown(5) == "5"
    assert line.attribute.shown(None) is None
    assert mapping.operand(None, "title", None) is None
