"""The page "SCIM connection" of a tenant, and the list that leads there."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils.html import escape

from example_project.workplace.models import Company, Occupant
from maptician_scim.activity import Hour, hour_of
from maptician_scim.admin.connection_page import last_days, last_hours
from maptician_scim.conf import scim_settings
from maptician_scim.linking import link_users
from maptician_scim.live import state_of
from maptician_scim.models import Activity, Connection, Event, Token, now
from maptician_scim.protocol.filters import compile_filter
from tests.client import ScimClient
from tests.factories import CompanyFactory, OccupantFactory

LIST = "/admin/maptician_scim/connection/"
DEACTIVATE = {"op": "replace", "value": {"active": False}}


def page_of(tenant):
    return f"{LIST}{tenant.pk}/change/"


def text_of(answer):
    """What can be read on a page, without its markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


# -- the list ------------------------------------------------------------------------------------


def test_list_has_every_tenant_whether_there_was_a_row_or_not(admin, acme, globex, scim):
    Connection.objects.create(tenant=globex, is_enabled=False)
    OccupantFactory(company=acme)
    scim.search()
    text = text_of(admin.get(LIST))
    assert re.search(r"Acme Connected 1 ", text)
    assert re.search(r"Globex Off 0 -", text)


def test_list_says_what_is_broken(admin, acme, scim):
    ScimClient("acme", "wrong").search()
    assert "what it sent is not a whole token of ours" in text_of(admin.get(LIST))


@pytest.mark.parametrize("size", [3, 30])
def test_list_costs_the_same_for_many_as_for_few(admin, size, django_assert_num_queries):
    for n in range(size):
        Token.objects.issue(tenant=CompanyFactory(subdomain=f"t{n}"), name="Okta")
    admin.get(LIST)
    # Session, user; are rows missing? their number, the rows; tokens, people, brakes.
    with django_assert_num_queries(8):
        assert text_of(admin.get(LIST)).count("Waiting") == size


@pytest.mark.parametrize("words", ["globex", "GLOB", "corporation"])
def test_list_is_searched_like_the_projects_own_list_of_tenants(admin, acme, globex, words):
    Company.objects.filter(pk=globex.pk).update(name="Globex Corporation")
    text = text_of(admin.get(LIST, {"q": words}))
    assert "Globex" in text
    assert "Acme" not in text


def test_list_of_a_limited_admin_gives_no_hint_of_others(limited, acme, globex):
    text = text_of(limited.get(LIST))
    assert "Acme" in text
    assert "Globex" not in text
    assert "1 SCIM connection" in text
    assert not Connection.objects.for_tenant(globex).exists()


