"""POST /Bulk: many operations in one request (RFC 7644 section 3.7)."""

import json
import time
import uuid
from unittest.mock import ANY

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from scim2_models import BulkResponse, Context, User

from maptician_scim import relations
from maptician_scim.models import Event, ProvisionedUser
from maptician_scim.provisioning import UserProvisioner
from tests.client import BULK_RESPONSE, ENTERPRISE, ERROR, GROUP, PATCH_OP, USER

pytestmark = pytest.mark.usefixtures("_invariants")

LIMIT = 5 * 1024 * 1024


def post(name, bulk_id=None, **attributes):
    data = {"schemas": [USER], "userName": name} | attributes
    return {"method": "POST", "path": "/Users", "bulkId": bulk_id or name, "data": data}


def managed(name, by, bulk_id=None):
    """The creation of somebody whose manager is created in the same request."""
    return post(name, bulk_id, **{ENTERPRISE: {"manager": {"value": f"bulkId:{by}"}}})


def title(scim_id, text, **members):
    data = {"schemas": [PATCH_OP], "Operations": [{"op": "add", "path": "title", "value": text}]}
    return {"method": "PATCH", "path": f"/Users/{scim_id}", "data": data} | members


def results(answer):
    """The results of the operations."""
    assert answer.status_code == 200, answer.content
    assert answer.json()["schemas"] == [BULK_RESPONSE]
    return answer.json()["Operations"]


def statuses(answer):
    return [result["status"] for result in results(answer)]


def id_of(result):
    return result["location"].rpartition("/")[2]


def error_of(answer):
    """The error of the only operation."""
    [result] = results(answer)
    assert result["response"]["schemas"] == [ERROR]
    assert result["response"]["status"] == result["status"]
    return result["response"]


@pytest.fixture
def pat(scim):
    return scim.create(userName="pat").json()


@pytest.fixture
def configure(settings):
    def change(**changes):
        settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | changes

    return change


# -- operations --------------------------------------------------------------------------------


@pytest.mark.rfc("7644", "3.7", "c", "e", "g")
@pytest.mark.rfc("7644", "3.7.3", "a", "b", "c")
def test_creation_is_answered_with_location_and_version(scim):
    [result] = results(scim.bulk(post("kim", "q1")))
    created = scim.read(id_of(result)).json()
    assert result == {
        "method": "POST",
        "bulkId": "q1",
        "location": created["meta"]["location"],
        "version": created["meta"]["version"],
        "status": "201",
    }
    assert (created["userName"], created["active"]) == ("kim", True)


@pytest.mark.rfc("7644", "3.7.3", "a", "b", "c")
def test_each_verb_does_what_it_does_alone(scim, pat):
    kim, lee = (scim.create(userName=name).json() for name in ("kim", "lee"))
    put = {"schemas": [USER], "userName": "kim", "nickName": "K"}
    answer = scim.bulk(
        {"method": "PUT", "path": f"/Users/{kim['id']}", "bulkId": "b", "data": put},
        title(pat["id"], "Planner"),
        {"method": "DELETE", "path": f"/Users/{lee['id']}"},
    )
    replaced, patched = scim.read(kim["id"]).json(), scim.read(pat["id"]).json()
    assert results(answer) == [
        {
            "method": "PUT",
            "bulkId": "b",
            "location": kim["meta"]["location"],
            "version": replaced["meta"]["version"],
            "status": "200",
        },
        {
            "method": "PATCH",
            "location": pat["meta"]["location"],
            "version": patched["meta"]["version"],
            "status": "200",
        },
        {"method": "DELETE", "location": lee["meta"]["location"], "status": "204"},
    ]
    assert (replaced["nickName"], patched["title"]) == ("K", "Planner")
    assert scim.read(lee["id"]).status_code == 404


def test_answer_is_what_scim2_models_expects(scim, pat):
    answer = scim.bulk(post("kim"), post("pat"), title(uuid.uuid4(), "x"), post("", "b"))
    BulkResponse[User].model_validate(answer.json(), scim_ctx=Context.BULK_RESPONSE)
    assert statuses(answer) == ["201", "409", "404", "400"]


def test_names_methods_and_paths_are_read_in_every_spelling(scim, pat):
    body = {
        "operations": [
            {"METHOD": "post", "PATH": "Users", "BulkID": "a", "Data": {"userName": "kim"}},
            title(f"{pat['id']}/", "Planner"),
        ]
    }
    assert statuses(scim.request_scim("POST", "/Bulk/", body)) == ["201", "200"]


