"""The database filter must find whom scim2-models finds in memory."""

import unicodedata
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim2_models import ScimPolicy
from scim2_models.path import ScimFilter

from maptician_scim.protocol.expressions import comparison_key, user_name_key
from maptician_scim.protocol.messages import POLICY
from maptician_scim.protocol.schemas import ENTERPRISE_USER, UserResource

TEXTS = ["a", "A b", "ÄRGER", "ärger", "Straße", "ΟΔΟΣ", "cafe\u0301", "50%_", 'q"\\', "z", "é"]
TYPES = ["work", "home", "Other", None]


def fold(binding, value):
    """The form in which we compare: what the database computes."""
    if binding.field_name == "user_name":
        return user_name_key(value)
    return value if binding.case_exact else comparison_key(value)


ORACLE = ScimPolicy(unknown=POLICY.unknown, comparison_key=fold)

text = st.sampled_from(TEXTS)
maybe_text = st.none() | text


def entries(*names):
    """Some entries of a multi-valued attribute, at most one of them primary."""
    entry = st.fixed_dictionaries(
        dict.fromkeys(names, maybe_text) | {"type": st.sampled_from(TYPES)}
    )
    return st.lists(entry, max_size=3).flatmap(
        lambda found: st.integers(0, 3).map(
            lambda n: [e | ({"primary": i == n} if n < 3 else {}) for i, e in enumerate(found)]
        )
    )


person = st.fixed_dictionaries(
    {
        "active": st.booleans(),
        "title": maybe_text,
        "nickName": maybe_text,
        "externalId": maybe_text.map(lambda t: t and unicodedata.normalize("NFC", t)),
        "name": st.fixed_dictionaries({"givenName": maybe_text, "middleName": maybe_text}),
        "emails": entries("value", "display"),
        "phoneNumbers": entries("value"),
        "addresses": entries("locality", "streetAddress"),
        ENTERPRISE_USER: st.fixed_dictionaries(
            {"department": maybe_text, "costCenter": maybe_text}
        ),
    }
)

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
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    people=st.lists(person, min_size=1, max_size=4), some=st.lists(filters, min_size=8, max_size=8)
)
def test_database_and_memory_agree(scim, people, some):
    made = [
        scim.create(
            **({n: v for n, v in p.items() if v is not None} | {"userName": f"P{i} {TEXTS[i]}"})
        )
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
