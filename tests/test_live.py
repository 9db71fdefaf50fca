"""What identity providers say, over a real socket to a real server."""

import json
import re
import secrets
import socket

import httpx
import pytest

from tests import live
from tests.client import ENTERPRISE, ERROR, LIST, PATCH_OP, USER
from tests.live import at_once, okta_user

PEOPLE_OF_GLOBEX = 250
BULK_LIMIT = 5 * 1024 * 1024
BODY_LIMIT = 1024 * 1024

SETUP = f"""
from example_project.workplace.models import Company, Occupant
acme = Company.objects.create(name="Acme", subdomain="acme")
globex = Company.objects.create(name="Globex", subdomain="globex")
Occupant.objects.bulk_create(
    Occupant(
        company=globex, username=f"g{{n}}@globex.example", email=f"g{{n}}@globex.example",
        first_name="Glo", last_name=f"Bex{{n}}",
    )
    for n in range({PEOPLE_OF_GLOBEX})
)
"""


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("live")
    with live.own_database(directory) as database_url:
        env = live.environment(database_url)
        live.manage(env, "migrate", "-v0")
        live.manage(env, "shell", "-v0", "-c", SETUP)
        live.manage(env, "scim_link_users")
        with live.serving(env, directory) as running:
            yield running


@pytest.fixture(scope="session")
def secret(server):
    return server.token("acme")


@pytest.fixture(scope="session")
def globex_secret(server):
    return server.token("globex")


@pytest.fixture
def okta(server, secret):
    with server.client("acme", secret) as client:
        yield client


@pytest.fixture
def name():
    return f"jane-{secrets.token_hex(4)}@acme.example"


@pytest.fixture
def jane(okta, name):
    created = okta.post("/Users", json=okta_user(name))
    assert created.status_code == 201, created.text
    return created.json()


def look_up(client, user_name):
    parameters = {"filter": f'userName eq "{user_name}"', "startIndex": 1, "count": 100}
    return client.get("/Users", params=parameters).json()


def patch(client, jane, *operations, **headers):
    body = {"schemas": [PATCH_OP], "Operations": list(operations)}
    return client.patch(f"/Users/{jane['id']}", json=body, headers=headers)


def merged(jane, **changes):
    """What Okta's wizard apps PUT: their own values over everything that GET returned."""
    return jane | changes


# -- Okta's wizard app ------------------------------------------------------------------------


def test_test_connector_gets_a_list_of_integers(okta):
    answer = okta.get("/Users", params={"startIndex": 1, "count": 2})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.json()["schemas"] == [LIST]
    assert type(answer.json()["totalResults"]) is int


def test_older_test_connector_asks_for_groups(okta):
    answer = okta.get("/Groups", params={"startIndex": 1, "count": 100})
    assert (answer.status_code, answer.json()["totalResults"]) == (200, 0)


def test_look_up_of_an_unknown_name_is_an_empty_list(okta, name):
    found = look_up(okta, name)
    assert (found["totalResults"], found["Resources"]) == (0, [])


def test_create_answers_the_whole_person_and_where_they_are(okta, server, name):
    body = okta_user(name)
    created = okta.post("/Users", json=body)
    person = created.json()
    url = f"http://{server.host('acme')}/scim/v2/Users/{person['id']}"
    assert created.status_code == 201
    assert created.headers["Location"] == person["meta"]["location"] == url
    sent = {k: v for k, v in body.items() if k not in ("password", "groups")}
    assert {k: person[k] for k in sent} == sent


def test_password_is_never_answered(okta, name):
    created = okta.post("/Users", json=okta_user(name, password="Correct-Horse-1"))
    read = okta.get(f"/Users/{created.json()['id']}")
    assert "password" not in created.json()
    assert "Correct-Horse-1" not in created.text + read.text


def test_look_up_finds_a_new_person_in_any_case(okta, jane):
    found = look_up(okta, jane["userName"].upper())
    assert found["totalResults"] == 1
    assert found["Resources"] == [jane]


def test_put_of_what_get_returned_changes_just_that(okta, jane):
    read = okta.get(f"/Users/{jane['id']}").json()
    answer = okta.put(f"/Users/{jane['id']}", json=merged(read, title="Director", groups=[]))
    assert answer.status_code == 200
    after = answer.json()
    assert after["title"] == "Director"
    assert after | {"meta": 0, "title": 0} == jane | {"meta": 0, "title": 0}


def test_put_with_active_false_deactivates_and_look_up_still_finds(okta, jane):
    answer = okta.put(f"/Users/{jane['id']}", json=merged(jane, active=False))
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert [u["active"] for u in look_up(okta, jane["userName"])["Resources"]] == [False]


