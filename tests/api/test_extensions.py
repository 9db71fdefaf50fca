"""Schema extensions a host declares, over HTTP."""

import pytest

from maptician_scim.models import Event, ProvisionedUser
from tests.client import ENTERPRISE, USER
from tests.extensions import ADAPTER, PARKING, WORKPLACE

EVERYTHING = {
    "badge": "B-7",
    "nickname": "Pat",
    "floor": 3,
    "share": 0.5,
    "remote": True,
    "hired": "2026-01-31T08:00:00Z",
    "site": "https://sites.example/köln",
    "photo": "aGFsbG8=",
    "commute": {"mode": "bike", "minutes": 20, "stops": ["A", "B"]},
    "skills": [
        {"value": "first aid", "level": 2, "since": "2020-05-01T00:00:00Z", "type": "safety"},
        {"value": "Python", "level": 9},
    ],
    "languages": ["de", "en"],
    "lockers": [7, 12],
    "payroll": "P1",
    "kind": "desk",
}


@pytest.fixture(autouse=True)
def _extended(settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"USER_ADAPTER": ADAPTER}


@pytest.fixture
def create(scim):
    """A function: somebody with these attributes of the extension."""

    def make(user_name="pat@acme.example", /, **values):
        answer = scim.create(userName=user_name, **({WORKPLACE: values} if values else {}))
        assert answer.status_code == 201, answer.json()
        return answer.json()

    return make


def shown(resource):
    """What is shown of the extension that a client has sent."""
    return {n: v for n, v in resource.get(WORKPLACE, {}).items() if n != "joined"}


# -- writing and reading ---------------------------------------------------------------------------


@pytest.mark.rfc("7643", "3.3", "e")
def test_every_type_comes_back_as_it_was_sent(scim, create):
    made = create(**EVERYTHING)
    assert shown(made) == EVERYTHING
    assert made["schemas"] == [USER, WORKPLACE]
    [listed] = scim.search().json()["Resources"]
    assert made == listed == scim.read(made["id"]).json()


def test_schemas_name_an_extension_only_where_it_is_there(scim, create):
    body = {"userName": "pat", PARKING: {"plate": "K-AB 1"}}
    found = scim.create(**body).json()
    assert found["schemas"] == [USER, WORKPLACE, PARKING]  # joined is the host's
    assert PARKING not in create("kim")["schemas"]


def test_urns_and_names_are_taken_in_any_case(scim):
    made = scim.create(
        userName="pat", **{WORKPLACE.upper(): {"FLOOR": 3, "Commute": {"MODE": "x"}}}
    )
    assert shown(made.json()) == {"floor": 3, "commute": {"mode": "x"}}


def test_put_without_it_forgets_it(scim, create):
    made = create(**EVERYTHING | {"payroll": None})
    answer = scim.replace(made["id"], {"userName": made["userName"]})
    assert shown(answer.json()) == {}


def test_unknown_attributes_of_it_are_ignored(create):
    assert shown(create(shoeSize=45, floor=1, commute={"cost": 5, "mode": "bus"})) == {
        "floor": 1,
        "commute": {"mode": "bus"},
    }


FORMS = [
    ({"remote": "False"}, {"remote": False}),
    ({"floor": "3"}, {"floor": 3}),
    ({"floor": 3.0}, {"floor": 3}),
    ({"share": "0.25"}, {"share": 0.25}),
    ({"share": 1}, {"share": 1.0}),
    ({"share": -0.0}, {"share": 0.0}),
    ({"hired": "2026-01-31"}, {"hired": "2026-01-31T00:00:00Z"}),
    ({"hired": "2026-01-31T09:00:00.25+01:00"}, {"hired": "2026-01-31T08:00:00.250000Z"}),
    ({"hired": "2026-01-31T08:00:00"}, {"hired": "2026-01-31T08:00:00Z"}),
    ({"photo": "aGFs\nbG8="}, {"photo": "aGFsbG8="}),
    ({"skills": {"value": "x"}}, {"skills": [{"value": "x"}]}),
    ({"badge": "", "languages": [], "commute": {}, "floor": None, "kind": "x"}, {"kind": "x"}),
]


def test_value_is_brought_into_the_form_of_its_type(scim, create):
    for n, (sent, kept) in enumerate(FORMS):
        assert shown(create(f"new{n}", **sent)) == kept
        other = create(f"old{n}", kind="old")
        operation = {"op": "add", "path": WORKPLACE, "value": {"kind": None} | sent}
        assert shown(scim.modify(other["id"], operation).json()) == kept


