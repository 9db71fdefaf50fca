"""The provisioning log in the admin."""

import csv
import io
import json
from datetime import timedelta
from unittest.mock import ANY

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from example_project.workplace.models import Company, Occupant
from maptician_scim.models import Connection, Event, ProvisionedUser, Token, now
from tests.client import ScimClient
from tests.factories import OccupantFactory

LIST = reverse("admin:maptician_scim_event_changelist")
SCRIPT = "<script>alert('x')</script>"
DEACTIVATE = {"op": "replace", "value": {"active": False}}
OKTA = "Okta SCIM Client 1.0.0"


def only_acme(admin):
    return Company.objects.filter(subdomain="acme")


@pytest.fixture
def limited(settings):
    """Everybody sees acme alone."""
    hook = {"TENANT_QUERYSET_FOR": "tests.admin.test_events.only_acme"}
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | hook


@pytest.fixture
def okta(scim):
    scim.defaults["HTTP_USER_AGENT"] = OKTA
    return scim


@pytest.fixture
def browser(db):
    """Maptician's own administrator."""
    client = Client()
    client.force_login(OccupantFactory(staff=True, email="admin@maptician.example"))
    return client


def with_permissions(*names):
    """Staff who may do just this."""
    user = OccupantFactory(
        company=None, is_staff=True, email=f"{'-'.join(names) or 'nobody'}@maptician.example"
    )
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


def event(tenant, **fields):
    fields = {"verb": "replace", "status": 200, "resource_type": "User"} | fields
    name = fields.get("user_name", "")
    keys = {"user_name_key": name.casefold(), "correlation_id": "c"}
    return Event.objects.create(tenant=tenant, **(keys | fields))


def listed(browser, query=""):
    """The events a list shows, newest first."""
    answer = browser.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


def page(browser, row):
    return browser.get(reverse("admin:maptician_scim_event_change", args=[row.pk]))


# -- what was accepted -------------------------------------------------------------------------


def test_page_says_what_was_accepted_of_whom(browser, okta, acme):
    person = okta.create(userName="pat@acme.example").json()
    okta.modify(person["id"], {"op": "Replace", "path": "active", "value": "False"})
    shown = page(browser, Event.objects.latest("id"))
    assertContains(shown, "<dt>Accepted</dt>", html=True)
    assertContains(shown, "<dd>Entra sends active as text</dd>", html=True)
    assertContains(shown, "<dd>Entra capitalises op</dd>", html=True)


def test_if_nothing_deviated_then_the_page_says_nothing_of_it(browser, acme):
    assertNotContains(page(browser, event(acme)), "Accepted")


def test_tolerance_that_is_no_more_is_shown_by_its_name(browser, acme):
    assertContains(page(browser, event(acme, tolerated=["of_old"])), "<dd>of_old</dd>", html=True)


# -- why was this person not created? ----------------------------------------------------------


def plant_taken_inactive(okta, acme):
    person = okta.create(userName="pat@acme.example").json()
    okta.modify(person["id"], DEACTIVATE)
    Event.objects.filter(verb="deactivate").update(created_at=now().replace(2024, 3, 3))
    okta.create(userName="pat@acme.example")


def plant_protected(okta, acme):
    admin = OccupantFactory(company=acme, email="pat@acme.example", break_glass=True)
    ProvisionedUser.objects.filter(user=admin).update(deleted_at=now())
    okta.create(userName="pat@acme.example")


def plant_domain(okta, acme):
    Connection.objects.create(tenant=acme, email_domains=["acme.example"])
    okta.create(userName="pat", emails=[{"value": "pat@evil.example"}])


def plant_too_long(okta, acme):
    okta.create(userName="pat@acme.example", title="x" * 200)


def plant_read_only(okta, acme):
    Token.objects.update(scopes=["users:read"])
    okta.create(userName="pat@acme.example")


def plant_expired(okta, acme):
    Token.objects.update(expires_at=now() - timedelta(days=1))
    okta.create(userName="pat@acme.example")


