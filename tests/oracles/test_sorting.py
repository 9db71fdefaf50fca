"""The database must order people as scim2-models orders them in memory."""

from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim2_models import SearchRequest

from maptician_scim.protocol.schemas import ENTERPRISE_USER, UserResource
from tests.test_filters_oracle import ORACLE, TEXTS, any_case, person

ATTRIBUTES = [
    "userName",
    "id",
    "externalId",
    "title",
    "nickName",
    "active",
    "name.givenName",
    "name.middleName",
    "emails",
    "emails.value",
    "emails.display",
    "emails.type",
    "emails.primary",
    "phoneNumbers",
    "addresses.locality",
    "addresses.streetAddress",
    "meta.created",
    "meta.resourceType",
    f"{ENTERPRISE_USER}:department",
    f"{ENTERPRISE_USER}:costCenter",
]
sort = st.fixed_dictionaries(
    {
        "sortBy": st.tuples(st.sampled_from(ATTRIBUTES), any_case).map(lambda t: t[1](t[0])),
        "sortOrder": st.sampled_from(["ascending", "descending"]),
    }
)


@pytest.mark.django_db
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    people=st.lists(person, min_size=2, max_size=5), some=st.lists(sort, min_size=10, max_size=10)
)
def test_database_and_memory_sort_alike(scim, people, some):
    for number, attributes in enumerate(people):
        given_ones = {name: value for name, value in attributes.items() if value is not None}
        made = scim.create(**given_ones | {"userName": f"{TEXTS[number]} {number}"})
        assert made.status_code == 201
    everybody = scim.search().json()["Resources"]
    resources = [UserResource.model_validate(found, scim_policy=ORACLE) for found in everybody]
    try:
        for parameters in some:
            with ORACLE:
                wanted = SearchRequest[UserResource].model_validate(parameters)
                expected = [resource.id for resource in wanted.sort(resources)]
            for paging in ({}, {"cursor": ""}):
                query = urlencode(parameters | paging)
                found = scim.request_scim("GET", f"/Users?{query}").json()["Resources"]
                assert [f["id"] for f in found] == expected, (parameters, everybody)
    finally:
        for resource in resources:
            scim.remove(resource.id)
