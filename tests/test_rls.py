"""Row-level security: what the second lock stops, and what goes on working behind it."""

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from maptician_scim import activity, bookmarks, policies, rls, statements
from maptician_scim.models import (
    Activity,
    Connection,
    Event,
    EventQuerySet,
    ProvisionedGroup,
    ProvisionedGroupQuerySet,
    ProvisionedUser,
    ProvisionedUserQuerySet,
    Recount,
    SessionKey,
    Token,
)
from tests.client import ScimClient
from tests.factories import OccupantFactory, TeamFactory
from tests.plain_role import as_superuser, remove_policies, values

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's alone"),
    pytest.mark.usefixtures("row_level_security"),
]

GONE = {"op": "replace", "path": "active", "value": False}
SCOPE = "SELECT current_setting('maptician_scim.tenant', true)"


@pytest.fixture
def ours(scim):
    """The id of a person of acme."""
    return scim.create(userName="ours").json()["id"]


@pytest.fixture
def theirs(other_scim):
    """The ids of a person of globex and of a group with them in it."""
    person = other_scim.create(userName="theirs").json()["id"]
    return person, other_scim.push("Theirs", [person]).json()["id"]


@pytest.fixture
def forgetful(monkeypatch):
    """The first lock is gone: nothing asks for the tenant any more."""
    of_hosts = {ProvisionedUserQuerySet: "user__username", ProvisionedGroupQuerySet: "group__name"}
    for rows, joined in of_hosts.items():
        with_host = {f"{joined}__isnull": False}
        monkeypatch.setattr(
            rows, "for_tenant", lambda rows, tenant, there=with_host: rows.live().filter(**there)
        )
        monkeypatch.setattr(rows, "ever_of", lambda rows, tenant: rows.all())
    monkeypatch.setattr(EventQuerySet, "for_tenant", lambda rows, tenant: rows.all())
    # What was compiled knows the tenant, and what is compiled now must not outlive this.
    monkeypatch.setattr(statements, "_kept", {})
    monkeypatch.setattr(bookmarks, "_written", {})


@pytest.fixture
def admin_pages():
    pages = Client(headers={"host": "localhost"})
    pages.force_login(OccupantFactory(staff=True))
    return pages


# -- what it stops --------------------------------------------------------------------------------


def test_without_either_lock_everybody_is_seen(scim, ours, theirs, forgetful):
    with as_superuser():
        remove_policies()
    assert scim.search().json()["totalResults"] == 2
    assert scim.read(theirs[0]).status_code == 200


def test_query_that_forgets_the_tenant_reads_nobody_elses(scim, ours, theirs, forgetful):
    person, group = theirs
    assert [r["id"] for r in scim.search().json()["Resources"]] == [ours]
    assert scim.search('userName eq "theirs"').json()["totalResults"] == 0
    assert scim.search(count=0).json()["totalResults"] == 1
    assert scim.search(cursor="").json()["totalResults"] == 1
    assert scim.groups().json()["totalResults"] == 0
    assert (scim.read(person).status_code, scim.group(group).status_code) == (404, 404)
    everything = scim.request_scim("POST", "/.search", {"count": 10}).json()
    assert [r["id"] for r in everything["Resources"]] == [ours]


def test_query_that_forgets_the_tenant_writes_nobody_elses(
    scim, other_scim, ours, theirs, forgetful
):
    person, group = theirs
    before = (other_scim.read(person).json(), other_scim.group(group).json())
    mine = scim.push("Ours").json()["id"]
    add = {"op": "add", "path": "members", "value": [{"value": person}]}
    statuses = [
        scim.modify(person, GONE).status_code,
        scim.replace(person, {"userName": "x"}).status_code,
        scim.remove(person).status_code,
        scim.put_group(group, {"displayName": "x"}).status_code,
        scim.remove_group(group).status_code,
        scim.modify_group(mine, add).status_code,
    ]
    assert statuses == [404, 404, 404, 404, 404, 400]
    assert (other_scim.read(person).json(), other_scim.group(group).json()) == before