CAUSES = {
    plant_taken_inactive: (
        "Okta tried to create pat@acme.example; refused: that userName belongs to a person who was "
        "deactivated on 3 March 2024.",
        "Reassign the app in Okta",
    ),
    plant_protected: (
        "Okta tried to create pat@acme.example; refused: the account is protected from "
        "provisioning.",
        "Unassign the person",
    ),
    plant_domain: (
        "Okta tried to create pat; refused: the domain of pat@evil.example is not accepted here.",
        "Add the domain",
    ),
    plant_too_long: (
        "Okta tried to create pat@acme.example; refused: “title” has 200 characters, and at most "
        "150 can be kept.",
        "Shorten the value",
    ),
    plant_read_only: (
        "Okta tried to create pat@acme.example; refused: the token does not have the scope "
        "“users:write”.",
        "that has the scope",
    ),
    plant_expired: ("Okta was not let in: the token has expired.", "Issue a new token"),
}


@pytest.mark.parametrize("plant", CAUSES, ids=lambda plant: plant.__name__.removeprefix("plant_"))
def test_two_clicks_lead_from_the_front_page_to_why_and_what_to_do(browser, okta, acme, plant):
    plant(okta, acme)
    why, what_to_do = CAUSES[plant]
    assert f'href="{LIST}"' in browser.get(reverse("admin:index")).text
    row, *_ = listed(browser)
    shown = browser.get(LIST).text
    assert why in shown
    assert "scim-outcome-done" not in shown.partition(why)[0]  # the newest, and seen to be refused
    address = reverse("admin:maptician_scim_event_change", args=[row.pk])
    assert f'href="{address}"' in shown
    answer = browser.get(address).text
    assert why in answer
    assert what_to_do in answer


def test_search_for_somebody_who_was_not_let_in_leads_there(browser, okta, acme):
    plant_expired(okta, acme)
    shown = browser.get(f"{LIST}?q=pat@acme.example").text
    assert "No event is about “pat@acme.example”." in shown
    assert listed(browser, "outcome=not-let-in&period=week") == [Event.objects.get()]
    assert "?outcome=not-let-in&amp;period=week" in shown


# -- search and filters -------------------------------------------------------------------------


def test_user_name_is_found_in_any_spelling_by_its_beginning(browser, acme):
    wanted = event(acme, user_name="Jürgen.Straße@acme.example", user_name_key="jürgen.strasse@a")
    event(acme, user_name="other")
    for term in ("jürgen", "JU\u0308RGEN.STRASSE", " Jürgen.Straße ", "Jürgen.STRASSE@A"):
        assert listed(browser, f"q={term}") == [wanted]


def test_null_characters_are_refused_by_the_form(browser):
    assert "Null characters are not allowed." in browser.get(LIST, {"q": "\x00"}).text


def test_middle_of_a_user_name_is_not_searched(browser, acme):
    event(acme, user_name="pat@acme.example")
    assert listed(browser, "q=acme") == []


@pytest.mark.parametrize("term", ["100%", "a_b", "a\\b"])
def test_signs_of_like_are_letters(browser, acme, term):
    wanted = event(acme, user_name=f"{term}x")
    event(acme, user_name="100x")
    event(acme, user_name="axb")
    assert listed(browser, f"q={term.replace('%', '%25')}") == [wanted]


def test_email_address_of_an_event_is_found(browser, okta, acme):
    okta.create(userName="pat", emails=[{"value": "Pat.Smith@Acme.example", "type": "work"}])
    okta.create(userName="kim")
    assert [e.user_name for e in listed(browser, "q=pat.smith@acme.EXAMPLE")] == ["pat"]


def test_person_is_found_by_the_names_they_have_now(browser, okta, acme):
    person = okta.create(userName="maiden").json()
    record = ProvisionedUser.objects.get(scim_id=person["id"])
    record.user.email = "Married@acme.example"
    record.user.save()
    ProvisionedUser.objects.filter(pk=record.pk).update(
        user_name="married", user_name_key="married"
    )
    for term in ("MARRIED", "Married@acme.example"):
        assert [e.user_name for e in listed(browser, f"q={term}")] == ["maiden"]


def test_ids_are_found_whole(browser, acme):
    by_resource = event(acme, resource_id="5d1f17c3-1081-46e2-94fd-2cc69524edc1")
    by_request = event(acme, correlation_id="okta-42")
    assert listed(browser, f"q={by_resource.resource_id.upper()}") == [by_resource]
    assert listed(browser, "q=okta-42") == [by_request]
    assert listed(browser, "q=okta-4") == []


