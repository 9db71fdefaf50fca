"""What other people's software says of a server: scim2-tester, ``scim2 test``, scim2-client."""

import json
import re
import secrets
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import (
    BulkOperation,
    BulkRequest,
    InvalidFilterException,
    NotFoundException,
    PatchOp,
    PatchOperation,
    PreconditionFailedException,
    SearchRequest,
    UniquenessException,
)
from scim2_tester import Status, check_server

from tests import live

READ_ONLY_TYPES = {"Role", "Entitlement"}
SETUP = """
from example_project.workplace.models import Company
Company.objects.create(name="Acme", subdomain="acme")
Company.objects.create(name="Globex", subdomain="globex")
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("conformance")
    with live.own_database(directory) as database_url:
        env = live.environment(database_url)
        live.manage(env, "migrate", "-v0")
        live.manage(env, "shell", "-v0", "-c", SETUP)
        with live.serving(env, directory) as running:
            yield running


@pytest.fixture(scope="module")
def base_url(server):
    return f"http://127.0.0.1:{server.port}/scim/v2"


def headers_of(server, company):
    """The headers of a company's identity provider."""
    return {
        "Host": server.host(company),
        "Authorization": f"Bearer {server.token(company)}",
    }


@pytest.fixture(scope="module")
def client(server, base_url):
    headers = headers_of(server, "acme")
    with httpx2.Client(base_url=base_url, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def written_types(client):
    """The resource types the checks may write to."""
    listed = client.get("/ResourceTypes").json()["Resources"]
    return [t for t in listed if t["name"] not in READ_ONLY_TYPES]


@pytest.fixture(scope="module", autouse=True)
def command_line(server, base_url, client, written_types, tmp_path_factory):
    """``scim2 test`` at another company, which goes on while this one is tested."""
    directory = tmp_path_factory.mktemp("scim2")
    files = {"schemas": client.get("/Schemas").json()["Resources"], "types": written_types}
    for name, documents in files.items():
        (directory / name).write_text(json.dumps(documents))
    headers = headers_of(server, "globex")
    process = subprocess.Popen(
        [
            Path(sys.executable).with_name("scim2"),
            *("--schemas", directory / "schemas", "--resource-types", directory / "types", "test"),
        ],
        env=live.environment(
            "",
            SCIM_CLI_URL=base_url,
            SCIM_CLI_HEADERS=";".join(f"{name}: {value}" for name, value in headers.items()),
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_every_check_of_scim2_tester_passes(client, written_types):
    names = [t["name"] for t in written_types]
    results = check_server(SyncSCIMClient(client), resource_types=names)
    assert [
        (r.title, r.resource_type, r.reason) for r in results if r.status != Status.SUCCESS
    ] == []
    assert {r.resource_type for r in results} == {None, "User", "Group"}
    assert len(results) > 100


# -- scim2-client, as it comes from the package index, with all of its checks on -----------------


@pytest.fixture(scope="module")
def scim(client):
    """A client that knows of the server what the server says of itself."""
    client = SyncSCIMClient(client)
    client.discover()
    return client


@pytest.fixture(scope="module")
def user_model(scim):
    return scim.get_resource_model("User")


@pytest.fixture(scope="module")
def group_model(scim):
    return scim.get_resource_model("Group")


@pytest.fixture
def tag():
    return secrets.token_hex(4)


@pytest.fixture
def people(scim, user_model, tag):
    return [
        scim.create(user_model(user_name=f"{tag}-{n}@acme.example", title=f"Title {n}"))
        for n in range(5)
    ]


def titles(found):
    return [person.title for person in found.resources]


def patch(model, op, path, value=None):
    return PatchOp[model](operations=[PatchOperation(op=op, path=path, value=value)])


def test_client_creates_reads_modifies_replaces_and_deletes(scim, user_model, people):
    person = people[0]
    assert scim.query(user_model, person.id) == person
    assert scim.query(person) is person  # 304
    modified = scim.modify(person, patch_op=patch(user_model, "replace", "title", "Chief"))
    assert modified.title == "Chief"
    modified.nick_name = "Al"
    replaced = scim.replace(modified)
    assert (replaced.title, replaced.nick_name, replaced.active) == ("Chief", "Al", True)
    with pytest.raises(PreconditionFailedException):
        scim.delete(person)  # it has changed since
    scim.delete(replaced)
    with pytest.raises(NotFoundException):
        scim.query(user_model, person.id)


def test_client_is_told_what_is_wrong(scim, user_model, people):
    with pytest.raises(UniquenessException):
        scim.create(user_model(user_name=people[0].user_name.upper()))
    with pytest.raises(InvalidFilterException):
        scim.query(user_model, query_parameters=SearchRequest(filter='nothing eq "x"'))


def test_client_searches_sorts_and_projects(scim, user_model, people, tag):
    wanted = SearchRequest(
        filter=f'userName sw "{tag}" and title ne "Title 3"',
        sort_by="title",
        sort_order="descending",
        attributes=["title"],
    )
    expected = ["Title 4", "Title 2", "Title 1", "Title 0"]
    for found in (
        scim.query(user_model, query_parameters=wanted),
        scim.search(user_model, search_request=wanted),
        scim.query(query_parameters=wanted),
        scim.search(search_request=wanted),
    ):
        assert titles(found) == expected
        assert {person.user_name for person in found.resources} == {None}


@pytest.mark.parametrize("sort_by", [None, "title"])
def test_client_walks_by_cursor_to_the_end_and_back(scim, user_model, people, tag, sort_by):
    def page(cursor):
        wanted = SearchRequest(
            cursor=cursor, count=2, filter=f'userName sw "{tag}"', sort_by=sort_by
        )
        return scim.query(user_model, query_parameters=wanted)

    pages = [page("")]
    while pages[-1].next_cursor is not None:
        pages.append(page(pages[-1].next_cursor))
    assert [titles(p) for p in pages] == [
        ["Title 0", "Title 1"],
        ["Title 2", "Title 3"],
        ["Title 4"],
    ]
    for before, after in pairwise(pages):
        assert titles(page(after.previous_cursor)) == titles(before)


def test_client_pushes_a_group(scim, user_model, group_model, people, tag):
    group = scim.create(group_model(display_name=tag, members=[{"value": people[0].id}]))
    newcomers = [{"value": person.id} for person in people[1:3]]
    group = scim.modify(group, patch_op=patch(group_model, "add", "members", newcomers))
    leaver = f'members[value eq "{people[0].id}"]'
    group = scim.modify(group, patch_op=patch(group_model, "remove", leaver))
    assert {m.value for m in group.members} == {person.id for person in people[1:3]}
    assert [g.display for g in scim.query(user_model, people[1].id).groups] == [tag]
    wanted = SearchRequest(filter=f'members.value eq "{people[2].id}"')
    assert scim.query(group_model, query_parameters=wanted).total_results == 1
    scim.delete(group)
    assert scim.query(user_model, people[1].id).groups is None


def test_client_sends_bulk(scim, user_model, tag):
    operations = [
        BulkOperation[user_model](
            method="POST",
            path="/Users",
            bulk_id=f"n{n}",
            data=user_model(user_name=f"{tag}-{n}@acme.example"),
        )
        for n in (0, 1, 0)
    ]
    operations[2].bulk_id = "twin"
    done = scim.bulk(BulkRequest[user_model](operations=operations)).operations
    assert [int(operation.status) for operation in done] == [201, 201, 409]


def test_client_reads_what_can_be_assigned(scim):
    roles = scim.query("Role")
    assert [role.display_name for role in roles.resources] == [
        "Occupant",
        "Team planner",
        "Facility manager",
    ]
    assert scim.query("Entitlement").total_results == 0


# Last: it has had all the time of the others.
def test_scim2_test_on_the_command_line_passes(command_line):
    stdout, stderr = command_line.communicate(timeout=120)
    failed = re.findall(r"^(?!SUCCESS)[A-Z]+ .*\n.*", stdout, re.MULTILINE)
    assert (command_line.returncode, failed, stderr) == (0, [], "")
    assert stdout.count("SUCCESS") > 100
