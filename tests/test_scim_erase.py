"""``manage.py scim_erase``"""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from maptician_scim.management.commands import scim_link_users
from maptician_scim.models import Connection, Event, HeldBack, ProvisionedUser
from tests.factories import OccupantFactory

SMITH = "Patricia.Smith@acme.example"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(*arguments, stderr=None):
    output = io.StringIO()
    call_command("scim_erase", *arguments, stdout=output, stderr=stderr or io.StringIO())
    return output.getvalue().splitlines()


def in_the_database(word):
    """The tables of ours that hold a word, in any column."""
    found = set()
    with connection.cursor() as cursor:
        for model in (Event, ProvisionedUser, HeldBack):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            rows = json.dumps(cursor.fetchall(), default=str).lower()
            if word.lower() in rows:
                found.add(model.__name__)
    return found


@pytest.fixture
def patricia(scim):
    """Married since: her former name, refusals, a deactivation and what was sent are in the log."""
    person = scim.create(
        userName="patricia.maiden",
        title="Clerk",
        nickName="Patsy",
        emails=[{"value": SMITH, "type": "work"}],
    ).json()
    scim.replace(person["id"], person | {"userName": SMITH, "nickName": None})
    scim.create(userName=SMITH.upper(), nickName="Patsy", password="hunter2hunter2")
    scim.modify(person["id"], {"op": "replace", "value": {"active": False}})
    scim.replace(person["id"], person | {"title": "Patsy" * 100})
    return person


@pytest.fixture
def kim(scim):
    return scim.create(userName="kim", nickName="Kimmy").json()


def facts():
    """What must outlive an erasure."""
    kept = ("id", "created_at", "tenant", "token", "verb", "status", "scim_type", "reason")
    return list(Event.objects.order_by("id").values_list(*kept, "correlation_id", "duration_ms"))


@pytest.mark.rfc("7644", "7.5.1")
@pytest.mark.parametrize(
    "name",
    [SMITH, SMITH.upper(), "Patricia.MAIDEN", "id", f" {SMITH} "],
    ids=["userName", "in capitals", "former userName", "SCIM id", "with blanks"],
)
def test_person_is_gone_from_all_events_by_each_name(patricia, kim, name):
    before = facts()
    output = run(patricia["id"] if name == "id" else name)
    assert output[0] == "5 events of acme redacted."
    for word in (SMITH, "maiden", "Patsy", patricia["id"]):
        assert "Event" not in in_the_database(word)
    assert facts() == before
    assert in_the_database("Kimmy") == {"Event", "ProvisionedUser"}


def test_events_keep_which_attributes_were_changed(patricia):
    run(SMITH)
    created, renamed, *_ = Event.objects.order_by("id")
    erased = {"old": None, "new": "[erased]"}
    assert created.changes["title"] == created.changes["active"] == erased
    assert renamed.changes["userName"] == {"old": "[erased]", "new": "[erased]"}
    assert renamed.changes["nickName"] == {"old": "[erased]", "new": None}


def test_everything_else_of_the_subject_is_emptied(patricia):
    run(SMITH)
    for event in Event.objects.all():
        assert (event.user_name, event.user_name_key, event.email_key) == ("[erased]", "", "")
        assert (event.resource_id, event.detail, event.facts) == ("", "", {})
        assert event.request is None


def test_live_record_stays_and_is_told_about(patricia):
    output = run(SMITH)
    assert output[1:] == [
        "0 deleted records emptied.",
        f"{SMITH} ({patricia['id']}) is still provisioned. That record stays: delete the account, "
        "or have it deleted over SCIM, and run this again.",
    ]
    assert ProvisionedUser.objects.get().user_name == SMITH


def test_deleted_record_is_emptied(scim, patricia):
    scim.remove(patricia["id"])
    assert run(SMITH) == ["6 events of acme redacted.", "1 deleted records emptied."]
    for word in (SMITH, "maiden", "Patsy"):
        assert in_the_database(word) == set()


def test_erased_account_is_not_linked_anew(scim, patricia):
    """It is deactivated, and its administrators may still need it."""
    scim.remove(patricia["id"])
    run(SMITH)
    call_command(scim_link_users.Command(), "acme", stdout=io.StringIO())
    assert not ProvisionedUser.objects.live().exists()


def test_account_that_is_gone_is_found_by_its_name(scim, patricia):
    ProvisionedUser.objects.get().user.delete()
    assert run(SMITH) == ["5 events of acme redacted.", "1 deleted records emptied."]


def test_all_records_of_an_account_are_one_person(scim, patricia):
    scim.remove(patricia["id"])
    again = scim.create(userName=SMITH).json()
    assert again["id"] != patricia["id"]
    output = run(again["id"])
    assert output[:2] == ["7 events of acme redacted.", "1 deleted records emptied."]
    assert "still provisioned" in output[2]


