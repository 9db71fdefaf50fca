"""``manage.py demo``, as somebody runs it who has just cloned the repository."""

import gc
import json
import os
import re
import runpy
import shlex
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from contextlib import contextmanager, nullcontext, suppress
from threading import Timer

import httpx
import pytest
from gunicorn.config import Config
from gunicorn.http.errors import LimitRequestLine
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.gthread import ThreadWorker

from example_project.workplace.demo.data import COMPANIES
from example_project.workplace.management.commands.demo import port_number
from maptician_scim import tokens
from tests import live
from tests.live import ROOT

COUNT = """
import json
from django.apps import apps
models = [m for m in apps.get_models() if m._meta.app_label in ("workplace", "maptician_scim")]
print(json.dumps({m.__name__: m.objects.count() for m in models}))
"""
LOGINS = ["Login", "Support", "Person"]
SILENT = ["demo", "--no-serve"]
LINE = re.compile(r"(GET|POST|PUT|PATCH|DELETE) +/\S+ +(\d{3}) +(\d+) ms   \S")
SECRET = re.compile(rf"{tokens.MARK}\w+")


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    with live.own_database(tmp_path_factory.mktemp("demo")) as database_url:
        yield live.environment(database_url, DJANGO_DEBUG="1", DJANGO_SECRET_KEY="")


def count(env):
    return json.loads(live.manage(env, "shell", "-v0", "-c", COUNT))