@pytest.mark.parametrize("term", ["'", "%00", "🦄" * 300, "x" * 5000, "[", "@"])
def test_odd_search_finds_nothing(browser, acme, term):
    event(acme, user_name="pat")
    assert browser.get(LIST, {"q": f"zz{term}"}).status_code == 200
    assert list(browser.get(LIST, {"q": f"zz{term}"}).context["cl"].result_list) == []


@pytest.fixture
def three(acme):
    """One that was done, one refused, one not let in."""
    return {
        "done": event(acme, verb="create", created_at=now() - timedelta(days=2)),
        "refused": event(acme, status=409, reason="taken"),
        "not-let-in": event(acme, status=401, reason="expired", verb="read"),
    }


@pytest.mark.parametrize("outcome", ["done", "refused", "not-let-in"])
def test_filter_by_outcome(browser, three, outcome):
    assert listed(browser, f"outcome={outcome}") == [three[outcome]]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("verb=create", ["done"]),
        ("reason=taken", ["refused"]),
        ("period=day", ["not-let-in", "refused"]),
        ("period=week", ["not-let-in", "refused", "done"]),
        ("outcome=no-such", ["not-let-in", "refused", "done"]),
        ("token=999999", []),
        ("token=x", []),
        ("token=99999999999999999999", []),
        ("tenant=99999999999999999999", []),
        ("verb=%00", []),
        ("reason=%00", []),
        ("verb=create&period=hour", []),
    ],
)
def test_filters(browser, three, query, names):
    assert listed(browser, query) == [three[name] for name in names]


def test_filter_by_token_also_where_it_is_not_offered(browser, acme, monkeypatch):
    tokens = [Token.objects.issue(tenant=acme, name=f"No. {n}")[0] for n in range(3)]
    rows = [event(acme, token=token) for token in tokens]
    monkeypatch.setattr("maptician_scim.admin.events.TOKENS_OFFERED", 1)
    shown = browser.get(f"{LIST}?token={tokens[0].pk}")
    assert list(shown.context["cl"].result_list) == [rows[0]]
    assert "No. 2" in shown.text  # the newest is offered
    assert "No. 1" not in shown.text
    assert '<li class="selected">' in shown.text.partition("No. 0")[0][-200:]


def test_tokens_of_the_chosen_tenant_are_offered(browser, acme, globex):
    for tenant in (acme, globex):
        Token.objects.issue(tenant=tenant, name=f"Of {tenant.subdomain}")
    shown = browser.get(f"{LIST}?tenant={acme.pk}").text
    assert "Of acme" in shown
    assert "Of globex" not in shown
    assert browser.get(f"{LIST}?tenant=x").status_code == 200


def test_failure_is_told_by_a_word(browser, three):
    shown = browser.get(LIST).text
    assert shown.index("not let in</span>") < shown.index("refused</span>") < shown.index("done</s")


# -- the page of an event -----------------------------------------------------------------------


def test_page_shows_what_was_changed_with_words(browser, okta):
    person = okta.create(userName="pat", title="Clerk", nickName="Pat").json()
    changed = {"title": "Boss", "nickName": None, "userType": "X", "userName": "pat"}
    okta.replace(person["id"], person | changed)
    shown = page(browser, Event.objects.latest("id"))
    assert {c.path: (c.kind, c.old, c.new) for c in shown.context["changes"]} == {
        "title": ("changed", ["Clerk"], ["Boss"]),
        "nickName": ("removed", ["Pat"], []),
        "userType": ("added", [], ["X"]),
    }
    assert "removed</td>" in shown.text


def test_lists_are_shown_by_entry(browser, okta):
    okta.create(userName="pat", emails=[{"value": "p@x", "type": "home", "primary": True}])
    shown = page(browser, Event.objects.get()).context["changes"]
    [[entry]] = [c.new for c in shown if c.path == "emails"]
    assert sorted(entry.split(", ")) == ["primary: yes", "type: home", "value: p@x"]


