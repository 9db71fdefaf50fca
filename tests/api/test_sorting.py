"""``sortBy`` and ``sortOrder`` (RFC 7644 section 3.4.2.3)."""

import pytest

from maptician_scim.protocol.expressions import comparison_key
from tests.client import ENTERPRISE, USER


@pytest.fixture
def order(scim):
    """A function: the userNames in the order a client asks for."""

    def names(sort_by, **parameters):
        answer = scim.search(sortBy=sort_by, **parameters)
        assert answer.status_code == 200, answer.json()
        return "".join(p["userName"] for p in answer.json()["Resources"])

    return names


@pytest.mark.rfc("7644", "3.4.2.3", "a", "b", "c")
def test_text_is_sorted_without_regard_to_case_and_by_code_point(scim, order):
    for name, title in zip("abcde", ["Zoo", "b", "Äpfel", "B", "äpfel"], strict=True):
        scim.create(userName=name, title=title)
    assert order("title") == "bdace"
    assert order("TITLE", sortOrder="Ascending") == "bdace"
    assert order("title", sortOrder="DESCENDING") == "ceabd"


@pytest.mark.parametrize("attribute", ["title", "nickName"])
def test_who_has_no_value_comes_last_and_first_when_descending(scim, order, attribute):
    for name, value in zip("abcd", [None, "x", "", "y"], strict=True):
        scim.create(userName=name, **{attribute: value} if value is not None else {})
    assert order(attribute) == "bdac"
    assert order(attribute, sortOrder="descending") == "acdb"


@pytest.mark.rfc("7644", "3.4.2.3", "c")
def test_exact_attribute_is_sorted_with_its_case(scim, order):
    for name, value in zip("abc", ["b", "B", "a"], strict=True):
        scim.create(userName=name, externalId=value)
    assert order("externalId") == "bca"


def test_user_name_is_sorted_folded(scim, order):
    for name in ("STRASSE9", "straße1", "Strasse5"):
        scim.create(userName=name)
    assert order("userName") == "straße1Strasse5STRASSE9"


def test_booleans_are_sorted_false_first(scim, order):
    for name, value in zip("abc", [True, False, True], strict=True):
        scim.create(userName=name, active=value)
    assert order("active") == "bac"
    assert order("active", sortOrder="descending") == "acb"


@pytest.mark.rfc("7644", "3.4.2.3", "c")
def test_dates_and_ids_are_sorted_by_value(scim, order):
    made = [scim.create(userName=name).json() for name in "abc"]
    scim.modify(made[0]["id"], {"op": "add", "path": "title", "value": "x"})
    assert order("meta.created", sortOrder="descending") == "cba"
    assert order("meta.lastModified") == "bca"
    by_id = sorted(made, key=lambda person: person["id"])
    assert order("id") == "".join(p["userName"] for p in by_id)
    assert order("meta.resourceType") == "abc"


def test_extension_and_sub_attributes_can_be_named(scim, order):
    for name, text in zip("abc", ["3", "1", "2"], strict=True):
        scim.create(
            userName=name,
            name={"familyName": text, "middleName": text},
            **{ENTERPRISE: {"department": text, "manager": {"displayName": text}}},
        )
    for attribute in (
        "name.familyName",
        "name.middleName",
        f"{USER}:name.familyName",
        f"{ENTERPRISE}:department",
        f"{ENTERPRISE}:manager.displayName",
        "department",
    ):
        assert order(attribute) == "bca", attribute


def test_of_several_values_the_primary_one_counts_or_the_first(scim, order):
    emails = {
        "a": [{"value": "z@x", "type": "work"}, {"value": "b@x", "type": "home", "primary": True}],
        "b": [{"value": "c@x", "type": "work"}, {"value": "a@x", "type": "home"}],
        "c": [{"value": "y@x", "type": "home"}, {"value": "d@x", "type": "other"}],
        "d": [{"value": "A@x", "type": "work", "primary": True}, {"value": "z@x", "type": "o"}],
        "e": [],
    }
    for name, entries in emails.items():
        scim.create(userName=name, emails=entries)
    assert order("emails") == order("emails.value") == "dabce"
    assert order("emails.value", sortOrder="descending") == "ecbad"
    assert order("emails.primary") == "adbce"


def test_primary_entry_without_the_value_is_none(scim, order):
    scim.create(userName="a", ims=[{"value": "1", "display": "z"}])
    scim.create(userName="b", ims=[{"value": "1", "primary": True}, {"value": "2", "display": "a"}])
    assert order("ims.display") == "ab"


def test_equal_ones_stay_in_the_order_of_creation(scim, order):
    for name in "badc":
        scim.create(userName=name, title="Same")
    assert order("title") == order("title", sortOrder="descending") == "badc"


def test_pages_of_a_sorted_list_fit_together(scim, order):
    for name in "dbace":
        scim.create(userName=name)
    pages = [order("userName", startIndex=start, count=2) for start in (1, 3, 5)]
    assert pages == ["ab", "cd", "e"]


def test_order_without_an_attribute_changes_nothing(scim):
    for name in "ba":
        scim.create(userName=name)
    found = scim.search(sortOrder="descending").json()["Resources"]
    assert [p["userName"] for p in found] == ["b", "a"]


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"sortBy": "name"}, "name"),
        ({"sortBy": "addresses"}, "addresses"),
        ({"sortBy": "meta"}, "meta"),
        ({"sortBy": f"{ENTERPRISE}:manager"}, "manager"),
        ({"sortBy": ENTERPRISE}, "sortBy"),
        ({"sortBy": "password"}, "password"),
        ({"sortBy": "x509Certificates"}, "x509Certificates"),
        ({"sortBy": "x509Certificates.value"}, "x509Certificates"),
        ({"sortBy": "meta.version"}, "meta.version"),
        ({"sortBy": "schemas"}, "schemas"),
        ({"sortBy": "shoeSize"}, "shoeSize"),
        ({"sortBy": "emails.shoeSize"}, "shoeSize"),
        ({"sortBy": 'emails[type eq "work"].value'}, "filter"),
        ({"sortBy": "userName,title"}, "sortBy"),
        ({"sortBy": "a" * 5000}, "sortBy"),
        ({"sortBy": ""}, "sortBy"),
        ({"sortBy": "title", "sortOrder": "up"}, "sortOrder"),
        ({"sortOrder": ""}, "sortOrder"),
        ({"sortBy": "\x00"}, "sortBy"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_sorted_by_is_400_naming_it(scim, parameters, named):
    answer = scim.search(**parameters)
    assert (answer.status_code, answer.json().get("scimType")) == (400, "invalidValue")
    assert named in answer.json()["detail"]


def test_two_sort_parameters_are_400(scim):
    answer = scim.request_scim("GET", "/Users?sortBy=title&sortBy=userName")
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")


@pytest.mark.parametrize("attribute", ["title", "nickName"])
def test_database_and_python_sort_alike(scim, attribute):
    texts = ["é", "Z", "ss", "ß", "A b", "a_b", "ÄRGER", "cafe\u0301", "Σ", "ς", "", "\U0001f600"]
    for number, text in enumerate(texts):
        scim.create(userName=f"p{number}", **{attribute: text})
    found = scim.search(sortBy=attribute).json()["Resources"]
    assert [p.get(attribute, "") for p in found] == sorted(
        texts, key=lambda text: (not text, comparison_key(text))
    )