def test_nobody_adds_or_deletes_one_alone(admin, acme):
    admin.get(page_of(acme))
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(f"{LIST}{acme.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Connection.objects.for_tenant(acme).exists()
    assert "deletelink" not in admin.get(page_of(acme)).content.decode()


def test_tenant_is_deleted_with_its_connection(admin, acme):
    admin.get(page_of(acme))
    delete = reverse("admin:workplace_company_delete", args=[acme.pk])
    assert admin.post(delete, {"post": "yes"}).status_code == 302
    assert not Company.objects.filter(pk=acme.pk).exists()


# -- who sees it ---------------------------------------------------------------------------------

ADDRESSES = ["change/", "state/", "attributes.csv", "history/"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_page_is_there_for_a_tenant_without_a_row(admin, acme, address):
    assert admin.get(f"{LIST}{acme.pk}/{address}").status_code == 200


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("has_row", [False, True])
def test_other_tenants_and_none_are_alike_to_a_limited_admin(limited, globex, address, has_row):
    if has_row:
        Connection.objects.create(tenant=globex)
    answers = [limited.get(f"{LIST}{key}/{address}") for key in (globex.pk, 999_999, "x")]
    assert [a.status_code for a in answers] == [403, 403, 403]
    assert len({re.sub(rb"\d+|csrf\S+", b"", a.content) for a in answers}) == 1
    assert Connection.objects.for_tenant(globex).exists() is has_row


def test_limited_admin_changes_nothing_of_others(limited, globex):
    Connection.objects.create(tenant=globex)
    assert limited.post(page_of(globex), {"email_domains": ""}).status_code == 403
    assert Connection.objects.get(tenant=globex).is_enabled


@pytest.mark.parametrize("key", ["99999999999999999999", "-1", "0", "x", "1e5", "%00"])
@pytest.mark.parametrize("address", ["change/", "history/", "doctor/", "state/", "attributes.csv"])
def test_key_that_can_be_nobodys_is_403(admin, key, address):
    assert admin.get(f"{LIST}{key}/{address}").status_code == 403


@pytest.mark.parametrize("address", ADDRESSES)
def test_without_the_permission_it_is_403(allow, acme, address):
    assert allow("view_token").get(f"{LIST}{acme.pk}/{address}").status_code == 403


def test_without_the_permission_the_list_makes_no_rows(allow, acme):
    assert allow("view_token").get(LIST).status_code == 403
    assert not Connection.objects.exists()


def test_who_may_only_look_reads_the_switches_in_words(allow, acme):
    Connection.objects.create(tenant=acme, email_domains=["acme.example", "acme.test"])
    answer = allow("view_connection").get(page_of(acme))
    text = text_of(answer)
    assert "acme.example, acme.test" in text
    assert "does what the setting says: deactivates the person and keeps their record" in text
    assert 'name="_save"' not in answer.content.decode()


def test_who_may_only_look_changes_nothing(allow, acme):
    answer = allow("view_connection").post(page_of(acme), {"email_domains": "x.example"})
    assert answer.status_code == 403
    assert not Connection.objects.exclude(email_domains=[]).exists()


def test_who_may_not_see_tokens_and_events_sees_none(allow, acme, scim):
    scim.create(userName="pat@acme.example")
    text = text_of(allow("view_connection").get(page_of(acme)))
    assert Token.objects.get().prefix not in text
    assert "pat@acme.example" not in text
    assert "Connected" in text


# -- the way there -------------------------------------------------------------------------------


def test_tenants_own_form_leads_there(admin, acme):
    form = admin.get(reverse("admin:workplace_company_change", args=[acme.pk]))
    assert f'<a href="{page_of(acme)}">SCIM connection</a>' in form.content.decode()


def test_tenants_own_form_does_not_lead_where_one_may_not_go(allow, acme):
    browser = allow("view_company")
    acme.support_group = Group.objects.create(name="Acme support")
    acme.support_group.user_set.set(Occupant.objects.filter(is_staff=True))
    acme.save()
    form = browser.get(reverse("admin:workplace_company_change", args=[acme.pk]))
    assert form.status_code == 200
    assert "SCIM connection" not in form.content.decode()


def test_tenants_own_form_does_not_lead_to_other_tenants(limited, globex):
    form = limited.get(reverse("admin:workplace_company_change", args=[globex.pk]))
    assert "SCIM connection</a></li>" not in form.content.decode()


def test_index_leads_to_the_list(admin):
    assert f'href="{LIST}"' in admin.get("/admin/").content.decode()


# -- what is on the page -------------------------------------------------------------------------


def test_sections_come_in_the_order_of_the_work(admin, acme):
    html = admin.get(page_of(acme)).content.decode()
    places = [html.index(f'id="{name}"') for name in ("access", "steps", "attributes", "switches")]
    assert [html.index("data-scim-state"), *places, html.index('id="health"')] == sorted(
        [html.index("data-scim-state"), *places, html.index('id="health"')]
    )


@pytest.mark.parametrize(
    ("name", "secure", "expected"),
    [
        ("localhost:8000", False, "http://acme.localhost:8000/scim/v2"),
        ("acme.localhost", False, "http://acme.localhost/scim/v2"),
        ("acme.localhost", True, "https://acme.localhost/scim/v2"),
        ("127.0.0.1:8000", False, "http://acme.localhost:8000/scim/v2"),
        ("admin.example:8000", False, "https://acme.localhost/scim/v2"),
    ],
)
def test_base_url_is_the_one_reached_from_here(admin, acme, settings, name, secure, expected):
    settings.ALLOWED_HOSTS = ["*"]
    html = admin.get(page_of(acme), headers={"host": name}, secure=secure).content.decode()
    assert f'<code id="scim-base-url">{expected}</code>' in html
    assert 'data-copy-target="#scim-base-url"' in html


def test_steps_are_eight_for_each_provider_with_the_tenants_values(admin, acme):
    html = admin.get(page_of(acme)).content.decode()
    parts = re.findall(r'<details class="scim-steps".*?</details>', html, re.DOTALL)
    assert [part.count("<li>") for part in parts] == [8, 8, 8]
    for part in parts:
        assert "<code>http://testserver" not in part
        assert "acme.localhost/scim/v2</code>" in part
        assert "<code>userName</code>" in part
        assert "HTTP Header" in part


def test_tokens_are_told_apart_by_name_prefix_state_and_use(admin, acme, scim):
    scim.request_scim("GET", "/Users", user_agent="Okta SCIM Client 1.0.0")
    used = Token.objects.get()
    lost, _ = Token.objects.issue(tenant=acme, name="Lost")
    lost.revoke("laptop stolen")
    text = text_of(admin.get(page_of(acme)))
    assert re.search(rf"Test {used.prefix}… in force .*? by Okta from 127.0.0.1", text)
    assert re.search(rf"Lost {lost.prefix}… revoked .*?\(laptop stolen\) · never used", text)


def test_tokens_of_other_tenants_are_not_there(admin, acme, other_scim):
    assert Token.objects.get().prefix not in text_of(admin.get(page_of(acme)))


@pytest.mark.parametrize(
    ("left", "warning"),
    [
        (timedelta(days=31), None),
        (timedelta(days=29, hours=12), "Expires within 30 days"),
        (timedelta(days=6, hours=12), "Expires within 7 days"),
        (timedelta(hours=12), "Expires within a day"),
        (timedelta(hours=-1), None),
        (None, None),
    ],
    ids=str,
)
def test_expiry_is_announced(admin, acme, left, warning):
    expires_at = None if left is None else now() + left
    Token.objects.issue(tenant=acme, name="Okta", expires_at=expires_at)
    text = text_of(admin.get(page_of(acme)))
    assert ("Expires within" in text) is (warning is not None)
    assert (warning or "") in text


def test_secret_is_nowhere_and_the_page_says_where_it_is_shown(admin, acme, scim):
    scim.search()
    ScimClient("acme", scim.secret[:-1]).search()
    answer = admin.get(page_of(acme))
    assert "Shown once, on the page that follows" in text_of(answer)
    assert scim.secret[18:-6] not in answer.content.decode()


def test_what_clients_send_is_text(admin, acme, scim):
    scim.request_scim("GET", "/Users", user_agent="<script>alert(1)</script>")
    scim.create(userName="<img src=x onerror=alert(2)>")
    html = admin.get(page_of(acme)).content.decode()
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;" in html


def test_page_needs_no_inline_script_or_style(admin, acme, scim):
    scim.create(userName="pat")
    Activity.objects.add(acme.pk, hour_of(now()), 10, 3)
    html = admin.get(page_of(acme)).content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("size", [1, 40])
def test_page_costs_the_same_for_many_as_for_few(
    admin, acme, scim, size, django_assert_num_queries
):
    people = [OccupantFactory.build(company=acme, email=f"p{n}@x") for n in range(size)]
    Occupant.objects.bulk_create(people)
    link_users(acme)
    for n in range(size):
        scim.create(userName=f"new{n}@acme.example")
        Token.objects.issue(tenant=acme, name=f"Token {n}")
        Activity.objects.add(acme.pk, hour_of(now()) - timedelta(hours=n), 5, 1)
    admin.get(page_of(acme))
    # Session, user, connection; two for the state, and two for the history of requests; one each
    # for the tokens, the groups, the active, the deactivated, the last event.
    with django_assert_num_queries(12):
        answer = admin.get(page_of(acme))
    assert f"{2 * size} people visible" in text_of(answer).replace("1 person", "1 people")


# -- attributes ----------------------------------------------------------------------------------


@pytest.fixture
def table(admin, acme):
    """The attribute table as a spreadsheet reads it."""
    answer = admin.get(f"{LIST}{acme.pk}/attributes.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="acme-scim-attributes.csv"'
    return list(csv.reader(io.StringIO(answer.content.decode().removeprefix("\ufeff"))))


def test_table_is_the_attribute_map(table):
    assert table[0][:5] == ["SCIM path", "Type", "Field", "Required", "Filterable"]
    paths = [line[0] for line in table[1:]]
    assert set(paths) == set(scim_settings.USER_ADAPTER.attribute_map)
    assert (paths[0], paths[-1]) == ("userName", "externalId")


def test_line_of_the_table_is_what_an_okta_admin_enters(table):
    core = "urn:ietf:params:scim:schemas:core:2.0:User"
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    lines = {line[0]: line[1:] for line in table}
    assert lines["userName"][2:] == ["yes", "yes", "userName", core]
    assert lines['phoneNumbers[type eq "work"].value'] == [
        *("string", "work phone (work_phone)", "no", "yes"),
        *("phoneNumbers.^[type=='work'].value", core),
    ]
    assert lines["active"][:2] == ["boolean", "active (is_active)"]
    assert lines[f"{enterprise}:department"][4:] == ["department", enterprise]


def test_table_on_the_page_and_the_text_to_copy_are_the_same(admin, acme, table):
    answer = admin.get(page_of(acme))
    assert answer.context["attributes_text"].splitlines() == ["\t".join(line) for line in table]
    text = text_of(answer)
    assert "emails[type eq &quot;work&quot;].value string email address email no yes" in text


def test_names_that_are_formulas_are_text(admin, acme, monkeypatch):
    field = Occupant._meta.get_field("city")
    monkeypatch.setattr(field, "verbose_name", "=HYPERLINK(1)")
    content = admin.get(f"{LIST}{acme.pk}/attributes.csv").content.decode()
    assert "'=HYPERLINK(1) (city)" in content


def test_what_the_table_calls_filterable_is(db):
    mapping = scim_settings.USER_ADAPTER.mapping()
    for line in mapping.described():
        value = "true" if line.kind == "boolean" else '"x"'
        assert line.is_filterable
        assert compile_filter(f"{line.path.text} eq {value}", mapping.model, mapping)


# -- switches ------------------------------------------------------------------------------------


def test_switches_are_saved_logged_and_the_page_comes_back(switch, acme):
    answer = switch(is_enabled=None, delete_behaviour="delete", email_domains="Acme.Example")
    assert (answer.status_code, answer["Location"]) == (
        302,
        f"{page_of(acme)}#container",
    )
    connection = Connection.objects.get(tenant=acme)
    assert not connection.is_enabled
    assert (connection.delete_behaviour, connection.email_domains) == ("delete", ["acme.example"])
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("boss", str(acme.pk))
    assert entry.get_change_message() == ("Changed SCIM is on, DELETE and Accepted e-mail domains.")


def test_unknown_namespaces_are_kept_from_the_next_request_on(switch, scim, acme):
    sent = {"urn:okta:acme:1.0:user:custom": {"cost": "K7"}}
    assert sent.items().isdisjoint(scim.create(userName="pat", **sent).json().items())
    switch(keeps_unknown_schemas="on")
    assert sent.items() <= scim.create(userName="kim", **sent).json().items()
    assert LogEntry.objects.get().get_change_message() == (
        "Changed Attributes in unknown namespaces are kept."
    )


def test_saving_leaves_what_requests_write_alone(switch, acme, monkeypatch):
    Connection.objects.create(tenant=acme)
    refused_at = now()

    original = Connection.full_clean

    def refuse_meanwhile(self, *args, **kwargs):
        Connection.objects.update(refused_at=refused_at)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Connection, "full_clean", refuse_meanwhile)
    assert switch(may_create=None).status_code == 302
    connection = Connection.objects.get()
    assert (connection.refused_at, connection.may_create) == (refused_at, False)


def test_off_refuses_every_request_and_says_so(switch, acme, scim, admin):
    switch(is_enabled=None)
    answer = scim.search()
    assert (answer.status_code, "switched off" in answer.json()["detail"]) == (403, True)
    assert Event.objects.get().reason == "switched_off"
    assert "SCIM is switched off." in text_of(admin.get(page_of(acme)))
    switch()
    assert scim.search().status_code == 200


def test_without_new_people_those_who_are_here_are_still_updated(switch, scim):
    pat = scim.create(userName="pat@acme.example").json()["id"]
    switch(may_create=None)
    assert scim.create(userName="sam@acme.example").status_code == 403
    assert Event.objects.latest("id").reason == "create_off"
    change = {"op": "replace", "path": "title", "value": "Boss"}
    assert scim.modify(pat, change).json()["title"] == "Boss"


def test_other_domains_are_refused_but_who_is_here_can_go(switch, scim):
    pat = scim.create(userName="pat@old.example").json()["id"]
    switch(email_domains="acme.example")
    answer = scim.create(userName="sam", emails=[{"value": "sam@evil.example"}])
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    detail = answer.json()["detail"]
    assert "'emails' is 'sam@evil.example'" in detail
    assert "acme.example" in detail
    assert Event.objects.latest("id").reason == "email_domain"
    assert scim.create(userName="kim@ACME.example").status_code == 201
    assert scim.modify(pat, {"op": "replace", "path": "title", "value": "x"}).status_code == 200
    assert scim.modify(pat, DEACTIVATE).json()["active"] is False


@pytest.mark.parametrize(
    ("setting", "choice", "is_kept"),
    [
        ("deactivate", "", True),
        ("deactivate", "delete", False),
        ("delete", "", False),
        ("delete", "deactivate", True),
    ],
)
def test_tenant_decides_what_delete_does(switch, scim, settings, setting, choice, is_kept):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"DELETE_BEHAVIOUR": setting}
    switch(delete_behaviour=choice)
    pat = scim.create(userName="pat", title="Clerk").json()["id"]
    assert scim.remove(pat).status_code == 204
    assert Occupant.objects.filter(job_title="Clerk").exists() is is_kept


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("deactivate", "does what the setting says: deactivates the person and keeps their record"),
        ("delete", "does what the setting says: deletes the person for good"),
    ],
)
def test_default_of_delete_is_shown_in_words(admin, acme, settings, setting, words):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"DELETE_BEHAVIOUR": setting}
    assert words in text_of(admin.get(page_of(acme)))