def test_request_of_a_refusal_is_shown_without_secrets(browser, okta):
    okta.create(userName="pat", title="x" * 200, password="hunter2hunter2")
    shown = page(browser, Event.objects.get())
    body = shown.context["request_body"]
    assert json.loads(body)["password"] == "[removed]"
    assert body.startswith('{\n  "schemas": [\n    "urn:')
    assert "POST /scim/v2/Users" in shown.text
    assert f"User-Agent: {OKTA}" in shown.text
    assert "hunter2" not in shown.text
    assert okta.secret not in shown.text


def test_page_links_to_person_to_their_events_and_to_who_has_the_name(browser, okta):
    person = okta.create(userName="pat").json()
    okta.create(userName="PAT")
    created, refused = Event.objects.order_by("id")
    record = ProvisionedUser.objects.get(scim_id=person["id"])
    address = reverse("admin:maptician_scim_provisioneduser_change", args=[record.pk])
    assert page(browser, created).context["person_url"] == address
    assert page(browser, refused).context["holder_url"] == address
    assert listed(browser, page(browser, created).context["events_url"].partition("?")[2]) == [
        created
    ]
    of_name = page(browser, refused).context["events_url"].partition("?")[2]
    assert listed(browser, of_name) == [refused, created]


def test_page_of_whom_nobody_named_links_nowhere(browser, okta, acme):
    plant_expired(okta, acme)
    shown = page(browser, Event.objects.get()).context
    assert (shown["person_url"], shown["events_url"], shown["token_url"]) == (None, "", "")


def test_old_facts_and_odd_ids_do_no_harm(browser, acme):
    odd = event(acme, resource_id="9" * 30, facts={"id": "zz"}, status=404, reason="gone")
    assert page(browser, odd).status_code == 200


# -- nothing is markup --------------------------------------------------------------------------


def test_what_clients_send_is_text_everywhere(browser, acme):
    _, secret = Token.objects.issue(tenant=acme, name=SCRIPT)
    scim = ScimClient("acme", secret)
    scim.defaults["HTTP_USER_AGENT"] = SCRIPT
    scim.create(userName=SCRIPT, title=SCRIPT, emails=[{"value": SCRIPT, "display": SCRIPT}])
    scim.create(userName=SCRIPT)
    scim.create(userName=f"{SCRIPT}2", title=SCRIPT * 20)
    scim.search(f'{SCRIPT} eq "{SCRIPT}"')
    scim.remove(SCRIPT)
    rows = list(Event.objects.all())
    assert len(rows) >= 4
    person = ProvisionedUser.objects.get()
    addresses = [
        LIST,
        f"{LIST}?q={SCRIPT}",
        reverse("admin:maptician_scim_provisioneduser_changelist"),
        reverse("admin:maptician_scim_provisioneduser_change", args=[person.pk]),
        *(reverse("admin:maptician_scim_event_change", args=[row.pk]) for row in rows),
    ]
    for address in addresses:
        shown = browser.get(address)
        assert shown.status_code == 200
        assert "<script>alert" not in shown.text
    assert "&lt;script&gt;alert" in shown.text


# -- who may see what ---------------------------------------------------------------------------


def test_without_the_permission_everything_is_403(acme):
    row = event(acme, user_name="pat")
    stranger = with_permissions()
    for address in (
        LIST,
        reverse("admin:maptician_scim_event_change", args=[row.pk]),
        reverse("admin:maptician_scim_event_export", args=["csv"]),
    ):
        assert stranger.get(address).status_code == 403


def test_nobody_adds_changes_or_deletes(browser, acme):
    row = event(acme)
    assert browser.get(reverse("admin:maptician_scim_event_add")).status_code == 403
    for action in ("change", "delete"):
        address = reverse(f"admin:maptician_scim_event_{action}", args=[row.pk])
        assert browser.post(address, {"verb": "x"}).status_code == 403
    row.refresh_from_db()
    assert row.verb == "replace"


@pytest.mark.usefixtures("limited")
def test_limited_admin_sees_their_tenants_alone(acme, globex):
    own, other = event(acme, user_name="pat"), event(globex, user_name="pat2")
    nobodys = event(None, status=404, reason="unknown_tenant")
    Token.objects.issue(tenant=globex, name="Secret project")
    support = with_permissions("view_event")
    assert listed(support) == listed(support, "q=pat") == [own]
    shown = support.get(LIST).text
    assert "Secret project" not in shown
    assert "Globex" not in shown
    for row in (other, nobodys):
        assert page(support, row).status_code == 403
    assert page(support, own).status_code == 200
    assert page(support, own).status_code != page(support, Event(pk=0)).status_code == 403


