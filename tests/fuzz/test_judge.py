"""The judge finds each thing that may be wrong with an answer, and nothing where all is right."""

import json
from types import SimpleNamespace

import pytest
from django.test import RequestFactory

from maptician_scim import discovery
from tests.client import BULK_RESPONSE, ERROR, LIST, USER
from tests.fuzz.judge import Judge
from tests.fuzz.messages import Answer, Request
from tests.fuzz.values import PASSWORD
from tests.fuzz.world import Tenant

ID = "0f7c1c5e-1111-4111-8111-000000000001"
FOREIGN = "0f7c1c5e-1111-4111-8111-000000000002"
HEADERS = {"content-type": "application/scim+json", "x-request-id": "abc"}
ALL_RIGHT = {"schemas": [ERROR], "status": "400", "detail": "No."}
PERSON = {
    "schemas": [USER],
    "id": ID,
    "userName": "jane",
    "active": True,
    "meta": {"resourceType": "User", "location": f"http://a/Users/{ID}", "version": 'W/"1"'},
}
LISTED = {"schemas": [LIST], "totalResults": 1, "itemsPerPage": 1, "startIndex": 1}
LISTED |= {"Resources": [PERSON]}


@pytest.fixture(scope="module")
def world():
    """Two tenants of which nothing is stored, and the schema documents."""
    tenants = [Tenant(key, None, f"secret-of-{key}" * 4, f"canary-{key}") for key in ("a", "b")]
    documents = discovery.schemas(RequestFactory().get("/"))
    owners = {FOREIGN: tenants[1]}
    return SimpleNamespace(
        tenants=tenants, owners=owners, documents={d["id"]: d for d in documents}
    )


@pytest.fixture
def faults(world):
    """A function: what is wrong with an answer to the client of the first tenant.

    ``headers`` are those of the answer, ``sent`` those of the request; of the texts in either some
    stand for what is the other tenant's.
    """
    other = world.tenants[1]
    known = {"SECRET": other.secret, "CANARY": other.canary, "FOREIGN": FOREIGN}

    def filled(data):
        text = json.dumps(data)
        for place, value in known.items():
            text = text.replace(place, value)
        return text

    def judged(body, *, status=200, headers=(), seconds=0.0, is_from_server=False, sent=(), **more):
        given = {"kind": "x", "method": "GET", "target": "/scim/v2/Users", "headers": dict(sent)}
        content = body if isinstance(body, bytes) else filled(body).encode()
        answered = HEADERS | json.loads(filled(dict(headers)))
        answer = Answer(status, answered, content, seconds, is_from_server)
        return Judge(world).faults(Request(world.tenants[0], **given | more), answer)

    return judged


RIGHT = {
    "error": (ALL_RIGHT, {"status": 400}),
    "person": (PERSON, {}),
    "list": (LISTED, {}),
    "no content": (b"", {"status": 204}),
    "not implemented": (ALL_RIGHT | {"status": "501"}, {"status": 501, "target": "/scim/v2/Me"}),
    "not for us": (b"<html>", {"status": 404, "target": "/users"}),
    "no host of ours": (b"<html>", {"status": 400, "is_known": False}),
    "no HTTP": (b"<html>", {"status": 400, "is_from_server": True}),
    "selected": ({"schemas": [USER], "id": ID}, {"target": "/scim/v2/Users/1?attributes=id"}),
    "search": (LISTED, {"target": "/scim/v2/Users/.search?count=0", "method": "POST"}),
    "not by pages": (LISTED, {"target": "/scim/v2/Schemas?count=0"}),
}


@pytest.mark.parametrize(("body", "more"), RIGHT.values(), ids=RIGHT)
def test_nothing_is_wrong(faults, body, more):
    assert faults(body, **more) == []


def error(**members):
    return ALL_RIGHT | members