@pytest.mark.parametrize(
    ("entered", "kept"),
    [
        ("", []),
        (" \r\n", []),
        ("ACME.example", ["acme.example"]),
        ("b.example\r\n\r\na.example\r\nB.example", ["b.example", "a.example"]),
        ("a.example, b.example;c.example", ["a.example", "b.example", "c.example"]),
        ("acme.example.", ["acme.example"]),
        ("Bücher.example", ["bücher.example"]),
        ("xn--bcher-kva.example", ["xn--bcher-kva.example"]),
        ("corp.local\nlocalhost", ["corp.local", "localhost"]),
    ],
    ids=repr,
)
def test_domains_are_kept_in_lower_case_once_each(switch, acme, entered, kept):
    assert switch(email_domains=entered).status_code == 302
    assert Connection.objects.get(tenant=acme).email_domains == kept


@pytest.mark.parametrize(
    ("entered", "help_"),
    [
        ("pat@acme.example", "write the domain alone"),
        ("@acme.example", "write the domain alone"),
        ("*.acme.example", "no wildcards"),
        (".acme.example", "no wildcards"),
        ("https://acme.example/", "write the domain alone"),
        ("acme", "write it as example.com"),
        ("acme..example", "write it as example.com"),
        ("-acme.example", "write it as example.com"),
        ("a" * 64 + ".example", "write it as example.com"),
        ("<b>.example", "write it as example.com"),
        (("a." * 127) + "example", "write it as example.com"),
    ],
)
def test_what_is_no_domain_is_an_error_that_says_what_to_do(switch, acme, entered, help_):
    answer = switch(email_domains=f"good.example\r\n{entered}")
    assert answer.status_code == 200
    text = text_of(answer)
    assert help_ in text
    assert "Nothing was saved" in text
    assert f"good.example {escape(entered)}" in text
    assert Connection.objects.get(tenant=acme).email_domains == []


