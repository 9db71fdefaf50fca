"""Discovery (RFC 7643 sections 5 to 7, RFC 7644 section 4): what it says is what happens."""

import base64
from urllib.parse import urlencode

import pytest
from scim2_models import ResourceType, Schema, ScimProvider, ServiceProviderConfig

from maptician_scim import activity
from maptician_scim.models import Connection, Event
from tests.client import ENTERPRISE, ERROR, GROUP, USER

DOCUMENTS = ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"]
OWN_SCHEMAS = {
    path: f"urn:ietf:params:scim:schemas:core:2.0:{name}"
    for path, name in zip(
        DOCUMENTS, ("ServiceProviderConfig", "ResourceType", "Schema"), strict=True
    )
}


def listed(client, path):
    body = client.request_scim("GET", path).json()
    return body.get("Resources", [body])


def attributes_of(client, urn):
    return client.request_scim("GET", f"/Schemas/{urn}").json()["attributes"]


# -- the endpoints -----------------------------------------------------------------------------


@pytest.mark.rfc("7644", "4", "e")
@pytest.mark.parametrize("path", DOCUMENTS)
def test_filter_is_403(scim, path):
    first = listed(scim, path)[0].get("id")
    for place in [path] if first is None else [path, f"{path}/{first}"]:
        for value in ('name eq "User"', "", "("):
            answer = scim.request_scim("GET", f"{place}?{urlencode({'filter': value})}")
            assert (answer.status_code, answer.json()["schemas"]) == (403, [ERROR])
            assert "filter" in answer.json()["detail"]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_other_parameters_are_ignored(scim, path):
    query = "startIndex=2&count=1&sortBy=x&sortOrder=y&shoe=1"
    assert scim.request_scim("GET", f"{path}?{query}").json() == (
        scim.request_scim("GET", path).json()
    )


@pytest.mark.parametrize("path", DOCUMENTS)
def test_documents_are_as_their_own_schemas_say(scim, path):
    attributes = attributes_of(scim, OWN_SCHEMAS[path])
    required = {a["name"] for a in attributes if a["required"]}
    common = {"schemas", "meta"}
    for document in listed(scim, path):
        assert required <= document.keys() <= {a["name"] for a in attributes} | common
        location = document["meta"]["location"].partition("/scim/v2")[2]
        assert scim.request_scim("GET", location).json() == document


def test_a_client_can_build_its_models_from_them(scim):
    provider = ScimProvider.from_discovery(
        [Schema.model_validate(s) for s in listed(scim, "/Schemas")],
        [ResourceType.model_validate(t) for t in listed(scim, "/ResourceTypes")],
        ServiceProviderConfig.model_validate(listed(scim, "/ServiceProviderConfig")[0]),
    )
    assert {t.name for t in provider.resource_types} >= {"User", "Role", "Entitlement"}


def test_documentation_is_announced_where_there_is_some(scim, settings):
    page = "https://example.com/scim"
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"DOCUMENTATION_URI": page}
    [config] = listed(scim, "/ServiceProviderConfig")
    assert config["documentationUri"] == page
    assert config["authenticationSchemes"][0]["documentationUri"] == page


# -- without a token ---------------------------------------------------------------------------


@pytest.fixture
def _public(settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"SERVICE_PROVIDER_CONFIG_IS_PUBLIC": True}


def config_for(client, authorization=""):
    return client.request_scim("GET", "/ServiceProviderConfig", authorization=authorization)


def test_by_default_the_config_needs_a_token(scim):
    assert config_for(scim).status_code == 401


@pytest.mark.rfc("7643", "5", "c")
@pytest.mark.usefixtures("_public")
def test_if_public_then_the_config_is_answered_whatever_token_there_is(scim, other_scim):
    expected = listed(scim, "/ServiceProviderConfig")[0]
    for authorization in ("", "Bearer x", "Basic x", f"Bearer {other_scim.secret}"):
        answer = config_for(scim, authorization)
        assert (answer.status_code, answer.json()) == (200, expected), authorization


@pytest.mark.usefixtures("_public")
def test_if_public_then_a_stranger_leaves_no_trace_with_the_tenant(scim, acme):
    config_for(scim, "Bearer x")
    activity.flush()
    assert activity.history(acme) == []
    assert Event.objects.count() == 0


