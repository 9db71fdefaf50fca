"""The people SCIM knows, in the admin."""

import json

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from example_project.workplace.models import Company, Occupant
from maptician_scim.linking import link_users
from maptician_scim.models import Event, ProvisionedUser
from tests.factories import OccupantFactory

LIST = reverse("admin:maptician_scim_provisioneduser_changelist")
SCRIPT = "<script>alert('x')</script>"
OKTA = "Okta SCIM Client 1.0.0"
WORK_EMAIL = 'emails[type eq "work"].value'


def only_acme(admin):
    return Company.objects.filter(subdomain="acme")


@pytest.fixture
def limited(settings):
    hook = {"TENANT_QUERYSET_FOR": "tests.admin.test_users.only_acme"}
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | hook


@pytest.fixture
def browser(db):
    client = Client()
    client.force_login(OccupantFactory(staff=True, email="admin@maptician.example"))
    return client


@pytest.fixture
def okta(scim):
    scim.defaults["HTTP_USER_AGENT"] = OKTA
    return scim


@pytest.fixture
def pat(okta):
    """Somebody Okta has created: the body of the answer."""
    return okta.create(
        userName="pat@acme.example",
        title="Clerk",
        externalId="00u1",
        emails=[{"value": "pat@acme.example", "type": "work", "primary": True}],
    ).json()


def record_of(person):
    return ProvisionedUser.objects.select_related("user").get(scim_id=person["id"])


def with_permissions(*names):
    user = OccupantFactory(company=None, is_staff=True, email=f"{'-'.join(names)}@x.example")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


def page(browser, record):
    return browser.get(reverse("admin:maptician_scim_provisioneduser_change", args=[record.pk]))


def listed(browser, **query):
    answer = browser.get(LIST, query)
    assert answer.status_code == 200
    return [record.user_name for record in answer.context["cl"].result_list]


# -- the list -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "term",
    ["PAT@acme", "pat@acme.example", "Office@Acme.example", "00u1", "id"],
)
def test_people_are_found_by_each_of_their_names(browser, okta, pat, term):
    okta.create(userName="kim")
    record = record_of(pat)
    Occupant.objects.filter(pk=record.user_id).update(email="office@acme.example")
    assert listed(browser, q=pat["id"].upper() if term == "id" else term) == ["pat@acme.example"]


@pytest.mark.parametrize("term", ["acme", "00u", "%", "5d1f17c3-1081-46e2-94fd-2cc69524edc1"])
def test_nobody_else_is_found(browser, pat, term):
    assert listed(browser, q=term) == []


def test_filters_tell_live_deleted_and_tenants_apart(browser, okta, other_scim, pat, acme):
    okta.remove(okta.create(userName="gone").json()["id"])
    other_scim.create(userName="kim")
    assert listed(browser) == ["kim", "gone", "pat@acme.example"]
    assert listed(browser, record="live", tenant=acme.pk) == ["pat@acme.example"]
    assert listed(browser, record="deleted") == ["gone"]


def test_list_says_who_is_active_and_links_to_the_account(browser, okta, pat, acme):
    okta.create(userName="off", active=False)
    okta.remove(okta.create(userName="gone").json()["id"])
    shown = browser.get(LIST)
    rows = shown.context["cl"].result_list
    assert [(r.user_name, r.is_active) for r in rows] == [
        ("gone", None),
        ("off", False),
        ("pat@acme.example", True),
    ]
    account = reverse("admin:workplace_occupant_change", args=[record_of(pat).user_id])
    assert f'href="{account}"' in shown.text


def test_list_costs_the_same_for_few_and_many(browser, acme, globex):
    counts = []
    for size in (30, 60):
        for tenant in (acme, globex):
            people = [
                OccupantFactory.build(company=tenant, email=f"p{size}-{n}@x") for n in range(size)
            ]
            Occupant.objects.bulk_create(people)
            link_users(tenant)
        browser.get(LIST)
        with CaptureQueriesContext(connection) as queries:
            browser.get(LIST)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# -- the page of a person -----------------------------------------------------------------------