MISFITS = [
    ({"badge": 5}, "badge", "must be a string"),
    ({"floor": "x"}, "floor", "must be a whole number"),
    ({"floor": 1.5}, "floor", "must be a whole number"),
    ({"floor": True}, "floor", "must be a whole number"),
    ({"floor": 9223372036854775808}, "floor", "out of range"),
    ({"share": "half"}, "share", "must be a number"),
    ({"share": True}, "share", "must be a number"),
    ({"share": 1e300}, "share", "out of range"),
    ({"share": "1e999"}, "share", "out of range"),
    ({"remote": "yes"}, "remote", "must be true or false"),
    ({"remote": 1}, "remote", "must be true or false"),
    ({"hired": 1700000000}, "hired", "must be a date and time"),
    ({"hired": "2026-02-30T00:00:00Z"}, "hired", "must be a date and time"),
    ({"hired": "0001-01-01T00:00:00+10:00"}, "hired", "must be a date and time"),
    ({"hired": "soon"}, "hired", "must be a date and time"),
    ({"site": "no address"}, "site", "Invalid URI"),
    ({"site": 5}, "site", "Expected string"),
    ({"photo": "%%%"}, "photo", "base64"),
    ({"photo": 5}, "photo", "base64"),
    ({"commute": "bike"}, "commute", "must be an object"),
    ({"commute": {"minutes": "x"}}, "commute.minutes", "must be a whole number"),
    ({"skills": "Python"}, "skills", "must be an array"),
    ({"skills": [{"level": 3}]}, "skills", "required"),
    ({"skills": [{"value": "x", "level": "y"}]}, "skills.level", "must be a whole number"),
    ({"languages": "de"}, "languages", "must be an array"),
    ({"languages": [5]}, "languages", "must be a string"),
    ({"lockers": ["x"]}, "lockers", "must be a whole number"),
]


def test_value_of_another_type_is_refused_with_its_place(scim):
    for sent, place, reason in MISFITS:
        answer = scim.create(userName="pat", **{WORKPLACE: sent})
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue"), sent
        assert f"{WORKPLACE}:{place}" in answer.json()["detail"]
        assert reason in answer.json()["detail"]
    assert scim.search().json()["totalResults"] == 0


@pytest.mark.parametrize("value", [5, "x", [1], True], ids=str)
def test_extension_that_is_no_object_is_refused(scim, value):
    answer = scim.create(userName="pat", **{WORKPLACE: value})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert WORKPLACE in answer.json()["detail"]


def test_required_attribute_is_required_where_the_extension_is(scim):
    answer = scim.create(userName="pat", **{PARKING: {"has-charger": "True"}})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    body = {"plate": "X", "has-charger": "True"}
    made = scim.create(userName="pat", **{PARKING: body}).json()
    assert made[PARKING] == {"plate": "X", "Has-Charger": True}
    answer = scim.modify(made["id"], {"op": "remove", "path": f"{PARKING}:plate"})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "mutability")


@pytest.mark.rfc("7643", "7", "j")
@pytest.mark.rfc("7644", "3.5.1", "c", "d", "e")
def test_immutable_attribute_is_set_once(scim, create):
    made = create(payroll="P1")
    kept = scim.replace(made["id"], {"userName": "pat@acme.example"}).json()
    assert shown(kept) == {"payroll": "P1"}
    body = {"userName": "pat@acme.example", WORKPLACE: {"payroll": "P2"}}
    answer = scim.replace(made["id"], body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "mutability")
    assert f"{WORKPLACE}:payroll" in answer.json()["detail"]
    operation = {"op": "replace", "path": f"{WORKPLACE}:payroll", "value": "P2"}
    assert scim.modify(made["id"], operation).json()["scimType"] == "mutability"
    kim = scim.create(userName="kim@acme.example").json()
    body["userName"] = "kim@acme.example"
    assert shown(scim.replace(kim["id"], body).json()) == {"payroll": "P2"}


@pytest.mark.rfc("7643", "7", "i")
def test_read_only_attribute_is_the_hosts(scim, create):
    made = create(joined="2001-01-01T00:00:00Z", floor=1)
    joined = made[WORKPLACE]["joined"]
    assert not joined.startswith("2001")
    body = made | {WORKPLACE: {"joined": "no date"}}
    assert scim.replace(made["id"], body).json()[WORKPLACE] == {"joined": joined}
    operation = {"op": "replace", "path": f"{WORKPLACE}:joined", "value": "2001-01-01T00:00:00Z"}
    assert scim.modify(made["id"], operation).json()["scimType"] == "mutability"


