"""Lists, look-ups and paging (RFC 7644 section 3.4.2)."""

from urllib.parse import urlencode

import pytest

from tests.client import ENTERPRISE, LIST


@pytest.fixture
def people(scim):
    """Five people, in the order of their creation."""
    return [scim.create(userName=f"person{n}@x", title=f"T{n}").json() for n in range(5)]


@pytest.mark.rfc("7644", "3.4.2", "b", "c", "d", "e", "f")
def test_test_connector_shows_the_first_people_as_integers(scim, people):
    assert scim.search(startIndex=1, count=2).json() == {
        "schemas": [LIST],
        "totalResults": 5,
        "startIndex": 1,
        "itemsPerPage": 2,
        "Resources": people[:2],
    }


@pytest.mark.rfc("7644", "3.4.2", "g")
def test_look_up_of_a_random_name_is_an_empty_list(scim, people):
    answer = scim.search('userName eq "7d3f6a7e-abcd"', startIndex=1, count=100)
    assert answer.status_code == 200
    assert answer.json() == {
        "schemas": [LIST],
        "totalResults": 0,
        "startIndex": 1,
        "itemsPerPage": 0,
        "Resources": [],
    }


def test_inactive_people_are_found(scim, people):
    scim.modify(people[0]["id"], {"op": "replace", "value": {"active": False}})
    [found] = scim.search('userName eq "PERSON0@X"').json()["Resources"]
    assert (found["id"], found["active"]) == (people[0]["id"], False)


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "iso-8859-1", "cp037"])
def test_parameters_are_utf_8_whatever_charset_the_content_type_names(scim, charset):
    """Django decodes them by it, and Okta sends a Content-Type with a GET, too."""
    pat = scim.create(userName="zoë@x").json()
    scim.create(userName="zed@x")
    query = urlencode({"filter": 'userName eq "ZOË@x"', "count": 1})
    content_type = f"application/scim+json; charset={charset}"
    # As a header: the test client sends no Content-Type without a body.
    answer = scim.request_scim("GET", f"/Users?{query}", Content_Type=content_type)
    assert answer.json()["Resources"] == [pat]


@pytest.mark.rfc("7644", "3.4.2.4", "a", "b", "c")
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, (5, 1, range(5))),
        ({"startIndex": 0}, (5, 1, range(5))),
        ({"startIndex": -7}, (5, 1, range(5))),
        ({"startIndex": 2, "count": 2}, (5, 2, [1, 2])),
        ({"startIndex": 5, "count": 2}, (5, 5, [4])),
        ({"startIndex": 6}, (5, 6, [])),
        ({"count": 0}, (5, 1, [])),
        ({"count": -1}, (5, 1, [])),
        ({"count": 10**30}, (5, 1, range(5))),
        ({"startIndex": 10**30}, (5, 2**31 - 1, [])),
    ],
    ids=str,
)
def test_paging_is_clamped(scim, people, parameters, expected):
    body = scim.search(**parameters).json()
    total, start, numbers = expected
    assert (body["totalResults"], body["startIndex"]) == (total, start)
    assert body["Resources"] == [people[n] for n in numbers]
    assert body["itemsPerPage"] == len(body["Resources"])


@pytest.mark.parametrize("name", ["startIndex", "count"])
@pytest.mark.parametrize("value", ["x", "", "1.5", "1e3", "\u0661", "1_0", "0x1"])
def test_paging_with_something_else_than_a_number_is_400(scim, people, name, value):
    answer = scim.search(**{name: value})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert name in answer.json()["detail"]