def run(env, *arguments):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def data(env):
    """What is there after the first run, which says nothing."""
    done = run(env, *SILENT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return count(env)


def test_data_is_four_companies_with_some_dozen_people_each(data):
    assert data["Company"] == 4
    assert 4 * 24 <= data["ProvisionedUser"] <= 4 * 60
    assert data["Occupant"] > data["ProvisionedUser"]  # Maptician's own staff
    assert min(data[name] for name in ("DeskAssignment", "ApiKey", "SessionKey")) > 0


def test_data_has_teams_that_offer_desks(data):
    assert data["Team"] == data["Neighbourhood"] == 2 * data["Company"]
    assert data["TeamMembership"] > 4 * data["Team"]
    assert 0 < data["DeskOffer"] < data["TeamMembership"]


def test_second_run_is_silent_and_changes_nothing(env, data):
    done = run(env, *SILENT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert count(env) == data


def test_with_v2_it_says_what_there_is(env, data):
    done = run(env, *SILENT, "-v2")
    assert done.returncode == 0
    assert "acme" in done.stdout.lower()
    assert not SECRET.search(done.stdout)


OFFERED = """
import json
from example_project.workplace.models import Company
from example_project.workplace.scim import OccupantAdapter as adapter
names = {c.subdomain: [r.display_name for r in adapter.roles(c)] for c in Company.objects.all()}
floors = [[e.id for e in adapter.entitlements(c)] for c in Company.objects.all()]
print(json.dumps([names, floors]))
"""


@pytest.mark.usefixtures("data")
def test_every_company_offers_roles_and_a_way_in_to_each_floor(env):
    names, floors = json.loads(live.manage(env, "shell", "-v0", "-c", OFFERED))
    assert names == {c: ["Occupant", "Team planner", "Facility manager"] for c in COMPANIES}
    assert [len(ids) for ids in floors] == [4] * 4
    assert len({floor for ids in floors for floor in ids}) == 16


@pytest.mark.usefixtures("data")
def test_everybody_is_linked(env):
    live.manage(env, "check", "--database", "default", "--fail-level", "WARNING")


GUARDED = """
from maptician_scim.models import Connection
print(" ".join(c.tenant.subdomain for c in Connection.objects.all() if c.is_guarded))
"""


@pytest.mark.usefixtures("data")
def test_safeguard_of_one_company_is_on(env):
    assert live.manage(env, "shell", "-v0", "-c", GUARDED).strip() == "umbrella"


# -- the whole demo ---------------------------------------------------------------------------


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def demo(env, port):
    """A running demo and the lines it has printed up to its last; Ctrl-C ends it."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port)],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    limit = Timer(60, process.kill)
    limit.start()
    lines = []
    try:
        for line in process.stdout or ():
            lines.append(line.rstrip("\n"))
            if "Ctrl-C" in line:
                break
        yield process, lines
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()
        limit.cancel()


@pytest.fixture(scope="module")
def shown(env, data):
    """A demo that runs and ends: its lines, what its server answered, its exit code."""
    port = free_port()
    with demo(env, port) as (process, lines):
        base_url = value(lines, "Base URL")
        answer = httpx.get(
            f"http://127.0.0.1:{port}/scim/v2/Users",
            params={"count": 1},
            headers={
                "Host": httpx.URL(base_url).netloc.decode(),
                "Authorization": f"Bearer {value(lines, 'Token')}",
            },
        )
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        rest, errors = process.communicate(timeout=20)
        if not ends(process.pid):
            errors += "somebody lived on"
    return {
        "port": port,
        "lines": lines,
        "answer": answer,
        "rest": rest,
        "errors": errors,
        "code": process.returncode,
    }


def ends(group, within=5):
    """Whether the last process of a group is gone in time; if not, it is ended."""
    deadline = time.monotonic() + within
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)
        return False
    return True


def value(lines, label):
    [line] = [line for line in lines if line.strip().startswith(f"{label} ")]
    return line.strip().removeprefix(label).strip()


def test_demo_ends_with_0_at_ctrl_c(shown):
    assert (shown["code"], shown["errors"]) == (0, "")
    assert "Traceback" not in shown["rest"]


@pytest.fixture
def worker():
    """A worker of the example project's gunicorn, as far as its signals are concerned."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)}
    worker = ThreadWorker(0, 0, [], None, 30, Config(), None)
    try:
        runpy.run_path(str(ROOT / "gunicorn.conf.py"))["post_worker_init"](worker)
        yield worker
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        gc.unfreeze()
        worker.tmp.close()


def test_worker_leaves_ctrl_c_to_its_master_and_what_it_has_loaded_alone(worker):
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert gc.get_freeze_count()


def test_worker_ends_without_the_pool_that_it_may_be_handing_a_request_to(worker):
    """That is locked then, and whoever waits for it in a handler of signals waits for ever."""
    worker.tpool = None
    with pytest.raises(SystemExit):
        signal.raise_signal(signal.SIGQUIT)


@pytest.mark.parametrize(("length", "is_read"), [(1_000_000, True), (1_100_000, False)])
def test_request_line_is_long_and_has_an_end(length, is_read):
    config = Config()
    limit = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["limit_request_line"]
    config.set("limit_request_line", limit)
    sent = [b"GET /", b"x" * length, b" HTTP/1.1\r\nHost: acme.localhost\r\n\r\n"]
    with nullcontext() if is_read else pytest.raises(LimitRequestLine):
        Request(config, IterUnreader(iter(sent)), ("192.0.2.1", 50_000))


PUSH = "Group push, and what other clients do:"


def exchanges(lines):
    """Method, status and milliseconds of the exchanges among these lines."""
    return [match.groups() for line in lines if (match := LINE.match(line))]


def test_demo_plays_the_conversation_line_by_line(shown):
    played = list(exchanges(shown["lines"][: shown["lines"].index(PUSH)]))
    assert [status for _, status, _ in played].count("201") == 1
    assert [(method, status) for method, status, _ in played[-2:]] == [
        ("POST", "409"),
        ("GET", "401"),
    ]
    assert [method for method, *_ in played].count("PUT") == 3
    assert len(played) == 12


def test_demo_plays_group_push_and_what_other_clients_do(shown):
    lines = shown["lines"][shown["lines"].index(PUSH) :]
    played = [f"{method} {status}" for method, status, _ in exchanges(lines)]
    assert " ".join(played[:10]) == (
        "POST 200 GET 200 POST 201 PATCH 200 PATCH 200 PATCH 200 POST 200 DELETE 204 "
        "GET 200 GET 200"
    )
    assert played[10:] == ["DELETE 204", "GET 200", "GET 200"]
    told = "\n".join(line.strip() for line in lines if line.startswith(" "))
    assert re.search(r"Noor Demo has no desk and is offered [A-C]-\d\d", told)
    assert "the offer to Noor Demo is withdrawn" in told
    assert "opens Engineering to SCIM" in told
    assert "Engineering stays, with everybody in it" in told


def test_demo_ends_with_addresses_token_and_login(shown):
    lines, port = shown["lines"], shown["port"]
    assert value(lines, "Base URL") == f"http://acme.localhost:{port}/scim/v2"
    assert value(lines, "Admin") == f"http://localhost:{port}/admin/"
    assert tokens.is_well_formed(value(lines, "Token"))
    assert value(lines, "Desk page") == f"http://acme.localhost:{port}/desk/"
    for label in LOGINS:
        assert re.fullmatch(r"\S+ / \S+", value(lines, label))


def test_demo_shows_the_secrets_only_there(shown):
    everything = "\n".join(shown["lines"]) + shown["rest"]
    assert SECRET.findall(everything) == [value(shown["lines"], "Token")]
    for label in LOGINS:
        assert everything.count(value(shown["lines"], label).split(" / ")[1]) == 1


def test_demo_says_how_another_company_is_connected(shown):
    [line] = [line for line in shown["lines"] if "curl" in line]
    *_, authorization, url = shlex.split(line)
    assert authorization == "Authorization: Bearer TOKEN"
    assert url == f"http://globex.localhost:{shown['port']}/scim/v2/Users?startIndex=1&count=2"


SUPPORTER = """
import json
from example_project.workplace.access import companies_of
from example_project.workplace.models import Occupant
support = Occupant.objects.get(username="support")
companies = [company.subdomain for company in companies_of(support)]
print(json.dumps([companies, sorted(support.get_all_permissions())]))
"""


@pytest.mark.usefixtures("data")
def test_supporter_of_the_demo_sees_one_company_and_may_issue_tokens(env):
    companies, permissions = json.loads(live.manage(env, "shell", "-v0", "-c", SUPPORTER))
    assert companies == ["acme"]
    assert permissions == [
        "maptician_scim.add_token",
        "maptician_scim.change_connection",
        "maptician_scim.change_provisionedgroup",
        "maptician_scim.change_token",
        "maptician_scim.view_connection",
        "maptician_scim.view_event",
        "maptician_scim.view_provisionedgroup",
        "maptician_scim.view_provisioneduser",
        "maptician_scim.view_token",
        "workplace.view_company",
        "workplace.view_deskoffer",
        "workplace.view_neighbourhood",
        "workplace.view_occupant",
        "workplace.view_team",
        "workplace.view_teammembership",
    ]


def test_token_of_the_demo_works_while_it_serves(shown):
    assert shown["answer"].status_code == 200
    assert shown["answer"].json()["totalResults"] > 24


@pytest.fixture(scope="module")
def again(env, shown):
    """The next demo, DEBUG off, which finds its port taken."""
    before = count(env)
    production = env | {"DJANGO_DEBUG": "0", "DJANGO_SECRET_KEY": "x" * 60}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo(production, port) as (_, lines):
            used = httpx.URL(value(lines, "Base URL")).port
            answer = httpx.get(
                f"http://127.0.0.1:{used}/scim/v2/Users",
                headers={
                    "Host": f"acme.localhost:{used}",
                    "Authorization": f"Bearer {value(shown['lines'], 'Token')}",
                },
            )
    return {
        "ports": (port, used),
        "lines": lines,
        "answer": answer,
        "before": before,
        "after": count(env),
    }


def test_next_demo_takes_the_next_free_port_and_revokes_the_token(again):
    taken, used = again["ports"]
    assert used > taken
    assert again["answer"].status_code == 401


def test_next_demo_plays_the_same_and_leaves_as_much_as_the_one_before(shown, again):
    assert [exchange[:2] for exchange in exchanges(again["lines"])] == [
        exchange[:2] for exchange in exchanges(shown["lines"])
    ]
    assert any("that ended" in line for line in again["lines"])
    names = ("Occupant", "DeskAssignment", "Desk", "ApiKey", "SessionKey", "DeskOffer")
    for name in (*names, "Team", "TeamMembership", "Neighbourhood"):
        assert (name, again["after"][name]) == (name, again["before"][name])


def test_demo_with_debug_off_prints_no_password(again):
    assert "changepassword" in value(again["lines"], "Login")


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_port_that_is_none_is_refused(port):
    with pytest.raises(ArgumentTypeError, match="is no port"):
        port_number(port)


def test_port_that_is_none_is_an_error_without_a_traceback(env):
    done = run(env, "demo", "--port=65536")
    assert done.returncode != 0
    assert "port" in done.stderr
    assert "Traceback" not in done.stderr
