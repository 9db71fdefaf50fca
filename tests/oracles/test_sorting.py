"""The database must order resources as scim2-models orders them in memory, page by page as well."""

from urllib.parse import urlencode

import pytest
import scim2_models as scim2
from hypothesis import given
from hypothesis import strategies as st

from maptician_scim.conf import scim_settings
from maptician_scim.protocol.schemas import ENTERPRISE_USER, group_model
from tests.extensions import ADAPTER, WORKPLACE, ExtendedAdapter
from tests.oracles.filters import ORACLE
from tests.oracles.strategies import (
    any_case,
    entries,
    examples,
    maybe_text,
    person,
    some_groups,
    text,
    undone,
    user_name,
    without_nulls,
    workplace,
)

FROM_ELSEWHERE = ("id", "meta.resourceType", "meta.created", "meta.lastModified")
MADE_OF_ROWS = ("groups", "members")


def sortable(model):
    """Every attribute of a model that resources can be ordered by."""
    paths = [str(p) for p in scim2.Path[model].iter_paths()]
    found = [p for p in paths if scim2.SearchRequest(sort_by=p).sort_binding(model)]
    return [*FROM_ELSEWHERE, *(p for p in found if not p.startswith(MADE_OF_ROWS))]


def sorts(model):
    named = st.tuples(st.sampled_from(sortable(model)), any_case).map(lambda t: t[1](t[0]))
    orders = st.sampled_from(["ascending", "descending"])
    one = st.fixed_dictionaries({"sortBy": named, "sortOrder": orders, "count": st.integers(2, 3)})
    return st.lists(one, min_size=6, max_size=6)


more = st.fixed_dictionaries(
    {},
    optional={
        "displayName": text,
        "userType": text,
        "profileUrl": st.sampled_from(["https://a.example/", "https://B.example/", "urn:x"]),
        "timezone": st.sampled_from(["Europe/Berlin", "America/New_York"]),
        "ims": entries("value"),
        "roles": entries("value", "display"),
        WORKPLACE: workplace,
        ENTERPRISE_USER: st.fixed_dictionaries(
            {"employeeNumber": maybe_text}, optional={"manager": st.just({"displayName": "Kim"})}
        ),
    },
)
everything = st.builds(lambda some, others: some | others, person, more)


def check_sorts(scim, endpoint, model, sorts):
    """Each order must be that of scim2-models, whichever way one pages through it."""
    everybody = scim.request_scim("GET", f"/{endpoint}").json()["Resources"]
    resources = [model.model_validate(found, scim_policy=ORACLE) for found in everybody]
    for wanted in sorts:
        with ORACLE:
            in_memory = scim2.SearchRequest[model].model_validate(wanted).sort(resources)
        expected = [resource.id for resource in in_memory]
        for pages in (by_index, by_cursor):
            found = [r["id"] for r in pages(scim, endpoint, wanted, len(expected))]
            assert found == expected, (pages.__name__, wanted, everybody)


def page(scim, endpoint, parameters):
    answer = scim.request_scim("GET", f"/{endpoint}?{urlencode(parameters)}")
    assert answer.status_code == 200, (parameters, answer.json())
    return answer.json()


def by_index(scim, endpoint, wanted, total):
    for start in range(1, total + 1, wanted["count"]):
        yield from page(scim, endpoint, wanted | {"startIndex": start})["Resources"]


def by_cursor(scim, endpoint, wanted, total):
    cursor = ""
    while cursor is not None:
        body = page(scim, endpoint, wanted | {"cursor": cursor})
        yield from body["Resources"]
        cursor = body.get("nextCursor")


@pytest.mark.django_db
@examples(8)
@given(
    people=st.lists(everything, min_size=2, max_size=5),
    changed=st.integers(0, 4),
    some=sorts(ExtendedAdapter.mapping().model),
)
def test_people_are_ordered_as_in_memory(scim, settings, people, changed, some):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"USER_ADAPTER": ADAPTER}
    with undone():
        made = [
            scim.create(**without_nulls(p) | {"userName": user_name(n)})
            for n, p in enumerate(people)
        ]
        assert [a.json() for a in made if a.status_code != 201] == []
        someone = made[changed % len(made)].json()["id"]
        change = {"op": "add", "path": "locale", "value": "de"}
        assert scim.modify(someone, change).status_code == 200
        check_sorts(scim, "Users", scim_settings.USER_ADAPTER.mapping().model, some)


@pytest.mark.django_db
@examples(8)
@given(groups=some_groups, some=sorts(group_model(())))
def test_groups_are_ordered_as_in_memory(scim, groups, some):
    with undone():
        for name, external_id in groups:
            assert scim.push(name, externalId=external_id).status_code == 201
        check_sorts(scim, "Groups", group_model(()), some)


@pytest.mark.django_db
def test_large_whole_numbers_are_shown_once_each_by_cursor(scim, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"USER_ADAPTER": ADAPTER}
    for number in range(3):
        assert scim.create(userName=f"{number}", **{WORKPLACE: {"floor": 2**53 + number}})
    wanted = {"sortBy": f"{WORKPLACE}:floor", "sortOrder": "descending", "count": 1}
    found = by_cursor(scim, "Users", wanted, 3)
    assert [person["userName"] for person in found] == ["2", "1", "0"]