def test_put_of_what_get_answered_changes_nothing(scim, create):
    made = create(**EVERYTHING)
    assert scim.replace(made["id"], made).json() == made


def test_event_tells_old_and_new_values(scim, create):
    made = create(floor=1, commute={"mode": "bus"})
    body = {"floor": 2, "commute": {"mode": "bike"}}
    scim.replace(made["id"], {"userName": made["userName"], WORKPLACE: body})
    assert Event.objects.latest("id").changes == {
        f"{WORKPLACE}:floor": {"old": 1, "new": 2},
        f"{WORKPLACE}:commute.mode": {"old": "bus", "new": "bike"},
    }


# -- PATCH ----------------------------------------------------------------------------------------


PATCHES = [
    ({"op": "replace", "path": ":floor", "value": 4}, {"floor": 4}),
    ({"op": "Replace", "path": ":FLOOR", "value": "4"}, {"floor": 4}),
    ({"op": "replace", "path": ":remote", "value": "False"}, {"remote": False}),
    ({"op": "replace", "path": ":floor", "value": ""}, {"floor": None}),
    ({"op": "remove", "path": ":floor"}, {"floor": None}),
    ({"op": "remove", "path": ":languages"}, {"languages": None}),
    (
        {"op": "add", "path": ":languages", "value": ["fr", "de"]},
        {"languages": ["de", "en", "fr"]},
    ),
    ({"op": "add", "path": ":languages", "value": "fr"}, {"languages": ["de", "en", "fr"]}),
    ({"op": "remove", "path": ':languages[value eq "DE"]'}, {"languages": ["en"]}),
    ({"op": "remove", "path": ":languages", "value": ["de"]}, {"languages": ["en"]}),
    ({"op": "remove", "path": ":lockers", "value": [7]}, {"lockers": [12]}),
    ({"op": "add", "path": ":lockers", "value": "9"}, {"lockers": [7, 12, 9]}),
    ({"op": "replace", "path": ":lockers", "value": [1]}, {"lockers": [1]}),
    (
        {"op": "replace", "path": ":commute.mode", "value": "bus"},
        {"commute": EVERYTHING["commute"] | {"mode": "bus"}},
    ),
    (
        {"op": "replace", "path": ":commute", "value": {"minutes": "9"}},
        {"commute": EVERYTHING["commute"] | {"minutes": 9}},
    ),
    ({"op": "remove", "path": ":commute"}, {"commute": None}),
    (
        {"op": "replace", "path": ':skills[value eq "python"].level', "value": 3},
        {"skills": [EVERYTHING["skills"][0], {"value": "Python", "level": 3}]},
    ),
    (
        {"op": "remove", "path": ":skills[level gt 5]"},
        {"skills": [EVERYTHING["skills"][0]]},
    ),
    (
        {"op": "add", "path": ":skills", "value": [{"value": "Go", "since": "2026-01-01"}]},
        {
            "skills": [
                *EVERYTHING["skills"],
                {"value": "Go", "since": "2026-01-01T00:00:00Z"},
            ]
        },
    ),
    (
        {"op": "replace", "path": "", "value": {"floor": 8, "kind": "lab"}},
        {"floor": 8, "kind": "lab"},
    ),
    ({"op": "replace", "path": ":shoeSize", "value": 8}, {}),
]


def test_patch_by_urn_path(scim, create):
    made = create(**EVERYTHING | {"payroll": None})
    for operation, changed in PATCHES:
        answer = scim.modify(made["id"], operation | {"path": WORKPLACE + operation["path"]})
        assert answer.status_code == 200, answer.json()
        expected = {n: v for n, v in (shown(made) | changed).items() if v is not None}
        assert shown(answer.json()) == expected, operation
        assert scim.read(made["id"]).json() == answer.json()
        scim.replace(made["id"], made)


@pytest.mark.parametrize(
    "value",
    [
        {WORKPLACE: {"floor": 8}},
        {WORKPLACE.lower(): {"FLOOR": "8"}},
        {f"{WORKPLACE}:floor": 8},
        {f"{WORKPLACE.upper()}:Floor": 8},
        {"floor": 8},
    ],
    ids=["object", "case", "qualified", "qualified in another case", "without the URN"],
)
def test_patch_without_a_path(scim, create, value):
    made = create(floor=1, kind="desk")
    answer = scim.modify(made["id"], {"op": "replace", "value": value})
    assert shown(answer.json()) == {"floor": 8, "kind": "desk"}