def test_statement_that_forgets_the_tenant_changes_nobody_elses(acme, ours, theirs):
    with rls.within(acme.pk):
        assert ProvisionedUser.objects.update(external_id="x") == 1
        assert ProvisionedUser.objects.count() == 1
        assert ProvisionedGroup.objects.all().delete() == (0, {})
    assert ProvisionedUser.objects.filter(external_id="x").count() == 1
    assert ProvisionedGroup.objects.count() == 1


def test_row_of_another_tenant_cannot_be_written(acme, globex):
    record = ProvisionedUser(tenant=globex, user=OccupantFactory(company=globex))
    with rls.within(acme.pk), pytest.raises(Exception, match="row-level security"):
        record.save()


MOVED = "UPDATE workplace_occupant SET company_id = %s WHERE id = %s"
REMOVED = "UPDATE maptician_scim_provisioneduser SET deleted_at = now() WHERE id = %s"


@pytest.mark.parametrize("statement", [MOVED, REMOVED], ids=["of users", "of records"])
def test_triggers_note_whatever_changes_and_leave_the_scope_as_it_was(
    acme, globex, ours, statement
):
    record = ProvisionedUser.objects.get()
    Recount.objects.all().delete()
    parameters = [globex.pk, record.user_id] if statement == MOVED else [record.pk]
    with rls.within(acme.pk), rls.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
        assert values(SCOPE) == [str(acme.pk)]
    noted = set(Recount.objects.values_list("tenant", flat=True))
    assert noted == ({acme.pk, globex.pk} if statement == MOVED else {acme.pk})


def test_triggers_leave_no_scope_where_there_was_none(ours):
    user = ProvisionedUser.objects.get().user_id
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(MOVED, [None, user])
        assert not values(SCOPE)[0]
    assert Recount.objects.filter(user=user).exists()


def test_where_no_tenant_is_set_there_is_no_row(scim, ours, theirs):
    for table in policies.tables():
        assert values(f"SELECT count(*) FROM {table.name}") == [0]
    assert ProvisionedUser.objects.count() == 2


def test_request_sees_nobody_before_its_tenant_is_known(ours):
    with rls.request():
        assert not Token.objects.exists()
        assert not ProvisionedUser.objects.exists()


def test_groups_in_groups_and_sessions_are_seen_by_their_tenant(
    settings, acme, globex, scim, other_scim, ours
):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"NESTED_GROUPS": True}
    for client in (scim, other_scim):
        child = client.push("Child").json()["id"]
        assert client.push("Parent", [child]).status_code == 201
    for record in ProvisionedUser.objects.all():
        SessionKey.objects.create(user=record.user, session_key="ours")
    staff = OccupantFactory(staff=True)
    for key, tenant in {"an admin's": None, "noted": acme, "theirs": globex}.items():
        SessionKey.objects.create(user=staff, session_key=key, tenant=tenant)
    nesting = ProvisionedGroup.children.rel.related_model
    assert (nesting.objects.count(), SessionKey.objects.count()) == (2, 4)
    with rls.within(acme.pk):
        assert nesting.objects.count() == 1
        seen = SessionKey.objects.values_list("session_key", flat=True)
        assert set(seen) == {"ours", "noted"}


# -- whose turn it is -----------------------------------------------------------------------------


def fail_in_a_transaction():
    with rls.atomic():
        assert ProvisionedUser.objects.count() == 1
        raise ZeroDivisionError


def test_next_request_on_the_same_connection_sees_its_own(scim, other_scim, ours, theirs):
    pid = values("SELECT pg_backend_pid()")
    for _ in range(2):
        assert [r["userName"] for r in scim.search().json()["Resources"]] == ["ours"]
        assert not values(SCOPE)[0]
        assert [r["userName"] for r in other_scim.search().json()["Resources"]] == ["theirs"]
    assert values("SELECT pg_backend_pid()") == pid


def test_after_a_failure_nothing_of_the_scope_is_left(acme, ours, theirs):
    with rls.within(acme.pk), pytest.raises(ZeroDivisionError):
        fail_in_a_transaction()
    assert not values(SCOPE)[0]


def test_inner_scope_gives_way_to_the_outer_one(acme, globex, ours, theirs):
    def seen():
        return ProvisionedUser.objects.get().user_name

    with rls.within(acme.pk), rls.atomic():
        assert seen() == "ours"
        with rls.within(globex.pk):
            assert seen() == "theirs"
            with pytest.raises(ZeroDivisionError):
                fail_in_a_transaction()
        assert seen() == "ours"
        with rls.across_tenants(), rls.atomic():
            assert ProvisionedUser.objects.count() == 2
        assert (seen(), values(SCOPE)) == ("ours", [str(acme.pk)])


