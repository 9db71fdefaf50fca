"""``manage.py scim_link_users``"""

import io

import pytest
from django.contrib.auth import get_user
from django.core.management import CommandError, call_command
from django.test import Client

from example_project.workplace.models import Occupant
from maptician_scim.models import ProvisionedUser, SessionKey
from tests.factories import OccupantFactory


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _people(acme, globex):
    """Three at acme and two at globex, who were there before SCIM."""
    companies = [acme] * 3 + [globex] * 2
    Occupant.objects.bulk_create([OccupantFactory.build(company=c) for c in companies])


def run(*arguments, stderr=None):
    output = io.StringIO()
    call_command("scim_link_users", *arguments, stdout=output, stderr=stderr or io.StringIO())
    return output.getvalue().splitlines()


def linked(tenant):
    return ProvisionedUser.objects.for_tenant(tenant).count()


def test_everybody_of_every_tenant_is_linked(acme, globex):
    assert run() == ["5 people linked.", "0 sessions noted."]
    assert (linked(acme), linked(globex)) == (3, 2)


def test_with_a_tenant_only_its_people_are_linked(acme, globex):
    assert run("globex") == ["2 people linked."]
    assert (linked(acme), linked(globex)) == (0, 2)


def test_unknown_tenant_is_an_error():
    with pytest.raises(CommandError, match="no company whose subdomain is 'nobody'"):
        run("nobody")


def test_dry_run_counts_and_writes_nothing():
    assert run("--dry-run") == ["5 people would be linked."]
    assert not ProvisionedUser.objects.exists()


def test_second_run_links_nobody(acme):
    run()
    records = set(ProvisionedUser.objects.values_list("scim_id"))
    assert run()[0] == "0 people linked."
    assert set(ProvisionedUser.objects.values_list("scim_id")) == records


def test_small_batches_link_everybody(acme):
    assert run("acme", "--batch-size", "2") == ["3 people linked."]
    assert linked(acme) == 3


@pytest.mark.parametrize("size", ["0", "-1", "x"])
def test_batch_size_that_makes_no_sense_is_an_error(size):
    with pytest.raises(CommandError):
        run("--batch-size", size)


def test_sessions_from_before_end_with_a_deactivation(acme, scim):
    browser, user = Client(), Occupant.objects.filter(company=acme).first()
    browser.force_login(user)
    SessionKey.objects.all().delete()
    assert run()[1] == "1 sessions noted."
    key = ProvisionedUser.objects.get(user=user).scim_id
    for active in (False, True):
        scim.modify(key, {"op": "replace", "value": {"active": active}})
    assert not get_user(browser).is_authenticated


def test_dry_run_notes_no_session(acme):
    Client().force_login(Occupant.objects.filter(company=acme).first())
    SessionKey.objects.all().delete()
    run("--dry-run")
    assert not SessionKey.objects.exists()


def test_in_a_terminal_there_is_a_progress_bar():
    terminal = Terminal()
    run("acme", "--batch-size", "2", stderr=terminal)
    steps = terminal.getvalue().rstrip("\n").split("\r")[1:]
    assert [step.split()[-1] for step in steps] == ["0/3", "2/3", "3/3"]
    assert ["#" * 30 in step for step in steps] == [False, False, True]


def test_outside_a_terminal_there_is_none():
    output = io.StringIO()
    run(stderr=output)
    assert output.getvalue() == ""
