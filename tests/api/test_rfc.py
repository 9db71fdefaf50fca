"""What the RFCs ask for and no other test shows, from outside."""

import re
from datetime import datetime
from urllib.parse import quote, urljoin, urlsplit
from uuid import UUID

import pytest

from maptician_scim.models import Token, now
from tests.api.test_writing import PAT
from tests.client import ENTERPRISE, ERROR, GROUP, LIST, USER

DATA_TYPES = {
    "string",
    "boolean",
    "decimal",
    "integer",
    "dateTime",
    "binary",
    "reference",
    "complex",
}
CHARACTERISTICS = {
    "name",
    "type",
    "multiValued",
    "required",
    "mutability",
    "returned",
    "uniqueness",
}
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
SERVICE_PROVIDER_CONFIG = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
RESOURCE_TYPE = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Schema"
SEARCH_REQUEST = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
DISCOVERY = (SERVICE_PROVIDER_CONFIG, RESOURCE_TYPE, SCHEMA)


@pytest.fixture
def pat(scim):
    """A provisioned person, as the answer to their creation."""
    return scim.create(**PAT).json()


@pytest.fixture
def listed(scim):
    """The documents of /Schemas by URN."""
    body = scim.request_scim("GET", "/Schemas").json()
    return {document["id"]: document for document in body["Resources"]}


@pytest.fixture
def schemas(listed):
    """Those of resources: Schema itself may be complex within complex (RFC 7643 section 7)."""
    return {urn: schema for urn, schema in listed.items() if urn not in DISCOVERY}


@pytest.fixture
def definitions(schemas):
    """Every attribute and sub-attribute of every schema."""
    attributes = [a for document in schemas.values() for a in document["attributes"]]
    return attributes + [sub for a in attributes for sub in a.get("subAttributes", [])]


# -- RFC 7643: attributes and their types ---------------------------------------------------------


@pytest.mark.rfc("7643", "2.1", "b")
@pytest.mark.rfc("7643", "3.3", "d")
def test_attribute_names_are_of_the_form_the_rfc_gives(definitions):
    assert len(definitions) > 50
    for definition in definitions:
        # The RFC's own $ref begins with a sign that its grammar does not have there.
        assert re.fullmatch(r"\$?[A-Za-z][A-Za-z0-9$_-]*", definition["name"])


@pytest.mark.rfc("7643", "2.3")
def test_no_other_data_types_are_introduced(definitions):
    assert {definition["type"] for definition in definitions} <= DATA_TYPES


@pytest.mark.rfc("7643", "2.3.4")
def test_integers_are_written_without_fraction_and_exponent(scim, pat):
    text = scim.search().text
    for name in ("totalResults", "startIndex", "itemsPerPage"):
        assert re.search(rf'"{name}":1[,}}]', text)


@pytest.mark.rfc("7643", "2.3.5", "a", "b")
@pytest.mark.rfc("7643", "3.1", "l")
def test_moments_have_a_date_a_time_and_a_zone(pat):
    for name in ("created", "lastModified"):
        assert DATE_TIME.fullmatch(pat["meta"][name])
        assert datetime.fromisoformat(pat["meta"][name]).tzinfo


@pytest.mark.rfc("7643", "2.3.6")
@pytest.mark.rfc("7643", "4.1.2", "i")
def test_binary_value_that_is_not_base64_is_refused(scim):
    answer = scim.create(userName="a", x509Certificates=[{"value": "!!! not base64"}])
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert "x509Certificates" in answer.json()["detail"]


@pytest.mark.rfc("7643", "2.3.7", "a", "c", "d")
def test_location_is_an_absolute_uri_that_leads_to_the_resource(scim, pat):
    location = urlsplit(pat["meta"]["location"])
    assert (location.scheme, location.netloc) == ("http", "acme.localhost")
    assert scim.get(location.path, headers=own_headers(scim)).json() == pat
    scim.remove(pat["id"])
    assert scim.get(location.path, headers=own_headers(scim)).status_code == 404


@pytest.mark.rfc("7643", "2.3.7", "a", "c", "d")
@pytest.mark.rfc("7643", "4.1.2", "g")
def test_references_between_people_and_groups_lead_there(scim, pat):
    group = scim.push("Crew", [pat["id"]]).json()
    for whole in ("/Users", "/Groups"):
        [shown] = scim.request_scim("GET", whole).json()["Resources"]
        [reference] = shown.get("groups") or shown["members"]
        led_to = scim.get(urlsplit(reference["$ref"]).path, headers=own_headers(scim)).json()
        assert led_to["id"] == reference["value"] == (group if "groups" in shown else pat)["id"]