def test_in_a_transaction_of_the_host_each_statement_has_its_scope(acme, globex, ours, theirs):
    with transaction.atomic():
        assert ProvisionedUser.objects.count() == 2
        with rls.within(globex.pk):
            assert ProvisionedUser.objects.get().user_name == "theirs"
        assert ProvisionedUser.objects.count() == 2


def test_rows_fetched_in_parts_have_their_scope(acme, ours, theirs):
    assert len(list(ProvisionedUser.objects.iterator(chunk_size=1))) == 2
    with rls.within(acme.pk):
        assert len(list(ProvisionedUser.objects.iterator(chunk_size=1))) == 1


def test_no_tenant_is_called_like_all_of_them_or_none():
    for pk in ("*", ""):
        with pytest.raises(ValueError, match="primary key"), rls.within(pk):
            pass


# -- what it costs --------------------------------------------------------------------------------


def shapes(queries):
    """The first word of each statement, and ``SET`` for ours."""
    words = [q["sql"].partition(" ")[0] for q in queries]
    return [
        "SET" if "set_config" in q["sql"] else word for q, word in zip(queries, words, strict=True)
    ]


def test_read_costs_one_statement_and_its_transaction(scim, ours):
    scim.read(ours)
    with CaptureQueriesContext(connection) as queries:
        assert scim.read(ours).status_code == 200
    token = resource = ["BEGIN", "SET", "SELECT", "COMMIT"]
    assert shapes(queries.captured_queries) == token + resource


def test_write_costs_one_statement(scim, ours):
    title = {"op": "replace", "path": "title"}
    with CaptureQueriesContext(connection) as queries:
        assert scim.modify(ours, title | {"value": "New"}).status_code == 200
    written = shapes(queries.captured_queries)[4:]
    assert written[:2] == ["BEGIN", "SET"]
    assert written.count("SET") == 1


# -- what goes on working -------------------------------------------------------------------------


def test_person_lives(scim):
    created = scim.create(userName="p", title="A").json()
    assert scim.create(userName="P").status_code == 409
    assert scim.search('title eq "A" and userName sw "P"').json()["Resources"] == [created]
    found = scim.request_scim("POST", "/Users/.search", {"filter": "active eq true"})
    assert found.json()["totalResults"] == 1
    assert scim.replace(created["id"], created | {"title": "B"}).json()["title"] == "B"
    assert scim.modify(created["id"], GONE).json()["active"] is False
    assert scim.remove(created["id"]).status_code == 204
    assert scim.read(created["id"]).status_code == 404
    assert scim.create(userName="p").status_code == 201
    assert Event.objects.done().count() == 5


def test_group_lives(scim, ours):
    made = scim.push("Team", [ours]).json()["id"]
    assert scim.members(made) == {ours}
    remove = {"op": "remove", "path": f'members[value eq "{ours}"]'}
    assert scim.modify_group(made, remove).status_code == 200
    assert scim.put_group(made, {"displayName": "Team", "members": [{"value": ours}]}).json()
    assert scim.groups(f'members.value eq "{ours}"').json()["totalResults"] == 1
    assert scim.read(ours).json()["groups"][0]["value"] == made
    assert scim.remove_group(made).status_code == 204
    assert scim.groups().json()["totalResults"] == 0


def test_bulk_and_walk_by_cursor(scim):
    answer = scim.bulk(
        *(
            {"method": "POST", "path": "/Users", "bulkId": n, "data": {"userName": n}}
            for n in ("a", "b", "A")
        ),
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": group_of("bulkId:a")},
    )
    statuses = [result["status"] for result in answer.json()["Operations"]]
    assert statuses == ["201", "201", "409", "201"]
    page = scim.search(cursor="", count=1).json()
    assert scim.search(cursor=page["nextCursor"], count=1).json()["Resources"][0]["userName"] == "b"


def group_of(member):
    return {"displayName": "Team", "members": [{"value": member}]}