def test_email_address_of_today_names_somebody(scim, kim):
    record = ProvisionedUser.objects.get(scim_id=kim["id"])
    record.user.email = "kim@home.example"
    record.user.save()
    assert run("kim@home.example")[0] == "1 events of acme redacted."


def test_email_address_of_a_refusal_names_somebody(scim):
    scim.create(userName="lee", title="x" * 200, emails=[{"value": "lee@acme.example"}])
    assert run("LEE@acme.example") == ["1 events of acme redacted.", "0 deleted records emptied."]
    assert in_the_database("lee") == set()


def test_name_somebody_else_has_taken_over_needs_the_id(scim, patricia):
    heir = scim.create(userName="patricia.maiden", nickName="Heir").json()
    with pytest.raises(CommandError, match="more than one person") as error:
        run("patricia.maiden")
    assert heir["id"] in str(error.value)
    assert patricia["id"] in str(error.value)
    run(patricia["id"])
    assert in_the_database("Heir") == {"Event", "ProvisionedUser"}
    assert "Event" not in in_the_database("Patsy")


def test_shared_email_address_leaves_the_others_events(scim, kim):
    for name in ("one", "two"):
        scim.create(userName=name, emails=[{"value": "office@acme.example", "type": "work"}])
    with pytest.raises(CommandError, match="more than one person"):
        run("office@acme.example")
    run("one")
    assert set(Event.objects.values_list("user_name", flat=True)) == {"kim", "[erased]", "two"}


def test_person_of_two_tenants_needs_the_tenant(scim, other_scim):
    for client in (scim, other_scim):
        client.create(userName="pat")
    with pytest.raises(CommandError, match=r"acme, globex\. Say which with --tenant"):
        run("pat")
    assert run("pat", "--tenant", "globex")[0] == "1 events of globex redacted."
    assert Event.objects.get(user_name="pat").tenant.subdomain == "acme"


def test_dry_run_counts_and_writes_nothing(scim, patricia):
    scim.remove(patricia["id"])
    before = list(Event.objects.order_by("id").values())
    assert run(SMITH, "--dry-run") == [
        "6 events of acme would be redacted.",
        "1 deleted records would be emptied.",
    ]
    assert list(Event.objects.order_by("id").values()) == before
    assert in_the_database("maiden") == {"Event"}


def test_small_batches_erase_everything(patricia):
    terminal = Terminal()
    assert run(SMITH, "--batch-size", "2", stderr=terminal)[0] == "5 events of acme redacted."
    steps = terminal.getvalue().rstrip("\n").split("\r")[1:]
    assert [step.split()[-1] for step in steps] == ["0/5", "2/5", "4/5", "5/5"]
    assert "Event" not in in_the_database("Patsy")


def test_stopped_run_is_finished_by_the_next(patricia, monkeypatch):
    def stop(self, done):
        if done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("maptician_scim.management.progress.ProgressBar.show", stop)
    with pytest.raises(KeyboardInterrupt):
        run(SMITH, "--batch-size", "2")
    monkeypatch.undo()
    assert run(SMITH)[0] == "3 events of acme redacted."
    assert "Event" not in in_the_database("maiden")


def test_second_run_has_nothing_to_do(patricia):
    run(SMITH)
    assert run(SMITH)[0] == "0 events of acme redacted."


@pytest.mark.parametrize("name", ["nobody", "", " ", "[erased]", "x" * 5000, "\x00"])
def test_unknown_person_is_an_error(patricia, name):
    with pytest.raises(CommandError):
        run(name)


@pytest.mark.usefixtures("patricia")
def test_unknown_tenant_is_an_error():
    with pytest.raises(CommandError, match="no company"):
        run(SMITH, "--tenant", "nobody")


def test_protected_account_can_be_erased_from_the_log(scim, acme):
    admin = OccupantFactory(company=acme, email="root@acme.example", break_glass=True)
    scim.remove(ProvisionedUser.objects.get(user=admin).scim_id)
    assert run("root@acme.example")[0] == "1 events of acme redacted."
    assert Event.objects.get().status == 403


def test_who_is_held_back_leaves_the_list(acme, scim, patricia, kim):
    Connection.objects.create(tenant=acme, safeguard="on", safeguard_people=1, safeguard_percent=0)
    scim.modify(patricia["id"], {"op": "replace", "value": {"active": True}})
    for scim_id in (scim.create(userName="first").json()["id"], patricia["id"], kim["id"]):
        scim.remove(scim_id)
    # Somebody whom a POST would have taken up has no id.
    HeldBack.objects.create(tenant=acme, resource_type="User", key="7", name=SMITH.upper())
    run(SMITH)
    assert HeldBack.objects.get().resource_id == kim["id"]