WRONG = {
    "5xx": (error(status="500"), {"status": 500}, "status 500"),
    "501": (error(status="501"), {"status": 501}, "status 501"),
    "server 5xx": (b"", {"status": 500, "is_from_server": True}, "the web server says 500"),
    "slow": (PERSON, {"seconds": 2.5}, "took 2.5 s"),
    "token": (PERSON | {"title": "SECRET"}, {}, "a bearer token"),
    "password": (PERSON | {"title": PASSWORD}, {}, "a password"),
    "canary": (PERSON | {"title": "CANARY"}, {}, "holds what is b's"),
    "canary in a header": (PERSON, {"headers": {"location": "CANARY"}}, "holds what is b's"),
    "foreign id": (PERSON | {"title": "FOREIGN"}, {}, "an id of b's"),
    "stranger": (PERSON, {"is_known": False}, "status 200 for a stranger"),
    "shut out": (
        error(status="401"),
        {"status": 401, "headers": {"www-authenticate": "Bearer"}},
        "status 401 for the tenant's own",
    ),
    "not there": (PERSON, {"exists": False}, "for what is not there"),
    "there": (error(status="404"), {"status": 404, "exists": True}, "404 for what is there"),
    "HTML": (PERSON, {"headers": {"content-type": "text/html"}}, "Content-Type 'text/html'"),
    "no JSON": (b"nothing", {}, "no JSON object"),
    "body": (b"x", {"status": 204}, "a body where there is none"),
    "body after HEAD": (b"x", {"method": "HEAD"}, "a body where there is none"),
    "no correlation": (PERSON, {"headers": {"x-request-id": ""}}, "X-Request-Id ''"),
    "correlation": (PERSON, {"sent": {"X-Request-Id": "mine"}}, "'abc' for 'mine'"),
    "schemas": (error(schemas=[USER]), {"status": 400}, "an error with the schemas"),
    "status": (error(status=400), {"status": 400}, "status 400 in the body"),
    "no detail": (error(detail=" "), {"status": 400}, "without a detail"),
    "scimType": (error(scimType="wrong"), {"status": 400}, "scimType 'wrong'"),
    "trace": (error(trace="x"), {"status": 400}, "an error with ['detail'"),
    "no challenge": (
        error(status="401"),
        {"status": 401, "is_known": False},
        "without WWW-Authenticate",
    ),
    "no Retry-After": (
        error(status="429"),
        {"status": 429, "headers": {"retry-after": "Mon, 1 Jan"}},
        "429 without a Retry-After in seconds",
    ),
    "no total": ({"schemas": [LIST]}, {}, "without totalResults"),
    "per page": (LISTED | {"itemsPerPage": 2}, {}, "itemsPerPage is not"),
    "total": (LISTED | {"totalResults": 0}, {}, "totalResults is smaller"),
    "start": (LISTED | {"startIndex": "1"}, {}, "startIndex is no integer"),
    "twice": (
        LISTED | {"totalResults": 2, "itemsPerPage": 2, "Resources": [PERSON, PERSON]},
        {},
        "twice in a page",
    ),
    "too many": (LISTED, {"target": "/scim/v2/Users?count=0"}, "more resources than asked for"),
    "listed": (LISTED | {"Resources": [PERSON | {"active": 7}]}, {}, "not as in /Schemas"),
    "unknown": (PERSON | {"shoeSize": 7}, {}, "not as in /Schemas"),
    "type": (PERSON | {"name": ["x"]}, {}, "not as in /Schemas"),
    "Location": (PERSON, {"headers": {"location": "http://a/Users/2"}}, "is not meta.location"),
    "ETag": (PERSON, {"headers": {"etag": 'W/"2"'}}, "is not meta.version"),
    "created": (
        PERSON | {"meta": {}},
        {"status": 201, "headers": {"location": "http://a/Users/2"}},
        "Location of a new resource is another's",
    ),
}


@pytest.mark.parametrize(("body", "more", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_found(faults, body, more, said):
    found = faults(body, **more)
    assert any(said in fault for fault in found), found


BULK = {
    "number": ({"status": 200}, "the status 200"),
    "5xx": ({"status": "500"}, "the status 500"),
    "no detail": ({"status": "404", "response": {}}, "without a detail"),
}


@pytest.mark.parametrize(("result", "said"), BULK.values(), ids=BULK)
def test_what_is_wrong_with_an_operation_is_found(faults, result, said):
    found = faults({"schemas": [BULK_RESPONSE], "Operations": [result]})
    assert any(said in fault for fault in found), found