def test_patch_with_its_operations_alone_is_what_an_example_of_the_rfc_shows(scim, pat):
    operation = title(pat["id"], "Planner")
    answer = scim.bulk(operation | {"data": operation["data"]["Operations"]})
    assert statuses(answer) == ["200"]
    assert scim.read(pat["id"]).json()["title"] == "Planner"


def test_version_is_the_if_match_of_its_operation(scim, pat):
    answer = scim.bulk(
        title(pat["id"], "Old", version='W/"other"'),
        title(pat["id"], "New", version=pat["meta"]["version"]),
    )
    assert statuses(answer) == ["412", "200"]
    assert scim.read(pat["id"]).json()["title"] == "New"


def test_media_type_of_oktas_suite_is_read(scim):
    body = {"Operations": [post("kim")]}
    answer = scim.request_scim("POST", "/Bulk", body, content_type="application/json")
    assert statuses(answer) == ["201"]


# -- one fails, the others do not ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "status", "said"),
    [
        (5, "400", "must be an object"),
        ({}, "400", "'method' is required"),
        ({"method": "GET", "path": "/Users"}, "400", "one of POST, PUT, PATCH, DELETE"),
        ({"method": ["POST"], "path": "/Users"}, "400", "'method'"),
        ({"method": "POST", "data": {}, "bulkId": "a"}, "400", "'path' is required"),
        (post("kim") | {"path": "https://acme.localhost/scim/v2/Users"}, "400", "relative to"),
        (post("kim") | {"path": "/Users/x"}, "400", "must be that of an endpoint"),
        ({"method": "DELETE", "path": "/Users"}, "400", "must be that of a resource"),
        (post("kim") | {"path": "/Desks"}, "404", "/Desks"),
        (post("kim") | {"path": "/Bulk"}, "404", "/Bulk"),
        (post("kim") | {"bulkId": None}, "400", "POST requires it"),
        (post("kim") | {"bulkId": 5}, "400", "'bulkId'"),
        (post("kim") | {"bulkId": "a\x00"}, "400", "'bulkId'"),
        (post("kim") | {"data": None}, "400", "'data' is required"),
        (post("kim") | {"data": []}, "400", "'data' is required"),
        (post("kim") | {"data": {}}, "400", "userName"),
        (post("kim", title=5), "400", "'title'"),
        (post("kim", title="\ud800"), "400", "'data.title'"),
        (post("kim", title="a\x00b"), "400", "'data.title'"),
        (post("kim", title="bulkId:nobody"), "400", "'bulkId:nobody' refers to no POST"),
        ({"method": "PUT", "path": "/Users/bulkId:x", "data": {}}, "400", "'bulkId:x'"),
        ({"method": "PATCH", "path": "/Users/x", "data": []}, "400", "'Operations'"),
        ({"method": "PATCH", "path": "/Users/x", "data": {}}, "400", "'Operations'"),
        ({"method": "DELETE", "path": "/Users/x"}, "404", "'x'"),
        ({"method": "DELETE", "path": "/Users/x", "version": 5}, "400", "'version'"),
        ({"method": "DELETE", "path": "/Users/\ud800"}, "400", "'path'"),
    ],
    ids=str,
)
def test_operation_that_makes_no_sense_fails_alone(scim, operation, status, said):
    answer = scim.bulk(operation, post("lee"))
    failed, done = results(answer)
    assert (failed["status"], done["status"]) == (status, "201")
    assert said in failed["response"]["detail"]
    assert list(ProvisionedUser.objects.values_list("user_name", flat=True)) == ["lee"]


def test_data_may_be_as_deep_as_a_body_of_its_own_and_no_deeper(scim, configure):
    configure(MAX_JSON_DEPTH=4)

    def nested(depth):
        return json.loads('{"x":' * depth + "1" + "}" * depth)

    for depth in (3, 4):
        alone = scim.create(userName=f"a{depth}", x=nested(depth)).status_code
        assert statuses(scim.bulk(post(f"b{depth}", x=nested(depth)))) == [str(alone)]
    assert statuses(scim.bulk(post("c", x=nested(400)))) == ["400"]


def test_operation_is_no_larger_than_a_body_of_its_own(scim, configure):
    configure(MAX_BODY_SIZE=1000)
    answer = scim.bulk(post("kim"), post("lee", "b", title="x" * 1000))
    assert statuses(answer) == ["201", "413"]


def test_no_members_are_read_where_none_are_answered(scim, pat):
    team = scim.push("Sales", [pat["id"]]).json()["id"]
    with CaptureQueriesContext(connection) as queries:
        rename = {"displayName": "Support"}
        operation = {"op": "replace", "value": rename}
        data = {"schemas": [PATCH_OP], "Operations": [operation]}
        answer = scim.bulk({"method": "PATCH", "path": f"/Groups/{team}", "data": data})
    assert statuses(answer) == ["200"]
    memberships = relations.relation().through._meta.db_table
    assert not [query for query in queries if memberships in query["sql"]]