def own_headers(scim):
    return {"host": scim.host, "authorization": f"Bearer {scim.secret}"}


@pytest.mark.rfc("7643", "2.3.7", "b")
def test_relative_uris_are_resolved_against_the_base_url(scim, pat):
    listed = scim.request_scim("GET", "/ResourceTypes").json()["Resources"]
    endpoint = next(r["endpoint"] for r in listed if r["name"] == "User")
    base = "http://acme.localhost/scim/v2/"
    assert urljoin(base, f"{endpoint.lstrip('/')}/{pat['id']}") == pat["meta"]["location"]


@pytest.mark.rfc("7643", "2.3.8", "a")
@pytest.mark.rfc("7643", "3", "d")
def test_order_of_attributes_and_of_schemas_means_nothing(scim):
    backwards = {"schemas": [ENTERPRISE, USER], **dict(reversed(PAT.items()))}
    forwards = PAT | {"userName": "other"}
    one = scim.request_scim("POST", "/Users", backwards).json()
    other = scim.create(**forwards).json()
    for answer in (one, other):
        for name in ("id", "meta", "userName"):
            del answer[name]
    assert one == other


@pytest.mark.rfc("7643", "2.3.8", "b")
@pytest.mark.rfc("7643", "2.4", "a")
@pytest.mark.rfc("7643", "7", "e")
def test_sub_attributes_are_never_complex_and_complex_attributes_list_them(schemas):
    for document in schemas.values():
        for attribute in document["attributes"]:
            assert (attribute["type"] == "complex") == bool(attribute.get("subAttributes"))
            for sub in attribute.get("subAttributes", []):
                assert sub["type"] != "complex"


@pytest.mark.rfc("7643", "2.4", "b")
def test_predefined_sub_attributes_mean_what_they_always_mean(schemas):
    expected = {"type": {"string"}, "primary": {"boolean"}, "display": {"string"}}
    found = {name: set() for name in expected}
    for attribute in schemas[USER]["attributes"]:
        if attribute["multiValued"]:
            for sub in attribute.get("subAttributes", []):
                found.get(sub["name"], set()).add(sub["type"])
    assert found == expected


@pytest.mark.rfc("7643", "2.4", "d")
@pytest.mark.parametrize("filter_text", ["emails[primary ne true]", "not (emails.primary eq true)"])
def test_entry_without_primary_is_found_as_not_primary(scim, filter_text):
    created = scim.create(userName="a", emails=[{"value": "a@x", "type": "home"}]).json()
    assert scim.search(filter_text).json()["Resources"] == [created]


# -- RFC 7643: resources --------------------------------------------------------------------------


@pytest.mark.rfc("7643", "3", "a", "b", "c")
@pytest.mark.rfc("7643", "3.3", "a")
def test_every_representation_names_its_schemas_once(scim, pat):
    group = scim.push("Crew", [pat["id"]]).json()
    base, extensions = {"User": USER, "Group": GROUP}, {"User": {ENTERPRISE}, "Group": set()}
    found = scim.request_scim("POST", "/.search", {"schemas": [SEARCH_REQUEST]}).json()["Resources"]
    assert len(found) == 2
    for document in (pat, group, *found):
        named, kind = document["schemas"], document["meta"]["resourceType"]
        assert base[kind] in named
        assert len(named) == len(set(named))
        assert set(named) <= {base[kind]} | extensions[kind]
    for path in (
        "/ServiceProviderConfig",
        "/ResourceTypes",
        "/Schemas",
        "/Users",
        "/Groups",
        "/nowhere",
    ):
        body = scim.request_scim("GET", path).json()
        for document in (body, *body.get("Resources", [])):
            assert document["schemas"]


@pytest.mark.rfc("7643", "3", "e")
@pytest.mark.rfc("7643", "3.1", "a", "d")
def test_common_attributes_are_in_every_resource_and_in_no_schema(scim, pat, schemas):
    names = {a["name"] for document in schemas.values() for a in document["attributes"]}
    assert not names & {"id", "externalId", "meta", "schemas"}
    assert pat.keys() >= {"id", "externalId", "meta"}


@pytest.mark.rfc("7643", "3.1", "e", "h")
def test_id_is_a_uuid_that_no_other_resource_has(scim, pat):
    other = scim.create(userName="other").json()
    assert other["id"] != pat["id"]
    for created in (pat, other):
        assert str(UUID(created["id"])) == created["id"]
        assert "bulkid" not in created["id"].lower()