@pytest.mark.parametrize("accepted", ["bücher.example", "xn--bcher-kva.example"])
@pytest.mark.parametrize("sent", ["pat@bücher.example", "pat@XN--BCHER-KVA.example"])
def test_domain_in_another_script_is_one_in_either_spelling(switch, scim, accepted, sent):
    switch(email_domains=accepted)
    assert scim.create(userName=sent).status_code == 201
    assert scim.create(userName="pat@bucher.example").status_code == 400


# -- health --------------------------------------------------------------------------------------


def test_people_are_counted_as_a_client_sees_them(admin, acme, scim):
    OccupantFactory(company=acme, inactive=True)
    OccupantFactory()
    pat, sam = (scim.create(userName=name).json()["id"] for name in ("pat", "sam"))
    for _ in range(2):
        scim.modify(pat, DEACTIVATE)
    scim.remove(sam)
    OccupantFactory(company=CompanyFactory(subdomain="globex"))
    health = admin.get(page_of(acme)).context["health"]
    assert health.people == scim.search().json()["totalResults"]
    assert health.active == scim.search("active eq true").json()["totalResults"]
    assert health.deactivated == 2


def test_who_was_deactivated_last_month_is_not_counted(admin, acme, scim):
    pat = scim.create(userName="pat").json()["id"]
    scim.modify(pat, DEACTIVATE)
    Event.objects.update(created_at=now() - timedelta(days=8))
    assert admin.get(page_of(acme)).context["health"].deactivated == 0