def test_reactivation_by_put_keeps_id_and_attributes(okta, jane):
    okta.put(f"/Users/{jane['id']}", json=merged(jane, active=False))
    answer = okta.put(f"/Users/{jane['id']}", json=merged(jane, active=True))
    assert answer.status_code == 200
    assert answer.json() | {"meta": 0} == jane | {"meta": 0}


@pytest.mark.parametrize("spelling", [str, str.upper, str.title], ids=["same", "upper", "title"])
def test_duplicate_is_409_in_any_case(okta, jane, spelling):
    answer = okta.post("/Users", json=okta_user(spelling(jane["userName"])))
    assert answer.status_code == 409
    assert answer.json()["schemas"] == [ERROR]
    assert (answer.json()["status"], answer.json()["scimType"]) == ("409", "uniqueness")


def test_second_person_may_have_the_same_email(okta, jane, name):
    twin = okta_user(f"twin-{name}", emails=[{"value": name, "type": "work", "primary": True}])
    assert okta.post("/Users", json=twin).status_code == 201


def test_post_for_somebody_inactive_says_how_to_bring_them_back(okta, jane):
    okta.put(f"/Users/{jane['id']}", json=merged(jane, active=False))
    answer = okta.post("/Users", json=okta_user(jane["userName"]))
    assert answer.status_code == 409
    assert "set active to true" in answer.json()["detail"]