def test_person_who_has_a_record_in_a_former_tenant_is_deleted(settings, scim, acme, globex):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"DELETE_BEHAVIOUR": "delete"}
    mover = OccupantFactory(company=globex)
    mover.company = acme
    mover.save()
    record = ProvisionedUser.objects.live().get()
    assert scim.remove(record.scim_id).status_code == 204
    assert list(ProvisionedUser.objects.values_list("user", flat=True)) == [None, None]
    assert not ProvisionedUser.objects.live().exists()


def test_sessions_of_somebody_who_has_no_record_yet_end(scim, acme):
    user = OccupantFactory(company=acme)
    ProvisionedUser.objects.all().delete()
    Client(headers={"host": "acme.localhost"}).force_login(user)
    assert SessionKey.objects.exists()
    scim.create(userName=user.username, active=False)
    user.refresh_from_db()
    assert not user.is_active
    assert not SessionKey.objects.exists()


def test_refusals_are_recorded(acme, globex, scim, other_scim, ours):
    scim.create(userName="ours")
    ScimClient("acme", "nonsense").search()
    ScimClient("globex", scim.secret).search()
    scim.search("nonsense")
    of_acme = Event.objects.for_tenant(acme).exclude(status=201).order_by("id")
    assert list(of_acme.values_list("status", "reason")) == [
        (409, "taken"),
        (401, "mistyped"),
        (401, "wrong_subdomain"),
        (400, ""),
    ]
    assert Event.objects.for_tenant(globex).get().reason == "other_tenant"


def test_request_to_no_tenant_is_recorded(scim):
    assert ScimClient("nobody", scim.secret).search().status_code == 404
    assert Event.objects.get(tenant=None).status == 404


def test_requests_are_counted_whoever_brings_the_counts(acme, globex, scim, other_scim):
    other_scim.search()
    scim.search("nonsense")
    activity.flush()
    counts = Activity.objects.order_by("tenant_id").values_list("tenant_id", "requests")
    assert list(counts) == [(acme.pk, 1), (globex.pk, 1)]


def test_token_counts_as_used_and_a_switched_off_tenant_is_out(scim, acme):
    assert scim.search().status_code == 200
    assert Token.objects.get().last_used_at is not None
    Connection.objects.create(tenant=acme, is_enabled=False)
    assert scim.search().status_code == 403


def test_what_the_host_does_keeps_its_records(acme, globex):
    person = OccupantFactory(company=acme)
    assert ProvisionedUser.objects.live().get().user == person
    team = TeamFactory(company=acme, members=[person])
    person.company = globex
    person.save()
    assert ProvisionedUser.objects.live().get().tenant == globex
    team.delete()
    person.delete()
    assert not ProvisionedUser.objects.live().exists()


def test_host_deletes_a_tenant_with_all_it_has(acme, globex, scim, other_scim, ours, theirs):
    acme.occupants.all().delete()
    acme.delete()
    for model in (ProvisionedUser, Token, Event):
        assert model.objects.filter(tenant=globex).exists()
        assert not model.objects.exclude(tenant=globex).exists()


def test_admin_pages_show_all_tenants(settings, admin_pages, acme, ours, theirs):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"TENANT_QUERYSET_FOR": None}
    page = admin_pages.get(reverse("admin:maptician_scim_provisioneduser_changelist"))
    assert {"ours", "theirs"} <= set(page.content.decode().replace("<", ">").split(">"))
    for model in ("event", "token", "provisionedgroup", "connection"):
        page = admin_pages.get(reverse(f"admin:maptician_scim_{model}_changelist"))
        assert page.context["cl"].result_count > 0
    page = admin_pages.get(reverse("admin:maptician_scim_connection_change", args=[acme.pk]))
    assert "Connected" in page.content.decode()


def test_commands_see_all_tenants(capsys, acme, globex, scim, other_scim):
    call_command("scim_token", "list")
    assert {"acme", "globex"} <= set(capsys.readouterr().out.split())
    OccupantFactory(company=acme)
    with rls.within(acme.pk):
        ProvisionedUser.objects.all().delete()
    call_command("scim_link_users")
    assert ProvisionedUser.objects.get().tenant == acme
    Event.objects.create(tenant=globex, verb="read", status=200, created_at="2000-01-01T00:00Z")
    call_command("scim_prune_events")
    assert not Event.objects.exists()