@pytest.mark.rfc("7643", "3.1", "i", "j")
def test_external_id_is_the_clients_alone(scim, other_scim):
    mine = scim.create(userName="a", externalId="1").json()
    assert "externalId" not in scim.create(userName="b").json()
    theirs = other_scim.create(userName="c", externalId="1").json()
    assert scim.search('externalId eq "1"').json()["Resources"] == [mine]
    assert other_scim.search('externalId eq "1"').json()["Resources"] == [theirs]


@pytest.mark.rfc("7643", "3.1", "o")
@pytest.mark.rfc("7644", "3.14", "a", "b")
def test_version_is_the_weak_entity_tag(scim, pat):
    answer = scim.read(pat["id"])
    assert answer.headers["ETag"] == pat["meta"]["version"]
    assert re.fullmatch(r'W/"[0-9a-f]+"', pat["meta"]["version"])


@pytest.mark.rfc("7643", "3.3", "c")
def test_extension_does_not_redefine_core_attributes(schemas):
    core, extension = (
        {a["name"].lower() for a in schemas[urn]["attributes"]} for urn in (USER, ENTERPRISE)
    )
    assert not core & extension


# -- RFC 7643: discovery documents ----------------------------------------------------------------


@pytest.mark.rfc("7643", "5", "a", "b")
@pytest.mark.rfc("7644", "4", "a")
@pytest.mark.rfc("9865", "2.4")
@pytest.mark.rfc("9865", "4", "a", "b")
def test_service_provider_config_has_all_that_is_required(scim):
    config = scim.request_scim("GET", "/ServiceProviderConfig").json()
    assert config["schemas"] == [SERVICE_PROVIDER_CONFIG]
    for name in ("patch", "bulk", "filter", "changePassword", "sort", "etag"):
        assert isinstance(config[name]["supported"], bool)
    limits = [config["bulk"][n] for n in ("maxOperations", "maxPayloadSize")]
    assert all(isinstance(limit, int) for limit in [*limits, config["filter"]["maxResults"]])
    pagination = config["pagination"]
    assert all(isinstance(pagination[name], bool) for name in ("cursor", "index"))
    assert pagination["defaultPaginationMethod"] == "index"
    for scheme in config["authenticationSchemes"]:
        assert all(scheme[name] for name in ("type", "name", "description"))


@pytest.mark.rfc("7643", "6", "a", "b", "c", "d", "e")
@pytest.mark.rfc("7644", "3.2", "a")
def test_resource_types_name_schemas_that_exist(scim, schemas):
    for document in scim.request_scim("GET", "/ResourceTypes").json()["Resources"]:
        assert all(document[name] for name in ("name", "description", "endpoint", "schema"))
        assert document["endpoint"] == f"/{document['name']}s"
        assert document["schema"] in schemas
        for extension in document.get("schemaExtensions", []):
            assert extension["schema"] in schemas
            assert isinstance(extension["required"], bool)


@pytest.mark.rfc("7643", "7", "a", "b", "c", "d")
@pytest.mark.rfc("7644", "4", "b")
def test_schemas_say_all_that_is_required(listed, definitions):
    assert listed.keys() >= {USER, ENTERPRISE}
    for document in listed.values():
        assert document["schemas"] == [SCHEMA]
        assert all(document[name] for name in ("id", "name", "description"))
    for definition in definitions:
        assert definition.keys() >= CHARACTERISTICS


@pytest.mark.rfc("7644", "3.1", "a", "b")
def test_message_schemas_are_not_listed(listed):
    assert not [urn for urn in listed if urn.startswith("urn:ietf:params:scim:api:")]
    assert all(m.startswith("urn:ietf:params:scim:api:") for m in (LIST, ERROR))


@pytest.mark.rfc("7644", "4", "b", "c", "d")
@pytest.mark.parametrize("path", ["/Schemas", "/ResourceTypes"])
def test_discovery_ignores_paging_and_sorting(scim, path):
    whole = scim.request_scim("GET", path).json()
    cut = scim.request_scim("GET", f"{path}?startIndex=2&count=1&sortBy=id").json()
    assert cut == whole
    assert whole["schemas"] == [LIST]
    assert whole["totalResults"] == len(whole["Resources"])


# -- RFC 7644 -------------------------------------------------------------------------------------


@pytest.mark.rfc("7644", "1.2")
@pytest.mark.rfc("7644", "1.3")
def test_percent_encoded_path_is_understood(scim):
    answer = scim.request_scim("GET", f"/Schemas/{quote(USER, safe='')}")
    assert answer.json()["id"] == USER
    assert "?" not in answer.json()["meta"]["location"]


