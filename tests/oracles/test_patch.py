"""A PATCH over HTTP must leave what scim2-models makes of the document in memory."""

import pytest
import scim2_models as scim
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from maptician_scim.protocol.messages import POLICY
from maptician_scim.protocol.schemas import ENTERPRISE_USER, UserResource
from tests.client import USER
from tests.oracles.strategies import (
    TEXTS,
    TYPES,
    entries,
    examples,
    person,
    text,
    undone,
    without_nulls,
)

Create = scim.ScimPolicy.UnmatchedPathFilter.create
STRICT = scim.ScimPolicy(unknown=scim.ScimPolicy.Unknown.ignore)
CREATING = STRICT.model_copy(update={"unmatched_path_filter": Create})

name = st.sampled_from(TEXTS)
kind = st.sampled_from([t for t in TYPES if t])

SINGLE = [
    "title",
    "nickName",
    "externalId",
    "name.givenName",
    "name.middleName",
    f"{USER}:title",
    f"{USER}:name.familyName",
    f"{ENTERPRISE_USER}:department",
    f"{ENTERPRISE_USER}:costCenter",
]
# An entry without any value is none to us, so that it cannot take the mark from the primary one.
LISTS = {
    "emails": entries("value", "display", values=text),
    "phoneNumbers": entries("value", values=text),
    "addresses": entries("locality", "streetAddress", values=text),
}


def operation(op, path, value=None):
    made = {"op": op, "path": path} if path else {"op": op}
    return made if value is None else made | {"value": value}


def _entry_operations(attribute, sub):
    """What is done to one entry, or those that a filter finds."""
    by_type = kind.map(lambda t: f'{attribute}[type eq "{t}"]')
    by_value = name.map(lambda v: f"{attribute}[{sub} eq {scim.ScimFilter.quote(v)}]")
    both = st.tuples(kind, name).map(
        lambda p: f'{attribute}[type eq "{p[0]}" and {sub} co {scim.ScimFilter.quote(p[1])}]'
    )
    found = st.one_of(by_type, by_value, both)
    return st.one_of(
        st.builds(operation, st.just("remove"), found),
        st.builds(operation, st.just("remove"), found.map(lambda p: f"{p}.{sub}")),
        st.builds(
            operation, st.sampled_from(["add", "replace"]), found.map(lambda p: f"{p}.{sub}"), name
        ),
    )


operations = st.one_of(
    st.builds(operation, st.sampled_from(["add", "replace"]), st.sampled_from(SINGLE), text),
    st.builds(operation, st.just("remove"), st.sampled_from([*SINGLE, "name", *LISTS])),
    st.builds(operation, st.just("replace"), st.just("active"), st.booleans()),
    st.one_of(
        st.builds(operation, st.sampled_from(["add", "replace"]), st.just(attribute), listed)
        for attribute, listed in LISTS.items()
    ),
    _entry_operations("emails", "value"),
    _entry_operations("phoneNumbers", "value"),
    _entry_operations("addresses", "locality"),
    st.builds(
        operation,
        st.sampled_from(["add", "replace"]),
        st.none(),
        st.fixed_dictionaries(
            {}, optional={"title": text, "nickName": text, "active": st.booleans()}
        ),
    ),
)


OURS = {"schemas", "meta", "id"}


def in_memory(document, some):
    """The document after the operations by scim2-models, or ``None`` if it refuses one."""
    resource = UserResource.model_validate(document, scim_policy=POLICY)
    for one in some:
        policy = CREATING if creates(one) else STRICT
        try:
            patch = scim.PatchOp[UserResource].model_validate(
                {"Operations": [one]},
                scim_ctx=scim.Context.RESOURCE_PATCH_REQUEST,
                scim_policy=policy,
            )
            patch.patch(resource, policy)
        except (scim.SCIMException, ValidationError):
            return None
    return resource.model_dump(scim_ctx=scim.Context.DEFAULT)


def creates(one):
    """Whether an entry that is not found is made: the path says of what type it would be."""
    return " and " not in one.get("path", "") and "[type eq" in one.get("path", "")


def comparable(value):
    """A document without what has no meaning: order of entries, nulls, what is not primary."""
    if isinstance(value, dict):
        found = {name: comparable(value[name]) for name in sorted(value) if name not in OURS}
        return {
            name: item
            for name, item in found.items()
            if item not in (None, "", [], {}) and (name, item) != ("primary", False)
        }
    if isinstance(value, list):
        return sorted((e for e in map(comparable, value) if set(e) - {"type", "primary"}), key=repr)
    return value


@pytest.mark.django_db
@examples(60)
@given(attributes=person, some=st.lists(operations, min_size=1, max_size=4))
def test_patch_over_http_and_in_memory_agree(scim, attributes, some):
    with undone():
        before = scim.create(**without_nulls(attributes) | {"userName": "pat@acme.example"}).json()
        answer = scim.modify(before["id"], *some)
        expected = in_memory(before, some)
        after = scim.read(before["id"]).json()
        if expected is None:
            assert answer.status_code == 400, (some, answer.json())
            assert after == before
        else:
            assert answer.status_code == 200, (some, answer.json())
            assert comparable(after) == comparable(expected), some
            assert answer.json() == after