@pytest.mark.rfc("7644", "3.7", "a", "b")
@pytest.mark.rfc("7644", "3.7.3", "b", "d")
def test_failed_creation_has_no_location_and_says_why(scim, pat):
    assert results(scim.bulk(post("PAT", "q1"))) == [
        {
            "method": "POST",
            "bulkId": "q1",
            "status": "409",
            "response": {
                "schemas": [ERROR],
                "status": "409",
                "scimType": "uniqueness",
                "detail": ANY,
            },
        }
    ]


@pytest.mark.rfc("7644", "3.7", "g")
@pytest.mark.rfc("7644", "3.7.3", "b")
def test_failed_change_has_a_location(scim):
    [result] = results(scim.bulk(title("x", "Planner")))
    assert result["location"] == "http://acme.localhost/scim/v2/Users/x"


def test_twins_in_one_request_are_one(scim):
    assert statuses(scim.bulk(post("kim", "a"), post("KIM", "b"))) == ["201", "409"]
    assert scim.search().json()["totalResults"] == 1


def test_what_nobody_foresaw_fails_alone(scim, monkeypatch, caplog):
    create = UserProvisioner.create

    def broken(self, payload):
        if payload["userName"] == "kim":
            raise ZeroDivisionError
        return create(self, payload)

    monkeypatch.setattr(UserProvisioner, "create", broken)
    answer = scim.bulk(post("kim"), post("lee"))
    assert statuses(answer) == ["500", "201"]
    assert "failed unforeseen" in caplog.text
    assert answer.headers["X-Request-Id"] in results(answer)[0]["response"]["detail"]


def test_if_the_database_does_not_answer_three_times_in_a_row_then_nothing_more_is_tried(
    scim, monkeypatch
):
    tried = []

    def gone(self, payload):
        tried.append(payload["userName"])
        raise OperationalError

    monkeypatch.setattr(UserProvisioner, "create", gone)
    answer = scim.bulk(*(post(f"p{number}") for number in range(9)))
    assert statuses(answer) == ["503"] * 9
    assert tried == ["p0", "p1", "p2"]


# -- failOnErrors ------------------------------------------------------------------------------


@pytest.mark.rfc("7644", "3.7", "d")
@pytest.mark.parametrize(("limit", "done"), [(1, 2), (2, 4), (3, 5), (None, 5)])
def test_after_so_many_errors_nothing_more_is_done(scim, pat, limit, done):
    operations = [post("a"), post("pat", "x"), post("b"), post("pat", "y"), post("c")]
    answer = scim.bulk(*operations, failOnErrors=limit)
    assert statuses(answer) == ["201", "409", "201", "409", "201"][:done]
    assert ProvisionedUser.objects.count() == 1 + (done + 1) // 2


@pytest.mark.parametrize("limit", [0, -1, "1", 1.5, True, [], {}], ids=repr)
def test_if_fail_on_errors_is_no_number_then_400_and_nothing_is_done(scim, limit):
    answer = scim.bulk(post("kim"), failOnErrors=limit)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert "failOnErrors" in answer.json()["detail"]
    assert not ProvisionedUser.objects.exists()


# -- references --------------------------------------------------------------------------------


@pytest.mark.rfc("7644", "3.7.2", "a", "b")
def test_reference_is_replaced_by_the_id(scim):
    boss, member = results(scim.bulk(post("boss"), managed("kim", "boss")))
    kim = scim.read(id_of(member)).json()
    assert kim[ENTERPRISE]["manager"]["value"] == id_of(boss)


@pytest.mark.rfc("7644", "3.7", "f")
@pytest.mark.rfc("7644", "3.7.2", "a", "b")
def test_what_is_referred_to_may_come_later(scim):
    answer = scim.bulk(managed("a", "b"), managed("b", "c"), post("c"))
    assert statuses(answer) == ["201"] * 3
    assert [r["bulkId"] for r in results(answer)] == ["a", "b", "c"]
    names = ProvisionedUser.objects.order_by("id").values_list("user_name", flat=True)
    assert list(names) == ["c", "b", "a"]
    ids = [id_of(result) for result in results(answer)]
    managers = [scim.read(i).json().get(ENTERPRISE, {}).get("manager") for i in ids]
    assert managers == [{"value": ids[1]}, {"value": ids[2]}, None]


