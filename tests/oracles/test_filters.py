"""The database filter must find whom scim2-models finds in memory."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim2_models import ScimPolicy
from scim2_models.path import ScimFilter

from maptician_scim.protocol.expressions import comparison_key, user_name_key
from maptician_scim.protocol.messages import POLICY
from maptician_scim.protocol.schemas import ENTERPRISE_USER, UserResource
from tests.oracles.strategies import TEXTS, examples, person, text, without_nulls


def fold(binding, value):
    """The form in which we compare: what the database computes."""
    if binding.field_name == "user_name":
        return user_name_key(value)
    return value if binding.case_exact else comparison_key(value)


ORACLE = ScimPolicy(unknown=POLICY.unknown, comparison_key=fold)

quoted = text.map(ScimFilter.quote)
operator = st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"])
any_case = st.sampled_from([str, str.upper, str.lower])


def comparisons(attributes, operators=operator, operands=quoted):
    """``attribute op operand``, ``attribute pr`` and comparisons with null."""
    named = st.tuples(st.sampled_from(attributes), any_case).map(lambda t: t[1](t[0]))
    return st.one_of(
        st.tuples(named, operators, operands).map(" ".join),
        named.map(lambda name: f"{name} pr"),
        st.tuples(named, st.sampled_from(["eq null", "ne null"])).map(" ".join),
    )


equality = st.sampled_from(["eq", "ne"])
truth = st.sampled_from(["true", "false"])


def trees(leaves):
    """Filters made from others by and, or, not and parentheses."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
            inner.map(lambda f: f"not ({f})"),
            inner.map(lambda f: f"({f})"),
        ),
        max_leaves=4,
    )


def value_paths(attribute, names):
    inner = st.one_of(
        comparisons([*names, "type"]),
        st.sampled_from(['type eq "work"', 'type ne "work"']),
        comparisons(["primary"], equality, truth),
    )
    return trees(inner).map(lambda f: f"{attribute}[{f}]")


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
                "urn:ietf:params:scim:schemas:core:2.0:User:title",
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
@examples(100)
@given(
    people=st.lists(person, min_size=1, max_size=4), some=st.lists(filters, min_size=8, max_size=8)
)
def test_database_and_memory_agree(scim, people, some):
    made = [
        scim.create(**without_nulls(p) | {"userName": f"P{i} {TEXTS[i]}"})
        for i, p in enumerate(people)
    ]
    assert {answer.status_code for answer in made} == {201}
    resources = [UserResource.model_validate(answer.json(), scim_policy=ORACLE) for answer in made]
    try:
        for filter_text in some:
            with ORACLE:
                bound = ScimFilter[UserResource](filter_text)
                expected = {r.id for r in resources if bound.match(r)}
            answer = scim.request_scim("GET", f"/Users?{urlencode({'filter': filter_text})}")
            assert answer.status_code == 200, (filter_text, answer.json())
            found = {r["id"] for r in answer.json()["Resources"]}
            assert found == expected, (filter_text, [a.json() for a in made])
    finally:
        for resource in resources:
            scim.remove(resource.id)