def test_what_was_kept_under_another_declaration_stops_nobody(scim, create):
    made = create(floor=1)
    other = {"floor": "top", "skills": "many", "languages": {"a": 1}, "lockers": 5, "kind": "x"}
    ProvisionedUser.objects.update(attributes={WORKPLACE: other})
    for text in ("floor gt 1", "skills pr", "skills[level gt 1]", 'languages eq "a"', "hired pr"):
        assert scim.search(f"{WORKPLACE}:{text}").status_code == 200
    answer = scim.modify(made["id"], {"op": "replace", "path": "active", "value": False})
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert shown(answer.json()) == other
    answer = scim.modify(made["id"], {"op": "replace", "path": "name.givenName", "value": "Zoë"})
    assert shown(answer.json()) == {"kind": "x"}


def test_removing_the_whole_extension(scim, create):
    made = create(floor=1, kind="desk")
    answer = scim.modify(made["id"], {"op": "remove", "path": WORKPLACE})
    assert shown(answer.json()) == {}


UNFIT_PATCHES = [
    (":floor", True, "whole number"),
    (":floor", "x", "whole number"),
    (":hired", 5, "date and time"),
    (":commute.minutes", "x", "whole number"),
    (':skills[value eq "Python"].level', "x", "whole number"),
    (":lockers", ["x"], "whole number"),
    (":badge", 5, "string"),
    (":site", "no address", "URI"),
    ("", "x", "object"),
]


def test_patch_with_a_value_of_another_type_is_refused(scim, create):
    made = create(**EVERYTHING)
    for path, value, reason in UNFIT_PATCHES:
        operation = {"op": "replace", "path": WORKPLACE + path, "value": value}
        answer = scim.modify(made["id"], operation)
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue"), operation
        assert WORKPLACE in answer.json()["detail"]
        assert reason in answer.json()["detail"]
    assert scim.read(made["id"]).json() == made


# -- filters --------------------------------------------------------------------------------------


FOUND = [
    'badge eq "B-7"',
    'badge co "-"',
    'nickname eq "PAT"',
    'nickname sw "p"',
    "floor eq 3",
    "floor gt 2",
    "floor ge 3",
    "floor le 3",
    "floor lt 10",
    f"floor lt {9**40}",
    "floor pr",
    "share eq 0.5",
    "share gt 0.25",
    "share lt 1",
    "remote eq true",
    'hired eq "2026-01-31T09:00:00+01:00"',
    'hired gt "2026-01-31T07:59:59.9Z"',
    'hired lt "2026-01-31T08:00:00.1Z"',
    'hired le "2026-01-31T08:00:00"',
    "hired pr",
    'site eq "https://sites.example/köln"',
    'site co "sites"',
    'photo eq "aGFsbG8="',
    "photo pr",
    'commute.mode eq "BIKE"',
    "commute.minutes ge 20",
    "commute pr",
    "commute.stops pr",
    'skills eq "python"',
    'skills.value co "aid"',
    "skills.level gt 8",
    'skills.since lt "2021-01-01T00:00:00Z"',
    'skills[value eq "python" and level gt 5]',
    'skills[type eq "safety" and since pr]',
    "skills pr",
    'languages eq "DE"',
    'languages co "e"',
    'languages[value sw "e"]',
    "languages pr",
    "lockers eq 12",
    "lockers gt 11",
    "lockers[value lt 8]",
    "payroll pr",
]


def test_filter_finds_who_has_the_value(scim, create):
    create(**EVERYTHING)
    create("kim")
    for text in FOUND:
        assert scim.search(f"{WORKPLACE}:{text}").json()["totalResults"] == 1, text


MISSED = [
    'badge eq "b-7"',
    "floor eq 4",
    "floor gt 3",
    f"floor gt {9**40}",
    "floor eq null",
    "share eq 0.4",
    "remote eq false",
    'hired gt "2026-01-31T08:00:00Z"',
    'site eq "https://SITES.example/köln"',
    'commute.mode eq "car"',
    'skills[value eq "python" and level lt 5]',
    'skills[value eq "first aid" and level eq 9]',
    'languages eq "d"',
    'languages eq ""',
    "lockers eq 1",
    "lockers[value gt 12]",
    'payroll eq "p"',
]