def test_timeline_shows_what_happened_newest_first(browser, okta, pat):
    okta.modify(pat["id"], {"op": "replace", "value": {"active": False}})
    okta.create(userName="PAT@acme.example")
    okta.create(userName="kim")
    shown = page(browser, record_of(pat))
    sentences = [line.sentence for line in shown.context["timeline"]]
    assert sentences[1:] == ["Okta deactivated pat@acme.example.", "Okta created pat@acme.example."]
    assert sentences[0].startswith("Okta tried to create PAT@acme.example; refused: ")
    newest = shown.context["timeline"][0].event
    address = reverse("admin:maptician_scim_event_change", args=[newest.pk])
    assert f'href="{address}"' in shown.text


def test_long_timeline_is_cut_and_leads_to_all_events(browser, okta, pat, monkeypatch):
    monkeypatch.setattr("maptician_scim.admin.users.TIMELINE", 2)
    assert not page(browser, record_of(pat)).context["has_more"]
    for title in ("A", "B"):
        okta.modify(pat["id"], {"op": "replace", "path": "title", "value": title})
    shown = page(browser, record_of(pat))
    assert len(shown.context["timeline"]) == 2
    all_events = browser.get(shown.context["events_url"]).context["cl"].result_list
    assert f'href="{shown.context["events_url"]}"' in shown.text
    assert len(all_events) == 3


def test_representation_is_what_scim_answers_at_the_tenants_address(browser, okta, pat):
    shown = json.loads(page(browser, record_of(pat)).context["representation"])
    answered = okta.read(pat["id"]).json()
    location = f"https://acme.localhost/scim/v2/Users/{pat['id']}"
    answered["meta"]["location"] = location
    assert shown == answered


def states(browser, person):
    context = page(browser, record_of(person)).context
    return {row.attribute.path: row.status for row in context["rows"]}, context


def test_attributes_say_where_they_come_from(browser, pat):
    user = record_of(pat).user
    user.job_title, user.city = "Director", "Köln"
    user.save()
    found, context = states(browser, pat)
    assert found["title"] == "overridden"
    assert found[WORK_EMAIL] == found["active"] == "sent"
    assert found['addresses[type eq "work"].locality'] == "never-sent"
    assert [(r.attribute.path, r.value, r.will_be) for r in context["overridden"]] == [
        ("title", ["Director"], ["Clerk"])
    ]
    shown = page(browser, record_of(pat)).text
    for words in ("changed in Maptician since", "comes from Okta", "never sent"):
        assert words in shown
    assert "What the next PUT from Okta would change back" in shown


def test_next_put_does_what_the_page_says(browser, okta, pat):
    """Okta sends what GET answers with its own values put over it."""
    user = record_of(pat).user
    user.job_title, user.city, user.is_active = "Director", "Köln", False
    user.save()
    _, context = states(browser, pat)
    promised = {row.attribute.path: row.attribute.will_be for row in context["rows"]}
    assert promised["active"] is True
    merged = okta.read(pat["id"]).json() | {"title": "Clerk", "active": True}
    assert okta.replace(pat["id"], merged).status_code == 200
    after, _ = states(browser, pat)
    record = record_of(pat)
    assert (record.user.job_title, record.user.city, record.user.is_active) == (
        promised["title"],
        promised['addresses[type eq "work"].locality'],
        promised["active"],
    )
    assert "overridden" not in after.values()


def test_when_nothing_was_changed_nothing_is_announced(browser, pat):
    shown = page(browser, record_of(pat))
    assert shown.context["overridden"] == []
    assert "would change back" not in shown.text


def test_somebody_scim_never_touched_has_no_client(browser, acme):
    OccupantFactory(company=acme, email="old@acme.example")
    record = ProvisionedUser.objects.get()
    shown = page(browser, record)
    assert "Nothing has happened over SCIM." in shown.text
    assert "Last sent by the identity provider" in shown.text
    assert {row.status for row in shown.context["rows"]} == {"never-sent"}


def test_deleted_record_has_its_timeline_alone(browser, okta, pat):
    okta.remove(pat["id"])
    shown = page(browser, record_of(pat))
    assert shown.context["representation"] is None
    assert len(shown.context["timeline"]) == 2
    assert "deleted on" in shown.text