def test_last_event_is_a_sentence(admin, acme, scim):
    scim.request_scim(
        "POST", "/Users", {"userName": "pat@acme.example"}, user_agent="Okta SCIM Client 1.0.0"
    )
    assert "Okta created pat@acme.example." in text_of(admin.get(page_of(acme)))


def test_charts_have_the_numbers_of_the_activity(admin, acme, globex):
    this_hour = hour_of(now())
    Activity.objects.add(acme.pk, this_hour, 10, 4)
    Activity.objects.add(acme.pk, this_hour - timedelta(days=3), 7, 0)
    Activity.objects.add(globex.pk, this_hour, 100, 100)
    answer = admin.get(page_of(acme))
    health = answer.context["health"]
    assert (health.day.total, health.day.total_errors) == (10, 4)
    assert (health.month.total, health.month.total_errors) == (17, 4)
    assert "10 requests, 4 of them refused." in text_of(answer)


def test_request_that_is_not_counted_yet_is_in_the_charts(admin, acme, scim):
    for _ in range(3):
        scim.search()
    assert not Activity.objects.exists()
    assert admin.get(page_of(acme)).context["health"].day.total == 3


def test_charts_are_drawn_in_any_language(admin, acme, settings):
    settings.LANGUAGE_CODE = "de"
    Activity.objects.add(acme.pk, hour_of(now()), 7, 3)
    html = admin.get(page_of(acme)).content.decode()
    drawings = "".join(re.findall(r"<svg viewBox.*?</svg>", html, re.DOTALL))
    drawn = re.findall(r'(?: [xy]\d?|width|height)="([^"]*)"', drawings)
    assert len(drawn) > 40
    assert [number for number in drawn if not re.fullmatch(r"\d+(\.\d+)?", number)] == []
    assert 'viewBox="0 0 420.0 170.0"' in drawings