def test_filter_negates_and_joins(scim, create):
    create(**EVERYTHING)
    create("kim")
    for text, total in [
        (f"{WORKPLACE}:floor ne 3", 1),
        (f'{WORKPLACE}:languages ne "fr"', 2),
        (f"not ({WORKPLACE}:floor eq 3) and not ({WORKPLACE}:lockers eq 7)", 1),
        (f"{WORKPLACE}:skills eq null or {WORKPLACE}:languages pr", 2),
        (f'{WORKPLACE}:joined gt "2020-01-01T00:00:00Z"', 2),
    ]:
        assert scim.search(text).json()["totalResults"] == total, text


def test_filter_finds_nobody_without_the_value(scim, create):
    create(**EVERYTHING)
    for text in MISSED:
        answer = scim.search(f"{WORKPLACE}:{text}")
        assert (answer.status_code, answer.json()["totalResults"]) == (200, 0), text


SENSELESS = [
    "shoeSize eq 5",
    "floor eq true",
    'floor eq "x"',
    "floor eq 1.5",
    'floor co "3"',
    "share eq true",
    "remote gt false",
    "remote eq 1",
    'hired eq "soon"',
    "hired eq 5",
    'hired sw "2026"',
    'photo gt "aGFsbG8="',
    'photo eq "%%%"',
    'commute eq "x"',
    'commute.stops eq "A"',
    "commute.stops sw 5",
    "skills[shoeSize eq 5]",
    'languages[type eq "x"]',
    "lockers eq true",
    'badge[value eq "x"]',
    "badge eq 5",
]


def test_filter_that_makes_no_sense_is_refused(scim, create):
    create(**EVERYTHING)
    for text in SENSELESS:
        answer = scim.search(f"{WORKPLACE}:{text}")
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter"), text


def test_urn_of_a_filter_may_be_in_any_case_or_left_out(scim, create):
    create(floor=3)
    create("kim@acme.example", floor=4)
    for text in (f"{WORKPLACE.upper()}:FLOOR eq 3", "floor eq 3"):
        assert scim.search(text).json()["totalResults"] == 1


@pytest.mark.parametrize("size", [1, 9])
def test_listing_and_filtering_cost_the_same_for_many(
    scim, create, size, django_assert_num_queries
):
    for n in range(size):
        create(f"p{n}", **EVERYTHING)
    scim.search()
    with django_assert_num_queries(2):
        found = scim.search(f'{WORKPLACE}:skills[level gt 5] and {WORKPLACE}:languages eq "de"')
    assert found.json()["totalResults"] == size


# -- discovery ------------------------------------------------------------------------------------


def test_resource_type_names_the_extensions(scim):
    [user] = [
        r
        for r in scim.request_scim("GET", "/ResourceTypes").json()["Resources"]
        if r["id"] == "User"
    ]
    assert user["schemaExtensions"] == [
        {"schema": urn, "required": False} for urn in (ENTERPRISE, WORKPLACE, PARKING)
    ]


def test_schemas_describe_the_attributes(scim):
    found = scim.request_scim("GET", f"/Schemas/{WORKPLACE}").json()
    assert (found["name"], found["description"]) == ("Workplace", "Where and how somebody works")
    attributes = {attribute["name"]: attribute for attribute in found["attributes"]}
    assert {name: a["type"] for name, a in attributes.items()} == {
        "badge": "string",
        "nickname": "string",
        "floor": "integer",
        "share": "decimal",
        "remote": "boolean",
        "hired": "dateTime",
        "site": "reference",
        "photo": "binary",
        "commute": "complex",
        "skills": "complex",
        "languages": "string",
        "lockers": "integer",
        "payroll": "string",
        "joined": "dateTime",
        "kind": "string",
    }
    assert attributes["badge"]["description"] == "What is printed on the badge."
    assert attributes["badge"]["caseExact"] is True
    assert attributes["payroll"]["mutability"] == "immutable"
    assert attributes["joined"]["mutability"] == "readOnly"
    assert attributes["languages"]["multiValued"] is True
    assert [s["name"] for s in attributes["commute"]["subAttributes"]] == [
        "mode",
        "minutes",
        "stops",
    ]


def test_schema_made_of_a_document_is_answered_as_it_is(scim):
    found = scim.request_scim("GET", f"/Schemas/{PARKING}").json()
    plate, charger = found["attributes"]
    assert (plate["required"], plate["canonicalValues"]) == (True, ["none"])
    assert (charger["name"], charger["type"]) == ("Has-Charger", "boolean")