def test_reference_in_a_patch_in_a_ref_and_in_a_path_are_replaced(scim, pat):
    value = {"value": "bulkId:b", "$ref": "../Users/bulkId:b"}
    operation = {"op": "replace", "path": f"{ENTERPRISE}:manager", "value": value}
    answer = scim.bulk(
        title("bulkId:b", "Boss"),
        title(pat["id"], "") | {"data": {"Operations": [operation]}},
        post("boss", "b"),
    )
    titled, _, created = results(answer)
    boss = scim.read(id_of(created)).json()
    assert statuses(answer) == ["200", "200", "201"]
    assert (boss["title"], titled["location"]) == ("Boss", created["location"])
    assert scim.read(pat["id"]).json()[ENTERPRISE]["manager"]["value"] == boss["id"]


@pytest.mark.rfc("7644", "3.7", "f")
@pytest.mark.rfc("7644", "3.7.2", "a")
def test_group_and_its_people_are_made_in_one_request(scim):
    members = [{"type": "User", "value": f"bulkId:{name}"} for name in ("kim", "lee")]
    group = {"schemas": [GROUP], "displayName": "Tour Guides", "members": members}
    make = {"method": "POST", "path": "/Groups", "bulkId": "g", "data": group}
    gone = {"Operations": [{"op": "remove", "path": 'members[value eq "bulkId:lee"]'}]}
    leave = {"method": "PATCH", "path": "/Groups/bulkId:g", "data": gone}
    answer = scim.bulk(leave, make, post("kim"), post("lee"))
    assert statuses(answer) == ["200", "201", "201", "201"]
    _, made, kim, _ = map(id_of, results(answer))
    assert scim.members(made) == {kim}
    gone["Operations"][0]["path"] = 'members[value eq "bulkId:nobody"]'
    leave["path"] = f"/Groups/{made}"
    assert "'bulkId:nobody' refers to no POST" in error_of(scim.bulk(leave))["detail"]


def test_changes_of_one_person_keep_their_order_though_the_first_must_wait(scim, pat):
    first = title(pat["id"], "First")
    first["data"]["Operations"].append(
        {"op": "add", "path": f"{ENTERPRISE}:manager.value", "value": "bulkId:b"}
    )
    answer = scim.bulk(first, title(pat["id"], "Last"), post("b"))
    assert statuses(answer) == ["200", "200", "201"]
    assert scim.read(pat["id"]).json()["title"] == "Last"


def test_reference_to_nothing_is_400_and_nothing_is_written(scim):
    error = error_of(scim.bulk(managed("kim", "nobody")))
    assert (error["status"], error["scimType"]) == ("400", "invalidValue")
    assert "nobody" in error["detail"]
    assert not ProvisionedUser.objects.exists()


def test_what_refers_to_something_that_failed_fails_too(scim, pat):
    answer = scim.bulk(managed("a", "b"), managed("b", "c"), post("pat", "c"), post("d"))
    assert statuses(answer) == ["409", "409", "409", "201"]
    details = [result["response"]["detail"] for result in results(answer)[:2]]
    assert ["'bulkId:b'" in details[0], "'bulkId:c'" in details[1]] == [True, True]
    assert ProvisionedUser.objects.count() == 2


@pytest.mark.rfc("7644", "3.7.1")
@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_circle_is_409_and_the_others_are_done(scim, size):
    circle = [managed(f"p{n}", f"p{(n + 1) % size}") for n in range(size)]
    answer = scim.bulk(*circle, managed("below", "p0"), post("free"))
    assert statuses(answer) == ["409"] * (size + 1) + ["201"]
    assert "in a circle" in results(answer)[0]["response"]["detail"]
    assert "'bulkId:p0'" in results(answer)[0]["response"]["detail"]
    assert ProvisionedUser.objects.get().user_name == "free"


def test_bulk_id_that_stands_twice_is_400_for_both_and_for_nobody_else(scim):
    answer = scim.bulk(post("a", "same"), post("b", "same"), managed("c", "same"), post("d"))
    assert statuses(answer) == ["400", "400", "409", "201"]


# -- limits ------------------------------------------------------------------------------------


@pytest.mark.rfc("7644", "3.7.4", "a")
def test_limits_are_announced(scim):
    config = scim.request_scim("GET", "/ServiceProviderConfig").json()
    assert config["bulk"] == {"supported": True, "maxOperations": 1000, "maxPayloadSize": LIMIT}