def test_hours_and_days_are_local_ones_and_end_now(settings):
    settings.TIME_ZONE = "Asia/Kolkata"  # half an hour off
    present = datetime(2026, 3, 31, 19, 45, tzinfo=UTC)
    found = [Hour(hour_of(present), 5, 1, present)]
    hours, days = last_hours(found, present), last_days(found, present)
    assert (len(hours), hours[0].label, hours[-1].label) == (24, "31 Mar, 01:30", "1 Apr, 00:30")
    assert (len(days), days[0].label, days[-1].label) == (30, "3 March", "1 April")
    assert (hours[-1].total, days[-1].total, days[-1].errors) == (5, 5, 1)
    assert sum(day.total for day in days) == 5


@pytest.mark.usefixtures("scim")
def test_silence_is_said_on_the_page(admin, acme):
    Token.objects.update(last_used_at=now() - timedelta(hours=40))
    Activity.objects.bulk_create(
        Activity(tenant=acme, hour=hour_of(now()) - timedelta(hours=n), requests=1)
        for n in range(41, 600, 14)
    )
    text = text_of(admin.get(page_of(acme))).replace("\xa0", " ")
    assert text.count("Silent for longer than usual.") == 2
    assert "The last request was 1 day, 16 hours ago" in text
    assert "the longest pause was 14 hours" in text


# -- live state ----------------------------------------------------------------------------------


def test_state_is_what_the_page_shows(admin, acme, scim):
    scim.search()
    answer = admin.get(f"{LIST}{acme.pk}/state/")
    state = state_of(acme)
    assert answer.json() == {
        "kind": "connected",
        "word": "Connected",
        "headline": state.headline,
        "advice": "",
    }
    assert "no-store" in answer["Cache-Control"]
    assert state.headline in text_of(admin.get(page_of(acme)))


@pytest.mark.parametrize("address", ["change/", "state/"])
def test_while_somebody_looks_every_request_is_written(admin, acme, scim, address):
    scim.search()
    admin.get(f"{LIST}{acme.pk}/{address}")
    assert Connection.objects.get(tenant=acme).is_watched
    Token.objects.update(last_used_at=now() - timedelta(seconds=2))
    scim.search()
    assert now() - Token.objects.get().last_used_at < timedelta(seconds=2)


def test_nobody_who_is_logged_out_reads_the_state(client, acme):
    answer = client.get(f"{LIST}{acme.pk}/state/")
    assert (answer.status_code, answer["Location"][:13]) == (302, "/admin/login/")


def test_asking_for_the_state_costs_little(admin, acme, scim, django_assert_num_queries):
    scim.search()
    admin.get(f"{LIST}{acme.pk}/state/")
    with django_assert_num_queries(5):  # session, user, connection, tokens, people
        admin.get(f"{LIST}{acme.pk}/state/")