def test_record_whose_account_is_gone_has_its_timeline_alone(browser, pat):
    record_of(pat).user.delete()
    shown = page(browser, ProvisionedUser.objects.get(scim_id=pat["id"]))
    assert shown.context["representation"] is None
    assert [line.sentence for line in shown.context["timeline"]] == [
        "Okta created pat@acme.example."
    ]


def test_somebody_who_moved_away_is_shown_to_nobody_here(browser, pat, globex):
    Occupant.objects.filter(pk=record_of(pat).user_id).update(company=globex, job_title="Spy")
    shown = page(browser, record_of(pat))
    assert "does not belong to this tenant any more" in shown.text
    assert "Spy" not in shown.text


def test_timeline_of_the_same_name_elsewhere_is_apart(browser, okta, other_scim, pat):
    other_scim.create(userName="pat@acme.example")
    other_scim.create(userName="pat@acme.example")
    assert len(page(browser, record_of(pat)).context["timeline"]) == 1


def test_page_costs_the_same_for_few_and_many_events(browser, okta, pat):
    counts = []
    for size in (1, 20):
        for n in range(size):
            okta.modify(pat["id"], {"op": "replace", "path": "title", "value": f"{size}-{n}"})
        page(browser, record_of(pat))
        record = record_of(pat)
        with CaptureQueriesContext(connection) as queries:
            page(browser, record)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 6


def test_what_clients_send_is_text(browser, okta, pat):
    person = okta.replace(pat["id"], pat | {"title": SCRIPT, "nickName": SCRIPT}).json()
    user = record_of(person).user
    user.job_title = f"{SCRIPT}2"
    user.save()
    shown = page(browser, record_of(person)).text
    assert "<script>alert" not in shown
    assert shown.count("&lt;script&gt;alert") >= 3


# -- who may see what ---------------------------------------------------------------------------


def test_without_the_permission_everything_is_403(pat):
    stranger = with_permissions("view_event")
    assert stranger.get(LIST).status_code == 403
    assert page(stranger, record_of(pat)).status_code == 403


def test_without_the_permission_for_events_there_is_no_timeline(pat):
    shown = page(with_permissions("view_provisioneduser"), record_of(pat))
    assert shown.status_code == 200
    assert "Timeline" not in shown.text
    assert shown.context["timeline"] == []
    assert shown.context["host_user_url"] == ""


def test_nobody_changes_or_deletes_by_hand(browser, pat):
    record = record_of(pat)
    for action in ("change", "delete"):
        address = reverse(f"admin:maptician_scim_provisioneduser_{action}", args=[record.pk])
        assert browser.post(address, {"user_name": "x"}).status_code == 403
    assert record_of(pat).user_name == "pat@acme.example"
    assert browser.get(reverse("admin:maptician_scim_provisioneduser_add")).status_code == 403


@pytest.mark.usefixtures("limited")
def test_limited_admin_learns_nothing_of_whom_somebody_is_elsewhere(pat, globex):
    record = record_of(pat)
    support = with_permissions("view_provisioneduser", "view_occupant", "view_event")
    account = reverse("admin:workplace_occupant_change", args=[record.user_id])
    for answer in (page(support, record), support.get(LIST)):
        assert account in answer.content.decode()
    record.user.company, record.user.first_name = globex, "Globetrotter"
    record.user.email = "pat@globex.example"
    record.user.save()
    for answer in (page(support, record), support.get(LIST)):
        shown = answer.content.decode()
        assert "pat@acme.example" in shown
        assert "Globetrotter" not in shown
        assert account not in shown
    for address in (LIST, reverse("admin:maptician_scim_event_changelist")):
        found = support.get(address, {"q": "pat@globex.example"})
        assert found.context["cl"].result_count == 0


@pytest.mark.usefixtures("limited")
def test_limited_admin_sees_their_people_alone(pat, other_scim):
    other = other_scim.create(userName="kim").json()
    support = with_permissions("view_provisioneduser")
    assert listed(support) == ["pat@acme.example"]
    assert listed(support, q="kim") == []
    assert page(support, record_of(other)).status_code == 403
    assert page(support, record_of(pat)).status_code == 200


def test_events_stay_when_the_page_is_looked_at(browser, pat):
    before = list(Event.objects.values())
    page(browser, record_of(pat))
    assert list(Event.objects.values()) == before
