"""Filters as hypothesis makes them up, and the policy under which memory compares as we do."""

from urllib.parse import urlencode

from hypothesis import strategies as st
from scim2_models import ScimPolicy
from scim2_models.path import ScimFilter

from maptician_scim.protocol.expressions import comparison_key, user_name_key
from maptician_scim.protocol.messages import POLICY
from tests.client import GROUP, USER
from tests.oracles.strategies import any_case, quoted

NAMES = {f"{USER}:userName", f"{GROUP}:displayName"}
"""The attributes that are unique, and so compare by a key of their own."""


def fold(binding, value):
    """The form in which we compare: what the database computes."""
    if binding.urn in NAMES:
        return user_name_key(value)
    return value if binding.case_exact else comparison_key(value)


ORACLE = ScimPolicy(unknown=POLICY.unknown, comparison_key=fold)

operator = st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"])
ordering = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"])
equality = st.sampled_from(["eq", "ne"])
truth = st.sampled_from(["true", "false"])


def comparisons(attributes, operators=operator, operands=quoted):
    """``attribute op operand``, ``attribute pr`` and comparisons with null."""
    named = st.tuples(st.sampled_from(attributes), any_case).map(lambda t: t[1](t[0]))
    return st.one_of(
        st.tuples(named, operators, operands).map(" ".join),
        named.map(lambda name: f"{name} pr"),
        st.tuples(named, st.sampled_from(["eq null", "ne null"])).map(" ".join),
    )


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


def check_filters(scim, endpoint, model, documents, filters):
    """The database must find, by each filter, what scim2-models finds among all documents."""
    resources = [model.model_validate(document, scim_policy=ORACLE) for document in documents]
    for filter_text in filters:
        with ORACLE:
            bound = ScimFilter[model](filter_text)
            expected = {r.id for r in resources if bound.match(r)}
        answer = scim.request_scim("GET", f"/{endpoint}?{urlencode({'filter': filter_text})}")
        assert answer.status_code == 200, (filter_text, answer.json())
        found = {r["id"] for r in answer.json()["Resources"]}
        assert found == expected, (filter_text, documents)