def test_page_is_as_long_as_asked_up_to_the_maximum(scim, people, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {
        "MAX_PAGE_SIZE": 3,
        "DEFAULT_PAGE_SIZE": 2,
    }
    assert scim.search(count=4).json()["itemsPerPage"] == 3
    assert scim.search().json()["itemsPerPage"] == 2


def test_import_by_pages_has_everybody_once_while_people_are_added(scim, people):
    seen = []
    for start in (1, 3, 5):
        seen += scim.search(startIndex=start, count=2).json()["Resources"]
        scim.create(userName=f"late{start}@x")
    assert [p["id"] for p in seen][:5] == [p["id"] for p in people]


@pytest.mark.rfc("7644", "3.4.2.2", "a")
def test_filter_and_total_go_together(scim, people):
    body = scim.search('title gt "T1"', count=2).json()
    assert (body["totalResults"], body["Resources"]) == (3, people[2:4])


@pytest.mark.parametrize(
    ("term", "operator"),
    [("id pr", "and"), ("name pr", "or"), ("emails pr", "and"), ('emails.value eq "x"', "or")],
)
def test_filter_as_long_as_allowed_is_answered(scim, people, term, operator):
    joint = f" {operator} "
    filter_text = joint.join([term] * (4000 // len(term + joint)))
    assert scim.search(filter_text).status_code == 200


@pytest.mark.rfc("7644", "3.4.2.2", "b", "c", "d", "f", "g", "i")
@pytest.mark.rfc("7644", "3.12", "c")
@pytest.mark.parametrize(
    ("filter_text", "named"),
    [
        ('password eq "x"', "password"),
        ("password pr", "password"),
        ('groups.$ref eq "x"', "groups"),
        ('schemas eq "x"', "schemas"),
        ('meta.location eq "x"', "meta.location"),
        ('meta.version eq "x"', "meta.version"),
        ('name eq "x"', "name"),
        ('addresses eq "x"', "addresses"),
        (f'{ENTERPRISE}:manager eq "x"', "manager"),
        ('shoeSize eq "x"', "shoeSize"),
        ('title eq "x" or shoeSize eq "x"', "shoeSize"),
        ('emails[shoe eq "x"]', "shoe"),
        ('title[value eq "x"]', "title"),
        ("active gt true", "active"),
        ('active co "t"', "active"),
        ('active eq "maybe"', "active"),
        ('active eq "yes"', "active"),
        ("active eq 1", "active"),
        ("emails[primary eq 1]", "primary"),
        ("meta.created gt 5", "created"),
        ('meta.created gt "5"', "created"),
        ("title eq 5", "title"),
        ("title co 5", "title"),
        ('meta.created gt "yesterday"', "created"),
        ('meta.created co "20"', "meta.created"),
        ('meta.created gt "0001-01-01T00:00:00+14:00"', "date"),
        ('title eq "\\u0000"', "character"),
        ('title eq "\\ud800"', "character"),
        ('photos.value lt "\\ud800"', "character"),
        ('photos[value eq "\\ud800"]', "character"),
        ("title", "column"),
        ("title eq", "column"),
        ('title eq "x', "column"),
        ('title eq "x" and', "column"),
        ("(title pr", ""),
        ("", "empty"),
        (" ", "empty"),
        ("title pr or " * 400 + "title pr", "4000"),
        ("(" * 21 + "title pr" + ")" * 21, "nested"),
        ("not (" * 21 + "title pr" + ")" * 21, "nested"),
        ("(" * 1990 + "title pr" + ")" * 1990, "nested"),
    ],
    ids=lambda value: value[:40],
)
def test_what_cannot_be_filtered_is_400_naming_it(scim, people, filter_text, named):
    answer = scim.search(filter_text)
    assert (answer.status_code, answer.json().get("scimType")) == (400, "invalidFilter")
    assert named in answer.json()["detail"]


def test_two_filters_are_400(scim):
    answer = scim.request_scim("GET", "/Users?filter=title+pr&filter=active+eq+true")
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")


@pytest.mark.rfc("7643", "9.2", "b")
@pytest.mark.rfc("7644", "7.7", "a")
@pytest.mark.parametrize(
    "filter_text",
    [
        "userName pr or userName pr",
        "not (userName pr) or userName pr",
        "(id pr) or (userName pr)",
        'userName eq "x" or not (title eq "y")',
        'userName ne "x"',
        "not (emails[value pr])",
        'userName eq "") OR (1=1',
        'userName eq "\') OR 1=1 --" or active eq true',
    ],
)
def test_no_filter_escapes_the_tenant(scim, other_scim, people, filter_text):
    other_scim.create(userName="foreign@x")
    body = scim.search(filter_text).json()
    names = {p["userName"] for p in body.get("Resources", [])}
    assert names <= {p["userName"] for p in people}
    assert body.get("totalResults", 0) <= 5


@pytest.mark.parametrize("wildcard", ["%", "_", "\\\\", "*", "?"])
def test_wildcards_are_letters(scim, people, wildcard):
    odd = scim.create(userName="odd", title=wildcard.replace("\\\\", "\\") + "x").json()
    found = scim.search(f'title sw "{wildcard}"').json()["Resources"]
    assert [p["id"] for p in found] == [odd["id"]]
    assert scim.search(f'nickName co "{wildcard}"').json()["totalResults"] == 0


@pytest.mark.rfc("7644", "3.4.2.2", "l")
@pytest.mark.rfc("7644", "7.8", "a")
@pytest.mark.parametrize("attribute", ["title", "nickName"])
def test_letters_beyond_ascii_have_a_lower_case(scim, attribute):
    created = scim.create(userName="a", **{attribute: "ÄRGER Σίσυφος"}).json()
    for text in ('eq "ärger σίσυφος"', 'co "ÄRG"', 'sw "äR"', 'ew "ΦΟΣ"'):
        found = scim.search(f"{attribute} {text}").json()["Resources"]
        assert [p["id"] for p in found] == [created["id"]], text


@pytest.mark.parametrize("attribute", ["title", "nickName"])
def test_order_is_by_code_point(scim, attribute):
    for text in ("Zebra", "a_", "aB", "é", "ä"):
        scim.create(userName=text, **{attribute: text})
    found = scim.search(f'{attribute} gt "ab" and {attribute} lt "ê"').json()["Resources"]
    assert {p[attribute] for p in found} == {"Zebra", "é", "ä"}


@pytest.mark.rfc("7643", "3.1", "c")
@pytest.mark.rfc("7643", "7", "g", "h")
@pytest.mark.rfc("7644", "3.4.2.2", "l")
def test_external_id_is_compared_with_its_case(scim):
    created = scim.create(userName="a", externalId="00uAbC").json()
    assert scim.search('externalId eq "00uAbC"').json()["Resources"] == [created]
    assert scim.search('externalId eq "00uabc"').json()["totalResults"] == 0
    assert scim.search('externalId co "uabc"').json()["totalResults"] == 0


@pytest.mark.rfc("7643", "2.3.6", "a")
@pytest.mark.rfc("7643", "4.1.2", "i")
def test_certificate_can_be_filtered_as_it_is_sent(scim, people):
    created = scim.create(userName="a", x509Certificates=[{"value": "aGVsbG8="}]).json()
    for filter_text in ('x509Certificates eq "aGVsbG8="', 'x509Certificates[value eq "aGVsbG8="]'):
        assert scim.search(filter_text).json()["Resources"] == [created]
    assert scim.search('x509Certificates eq "aGVsbG8h"').json()["totalResults"] == 0


@pytest.mark.rfc("7643", "3", "e")
@pytest.mark.parametrize("text", ["{id}", "{id[0]}", "-"], ids=["eq", "sw", "co"])
def test_id_can_be_filtered(scim, people, text):
    operator = {"{id}": "eq", "{id[0]}": "sw", "-": "co"}[text]
    value = text.format(id=people[2]["id"])
    assert people[2] in scim.search(f'id {operator} "{value}"').json()["Resources"]
    assert scim.search(f'id eq "{people[2]["id"].upper()}X"').json()["totalResults"] == 0
