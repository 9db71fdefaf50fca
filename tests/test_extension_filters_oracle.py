"""The database filter finds in extensions whom scim2-models finds in memory, whatever the type."""

from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scim2_models.path import ScimFilter

from maptician_scim.conf import scim_settings
from tests.extensions import ADAPTER, WORKPLACE
from tests.test_filters_oracle import ORACLE, comparisons, equality, text, trees, truth

integers = st.sampled_from([-(2**63) + 1, -7, 0, 3, 12, 2**53 + 1, 2**63 - 1])
decimals = st.sampled_from([-1.5, 0.0, 0.1, 0.3, 3, 1e-7, 999e12])
moments = st.sampled_from(
    [
        "0001-01-01T00:00:00Z",
        "2026-01-31T08:00:00Z",
        "2026-01-31T08:00:00.5Z",
        "2026-01-31T08:00:00.500001Z",
        "2026-01-31T09:00:00+01:00",
        "9999-12-31T23:59:59Z",
    ]
)
binaries = st.sampled_from(["", "aGFsbG8=", "/+8="])

person = st.fixed_dictionaries(
    {},
    optional={
        "badge": text,
        "nickname": text,
        "floor": integers,
        "share": decimals,
        "remote": st.booleans(),
        "hired": moments,
        "photo": binaries,
        "commute": st.fixed_dictionaries({}, optional={"mode": text, "minutes": integers}),
        "skills": st.lists(
            st.fixed_dictionaries(
                {"value": text}, optional={"level": integers, "since": moments, "type": text}
            ),
            max_size=3,
        ),
        "languages": st.lists(text, max_size=3),
        "lockers": st.lists(integers, max_size=3),
    },
)

ordering = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"])
quoted_moments = moments.map(ScimFilter.quote)


def qualified(*names):
    return [f"{WORKPLACE}:{name}" for name in names]


numbers = st.one_of(integers, st.just(9**40)).map(str)

inside = trees(
    st.one_of(
        comparisons(["value", "type"]),
        comparisons(["level"], ordering, numbers),
        comparisons(["since"], ordering, quoted_moments),
    )
).map(lambda f: f"{WORKPLACE}:skills[{f}]")

filters = trees(
    st.one_of(
        comparisons(qualified("badge", "nickname", "commute.mode", "skills", "languages")),
        comparisons(qualified("skills.value", "skills.type")),
        comparisons(
            qualified("floor", "commute.minutes", "skills.level", "lockers"), ordering, numbers
        ),
        comparisons(qualified("share"), ordering, decimals.map(str)),
        comparisons(qualified("hired", "skills.since"), ordering, quoted_moments),
        comparisons(qualified("remote"), equality, truth),
        comparisons(qualified("photo"), equality, binaries.map(ScimFilter.quote)),
        st.sampled_from(qualified("commute pr", "skills pr", "languages pr")),
        comparisons(["value"]).map(lambda f: f"{WORKPLACE}:languages[{f}]"),
        inside,
    )
)


@pytest.mark.django_db
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # making a counterexample smaller takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    people=st.lists(person, min_size=1, max_size=4), some=st.lists(filters, min_size=8, max_size=8)
)
def test_database_and_memory_agree(scim, settings, people, some):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"USER_ADAPTER": ADAPTER}
    model = scim_settings.USER_ADAPTER.mapping().model
    made = [
        scim.create(userName=f"P{n}", **({WORKPLACE: values} if values else {}))
        for n, values in enumerate(people)
    ]
    assert [a.json() for a in made if a.status_code != 201] == []
    resources = [model.model_validate(answer.json(), scim_policy=ORACLE) for answer in made]
    try:
        for filter_text in some:
            with ORACLE:
                bound = ScimFilter[model](filter_text)
                expected = {r.id for r in resources if bound.match(r)}
            answer = scim.request_scim("GET", f"/Users?{urlencode({'filter': filter_text})}")
            assert answer.status_code == 200, (filter_text, answer.json())
            found = {r["id"] for r in answer.json()["Resources"]}
            assert found == expected, (filter_text, [a.json() for a in made])
    finally:
        for resource in resources:
            scim.remove(resource.id)