def everything(admin):
    return Company.objects.all()


def test_admin_of_all_tenants_sees_what_was_sent_to_none(browser, acme, settings):
    hook = {"TENANT_QUERYSET_FOR": "tests.admin.test_events.everything"}
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | hook
    nobodys = event(None, status=404, reason="unknown_tenant")
    assert listed(browser) == [nobodys]
    assert page(browser, nobodys).status_code == 200


@pytest.mark.usefixtures("limited")
def test_limited_admin_finds_nobody_else_by_name(acme, globex):
    person = OccupantFactory(company=globex, email="spy@globex.example")
    record = ProvisionedUser.objects.get(user=person)
    event(acme, resource_id=str(record.scim_id))  # sent with the id of somebody elsewhere
    support = with_permissions("view_event")
    assert listed(support, "q=spy@globex.example") == []


def test_links_to_pages_one_may_not_see_are_left_out(okta):
    okta.create(userName="pat")
    shown = page(with_permissions("view_event"), Event.objects.get())
    assert shown.context["person_url"] == ""


# -- how much it costs --------------------------------------------------------------------------


class Counted(CaptureQueriesContext):
    @property
    def statements(self):
        return [q["sql"] for q in self.captured_queries if not q["sql"].startswith("SAVEPOINT")]


def test_list_costs_the_same_for_few_and_many_and_no_large_column(browser, okta, acme):
    counts = []
    okta.create(userName="p")
    for size in (60, 120):
        for n in range(size):
            event(acme, user_name=f"p{size}-{n}", status=409, reason="taken", request={"x": "y"})
        browser.get(LIST)
        with Counted(connection) as queries:
            browser.get(f"{LIST}?q=p")
        counts.append(len(queries.statements))
        assert not any('event"."request"' in sql for sql in queries.statements)
        assert not any('event"."changes",' in sql for sql in queries.statements)
    assert counts[0] == counts[1]


def test_list_says_what_changed_nothing_without_the_changes(browser, okta):
    person = okta.create(userName="pat").json()
    okta.replace(person["id"], person)
    again, created = listed(browser)
    assert (again.has_changes, created.has_changes) == (False, True)
    assert "Okta sent pat again; nothing was to be changed." in browser.get(LIST).text


def test_list_counts_no_further_than_it_must(browser, acme, monkeypatch):
    monkeypatch.setattr("maptician_scim.admin.reading.COUNTED", 3)
    for _ in range(5):
        event(acme)
    assert browser.get(LIST).context["cl"].result_count == 3


def test_pages_of_several_tenants_are_in_order(browser, acme, globex, settings, monkeypatch):
    hook = {"TENANT_QUERYSET_FOR": "tests.admin.test_events.both"}
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | hook
    monkeypatch.setattr("maptician_scim.admin.events.EventAdmin.list_per_page", 3)
    rows = [event(tenant) for tenant in [acme, globex, acme, acme, globex, acme, acme]][::-1]
    event(Company.objects.create(name="Initech", subdomain="initech"))
    assert listed(browser) == rows[:3]
    assert listed(browser, "p=2") == rows[3:6]
    assert listed(browser, "p=3") == rows[6:]
    assert listed(browser, f"tenant={globex.pk}") == [r for r in rows if r.tenant == globex]


def both(admin):
    return Company.objects.filter(subdomain__in=["acme", "globex"])


