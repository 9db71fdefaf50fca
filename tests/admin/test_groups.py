"""The groups SCIM knows, in the admin: looked at, opened and closed."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse

from maptician_scim.models import Event, ProvisionedGroup
from tests.admin.test_events import browser, limited  # noqa: F401 fixtures
from tests.admin.test_users import with_permissions
from tests.factories import OccupantFactory

LIST = reverse("admin:maptician_scim_provisionedgroup_changelist")
OKTA = {"user_agent": "Okta SCIM Client 1.0.0"}
SUPPORT = ("view_provisionedgroup", "change_provisionedgroup")


@pytest.fixture
def board(acme, host):
    """A group that somebody has made by hand, with one person in it."""
    return host.group(acme, "Board", OccupantFactory(company=acme, username="bo@acme.example"))


@pytest.fixture
def no_groups(settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"GROUP_ADAPTER": None}


def url(name, *args):
    return reverse(f"admin:maptician_scim_provisionedgroup_{name}", args=args)


def page(record):
    return url("change", record.pk)


def opening(tenant, group):
    return url("open_one", tenant.pk, group.pk)


def opened(browser, tenant, group):  # noqa: F811
    browser.post(opening(tenant, group))
    return ProvisionedGroup.objects.for_tenant(tenant).get(group=group)


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def listed(browser, **query):  # noqa: F811
    answer = browser.get(LIST, query)
    assert answer.status_code == 200
    return [record.display_name for record in answer.context["cl"].result_list]


# -- the list -----------------------------------------------------------------------------------


def test_list_says_how_many_members_and_where_a_group_comes_from(browser, scim, acme, board):  # noqa: F811
    ids = [scim.create(userName=name).json()["id"] for name in "ab"]
    scim.request_scim("POST", "/Groups", body("Design", ids), **OKTA)
    opened(browser, acme, board)
    rows = browser.get(LIST).context["cl"].result_list
    assert [(row.display_name, row.member_count, row.origin) for row in rows] == [
        ("Board", 1, "opened by admin@maptician.example"),
        ("Design", 2, "pushed by Okta"),
    ]


def body(name, ids=()):
    return {"displayName": name, "members": [{"value": scim_id} for scim_id in ids]}


def test_group_whose_events_are_pruned_comes_from_the_identity_provider(browser, scim):  # noqa: F811
    scim.push("Design")
    Event.objects.all().remove()
    [row] = browser.get(LIST).context["cl"].result_list
    assert row.origin == "pushed by the identity provider"


@pytest.mark.parametrize("term", ["DES", "design", "00g1", "id"])
def test_groups_are_found_by_each_of_their_names(browser, scim, term):  # noqa: F811
    scim.push("Sales")
    group = scim.push("Design", externalId="00g1").json()
    assert listed(browser, q=group["id"].upper() if term == "id" else term) == ["Design"]


def test_filters_tell_live_deleted_and_tenants_apart(browser, scim, other_scim, acme):  # noqa: F811
    scim.remove_group(scim.push("Gone").json()["id"])
    scim.push("Design")
    other_scim.push("Other")
    assert listed(browser) == ["Other", "Design", "Gone"]
    assert listed(browser, record="live", tenant=acme.pk) == ["Design"]
    assert listed(browser, record="deleted") == ["Gone"]


@pytest.mark.parametrize("size", [1, 5])
def test_list_costs_the_same_for_many_as_for_few(
    browser,  # noqa: F811
    acme,
    globex,
    scim,
    other_scim,
    host,
    size,
    django_assert_num_queries,
):
    for number in range(size):
        scim.push(f"Team {number}", [scim.create(userName=f"p{number}").json()["id"]])
        other_scim.push(f"Team {number}")
        opened(browser, acme, host.group(acme, f"Hand-made {number}"))
    ContentType.objects.get_for_model(ProvisionedGroup)
    browser.get(LIST)
    # Session, user, tenants of the filter, count, rows, members, who pushed and who opened.
    with django_assert_num_queries(8):
        browser.get(LIST)


# -- the page of a group ------------------------------------------------------------------------


def test_page_lists_members_and_the_timeline(browser, scim):  # noqa: F811
    active, off = (
        scim.create(userName=name, active=name == "a", displayName=name.upper()).json()["id"]
        for name in "ab"
    )
    scim.push("Design", [active, off])
    record = ProvisionedGroup.objects.get()
    scim.modify_group(
        str(record.scim_id), {"op": "remove", "path": f'members[value eq "{off}"]'}, **OKTA
    )
    scim.modify_group(str(record.scim_id), {"op": "add", "path": "members", "value": refs(off)})
    answer = browser.get(page(record))
    members = [(m.user_name, m.name, m.is_active) for m in answer.context["members"]]
    assert members == [("a", "A", True), ("b", "B", False)]
    assert [line.sentence for line in answer.context["timeline"]][1:] == [
        "Okta updated the group “Design”: 1 removed.",
        "A client without a name created the group “Design”: 2 added.",
    ]


def refs(*ids):
    return [{"value": scim_id} for scim_id in ids]


def test_members_are_paged(browser, scim, monkeypatch, django_assert_num_queries):  # noqa: F811
    monkeypatch.setattr("maptician_scim.admin.groups.MEMBERS", 2)
    scim.push("Design", [scim.create(userName=name).json()["id"] for name in "abc"])
    first = browser.get(page(ProvisionedGroup.objects.get()))
    assert '<a rel="next" href="?members=2">' in first.content.decode()
    second = browser.get(page(ProvisionedGroup.objects.get()), {"members": 2})
    assert [member.user_name for member in second.context["members"]] == ["c"]
    assert "3 people" in text_of(second)


def test_group_of_another_tenant_now_tells_nothing(browser, scim, globex):  # noqa: F811
    scim.push("Design", [scim.create(userName="a").json()["id"]])
    record = ProvisionedGroup.objects.get()
    type(record.group).objects.filter(pk=record.group_id).update(company=globex)
    answer = browser.get(page(record))
    assert "does not belong to this tenant any more" in text_of(answer)
    assert answer.context["people"] is None


# -- opening and closing ------------------------------------------------------------------------


def test_hidden_groups_are_listed_by_name_with_their_members(browser, acme, globex, host, board):  # noqa: F811
    opened(browser, acme, host.group(acme, "Open"))
    host.group(globex, "Other")
    host.group(acme, "Art")
    shown = browser.get(url("open", acme.pk)).context["groups"]
    assert [(group.name, group.members) for group in shown] == [("Art", 0), ("Board", 1)]
    found = browser.get(url("open", acme.pk), {"q": "BOA"}).context["groups"]
    assert [group.url for group in found] == [opening(acme, board)]


@pytest.mark.parametrize("size", [1, 5])
def test_hidden_groups_cost_the_same_for_many_as_for_few(
    browser,  # noqa: F811
    acme,
    host,
    size,
    django_assert_num_queries,
):
    for number in range(size):
        host.group(acme, f"Team {number}", OccupantFactory(company=acme))
    with django_assert_num_queries(6):  # session, user, tenant, count, groups, members
        browser.get(url("open", acme.pk))


def test_question_says_what_follows_and_changes_nothing(browser, acme, board):  # noqa: F811
    text = text_of(browser.get(opening(acme, board)))
    assert "with the 1 person in it" in text
    assert "Okta's Link Group will find it by its name" in text.replace("&#x27;", "'")
    assert "A push then changes its members" in text
    assert not ProvisionedGroup.objects.exists()


def test_opened_group_is_found_over_scim_and_logged(browser, scim, acme, board):  # noqa: F811
    answer = browser.post(opening(acme, board), follow=True)
    record = ProvisionedGroup.objects.get()
    assert answer.redirect_chain == [(page(record), 302)]
    assert "“Board” is open to SCIM now" in text_of(answer)
    assert scim.groups('displayName eq "board"').json()["totalResults"] == 1
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (str(record.pk), "Opened to SCIM.")


def test_opening_twice_opens_once(browser, acme, board):  # noqa: F811
    browser.post(opening(acme, board))
    assert "is open to SCIM already" in text_of(browser.post(opening(acme, board), follow=True))
    assert LogEntry.objects.count() == 1


def test_name_that_is_taken_is_refused_in_words(browser, scim, acme, host):  # noqa: F811
    scim.push("Straße")
    answer = browser.post(opening(acme, host.group(acme, "STRASSE")), follow=True)
    assert "Another group that is visible over SCIM has this name." in text_of(answer)
    assert not LogEntry.objects.exists()


def test_closed_group_stays_with_its_members(browser, scim, acme, host, board):  # noqa: F811
    record = opened(browser, acme, board)
    assert "It can be opened again" in text_of(browser.get(url("close", record.pk)))
    answer = browser.post(url("close", record.pk), follow=True)
    assert "closed on" in text_of(answer)
    assert scim.groups().json()["totalResults"] == 0
    assert host.members(board).count() == 1
    assert "is closed already" in text_of(browser.post(url("close", record.pk), follow=True))
    messages = ["Opened to SCIM.", "Closed to SCIM."]
    assert [e.change_message for e in LogEntry.objects.order_by("pk")] == messages


def test_pushed_group_cannot_be_closed(browser, scim):  # noqa: F811
    scim.push("Design")
    record = ProvisionedGroup.objects.get()
    assert browser.get(page(record)).context["close_url"] == ""
    assert browser.post(url("close", record.pk)).status_code == 403


# -- who may do what ----------------------------------------------------------------------------


def pages_of(tenant, board, record):
    return {
        "the list": LIST,
        "a group": page(record),
        "hidden groups": url("open", tenant.pk),
        "opening": opening(tenant, board),
        "closing": url("close", record.pk),
    }


def status(client, pages):
    return {name: client.get(path).status_code for name, path in pages.items()}


@pytest.fixture
def pages(browser, acme, host, board):  # noqa: F811
    return pages_of(acme, board, opened(browser, acme, host.group(acme, "Open")))


def test_permission_to_change_is_what_opens_groups(pages):
    reader, nobody = with_permissions("view_provisionedgroup"), with_permissions("view_event")
    assert status(with_permissions(*SUPPORT), pages) == dict.fromkeys(pages, 200)
    assert status(nobody, pages) == dict.fromkeys(pages, 403)
    allowed = {"the list": 200, "a group": 200}
    assert status(reader, pages) == dict.fromkeys(pages, 403) | allowed
    for name in ("opening", "closing"):
        assert reader.post(pages[name]).status_code == 403
    assert "events" not in text_of(reader.get(pages["the list"]))


def test_limited_administrator_neither_sees_nor_opens_groups_of_others(
    limited,  # noqa: F811
    globex,
    host,
    other_scim,
):
    other_scim.push("Secret")
    record, hidden = ProvisionedGroup.objects.get(), host.group(globex, "Hidden")
    client = with_permissions(*SUPPORT)
    assert listed(client) == []
    refused = pages_of(globex, hidden, record)
    del refused["the list"]
    assert status(client, refused) == dict.fromkeys(refused, 403)
    assert client.post(refused["opening"]).status_code == 403
    assert ProvisionedGroup.objects.count() == 1


def test_group_of_another_tenant_is_as_one_there_is_not(browser, acme, globex, host):  # noqa: F811
    assert browser.post(opening(acme, host.group(globex, "Other"))).status_code == 403
    for key in ("0", "x", "9" * 30):
        assert browser.get(url("open_one", acme.pk, key)).status_code == 403
        assert browser.get(url("open", key)).status_code == 403


def test_without_groups_there_are_no_pages(pages, browser, no_groups):  # noqa: F811
    assert status(browser, pages) == dict.fromkeys(pages, 403)
    assert "Provisioned groups" not in browser.get("/admin/maptician_scim/").content.decode()


# -- the page of the connection -----------------------------------------------------------------


def connection(tenant):
    return reverse("admin:maptician_scim_connection_change", args=[tenant.pk])


def test_connection_says_how_many_groups_and_leads_to_them(browser, scim, acme, board):  # noqa: F811
    scim.push("Design")
    opened(browser, acme, board)
    answer = browser.get(connection(acme))
    assert "2 groups are visible over SCIM. 1 of them was made in Maptician" in text_of(answer)
    assert f'href="{LIST}?tenant={acme.pk}"' in answer.content.decode()
    assert f'href="{url("open", acme.pk)}"' in answer.content.decode()


def test_connection_offers_only_what_an_administrator_may_do(acme):
    client = with_permissions("view_connection")
    content = client.get(connection(acme)).content.decode()
    assert "0 groups are visible" in content
    assert "provisionedgroup/" not in content


def test_connection_says_nothing_of_groups_where_there_are_none(browser, acme, no_groups):  # noqa: F811
    assert 'id="groups"' not in browser.get(connection(acme)).content.decode()


# -- the events ---------------------------------------------------------------------------------


def event_page(browser, **fields):  # noqa: F811
    event = Event.objects.get(**fields)
    return browser.get(reverse("admin:maptician_scim_event_change", args=[event.pk]))


def test_refused_name_leads_to_the_group_that_can_be_opened(browser, scim, acme, board):  # noqa: F811
    scim.push("BOARD")
    answer = event_page(browser, reason="group_not_open")
    assert answer.context["open_url"] == opening(acme, board)
    opened(browser, acme, board)
    assert event_page(browser, reason="group_not_open").context["open_url"] == ""


def test_refused_name_leads_to_the_group_that_has_it(browser, scim):  # noqa: F811
    sales = scim.push("Sales").json()
    scim.push("Design")
    operation = {"op": "replace", "path": "displayName", "value": "design"}
    scim.modify_group(sales["id"], operation)
    answer = event_page(browser, reason="group_taken")
    namesake = ProvisionedGroup.objects.get(display_name="Design")
    assert answer.context["namesake_url"] == page(namesake)
    sentence = "update the group “Sales”; refused: another group is called “design”."
    assert answer.context["sentence"].endswith(sentence)
    assert answer.context["group_url"] == page(ProvisionedGroup.objects.get(display_name="Sales"))
