"""The attribute map: what may stand in it, and taking resources apart and together."""

import pytest

from maptician_scim.exceptions import InvalidFilter
from maptician_scim.mapping import Attribute, AttributeMap
from maptician_scim.protocol.filters import compile_filter
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


def test_column_of_another_type_cannot_be_filtered():
    mapping = AttributeMap(LEAST | {"title": "date_joined"})
    with pytest.raises(InvalidFilter, match="title"):
        compile_filter('title eq "x"', mapping.model, mapping)


# -- described ------------------------------------------------------------------------------------


def test_description_begins_with_user_name_and_ends_with_external_id():
    found = AttributeMap({"externalId": None, "title": "job_title"} | LEAST).described()
    assert [line.path.text for line in found] == ["userName", "title", "active", "externalId"]
    assert [line.field for line in found] == ["username", "job_title", "is_active", None]
    assert [line.is_required for line in found] == [True, False, False, False]
    assert [line.kind for line in found] == ["string", "string", "boolean", "string"]


@pytest.mark.parametrize(
    ("text", "okta_name", "namespace"),
    [
        ("name.givenName", "name.givenName", CORE_USER),
        ('emails[type eq "work"].value', "emails.^[type=='work'].value", CORE_USER),
        (f"{ENTERPRISE_USER}:department", "department", ENTERPRISE_USER),
        (f"{ENTERPRISE_USER}:manager.displayName", "manager.displayName", ENTERPRISE_USER),
    ],
)
def test_description_is_in_the_words_of_oktas_profile_editor(text, okta_name, namespace):
    described = AttributeMap(LEAST | {text: "x"}).described()[-2]
    assert (described.path.okta_name, described.namespace) == (okta_name, namespace)


def upper(value):
    return value.upper()


@pytest.mark.parametrize(
    "text",
    [
        "title",
        "name.givenName",
        'emails[type eq "work"].value',
        'emails[type eq "home"].display',
        f"{ENTERPRISE_USER}:department",
        "profileUrl",
    ],
)
@pytest.mark.parametrize("target", ["x", Attribute("x", to_scim=upper)], ids=["plain", "converted"])
def test_description_says_of_filters_what_the_compiler_does(text, target):
    mapping = AttributeMap(LEAST | {text: target})
    described = mapping.described()[-2]
    try:
        compile_filter(f'{text} eq "https://x.example"', mapping.model, mapping)
    except InvalidFilter:
        is_filterable = False
    else:
        is_filterable = True
    assert described.path.text == text
    assert described.is_filterable is is_filterable
    assert is_filterable is (target == "x")