@pytest.mark.skipif(connection.vendor != "postgresql", reason="reads PostgreSQL's plan")
@pytest.mark.parametrize(
    "query",
    ["q=pat77@", "q=c77", "verb=delete", "reason=taken", "outcome=refused", "outcome=not-let-in"],
)
def test_list_reads_an_index(browser, acme, query):
    Event.objects.bulk_create(
        Event(tenant=acme, verb="replace", status=200, user_name_key=f"p{n}@", correlation_id=n)
        for n in range(20_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with Counted(connection) as queries:
        browser.get(f"{LIST}?{query}")
    [sql] = [s for s in queries.statements if 'FROM "maptician_scim_event"' in s and "COUNT" in s]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan on maptician_scim_event" not in plan


# -- export -------------------------------------------------------------------------------------


def export(browser, form, query=""):
    answer = browser.get(reverse("admin:maptician_scim_event_export", args=[form]) + f"?{query}")
    assert answer.status_code == 200
    assert answer.streaming
    return answer, b"".join(answer.streaming_content).decode()


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_csv_holds_the_filtered_list_with_sentences(browser, okta, acme):
    plant_taken_inactive(okta, acme)
    answer, text = export(browser, "csv", "outcome=refused")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="scim-events-')
    assert "no-store" in answer["Cache-Control"]
    assert rows_of(text) == [
        {
            "time": Event.objects.latest("id").created_at.isoformat(),
            "tenant": "Acme",
            "outcome": "refused",
            "sentence": CAUSES[plant_taken_inactive][0],
            "advice": "Reassign the app in Okta to reactivate them.",
            "verb": "create",
            "status": "409",
            "scimType": "uniqueness",
            "reason": "taken_inactive",
            "detail": ANY,
            "tolerated": "",
            "resourceType": "User",
            "resourceId": "",
            "userName": "pat@acme.example",
            "tokenPrefix": Token.objects.get().prefix,
            "client": OKTA,
            "address": "127.0.0.1",
            "correlationId": ANY,
            "durationMs": ANY,
        }
    ]


def test_json_lines_hold_the_changes_too(browser, okta):
    okta.create(userName="pat", title="Clerk")
    answer, text = export(browser, "jsonl")
    assert answer["Content-Type"] == "application/jsonl; charset=utf-8"
    [row] = map(json.loads, text.splitlines())
    assert (row["userName"], row["status"]) == ("pat", 201)
    assert row["changes"]["title"] == {"old": None, "new": "Clerk"}


def test_formulas_in_the_csv_are_text(browser, acme):
    for start in ("=", "+", "-", "@", "\t", "\r"):
        event(acme, user_name=f"{start}HYPERLINK(1)", client=f"{start}x")
    for row in rows_of(export(browser, "csv")[1]):
        assert row["userName"].startswith("'")
        assert row["client"].startswith("'")


def test_export_has_all_pages_and_the_links_keep_the_filters(browser, acme, monkeypatch):
    monkeypatch.setattr("maptician_scim.admin.events.EXPORTED_AT_A_TIME", 4)
    for n in range(60):
        event(acme, user_name=f"pat{n}")
    event(acme, user_name="kim")
    shown = browser.get(f"{LIST}?q=pat&outcome=done&p=2").text
    link = reverse("admin:maptician_scim_event_export", args=["csv"])
    assert f'href="{link}?q=pat&amp;outcome=done"' in shown
    names = [row["userName"] for row in rows_of(export(browser, "csv", "q=pat&outcome=done")[1])]
    assert names == [f"pat{n}" for n in reversed(range(60))]


@pytest.mark.usefixtures("limited")
def test_export_of_a_limited_admin_holds_their_tenants(acme, globex):
    event(acme, user_name="pat")
    event(globex, user_name="kim")
    text = export(with_permissions("view_event"), "csv")[1]
    assert [row["userName"] for row in rows_of(text)] == ["pat"]


def test_export_of_another_form_is_404_and_of_an_odd_filter_leads_back(browser, acme):
    address = reverse("admin:maptician_scim_event_export", args=["xlsx"])
    assert browser.get(address).status_code == 404
    address = reverse("admin:maptician_scim_event_export", args=["csv"])
    assert browser.get(f"{address}?nonsense=1").status_code in (302, 400)


def test_export_is_in_the_language_of_the_request(browser, acme):
    event(acme, verb="create", user_name="pat", client=OKTA)
    assert "Okta created pat." in export(browser, "csv")[1]


@pytest.fixture(autouse=True)
def _fresh_cache():
    cache.clear()


def test_people_are_not_shown_to_their_own(acme):
    """The admin is for staff."""
    client = Client()
    client.force_login(OccupantFactory(company=acme))
    assert client.get(LIST).status_code == 302
    assert Occupant.objects.exists()
