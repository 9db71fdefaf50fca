"""What other people's conformance checks say of a real server: scim2-tester and ``scim2 test``."""

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from tests import live

READ_ONLY_TYPES = {"Role", "Entitlement"}
SETUP = """
from example_project.workplace.models import Company
Company.objects.create(name="Acme", subdomain="acme")
"""


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    """The base URL of a running server, and the headers of an identity provider."""
    directory = tmp_path_factory.mktemp("conformance")
    with live.own_database(directory) as database_url:
        env = live.environment(database_url)
        live.manage(env, "migrate", "-v0")
        live.manage(env, "shell", "-v0", "-c", SETUP)
        with live.serving(env, directory) as server:
            headers = {
                "Host": server.host("acme"),
                "Authorization": f"Bearer {server.token('acme')}",
            }
            yield f"http://127.0.0.1:{server.port}/scim/v2", headers


@pytest.fixture(scope="module")
def client(connection):
    base_url, headers = connection
    with httpx2.Client(base_url=base_url, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def written_types(client):
    """The resource types the checks may write to."""
    listed = client.get("/ResourceTypes").json()["Resources"]
    return [t for t in listed if t["name"] not in READ_ONLY_TYPES]


def test_every_check_of_scim2_tester_passes(client, written_types):
    names = [t["name"] for t in written_types]
    results = check_server(SyncSCIMClient(client), resource_types=names)
    assert [
        (r.title, r.resource_type, r.reason) for r in results if r.status != Status.SUCCESS
    ] == []
    assert {r.resource_type for r in results} == {None, *names} >= {"User"}
    assert len(results) > 100


def test_scim2_test_on_the_command_line_passes(connection, client, written_types, tmp_path):
    base_url, headers = connection
    files = {"schemas": client.get("/Schemas").json()["Resources"], "types": written_types}
    for name, documents in files.items():
        (tmp_path / name).write_text(json.dumps(documents))
    done = subprocess.run(
        [
            Path(sys.executable).with_name("scim2"),
            *("--schemas", tmp_path / "schemas", "--resource-types", tmp_path / "types", "test"),
        ],
        env=live.environment(
            "",
            SCIM_CLI_URL=base_url,
            SCIM_CLI_HEADERS=";".join(f"{name}: {value}" for name, value in headers.items()),
        ),
        capture_output=True,
        text=True,
        timeout=120,
    )
    failed = re.findall(r"^(?!SUCCESS)[A-Z]+ .*\n.*", done.stdout, re.MULTILINE)
    assert (done.returncode, failed, done.stderr) == (0, [], "")
    assert done.stdout.count("SUCCESS") > 100
