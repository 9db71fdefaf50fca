"""The database filter finds in extensions whom scim2-models finds in memory, whatever the type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim2_models.path import ScimFilter

from maptician_scim.conf import scim_settings
from tests.extensions import ADAPTER, WORKPLACE
from tests.oracles.filters import (
    check_filters,
    comparisons,
    equality,
    ordering,
    trees,
    truth,
)
from tests.oracles.strategies import (
    binaries,
    decimals,
    examples,
    integers,
    moments,
    qualified,
    undone,
    user_name,
    workplace,
)

quoted_moments = moments.map(ScimFilter.quote)
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
@examples(15)
@given(
    people=st.lists(workplace, min_size=1, max_size=4),
    some=st.lists(filters, min_size=10, max_size=10),
)
def test_database_and_memory_agree(scim, settings, people, some):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"USER_ADAPTER": ADAPTER}
    model = scim_settings.USER_ADAPTER.mapping().model
    with undone():
        made = [
            scim.create(userName=user_name(n), **({WORKPLACE: values} if values else {}))
            for n, values in enumerate(people)
        ]
        assert [a.json() for a in made if a.status_code != 201] == []
        check_filters(scim, "Users", model, [a.json() for a in made], some)
