"""What is not read by scim2-models is what scim2-models would have given back."""

import scim2_models as scim
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from maptician_scim.protocol import dialects, messages
from maptician_scim.protocol.plain import is_plain
from maptician_scim.protocol.schemas import ENTERPRISE_USER, Group, UserResource, schema_documents
from tests.benchmarks.seed import body_of
from tests.client import GROUP, USER
from tests.oracles.strategies import examples, text

OTHER = "urn:example:params:other:2.0:User"
CONTEXTS = (
    scim.Context.RESOURCE_CREATION_REQUEST,
    scim.Context.RESOURCE_REPLACEMENT_REQUEST,
)

wrong = st.sampled_from([1, 0, 1.5, "false", "", [], {}, None, [None], [[]], "a", ["a"], {"a": 1}])


def values(definition):
    """Values of an attribute as its schema has them, and some that it has not."""
    if definition["type"] == "complex":
        single = members(definition["subAttributes"])
    elif definition["type"] == "boolean":
        single = st.booleans()
    else:
        single = text | st.sampled_from(["https://acme.example/a", "2026-01-31T08:00:00Z", "/+8="])
    many = st.lists(single, max_size=3) if definition["multiValued"] else single
    return st.one_of(many, many, many, wrong)


def members(definitions, required=None):
    """An object with some of these attributes, in the schema's spelling or in another."""
    named = {d["name"]: values(d) for d in definitions}
    misspelled = {d["name"].upper(): values(d) for d in definitions[:2]}
    return st.dictionaries(
        st.sampled_from([*named, *misspelled, "unheardOf"]), st.none(), max_size=5
    ).flatmap(
        lambda chosen: st.fixed_dictionaries(
            {n: (named | misspelled).get(n, text) for n in chosen} | (required or {})
        )
    )


def bodies(model, urn, name):
    documents = schema_documents(model)
    schemas = st.lists(st.sampled_from([urn, ENTERPRISE_USER, OTHER]), max_size=3)
    right = {"schemas": st.sampled_from([[urn], [urn, ENTERPRISE_USER]]) | schemas}
    core = members(documents[urn]["attributes"], right | {name: text | wrong})
    if ENTERPRISE_USER not in documents:
        return core
    enterprise = members(documents[ENTERPRISE_USER]["attributes"])
    return st.builds(
        lambda body, more: body if more is None else body | {ENTERPRISE_USER: more},
        core,
        st.none() | enterprise | wrong,
    )


def as_read(model, readable, context):
    """The document that scim2-models reads, or ``None`` if it refuses."""
    try:
        resource = model.model_validate(readable, scim_ctx=context, scim_policy=messages.POLICY)
    except ValidationError:
        return None
    return dialects.pruned(resource.model_dump(scim_ctx=scim.Context.DEFAULT))


def agree(model, body, context):
    readable = dialects.resource_payload(model, body)
    if is_plain(model, readable):
        assert readable == as_read(model, readable, context)


@examples(500)
@given(bodies(UserResource, USER, "userName"), st.sampled_from(CONTEXTS))
def test_plain_person_is_read_as_it_is(body, context):
    agree(UserResource, body, context)


@examples(200)
@given(bodies(Group, GROUP, "displayName"), st.sampled_from(CONTEXTS))
def test_plain_group_is_read_as_it_is(body, context):
    agree(Group, body, context)


def test_what_okta_sends_is_plain():
    assert is_plain(UserResource, dialects.resource_payload(UserResource, body_of("pat@a.example")))


def test_what_only_the_service_provider_says_is_not_plain():
    """RFC 7644 section 3.5.1 has it ignored."""
    member = {"value": "1", "display": "Pat"}
    body = {"schemas": [GROUP], "displayName": "Crew", "members": [member]}
    assert not is_plain(Group, body)
    del member["display"]
    assert is_plain(Group, body)
