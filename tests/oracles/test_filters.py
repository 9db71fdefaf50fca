"""The database filter must find whom scim2-models finds in memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maptician_scim.protocol.schemas import ENTERPRISE_USER, UserResource
from tests.client import USER
from tests.oracles.filters import (
    check_filters,
    comparisons,
    equality,
    trees,
    truth,
    value_paths,
)
from tests.oracles.strategies import examples, person, undone, user_name, without_nulls

filters = trees(
    st.one_of(
        comparisons(
            [
                "userName",
                "title",
                "nickName",
                "externalId",
                "name.givenName",
                "name.middleName",
                "emails",
                "emails.value",
                "emails.type",
                "emails.display",
                "phoneNumbers.value",
                "addresses.locality",
                "addresses.streetAddress",
                f"{ENTERPRISE_USER}:department",
                f"{ENTERPRISE_USER}:costCenter",
                f"{USER}:title",
            ]
        ),
        comparisons(["active"], equality, truth),
        comparisons(["emails.primary"], equality, truth),
        st.sampled_from(["name pr", "emails pr", "addresses pr", "id pr", "meta pr"]),
        st.sampled_from(
            [
                'meta.created gt "2020-01-01T00:00:00Z"',
                'meta.lastModified lt "2020-01-01T00:00:00Z"',
            ]
        ),
        value_paths("emails", ["value", "display"]),
        value_paths("phoneNumbers", ["value"]),
        value_paths("addresses", ["locality", "streetAddress"]),
    )
)


@pytest.mark.django_db
@examples(50)
@given(
    people=st.lists(person, min_size=1, max_size=4),
    some=st.lists(filters, min_size=10, max_size=10),
)
def test_database_and_memory_agree(scim, people, some):
    with undone():
        made = [
            scim.create(**without_nulls(p) | {"userName": user_name(n)})
            for n, p in enumerate(people)
        ]
        assert [a.json() for a in made if a.status_code != 201] == []
        check_filters(scim, "Users", UserResource, [a.json() for a in made], some)