@pytest.mark.rfc("7644", "3.4.2", "a")
def test_unknown_parameters_are_ignored(scim, pat):
    assert scim.search(foo="bar", sortless="x").json() == scim.search().json()


@pytest.mark.rfc("7644", "3.4.2.2", "b", "c", "g", "k")
@pytest.mark.parametrize(
    "filter_text",
    ['title regex "x"', "title", "title eq", '"x" eq title', "eq", 'title eq "x" xor active pr'],
)
def test_filter_that_breaks_the_grammar_is_400_with_words(scim, pat, filter_text):
    answer = scim.search(filter_text)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")
    assert len(answer.json()["detail"]) > 10


@pytest.mark.rfc("7644", "3.4.2.2", "d")
@pytest.mark.parametrize("operator", ["gt", "ge", "lt", "le"])
@pytest.mark.parametrize("operand", ["active {} true", 'x509Certificates.value {} "aGVsbG8="'])
def test_booleans_and_binaries_have_no_order(scim, operand, operator):
    answer = scim.search(operand.format(operator))
    assert (answer.status_code, answer.json().get("scimType")) == (400, "invalidFilter")


@pytest.mark.rfc("7644", "3.4.2.2", "h")
@pytest.mark.parametrize(
    ("filter_text", "is_found"),
    [
        ('title eq "Planner" or title eq "x" and title eq "y"', True),
        ('(title eq "Planner" or title eq "x") and title eq "y"', False),
        ('not (title eq "x") and title eq "Planner"', True),
        ('not (title eq "x" or title eq "Planner")', False),
        ('not (title eq "Planner") or title eq "Planner"', True),
    ],
)
def test_not_binds_before_and_before_or(scim, pat, filter_text, is_found):
    assert scim.search(filter_text).json()["totalResults"] == is_found


@pytest.mark.rfc("7644", "3.4.2.2", "e")
def test_brackets_hold_of_one_entry(scim, pat):
    both = 'emails[type eq "{}" and value eq "pat@home.example"]'
    assert scim.search(both.format("home")).json()["Resources"] == [pat]
    assert scim.search(both.format("work")).json()["totalResults"] == 0
    apart = 'emails.type eq "work" and emails.value eq "pat@home.example"'
    assert scim.search(apart).json()["Resources"] == [pat]


@pytest.mark.rfc("7644", "3.4.2.2", "j")
def test_default_counts_in_filters_as_it_was_answered(scim):
    created = scim.create(userName="a").json()
    assert created["active"] is True
    assert scim.search("active eq true").json()["Resources"] == [created]
    assert scim.search("active pr").json()["Resources"] == [created]


@pytest.mark.rfc("7644", "3.5.2", "g")
def test_attribute_with_a_urn_brings_its_schema_along(scim):
    created = scim.create(userName="a").json()
    assert created["schemas"] == [USER]
    operation = {"op": "add", "path": f"{ENTERPRISE}:department", "value": "Space"}
    second = {"op": "replace", "path": f"{ENTERPRISE}:costCenter", "value": "42"}
    changed = scim.modify(created["id"], operation, second).json()
    assert changed["schemas"] == [USER, ENTERPRISE]
    assert changed[ENTERPRISE] == {"department": "Space", "costCenter": "42"}


@pytest.mark.rfc("7644", "3.5.2.1", "c", "d", "e")
def test_adding_what_is_there_changes_nothing(scim, pat):
    again = {"op": "add", "path": "emails", "value": [PAT["emails"][1]]}
    title = {"op": "add", "path": "title", "value": PAT["title"]}
    answer = scim.modify(pat["id"], again, title)
    assert answer.status_code == 200
    assert answer.json() == pat


@pytest.mark.rfc("7644", "3.5.2.2", "a", "b", "c", "e")
@pytest.mark.parametrize(
    ("operation", "gone"),
    [
        ({"op": "remove", "path": "title"}, "title"),
        ({"op": "remove", "path": "emails"}, "emails"),
        ({"op": "remove", "path": 'addresses[type eq "work"]'}, "addresses"),
        ({"op": "remove", "path": "phoneNumbers[value pr]"}, "phoneNumbers"),
    ],
    ids=str,
)
def test_what_is_removed_is_unassigned(scim, pat, operation, gone):
    answer = scim.modify(pat["id"], operation).json()
    assert gone not in answer
    assert scim.search(f"{gone} pr").json()["totalResults"] == 0