@pytest.mark.rfc("7644", "3.7", "c")
@pytest.mark.rfc("7644", "3.7.4", "b", "c")
def test_if_one_operation_is_too_many_then_413_in_no_time_and_nothing_is_done(scim):
    operations = [post(f"person{n}@acme.example", title="Planner") for n in range(1001)]
    scim.search()
    began = time.process_time()
    answer = scim.bulk(*operations)
    assert time.process_time() - began < 0.5  # it should take a tenth; others may be busy
    assert (answer.status_code, answer.json()["status"]) == (413, "413")
    assert "maxOperations (1000)" in answer.json()["detail"]
    assert not ProvisionedUser.objects.exists()
    assert Event.objects.get().verb == "bulk"


@pytest.mark.rfc("7644", "3.7.4", "b", "c")
def test_if_one_byte_is_too_much_then_413(scim):
    answer = scim.request_scim("POST", "/Bulk", b" " * (LIMIT + 1))
    assert (answer.status_code, answer.json()["schemas"]) == (413, [ERROR])
    assert f"maxPayloadSize ({LIMIT} bytes)" in answer.json()["detail"]


def test_body_beyond_djangos_own_limit_is_read(scim):
    operations = [post(f"p{n}", title="x" * 1_000_000) for n in range(4)]
    answer = scim.bulk(*operations, post("kim"))
    assert statuses(answer) == ["400"] * 4 + ["201"]
    assert "at most" in results(answer)[0]["response"]["detail"]


def test_other_endpoints_keep_their_own_limit(scim):
    assert scim.create(userName="kim", title="x" * 1024 * 1024).status_code == 413


def test_limits_are_settings(scim, configure):
    configure(BULK_MAX_OPERATIONS=1)
    assert scim.bulk(post("a"), post("b")).status_code == 413
    configure(BULK_MAX_PAYLOAD_SIZE=10)
    assert scim.bulk(post("a")).status_code == 413


def test_if_it_is_switched_off_then_501_and_announced_so(scim, configure):
    configure(BULK=False)
    assert scim.bulk(post("kim")).status_code == 501
    config = scim.request_scim("GET", "/ServiceProviderConfig").json()
    assert config["bulk"] == {"supported": False, "maxOperations": 0, "maxPayloadSize": 0}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"{}", b'{"Operations": []}', b'{"Operations": {}}', b'{"Operations": 5}'],
)
def test_body_that_is_no_bulk_request_is_400(scim, body):
    answer = scim.request_scim("POST", "/Bulk", body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidSyntax")


# -- who may do what ----------------------------------------------------------------------------


def test_token_that_may_only_read_is_refused_for_each_operation(acme, client_of):
    reader = client_of(acme, scopes=["users:read", "groups:read", "groups:write"])
    answer = reader.bulk(post("kim"), title("x", "y"))
    assert statuses(answer) == ["403", "403"]
    assert [e.reason for e in Event.objects.all()] == ["scope", "scope"]
    assert Event.objects.first().user_name == "kim"


def test_nobody_of_another_tenant_is_reached(scim, other_scim, pat):
    answer = other_scim.bulk(
        title(pat["id"], "Mine"), {"method": "DELETE", "path": f"/Users/{pat['id']}"}
    )
    assert statuses(answer) == ["404", "404"]
    assert scim.read(pat["id"]).json() == pat


def test_if_creating_is_switched_off_then_only_creations_are_refused(scim, pat, acme):
    from maptician_scim.models import Connection

    Connection.objects.create(tenant=acme, may_create=False)
    assert statuses(scim.bulk(post("kim"), title(pat["id"], "x"))) == ["403", "200"]


# -- the log -----------------------------------------------------------------------------------


def test_each_operation_has_its_own_event(scim, pat):
    answer = scim.bulk(post("kim"), title(pat["id"], "x"), post("pat", "again"), {"method": "x"})
    events = Event.objects.order_by("id")[1:]
    assert [(e.verb, e.resource_type, e.user_name, e.status) for e in events] == [
        ("create", "User", "kim", 201),
        ("patch", "User", "pat", 200),
        ("create", "User", "pat", 409),
        ("other", "", "", 400),
    ]
    assert {e.correlation_id for e in events} == {answer.headers["X-Request-Id"]}
    assert events[0].resource_id == id_of(results(answer)[0])
    assert events[2].reason == "taken"


def test_of_a_refused_operation_the_log_keeps_that_alone_and_no_secret(scim, pat):
    scim.bulk(post("kim", title="Fine"), post("pat", password="Tr0ub4dor&3", nickName="P"))
    kept = Event.objects.get(status=409).request
    assert kept["target"] == "/scim/v2/Bulk"
    assert json.loads(kept["body"])["data"]["nickName"] == "P"
    assert "Fine" not in kept["body"]
    assert "Tr0ub4dor" not in str(list(Event.objects.values()))