@pytest.mark.parametrize("authorization", ["non-token", "Bearer non-token", "Basic eDp5", ""])
def test_wrong_token_is_401_with_a_scim_error(okta, authorization):
    answer = okta.get("/Users", headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["schemas"] == [ERROR]
    assert answer.json()["detail"]


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", ""])
def test_token_is_taken_with_the_scheme_in_any_case_or_none(okta, secret, scheme):
    assert okta.get("/Users", headers={"Authorization": scheme + secret}).status_code == 200


def test_id_of_thirty_digits_is_404(okta):
    answer = okta.get("/Users/010101001010101011001010101011")
    assert (answer.status_code, answer.json()["status"]) == (404, "404")


# -- Okta's catalogue app ---------------------------------------------------------------------


@pytest.mark.parametrize("active", [False, True])
def test_patch_without_a_path_sets_active(okta, jane, active):
    patch(okta, jane, {"op": "replace", "value": {"active": not active}})
    answer = patch(okta, jane, {"op": "replace", "value": {"active": active}})
    assert (answer.status_code, answer.json()["active"]) == (200, active)


def test_patch_of_attributes_keeps_the_others(okta, jane):
    answer = patch(okta, jane, {"op": "replace", "value": {"title": "Boss", "id": jane["id"]}})
    assert answer.status_code == 200
    assert answer.json() | {"meta": 0} == jane | {"title": "Boss", "meta": 0}


def test_import_by_hundreds_gets_everybody_exactly_once(server, globex_secret):
    with server.client("globex", globex_secret) as client:
        pages = [
            client.get("/Users", params={"startIndex": start, "count": 100}).json()
            for start in (1, 101, 201, 301)
        ]
    assert [page["itemsPerPage"] for page in pages] == [100, 100, 50, 0]
    assert {page["totalResults"] for page in pages} == {PEOPLE_OF_GLOBEX}
    names = [user["userName"] for page in pages for user in page["Resources"]]
    assert names == [f"g{n}@globex.example" for n in range(PEOPLE_OF_GLOBEX)]


# -- the transport ----------------------------------------------------------------------------


def long_filter(user_name, length):
    """A filter of at most this length that finds one person."""
    wanted, filler = f'userName eq "{user_name}"', ' or userName eq "nobody@acme.example"'
    return wanted + filler * ((length - len(wanted)) // len(filler))


def test_filter_of_almost_4000_characters_is_answered(okta, jane):
    answer = okta.get("/Users", params={"filter": long_filter(jane["userName"], 4000)})
    assert len(answer.request.url.raw_path) > 4094
    assert answer.status_code == 200, answer.text
    assert [user["id"] for user in answer.json()["Resources"]] == [jane["id"]]


def test_filter_of_more_than_4000_characters_is_a_scim_error(okta, name):
    answer = okta.get("/Users", params={"filter": long_filter(name, 8000)})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.json()["scimType"] == "invalidFilter"


def chunks(body):
    """The body in pieces; httpx then sends no Content-Length."""
    yield body[:10]
    yield body[10:]


def test_chunked_body_without_a_length_is_read(okta, name):
    answer = okta.post("/Users", content=chunks(json.dumps(okta_user(name)).encode()))
    assert "Content-Length" not in answer.request.headers
    assert (answer.status_code, answer.json()["userName"]) == (201, name)


@pytest.mark.parametrize(
    "framing",
    [
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcdefgh\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n50\r\n{",
        b"Content-Length: 100\r\n\r\n{}",
    ],
    ids=["no size", "negative size", "wrong size", "chunk that ends early", "body that ends early"],
)
def test_body_that_is_not_what_it_says_is_400(server, secret, framing):
    head = (
        "POST /scim/v2/Users HTTP/1.1\r\nHost: acme.localhost\r\n"
        f"Authorization: Bearer {secret}\r\n"
        "Content-Type: application/scim+json\r\nConnection: close\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head + framing)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b"The request body" in answer
    assert b"invalidSyntax" in answer


def test_chunked_body_over_the_limit_is_413(okta, name):
    body = json.dumps(okta_user(name, title="x" * BODY_LIMIT)).encode()
    answer = okta.post("/Users", content=chunks(body))
    assert answer.status_code == 413
    assert answer.json()["schemas"] == [ERROR]
    assert look_up(okta, name)["totalResults"] == 0


def test_chunked_bulk_request_over_the_limit_is_413_and_nothing_is_done(okta, name):
    operation = {"method": "POST", "path": "/Users", "bulkId": "a", "data": okta_user(name)}
    # More than gunicorn passes over itself: the connection has to be good for what follows.
    filler = operation | {"data": {"userName": "x" * (BULK_LIMIT + 2**20)}}
    body = json.dumps({"Operations": [operation, filler]}).encode()
    answer = okta.post("/Bulk", content=chunks(body))
    assert (answer.status_code, answer.json()["schemas"]) == (413, [ERROR])
    assert "maxPayloadSize" in answer.json()["detail"]
    assert look_up(okta, name)["totalResults"] == 0


def test_body_with_a_length_over_the_limit_is_413(okta, name):
    answer = okta.post("/Users", json=okta_user(name, title="x" * BODY_LIMIT))
    assert (answer.status_code, answer.json()["status"]) == (413, "413")


def test_connection_is_still_good_after_a_413(okta, name):
    okta.post("/Users", json=okta_user(name, title="x" * BODY_LIMIT))
    assert okta.post("/Users", json=okta_user(name)).status_code == 201


def test_post_without_a_body_is_400(okta):
    answer = okta.post("/Users")
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidSyntax")


def test_head_has_the_headers_of_get_and_no_body(okta, jane):
    path = f"/Users/{jane['id']}"
    head, get = okta.head(path), okta.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == get.headers["ETag"] == jane["meta"]["version"]
    assert head.headers["Content-Type"] == "application/scim+json"


def test_trailing_slash_is_no_redirect(okta, jane):
    assert okta.get(f"/Users/{jane['id']}/").json() == jane


def test_unknown_path_below_the_base_url_is_a_scim_404(okta):
    answer = okta.get("/Devices")
    assert (answer.status_code, answer.json()["schemas"]) == (404, [ERROR])


def test_unknown_subdomain_is_a_scim_404(okta, server):
    answer = okta.get("/Users", headers={"Host": server.host("nobody")})
    assert (answer.status_code, answer.json()["schemas"]) == (404, [ERROR])


def test_host_name_in_other_case_is_the_same_tenant(okta, server):
    answer = okta.get("/Users", headers={"Host": server.host("ACME")})
    assert answer.status_code == 200


def test_token_of_another_tenant_is_401(server, globex_secret):
    with server.client("acme", globex_secret) as client:
        assert client.get("/Users").status_code == 401


def test_revocation_elsewhere_counts_from_the_next_request_on_in_every_worker(server):
    secret = server.token("acme")

    def statuses():
        found = set()
        for _ in range(20):  # each on a new connection, so that both workers take their share
            with server.client("acme", secret) as client:
                found.add(client.get("/ServiceProviderConfig").status_code)
        return found

    assert statuses() == {200}
    live.manage(server.env, "scim_token", "revoke", secret[:18])
    assert statuses() == {401}


def test_forwarded_host_from_a_client_does_not_choose_the_tenant(okta, server, jane):
    forged = {"X-Forwarded-Host": server.host("globex")}
    answer = okta.get(f"/Users/{jane['id']}", headers=forged)
    assert answer.json()["meta"]["location"] == jane["meta"]["location"]


def test_forwarded_host_does_not_let_a_foreign_token_in(server, secret):
    with server.client("globex", secret) as client:
        forged = {"X-Forwarded-Host": server.host("acme")}
        assert client.get("/Users", headers=forged).status_code == 401


def test_request_id_is_answered(okta):
    answer = okta.get("/Users", headers={"X-Request-Id": "abc-123"})
    assert answer.headers["X-Request-Id"] == "abc-123"


def test_static_files_of_the_admin_are_served_with_debug_off(server):
    base = f"http://127.0.0.1:{server.port}"
    page = httpx.get(f"{base}/admin/login/").text
    sheets = re.findall(r'href="(/static/[^"]+\.css)"', page)
    assert sheets
    assert {httpx.get(base + sheet).headers["Content-Type"] for sheet in sheets} == {
        'text/css; charset="utf-8"'
    }


# -- groups pushed in parallel ------------------------------------------------------------------


@pytest.fixture
def globex(server, globex_secret):
    """The identity provider of the company with many people."""
    with server.client("globex", globex_secret) as client:
        yield client


@pytest.fixture
def crowd(globex):
    """The ids of 128 people of the company."""
    listed = globex.get("/Users", params={"count": 128}).json()["Resources"]
    assert len(listed) == 128
    return [person["id"] for person in listed]


@pytest.fixture
def team(okta, name):
    created = okta.post("/Groups", json={"displayName": name, "members": []})
    assert created.status_code == 201, created.text
    return created.json()


def patch_group(client, team, op, ids):
    operation = {"op": op, "path": "members", "value": [{"value": i} for i in ids]}
    body = {"schemas": [PATCH_OP], "Operations": [operation]}
    return client.patch(f"/Groups/{team['id']}", json=body, headers={"Prefer": "return=minimal"})


def members(client, team):
    found = client.get(f"/Groups/{team['id']}").json().get("members", [])
    return {member["value"] for member in found}


@pytest.mark.parametrize("op", ["add", "remove"])
def test_eight_writers_of_sixteen_members_lose_nobody(globex, name, crowd, op):
    team = globex.post("/Groups", json={"displayName": name}).json()
    if op == "remove":
        patch_group(globex, team, "add", crowd)
    parts = [crowd[first : first + 16] for first in range(0, 128, 16)]
    answers = at_once(*(lambda p=p: patch_group(globex, team, op, p) for p in parts))
    assert statuses(answers) == [204] * 8
    assert members(globex, team) == (set(crowd) if op == "add" else set())
    versions = {answer.headers["ETag"] for answer in answers}
    assert len(versions) == 8


def test_pushes_of_several_groups_with_the_same_people_do_not_block_each_other(globex, name, crowd):
    bodies = [
        {"displayName": f"{name} {n}", "members": [{"value": i} for i in crowd[:: (-1) ** n]]}
        for n in range(8)
    ]
    answers = at_once(*(lambda b=b: globex.post("/Groups", json=b) for b in bodies))
    assert statuses(answers) == [201] * 8
    assert all(len(answer.json()["members"]) == 128 for answer in answers)


def test_of_eight_creates_of_one_group_one_is_created(okta, name):
    answers = at_once(*[lambda: okta.post("/Groups", json={"displayName": name})] * 8)
    assert statuses(answers) == [201] + [409] * 7


@pytest.mark.parametrize("round_", range(3))
def test_push_against_delete_of_a_person_leaves_no_member_who_is_gone(okta, jane, team, round_):
    pushed, deleted = at_once(
        lambda: patch_group(okta, team, "add", [jane["id"]]),
        lambda: okta.delete(f"/Users/{jane['id']}"),
    )
    assert pushed.status_code in (204, 400)
    assert deleted.status_code == 204
    assert members(okta, team) == set()


@pytest.mark.parametrize("round_", range(3))
def test_push_against_update_of_a_person_does_both(okta, jane, team, round_):
    pushed, changed = at_once(
        lambda: patch_group(okta, team, "add", [jane["id"]]),
        lambda: patch(okta, jane, {"op": "replace", "path": "title", "value": "Late"}),
    )
    assert statuses([pushed, changed]) == [200, 204]
    assert members(okta, team) == {jane["id"]}


# -- at the same time -------------------------------------------------------------------------


def statuses(answers):
    return sorted(answer.status_code for answer in answers)


@pytest.mark.parametrize("round_", range(3))
def test_of_six_posts_with_one_name_one_wins(okta, name, round_):
    answers = at_once(*[lambda: okta.post("/Users", json=okta_user(name))] * 6)
    assert statuses(answers) == [201] + [409] * 5
    refused = [answer.json()["scimType"] for answer in answers if answer.status_code == 409]
    assert refused == ["uniqueness"] * 5
    assert look_up(okta, name)["totalResults"] == 1


@pytest.mark.parametrize("round_", range(3))
def test_of_six_posts_that_differ_in_case_one_wins(okta, name, round_):
    names = [name[:n].upper() + name[n:] for n in range(6)]
    answers = at_once(*(lambda n=n: okta.post("/Users", json=okta_user(n)) for n in names))
    assert statuses(answers) == [201] + [409] * 5
    assert look_up(okta, name)["totalResults"] == 1


CHANGES = {
    "title": "New title",
    "userType": "Contractor",
    "nickName": "JD",
    "name.givenName": "Janet",
    "name.familyName": "Dough",
    f"{ENTERPRISE}:department": "Sales",
    f"{ENTERPRISE}:employeeNumber": "12",
    'phoneNumbers[type eq "mobile"].value': "+49 170 1",
}


def flat(person):
    """The attributes that ``CHANGES`` changes, under the same names."""
    mobile = [p["value"] for p in person["phoneNumbers"] if p["type"] == "mobile"]
    return {
        **{attribute: person.get(attribute) for attribute in ("title", "userType", "nickName")},
        **{f"name.{part}": value for part, value in person["name"].items()},
        f"{ENTERPRISE}:department": person[ENTERPRISE].get("department"),
        f"{ENTERPRISE}:employeeNumber": person[ENTERPRISE].get("employeeNumber"),
        'phoneNumbers[type eq "mobile"].value': mobile[0] if mobile else None,
    }


@pytest.mark.parametrize("round_", range(3))
def test_eight_patches_of_different_attributes_lose_nothing(okta, jane, round_):
    operations = [{"op": "replace", "path": p, "value": v} for p, v in CHANGES.items()]
    answers = at_once(*(lambda o=o: patch(okta, jane, o) for o in operations))
    assert statuses(answers) == [200] * 8
    assert flat(okta.get(f"/Users/{jane['id']}").json()) == CHANGES


@pytest.mark.parametrize("round_", range(5))
def test_patch_against_delete_leaves_the_person_deleted(okta, jane, round_):
    path = f"/Users/{jane['id']}"
    changed, deleted = at_once(
        lambda: patch(okta, jane, {"op": "replace", "path": "title", "value": "Late"}),
        lambda: okta.delete(path),
    )
    assert changed.status_code in (200, 404)
    assert deleted.status_code == 204
    assert okta.get(path).status_code == 404


@pytest.mark.parametrize("round_", range(3))
def test_of_two_deletes_one_is_404(okta, jane, round_):
    answers = at_once(*[lambda: okta.delete(f"/Users/{jane['id']}")] * 2)
    assert statuses(answers) == [204, 404]


@pytest.mark.parametrize("round_", range(5))
def test_put_that_says_nothing_of_active_does_not_undo_a_deactivation(okta, jane, round_):
    wanted = {"schemas": [USER], "userName": jane["userName"], "title": "Promoted"}
    answers = at_once(
        lambda: patch(okta, jane, {"op": "replace", "value": {"active": False}}),
        lambda: okta.put(f"/Users/{jane['id']}", json=wanted),
    )
    after = okta.get(f"/Users/{jane['id']}").json()
    assert statuses(answers) == [200, 200]
    assert (after["active"], after["title"]) == (False, "Promoted")


def test_of_two_writes_with_the_same_if_match_one_is_412(okta, jane):
    version = {"If-Match": jane["meta"]["version"]}
    titles = [{"op": "replace", "path": "title", "value": title} for title in ("A", "B")]
    answers = at_once(*(lambda o=o: patch(okta, jane, o, **version) for o in titles))
    assert statuses(answers) == [200, 412]


def test_pages_stay_complete_while_people_are_added(okta, jane):
    def read_all():
        pages = [
            okta.get("/Users", params={"startIndex": start, "count": 5}).json()["Resources"]
            for start in range(1, 30, 5)
        ]
        return [user["id"] for page in pages for user in page]

    adding = [
        lambda n=n: okta.post("/Users", json=okta_user(f"{n}-{jane['userName']}")) for n in range(3)
    ]
    listed, *created = at_once(read_all, *adding)
    assert statuses(created) == [201] * 3
    assert len(listed) == len(set(listed))


def test_nothing_unforeseen_was_logged(server, okta):
    assert okta.get("/Users").status_code == 200
    log = server.log.read_text()
    assert "maptician_scim.request" in log
    assert "Traceback" not in log