@pytest.mark.rfc("7644", "3.5.2.2", "d")
def test_sub_attribute_that_is_removed_is_unassigned(scim, pat):
    operation = {"op": "remove", "path": 'emails[type eq "work"].display'}
    work = scim.modify(pat["id"], operation).json()["emails"][0]
    assert work == {"value": "pat@example.com", "type": "work", "primary": True}
    assert scim.search('emails[type eq "work" and display pr]').json()["totalResults"] == 0


@pytest.mark.rfc("7644", "3.5.2.1", "b")
def test_what_is_added_to_a_complex_attribute_is_a_set_of_sub_attributes(scim, pat):
    operation = {"op": "add", "path": "name", "value": {"honorificPrefix": "Dr."}}
    answer = scim.modify(pat["id"], operation)
    assert answer.json()["name"] == PAT["name"] | {"honorificPrefix": "Dr."}
    answer = scim.modify(pat["id"], operation | {"value": "Dr. Pat Lee"})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")


@pytest.mark.rfc("7644", "3.5.2.3", "d")
def test_value_path_replaces_every_entry_it_matches(scim, pat):
    operation = {"op": "replace", "path": "emails[value pr].display", "value": "Same"}
    emails = scim.modify(pat["id"], operation).json()["emails"]
    assert [e["display"] for e in emails] == ["Same", "Same"]
    whole = {"op": "replace", "path": 'emails[type eq "home"]', "value": {"value": "n@x"}}
    emails = scim.modify(pat["id"], whole).json()["emails"]
    assert "n@x" in [e["value"] for e in emails]
    assert "pat@home.example" not in [e["value"] for e in emails]


@pytest.mark.rfc("7644", "3.6", "a")
def test_deleted_person_is_404_for_every_operation(scim, pat):
    scim.remove(pat["id"])
    for answer in (
        scim.read(pat["id"]),
        scim.replace(pat["id"], {"userName": "x"}),
        scim.modify(pat["id"], {"op": "remove", "path": "title"}),
        scim.remove(pat["id"]),
    ):
        assert answer.status_code == 404


@pytest.mark.rfc("7644", "3.8", "a", "b")
def test_answer_is_utf_8_and_so_is_a_body_without_a_charset(scim):
    body = '{"userName": "Ä€😀@x"}'.encode()
    answer = scim.request_scim("POST", "/Users", body, content_type="application/scim+json")
    assert answer.json()["userName"] == "Ä€😀@x"
    assert "Ä€😀@x" in answer.content.decode("utf-8")


@pytest.mark.rfc("7644", "3.13", "a", "b")
@pytest.mark.parametrize("path", ["/scim/v1/Users", "/scim/v3/Users", "/scim/v2/v1/Users"])
def test_other_version_of_the_protocol_is_rejected(scim, path):
    answer = scim.get(path, headers=own_headers(scim))
    assert answer.status_code == 404


@pytest.mark.rfc("7644", "3.4.3", "c")
@pytest.mark.parametrize("path", ["/.search", "/Users/.search"])
def test_search_cannot_exclude_what_is_always_returned(scim, pat, path):
    body = {"schemas": [SEARCH_REQUEST], "excludedAttributes": ["id", "schemas", "title"]}
    [found] = scim.request_scim("POST", path, body).json()["Resources"]
    assert (found["id"], found["schemas"]) == (pat["id"], pat["schemas"])
    assert "title" not in found


@pytest.mark.rfc("9865", "5.2", "b")
def test_cursor_is_no_authorization(scim, client_of, acme):
    for number in range(3):
        scim.create(userName=f"p{number}")
    cursor = scim.search(cursor="", count=1).json()["nextCursor"]
    assert client_of(acme, scopes=["groups:read"]).search(cursor=cursor).status_code == 403
    assert scim.search(cursor=cursor, count=1).status_code == 200
    Token.objects.filter(tenant=acme).update(revoked_at=now())
    assert scim.search(cursor=cursor, count=1).status_code == 401


@pytest.mark.rfc("7643", "3.1", "n")
def test_content_location_is_the_location(scim, pat):
    for answer in (
        scim.create(userName="other"),
        scim.read(pat["id"]),
        scim.replace(pat["id"], PAT),
        scim.modify(pat["id"], {"op": "replace", "path": "title", "value": "New"}),
    ):
        assert answer.headers["Content-Location"] == answer.json()["meta"]["location"]


@pytest.mark.rfc("7644", "3.11", "a")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_alias_of_the_person_who_is_signed_in_is_501(scim, method):
    answer = scim.request_scim(method, "/Me")
    assert (answer.status_code, answer.json()["status"]) == (501, "501")