@pytest.mark.usefixtures("_public")
def test_if_public_then_nothing_else_is(scim):
    for path in ("/ResourceTypes", "/Schemas", "/Users", "/Groups", "/Roles", "/Entitlements"):
        assert scim.request_scim("GET", path, authorization="").status_code == 401
    answer = scim.request_scim("POST", "/ServiceProviderConfig", {"a": 1}, authorization="")
    assert answer.status_code == 401
    answer = scim.request_scim("GET", "/ServiceProviderConfig?filter=x", authorization="")
    assert answer.status_code == 403


@pytest.mark.usefixtures("_public")
def test_if_public_then_the_tenant_must_be_known(scim):
    scim.host = "nobody.localhost"
    assert config_for(scim).status_code == 404


@pytest.mark.usefixtures("_public")
def test_if_public_then_the_tenant_must_have_scim_switched_on(scim, acme):
    Connection.objects.update_or_create(tenant=acme, defaults={"is_enabled": False})
    assert config_for(scim).status_code == 401


# -- schemas: what they say of an attribute is what happens to it --------------------------------

SCALARS = {
    "string": "Sample Text",
    "boolean": True,
    "reference": "https://example.com/Sample",
    "binary": base64.b64encode(b"certificate").decode(),
}


def places(client):
    """Every attribute that is no object: the path in a filter, definition, parent's definition."""
    found = []
    for urn in (USER, ENTERPRISE):
        for attribute in attributes_of(client, urn):
            name = attribute["name"] if urn == USER else f"{urn}:{attribute['name']}"
            if attribute["type"] != "complex":
                found.append((name, attribute, None))
            for sub in attribute.get("subAttributes", ()):
                found.append((f"{name}.{sub['name']}", sub, attribute))
    return found


def sample(attribute, of=None):
    """A value of an attribute's type, that says whose it is."""
    if attribute["type"] == "complex":
        entry = {sub["name"]: sample(sub, attribute["name"]) for sub in attribute["subAttributes"]}
        return [entry] if attribute["multiValued"] else entry
    value = SCALARS[attribute["type"]]
    if attribute["type"] == "string":
        value = attribute.get("canonicalValues", [f"{of or ''} {attribute['name']} {value}"])[0]
    return [value] if attribute["multiValued"] else value


@pytest.fixture
def complete(scim):
    """A body with every attribute the schemas name."""
    core = {a["name"]: sample(a) for a in attributes_of(scim, USER)}
    extension = {a["name"]: sample(a) for a in attributes_of(scim, ENTERPRISE)}
    return {"schemas": [USER, ENTERPRISE]} | core | {ENTERPRISE: extension}


@pytest.mark.rfc("7643", "7", "d", "f")
def test_every_attribute_is_fully_described(scim):
    for schema in listed(scim, "/Schemas"):
        attributes = list(schema["attributes"])
        for attribute in attributes:
            attributes += attribute.get("subAttributes", [])
            always = {"name", "type", "multiValued", "description", "required", "mutability"}
            assert always | {"returned"} <= attribute.keys(), (schema["id"], attribute)
            if attribute["type"] == "string":
                assert {"caseExact", "uniqueness"} <= attribute.keys()
            assert ("subAttributes" in attribute) is (attribute["type"] == "complex")


def test_required_attributes_are_demanded_and_no_others(scim, complete):
    required = {a["name"] for a in attributes_of(scim, USER) if a["required"]}
    for name in required:
        answer = scim.create(**{key: v for key, v in complete.items() if key != name})
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
        assert name in answer.json()["detail"]
    minimal = {name: complete[name] for name in required}
    assert scim.create(**minimal).status_code == 201
    assert not any(a["required"] for a in attributes_of(scim, ENTERPRISE))


@pytest.mark.rfc("7643", "7", "i", "k")
def test_what_is_written_is_returned_as_mutability_and_returned_say(scim, complete):
    created = scim.create(**complete)
    assert created.status_code == 201, created.json()
    document = scim.read(created.json()["id"]).json()
    for urn, shown, sent in (
        (USER, document, complete),
        (ENTERPRISE, document[ENTERPRISE], complete[ENTERPRISE]),
    ):
        for attribute in attributes_of(scim, urn):
            name = attribute["name"]
            if attribute["returned"] == "never" or attribute["mutability"] == "readOnly":
                assert shown.get(name) != sent[name], name
            else:
                assert shown[name] == sent[name], name
    assert "password" not in document
    known = {a["name"] for a in attributes_of(scim, USER)}
    assert document.keys() <= known | {"schemas", "id", "meta", ENTERPRISE}


@pytest.mark.rfc("7643", "7", "g")
def test_case_counts_in_filters_as_the_schema_says(scim, complete):
    created = scim.create(**complete).json()
    scim.create(userName="somebody else")
    exact, any_case = [], []
    for path, attribute, parent in places(scim):
        hidden = {attribute["returned"], (parent or attribute)["returned"]} & {"never"}
        is_ours = (parent or attribute)["mutability"] != "readOnly"
        if hidden or not is_ours or attribute["type"] == "boolean":
            continue
        value = sample(attribute, parent and parent["name"])
        (exact if attribute["caseExact"] else any_case).append((path, value))
    assert len(any_case) > 40
    assert len(exact) > 3
    for path, value in any_case:
        assert ids(scim, f'{path} eq "{value.swapcase()}"') == [created["id"]], path
    for path, value in exact:
        assert ids(scim, f'{path} eq "{value.swapcase()}"') == [], path
        assert ids(scim, f'{path} eq "{value}"') == [created["id"]], path


def ids(client, filter_text):
    answer = client.search(filter_text)
    assert answer.status_code == 200, answer.json()
    return [person["id"] for person in answer.json()["Resources"]]


@pytest.mark.rfc("7643", "7", "l")
def test_values_are_unique_where_the_schema_says_and_nowhere_else(scim, complete):
    unique = [a["name"] for a in attributes_of(scim, USER) if a["uniqueness"] != "none"]
    assert unique == ["userName"]
    assert scim.create(**complete).status_code == 201
    again = scim.create(userName=complete["userName"].upper())
    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")
    assert scim.create(**complete | {"userName": "another"}).status_code == 201


def test_values_of_another_type_are_refused_naming_the_attribute(scim, complete):
    for name, attribute in ((a["name"], a) for a in attributes_of(scim, USER)):
        wrong = 5 if attribute["type"] == "complex" or attribute["multiValued"] else [{"a": 5}]
        if attribute["mutability"] == "readOnly":
            continue
        answer = scim.create(**complete | {name: wrong})
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue"), name
        assert name in answer.json()["detail"]


def test_multi_valued_attributes_take_several_values(scim, complete):
    names = [a["name"] for a in attributes_of(scim, USER) if a["multiValued"]]
    for name in (n for n in names if n in complete and n != "groups"):
        second = complete[name][0] | {"display": "second", "primary": False}
        complete[name] = [complete[name][0], second]
    document = scim.create(**complete).json()
    assert {n: len(document[n]) for n in names if n != "groups"} == dict.fromkeys(
        (n for n in names if n != "groups"), 2
    )


def test_canonical_values_are_suggestions(scim):
    suggested = [
        (parent["name"], attribute)
        for _, attribute, parent in places(scim)
        if "canonicalValues" in attribute and parent["mutability"] == "readWrite"
    ]
    assert len(suggested) > 4
    entry = {"value": "https://example.com", "locality": "y", "type": "Own"}
    entries = {name: [entry] for name, _ in suggested}
    document = scim.create(userName="pat", **entries).json()
    for name, attribute in suggested:
        assert document[name][0][attribute["name"]] == "Own", name


@pytest.mark.parametrize(("nests", "kinds"), [(False, ["User"]), (True, ["User", "Group"])])
def test_schema_says_who_may_be_a_member(scim, settings, nests, kinds):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"NESTED_GROUPS": nests}
    schema = scim.request_scim("GET", f"/Schemas/{GROUP}").json()
    members = next(a for a in schema["attributes"] if a["name"] == "members")
    parts = {part["name"]: part for part in members["subAttributes"]}
    assert parts["type"]["canonicalValues"] == parts["$ref"]["referenceTypes"] == kinds
