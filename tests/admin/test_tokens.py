"""Tokens in the admin: issued and shown once, changed, rotated, revoked, and by whom."""

import json
import logging
import re
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.views.debug import ExceptionReporter

from example_project.workplace.models import Company, Occupant
from maptician_scim import tokens
from maptician_scim.admin.token_forms import new_nonce
from maptician_scim.models import READ_ONLY, Connection, Event, Scope, Token, now
from maptician_scim.tenancy import public_base_url
from tests.client import ScimClient
from tests.factories import CompanyFactory, OccupantFactory

LIST = "admin:maptician_scim_token_changelist"
ADD = "admin:maptician_scim_token_add"
SECRET = re.compile(r"mapt_scim_[0-9A-Za-z]{49}")


def only_acme(user):
    """What ``TENANT_QUERYSET_FOR`` names in these tests."""
    return Company.objects.filter(subdomain="acme")


def page(action, token):
    return reverse(f"admin:maptician_scim_token_{action}", args=[token.pk])


def text_of(answer):
    return answer.content.decode().replace("\xa0", " ")


def secret_on(answer):
    """The one secret on a page."""
    [secret] = set(SECRET.findall(text_of(answer)))
    return secret


def errors(answer, field):
    return answer.context["form"].errors.get(field, [])


def local(moment):
    """A time as the browser's field sends it."""
    return timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture
def admin_user(db):
    """Without a password, which would take its time to hash."""
    return OccupantFactory(staff=True, email="admin@staff.example")


@pytest.fixture
def token(acme):
    return Token.objects.issue(tenant=acme, name="Okta")[0]


@pytest.fixture
def other_token(globex):
    return Token.objects.issue(tenant=globex, name="Theirs")[0]


@pytest.fixture
def used(token):
    """A token that Okta has used three minutes ago."""
    Token.objects.filter(pk=token.pk).update(
        first_used_at=now() - timedelta(days=9),
        last_used_at=now() - timedelta(minutes=3),
        last_used_ip="192.0.2.7",
        last_used_client="Okta SCIM Client 1.0.0",
    )
    token.refresh_from_db()
    return token


@pytest.fixture
def form(acme):
    """What a browser sends to issue a token, with nothing changed but the name."""
    return {
        "tenant": acme.pk,
        "name": "Okta production",
        "expiry": "default",
        "expires_at": "",
        "access": "all",
        "networks": "",
        "nonce": new_nonce(),
    }


@pytest.fixture
def rotation():
    """What a browser sends to rotate a token, with nothing changed."""
    return {
        "name": "Okta (2)",
        "keep": "72",
        "expiry": "default",
        "expires_at": "",
        "nonce": new_nonce(),
    }


@pytest.fixture
def staff(db):
    """A function: the browser of a staff member with these permissions on tokens."""

    def make(*actions):
        user = OccupantFactory(company=None, email=f"{'-'.join(actions) or 'no'}@staff.example")
        Occupant.objects.filter(pk=user.pk).update(is_staff=True)
        names = [f"{action}_token" for action in actions]
        user.user_permissions.set(
            Permission.objects.filter(codename__in=names, content_type__app_label="maptician_scim")
        )
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def limited(staff, settings):
    """An admin who may do everything, for acme."""
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {
        "TENANT_QUERYSET_FOR": f"{__name__}.only_acme"
    }
    return staff("add", "view", "change", "delete")


# -- issuing ----------------------------------------------------------------------------------


def test_issued_token_works(admin_client, form):
    answer = admin_client.post(reverse(ADD), form)
    assert answer.status_code == 200
    assert ScimClient("acme", secret_on(answer)).search().status_code == 200


def test_issued_token_has_what_was_chosen(admin_client, admin_user, form, acme):
    form |= {
        "expiry": "date",
        "expires_at": local(now() + timedelta(days=10)),
        "access": "chosen",
        "scopes": ["users:write", "users:read"],
        "networks": "192.0.2.0/24\n\n 2001:DB8::/32 \n192.0.2.0/24",
    }
    answer = admin_client.post(reverse(ADD), form)
    token = Token.objects.get()
    assert (token.tenant, token.name, token.created_by) == (acme, "Okta production", admin_user)
    assert token.scopes == ["users:read", "users:write"]
    assert token.networks == ["192.0.2.0/24", "2001:db8::/32"]
    assert timedelta(days=9, hours=23) < token.expires_at - now() < timedelta(days=10)
    assert token.digest == tokens.digest(secret_on(answer))


@pytest.mark.parametrize(
    ("choice", "days"), [("default", 365), ("never", None)], ids=["default", "never"]
)
def test_token_expires_as_chosen(admin_client, form, choice, days):
    admin_client.post(reverse(ADD), form | {"expiry": choice})
    expires = Token.objects.get().expires_at
    assert (expires and round((expires - now()) / timedelta(days=1))) == days


def test_read_only_needs_no_ticks(admin_client, form):
    admin_client.post(reverse(ADD), form | {"access": "read"})
    assert Token.objects.get().scopes == list(READ_ONLY)


def test_form_comes_filled_in(admin_client, acme, globex):
    found = admin_client.get(reverse(ADD), {"tenant": globex.pk}).context["form"]
    assert found["tenant"].value() == str(globex.pk)
    assert (found["expiry"].value(), found["access"].value()) == ("default", "all")
    assert tokens.MARK not in found["nonce"].value()


def test_two_forms_have_two_nonces(admin_client):
    nonces = {admin_client.get(reverse(ADD)).context["form"]["nonce"].value() for _ in range(2)}
    assert len(nonces) == 2
    assert all(len(nonce) == 43 for nonce in nonces)


def test_page_shows_base_url_and_what_to_do(admin_client, form):
    text = text_of(admin_client.post(reverse(ADD), form))
    assert "https://acme.localhost/scim/v2" in text
    assert "SCIM connector base URL" in text
    assert text.count("data-copy-target") == 2


def test_page_may_not_be_kept_and_is_no_redirect(admin_client, form):
    answer = admin_client.post(reverse(ADD), form)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]


def test_page_has_no_inline_script_and_no_inline_style(admin_client, form, token):
    answers = [
        admin_client.get(reverse(ADD)),
        admin_client.post(reverse(ADD), form),
        admin_client.get(page("rotate", token)),
        admin_client.get(page("revoke", token)),
    ]
    for answer in answers:
        text = text_of(answer)
        assert not re.search(r"<style|\sstyle=|\son\w+=", text)
        assert all(re.search(r"\ssrc=", tag) for tag in re.findall(r"<script[^>]*>", text))


def test_issue_is_in_the_admin_log_without_the_secret(admin_client, form):
    secret = secret_on(admin_client.post(reverse(ADD), form))
    entry = LogEntry.objects.get()
    token = Token.objects.get()
    assert (entry.action_flag, entry.object_id, entry.object_repr) == (
        ADDITION,
        str(token.pk),
        str(token),
    )
    assert secret not in str(list(LogEntry.objects.values()))


def test_secret_is_nowhere_else(admin_client, form, caplog):
    caplog.set_level(logging.DEBUG)
    answer = admin_client.post(reverse(ADD), form)
    secret = secret_on(answer)
    ScimClient("acme", secret).search()
    ScimClient("acme", secret).search("userName zz 1")
    ScimClient("acme", secret[:-1]).search()
    token = Token.objects.get()
    pages = [reverse(LIST), page("change", token), page("history", token), page("rotate", token)]
    seen = "".join(text_of(admin_client.get(address)) for address in pages)
    kept = everything_in_the_database()
    assert token.prefix in seen
    assert token.prefix in kept
    random_part = secret.removeprefix(tokens.MARK)
    for part in (random_part[8:30], random_part[-20:]):
        assert part not in seen
        assert part not in kept
        assert part not in caplog.text
        assert part not in str([s.get_decoded() for s in Session.objects.all()])
        assert part not in str(dict(answer.headers))
    assert list(get_messages(answer.wsgi_request)) == []


def everything_in_the_database():
    """Every value of every table, as text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found += cursor.fetchall()
    return str(found)


def test_traceback_does_not_show_the_secret(rf):
    secret = tokens.generate()
    try:
        int(secret[:0])
    except ValueError as error:
        report = ExceptionReporter(rf.get("/"), ValueError, error, error.__traceback__)
    text = report.get_traceback_html() + report.get_traceback_text()
    assert "&lt;Secret" in text
    assert secret.removeprefix(tokens.MARK)[8:] not in text


# -- once -------------------------------------------------------------------------------------


def test_form_sent_again_issues_nothing_and_says_so(admin_client, form):
    first, second = (admin_client.post(reverse(ADD), form) for _ in range(2))
    assert Token.objects.count() == 1
    assert secret_on(first)
    assert SECRET.search(text_of(second)) is None
    assert "already shown" in text_of(second)
    assert LogEntry.objects.count() == 1


def test_form_sent_again_with_another_name_issues_nothing(admin_client, form):
    admin_client.post(reverse(ADD), form)
    answer = admin_client.post(reverse(ADD), form | {"name": "Another"})
    assert "already shown" in text_of(answer)
    assert Token.objects.count() == 1


def test_rotation_sent_again_issues_nothing(admin_client, token, rotation):
    for expected in ("Copy the token now", "already shown"):
        assert expected in text_of(admin_client.post(page("rotate", token), rotation))
    assert Token.objects.count() == 2


@pytest.mark.parametrize("nonce", [None, "", "short", "x" * 44, "ä" * 43, "a" * 42 + "\n"])
def test_form_without_a_proper_nonce_is_shown_again_with_one(admin_client, form, nonce):
    form.pop("nonce")
    answer = admin_client.post(reverse(ADD), form | ({} if nonce is None else {"nonce": nonce}))
    assert "incomplete" in errors(answer, "__all__")[0]
    assert not Token.objects.exists()
    fresh = answer.context["form"]["nonce"].value()
    assert secret_on(admin_client.post(reverse(ADD), form | {"nonce": fresh}))


def test_nonce_of_a_foreign_token_tells_nothing_of_it(limited, form, globex):
    foreign, _ = Token.objects.issue(tenant=globex, name="Theirs", nonce=form["nonce"])
    text = text_of(limited.post(reverse(ADD), form))
    assert "already shown" in text
    assert foreign.prefix not in text
    assert page("change", foreign) not in text


@pytest.mark.django_db(transaction=True)
def test_of_two_forms_sent_at_once_one_issues(admin_user, form):
    if connection.vendor == "sqlite":
        pytest.skip("A database in memory has one connection.")
    barrier, answers = Barrier(4), []

    def send():
        client = Client()
        client.force_login(admin_user)
        barrier.wait()
        answers.append(text_of(client.post(reverse(ADD), form)))
        connections.close_all()

    threads = [Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Token.objects.count() == 1
    assert sorted("already shown" in text for text in answers) == [False, True, True, True]


# -- bad input --------------------------------------------------------------------------------


BAD = {
    "host bits": ({"networks": "192.0.2.0/24\n10.0.0.1/8"}, "networks", "Line 2, “10.0.0.1/8”"),
    "nonsense": ({"networks": "office"}, "networks", "Line 1, “office”: this is no network"),
    "two on a line": ({"networks": "10.0.0.0/8, 10.0.0.0/8"}, "networks", "Line 1"),
    "too many": (
        {"networks": "\n".join(f"10.{n // 256}.{n % 256}.0/24" for n in range(501))},
        "networks",
        "more than 500",
    ),
    "NUL in a network": ({"networks": "10.0.0.0/8\x00"}, "networks", "Line 1"),
    "a past date": ({"expiry": "date", "expires_at": "2020-01-01T00:00"}, "expires_at", "past"),
    "a far date": ({"expiry": "date", "expires_at": "9999-12-31T23:59"}, "expires_at", "too far"),
    "no date": ({"expiry": "date"}, "expires_at", "Enter the date"),
    "no such date": ({"expiry": "date", "expires_at": "tomorrow"}, "expires_at", "valid date"),
    "a date but another choice": ({"expires_at": "2099-01-01T00:00"}, "expires_at", "Choose “on"),
    "no such expiry": ({"expiry": "sometime"}, "expiry", "valid choice"),
    "nothing ticked": ({"access": "chosen"}, "scopes", "Tick at least one"),
    "ticks but a preset": ({"scopes": ["users:read"]}, "scopes", "Choose “what is ticked"),
    "no such scope": ({"access": "chosen", "scopes": ["root"]}, "scopes", "valid choice"),
    "no such access": ({"access": "root"}, "access", "valid choice"),
    "no name": ({"name": "  "}, "name", "required"),
    "a long name": ({"name": "x" * 101}, "name", "at most 100"),
    "NUL in the name": ({"name": "a\x00b"}, "name", "Null"),
    "unknown tenant": ({"tenant": "99999999"}, "tenant", "There is no such tenant"),
    "tenant in words": ({"tenant": "acme"}, "tenant", "There is no such tenant"),
    "no tenant": ({"tenant": ""}, "tenant", "required"),
}


@pytest.mark.parametrize(("change", "field", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_told_at_its_field(admin_client, form, change, field, message):
    answer = admin_client.post(reverse(ADD), form | change)
    assert answer.status_code == 200
    assert message in " ".join(errors(answer, field))
    assert not Token.objects.exists()
    assert not LogEntry.objects.exists()


def test_each_bad_line_is_named(admin_client, form):
    answer = admin_client.post(reverse(ADD), form | {"networks": "a\n10.0.0.0/8\nb"})
    assert [e.split(",")[0] for e in errors(answer, "networks")] == ["Line 1", "Line 3"]


@pytest.mark.parametrize("name", ["Okta", "OKTA", " okta "])
def test_name_of_an_unrevoked_token_is_taken_in_any_case(admin_client, form, token, name):
    answer = admin_client.post(reverse(ADD), form | {"name": name})
    assert "a token of this name already" in errors(answer, "name")[0]
    assert Token.objects.count() == 1


def test_name_of_a_revoked_or_foreign_token_is_free(admin_client, form, token, other_token):
    token.revoke("lost")
    for name in ("Okta", "Theirs"):
        admin_client.post(reverse(ADD), form | {"name": name, "nonce": new_nonce()})
    assert Token.objects.filter(tenant=token.tenant).count() == 3


def test_tenant_whose_scim_is_off_gets_no_token(admin_client, form, acme):
    Connection.objects.create(tenant=acme, is_enabled=False)
    answer = admin_client.post(reverse(ADD), form)
    assert "SCIM is switched off for Acme. Switch it on" in errors(answer, "tenant")[0]
    assert not Token.objects.exists()


def test_if_tokens_must_expire_then_never_is_not_offered(admin_client, form, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"TOKENS_MUST_EXPIRE": True}
    found = admin_client.get(reverse(ADD)).context["form"]
    assert [choice for choice, _ in found.fields["expiry"].choices] == ["default", "date"]
    answer = admin_client.post(reverse(ADD), form | {"expiry": "never"})
    assert errors(answer, "expiry")
    assert not Token.objects.exists()


def test_without_a_lifetime_never_comes_first(admin_client, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"TOKEN_LIFETIME_DAYS": None}
    found = admin_client.get(reverse(ADD)).context["form"]
    assert [choice for choice, _ in found.fields["expiry"].choices] == ["never", "date"]
    assert found["expiry"].value() == "never"


def test_markup_in_a_name_is_text(admin_client, form):
    name = "<script>alert(1)</script>"
    shown = text_of(admin_client.post(reverse(ADD), form | {"name": name}))
    shown += text_of(admin_client.get(reverse(LIST)))
    shown += text_of(admin_client.get(page("change", Token.objects.get())))
    assert name not in shown
    assert "&lt;script&gt;alert(1)" in shown


# -- where tenants are reached -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "name", "secure", "expected"),
    [
        ("localhost", "localhost:8000", False, "http://acme.localhost:8000/scim/v2"),
        ("localhost", "127.0.0.1:8000", False, "http://acme.localhost:8000/scim/v2"),
        ("localhost", "[::1]:8000", False, "http://acme.localhost:8000/scim/v2"),
        ("maptician.com", "maptician.com", True, "https://acme.maptician.com/scim/v2"),
        (
            "maptician.com",
            "admin.maptician.com:8443",
            True,
            "https://acme.maptician.com:8443/scim/v2",
        ),
        ("maptician.com", "admin.MAPTICIAN.com", False, "http://acme.maptician.com/scim/v2"),
        ("maptician.com", "admin.internal:8000", False, "https://acme.maptician.com/scim/v2"),
        ("maptician.com", "evilmaptician.com:8000", False, "https://acme.maptician.com/scim/v2"),
    ],
    ids=lambda value: str(value),
)
def test_base_url_follows_an_admin_that_is_near(acme, settings, rf, domain, name, secure, expected):
    settings.ALLOWED_HOSTS = ["*"]
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"BASE_DOMAIN": domain}
    request = rf.get("/admin/", headers={"host": name}, secure=secure)
    assert public_base_url(request, acme) == expected


# -- the list ---------------------------------------------------------------------------------


def rows(answer):
    return {token.name for token in answer.context["cl"].result_list}


def test_list_tells_what_one_wants_to_know(admin_client, used, admin_user):
    Token.objects.update(created_by=admin_user, scopes=["users:read", "groups:write"])
    text = text_of(admin_client.get(reverse(LIST)))
    for expected in (
        "Okta",
        "Acme",
        used.prefix,
        "valid",
        "read users, write groups",
        "192.0.2.7 by Okta",
        str(admin_user),
        page("rotate", used),
        page("revoke", used),
    ):
        assert expected in text


@pytest.fixture
def one_of_each(acme):
    """A token of every state, named by it."""

    def issue(name, **values):
        return Token.objects.issue(tenant=acme, name=name, **values)[0]

    issue("valid", expires_at=None)
    issue("expiring", expires_at=now() + timedelta(days=12))
    issue("expired", expires_at=now() - timedelta(days=1))
    issue("revoked", expires_at=now() - timedelta(days=1)).revoke("lost")
    issue("superseded").rotate(name="successor", keep_for=timedelta(days=3))


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("valid", {"valid", "successor"}),
        ("expiring", {"expiring"}),
        ("superseded", {"superseded"}),
        ("expired", {"expired"}),
        ("revoked", {"revoked"}),
        ("nonsense", set()),
    ],
)
def test_list_is_filtered_by_state(admin_client, state, expected):
    assert rows(admin_client.get(reverse(LIST), {"state": state})) == expected


@pytest.mark.usefixtures("one_of_each")
def test_list_counts_by_state(admin_client):
    text = text_of(admin_client.get(reverse(LIST), {"_facets": "True"}))
    assert re.search(r"valid\s*\(2\)", text)
    assert re.search(r"revoked\s*\(1\)", text)


def test_list_is_filtered_by_tenant(admin_client, token, other_token):
    assert rows(admin_client.get(reverse(LIST), {"tenant": token.tenant.pk})) == {"Okta"}


def test_list_is_searched_by_name_and_prefix(admin_client, token, other_token):
    for q in ("okt", token.prefix, token.prefix[:15]):
        assert rows(admin_client.get(reverse(LIST), {"q": q})) == {"Okta"}


def test_whole_token_in_the_search_is_cut_at_once(admin_client, acme):
    _, secret = Token.objects.issue(tenant=acme, name="Okta")
    answer = admin_client.get(reverse(LIST), {"q": secret, "state": "valid"}, follow=True)
    [(address, _)] = answer.redirect_chain
    assert secret not in address + text_of(answer)
    assert "state=valid" in address
    assert rows(answer) == {"Okta"}


@pytest.mark.parametrize("model", ["event", "provisioneduser", "connection"])
def test_whole_token_in_the_search_of_another_list_is_cut_too(admin_client, acme, model):
    _, secret = Token.objects.issue(tenant=acme, name="Okta")
    address = reverse(f"admin:maptician_scim_{model}_changelist")
    answer = admin_client.get(address, {"q": f" {secret}"}, follow=True)
    assert answer.status_code == 200
    assert secret not in str(answer.redirect_chain) + text_of(answer) + answer.content.decode()


def test_list_costs_the_same_for_few_and_many(
    admin_client, acme, globex, django_assert_num_queries
):
    for size in (2, 12):
        for number in range(size):
            tenant = CompanyFactory(subdomain=f"t{size}-{number}")
            token, _ = Token.objects.issue(tenant=tenant, name=f"{size}-{number}")
            token.rotate(name="next", keep_for=None)
        with django_assert_num_queries(7):
            admin_client.get(reverse(LIST))


def test_change_page_costs_a_fixed_number_of_queries(
    admin_client, token, django_assert_num_queries
):
    successor = token.rotate(name="next", keep_for=None)[0]
    admin_client.get(page("change", token))  # Django keeps content types from then on
    for shown in (token, successor):
        with django_assert_num_queries(4):
            admin_client.get(page("change", shown))


# -- changing ---------------------------------------------------------------------------------


def posted(admin_client, token, **changes):
    """The answer to the change form with some fields changed."""
    found = admin_client.get(page("change", token)).context["adminform"].form
    data = {name: found[name].value() for name in found.fields}
    data = {name: value for name, value in data.items() if value is not None}
    data["expires_at"] = local(token.expires_at) if token.expires_at else ""
    return admin_client.post(page("change", token), data | changes)


def test_form_saved_unchanged_changes_nothing(admin_client, token):
    before = Token.objects.values().get()
    assert posted(admin_client, token).status_code == 302
    assert Token.objects.values().get() == before


def test_form_from_before_a_rotation_does_not_lift_its_deadline(admin_client, token):
    shown = admin_client.get(page("change", token))
    stale = {
        name: value
        for name in shown.context["adminform"].form.fields
        if (value := shown.context["adminform"].form[name].value()) is not None
    }
    Token.objects.get().rotate(name="Okta (2)", keep_for=timedelta(hours=72))
    before = Token.objects.filter(pk=token.pk).values().get()
    answer = admin_client.post(page("change", token), stale | {"expiry": "never", "expires_at": ""})
    assert "has been rotated while you had its page open" in text_of(answer)
    assert Token.objects.filter(pk=token.pk).values().get() == before
    assert 'name="rotated"' in shown.content.decode()


def test_what_is_editable_changes(admin_client, token):
    later = now() + timedelta(days=500)
    answer = posted(
        admin_client,
        token,
        name="Entra",
        networks="10.0.0.0/8",
        access="read",
        expires_at=local(later),
    )
    assert answer.status_code == 302
    token.refresh_from_db()
    assert (token.name, token.networks, token.scopes) == ("Entra", ["10.0.0.0/8"], list(READ_ONLY))
    assert local(token.expires_at) == local(later)


def test_token_may_be_made_to_last(admin_client, token):
    posted(admin_client, token, expiry="never")
    token.refresh_from_db()
    assert token.expires_at is None


def test_what_is_not_editable_does_not_change(admin_client, token, globex):
    posted(admin_client, token, tenant=globex.pk, prefix="x", digest="x", revoked_at="2020-01-01")
    token.refresh_from_db()
    assert (token.tenant.subdomain, token.revoked_at) == ("acme", None)
    assert token.digest != "x"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"networks": "10.0.0.1/8"}, "networks"),
        ({"expires_at": "2020-01-01T00:00"}, "expires_at"),
        ({"name": "other"}, "name"),
        ({"access": "chosen"}, "scopes"),
        ({"scopes": ["users:read"]}, "scopes"),
    ],
    ids=lambda value: str(value),
)
def test_change_is_validated_as_an_issue_is(admin_client, token, changes, field):
    Token.objects.issue(tenant=token.tenant, name="Other")
    before = Token.objects.filter(pk=token.pk).values().get()
    answer = posted(admin_client, token, **changes)
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert Token.objects.filter(pk=token.pk).values().get() == before


def test_expired_token_may_be_renamed(admin_client, token):
    Token.objects.update(expires_at=now() - timedelta(days=1))
    token.refresh_from_db()
    assert posted(admin_client, token, name="Old").status_code == 302
    token.refresh_from_db()
    assert (token.name, token.is_expired) == ("Old", True)


def test_change_that_crosses_a_use_or_a_revocation_takes_neither_back(
    admin_client, token, monkeypatch
):
    from maptician_scim.admin.tokens import TokenAdmin

    save = TokenAdmin.save_model

    def late_save(self, *arguments, **kwargs):
        found = Token.objects.get()
        found.mark_used("192.0.2.1", "Okta")
        found.revoke("leaked")
        save(self, *arguments, **kwargs)

    monkeypatch.setattr(TokenAdmin, "save_model", late_save)
    posted(admin_client, token, name="Entra")
    token.refresh_from_db()
    assert (token.name, token.revoked_reason, token.last_used_ip) == (
        "Entra",
        "leaked",
        "192.0.2.1",
    )
    assert token.first_used_at is not None


def test_new_expiry_is_announced_anew(admin_client, token):
    Token.objects.update(announced_days=7)
    token.refresh_from_db()
    posted(admin_client, token, name="Entra")
    assert Token.objects.get().announced_days == 7
    posted(admin_client, token, expires_at=local(now() + timedelta(days=400)))
    assert Token.objects.get().announced_days is None


def test_change_is_in_the_admin_log_with_its_fields(admin_client, token):
    posted(admin_client, token, name="Entra", networks="10.0.0.0/8")
    entry = LogEntry.objects.get()
    assert entry.action_flag == CHANGE
    assert json.loads(entry.change_message) == [
        {"changed": {"fields": ["name", "allowed networks"]}}
    ]


def test_page_shows_use_and_family(admin_client, used):
    successor, _ = used.rotate(name="Okta (2)", keep_for=timedelta(hours=72))
    text = text_of(admin_client.get(page("change", used)))
    assert "from 192.0.2.7 by Okta" in text
    assert "Okta SCIM Client 1.0.0" in text
    assert page("change", successor) in text
    assert "has not been used yet" in text
    assert page("change", used) in text_of(admin_client.get(page("change", successor)))


def test_save_as_new_makes_no_token(admin_client, token):
    answer = admin_client.post(page("change", token), {"_saveasnew": "1", "name": "x"})
    assert answer.status_code == 403
    assert Token.objects.count() == 1


def test_revoked_token_is_only_looked_at(admin_client, token):
    token.revoke("lost in a chat")
    answer = admin_client.get(page("change", token))
    assert "lost in a chat" in text_of(answer)
    assert "_save" not in text_of(answer)
    assert admin_client.post(page("change", token), {"name": "x"}).status_code == 403


# -- rotating ---------------------------------------------------------------------------------


def test_rotation_issues_a_successor_and_both_work(admin_client, admin_user, acme, rotation):
    old, old_secret = Token.objects.issue(
        tenant=acme, name="Okta", scopes=READ_ONLY, networks=["127.0.0.0/8"]
    )
    answer = admin_client.post(page("rotate", old), rotation)
    new = Token.objects.exclude(pk=old.pk).get()
    assert (new.predecessor, new.name, new.created_by) == (old, "Okta (2)", admin_user)
    assert (new.scopes, new.networks) == (list(READ_ONLY), ["127.0.0.0/8"])
    assert "no-store" in answer["Cache-Control"]
    for secret in (old_secret, secret_on(answer)):
        assert ScimClient("acme", secret).search().status_code == 200


@pytest.mark.parametrize(
    ("keep", "expected"),
    [("24", timedelta(hours=24)), ("72", timedelta(hours=72)), ("168", timedelta(days=7))],
)
def test_old_token_ends_when_it_was_said(admin_client, token, rotation, keep, expected):
    text = text_of(admin_client.post(page("rotate", token), rotation | {"keep": keep}))
    token.refresh_from_db()
    assert token.expires_at - token.rotated_at == expected
    assert "goes on working until" in text


def test_old_token_may_be_kept_until_it_is_revoked(admin_client, token, rotation):
    Token.objects.update(expires_at=None)
    text = text_of(admin_client.post(page("rotate", token), rotation | {"keep": "revoked"}))
    token.refresh_from_db()
    assert token.expires_at is None
    assert "goes on working until it is revoked" in text


def test_rotation_form_comes_filled_in(admin_client, token, settings):
    found = admin_client.get(page("rotate", token)).context["form"]
    assert (found["name"].value(), found["keep"].value()) == ("Okta (2)", "72")
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"ROTATION_HOURS": 5}
    found = admin_client.get(page("rotate", token)).context["form"]
    assert found["keep"].value() == "5"
    assert found.fields["keep"].choices[0] == ("5", "5 hours")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "okta"}, "name"),
        ({"name": ""}, "name"),
        ({"keep": "9999999"}, "keep"),
        ({"keep": ""}, "keep"),
        ({"expiry": "date", "expires_at": "2020-01-01T00:00"}, "expires_at"),
    ],
    ids=lambda value: str(value),
)
def test_rotation_is_validated(admin_client, token, rotation, change, field):
    answer = admin_client.post(page("rotate", token), rotation | change)
    assert errors(answer, field)
    assert Token.objects.count() == 1
    token.refresh_from_db()
    assert token.rotated_at is None


def test_if_scim_is_off_then_no_rotation(admin_client, token, rotation):
    Connection.objects.create(tenant=token.tenant, is_enabled=False)
    answer = admin_client.post(page("rotate", token), rotation)
    assert "SCIM is switched off" in errors(answer, "__all__")[0]
    assert Token.objects.count() == 1


def revoke(token):
    token.revoke("lost")


def expire(token):
    Token.objects.filter(pk=token.pk).update(expires_at=now())


def rotate(token):
    token.rotate(name="Okta (2)", keep_for=None)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (revoke, "It is revoked"),
        (expire, "It has expired"),
        (rotate, "its successor is Okta (2)"),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_what_cannot_be_rotated_says_why(admin_client, token, rotation, spoil, message, method):
    spoil(token)
    count = Token.objects.count()
    answer = getattr(admin_client, method)(page("rotate", token), rotation | {"name": "Third"})
    assert message in text_of(answer)
    assert Token.objects.count() == count


def test_rotation_is_in_the_admin_log_of_both(admin_client, token, rotation):
    admin_client.post(page("rotate", token), rotation)
    token, successor = Token.objects.order_by("pk")
    entries = {entry.object_id: entry for entry in LogEntry.objects.all()}
    assert {key: entry.action_flag for key, entry in entries.items()} == {
        str(token.pk): CHANGE,
        str(successor.pk): ADDITION,
    }
    assert str(successor) in entries[str(token.pk)].change_message


# -- revoking and deleting ----------------------------------------------------------------------


def test_revoked_token_is_refused_at_the_next_request(admin_client, acme):
    token, secret = Token.objects.issue(tenant=acme, name="Okta")
    client = ScimClient("acme", secret)
    assert client.search().status_code == 200
    answer = admin_client.post(page("revoke", token), {"reason": "leaked"}, follow=True)
    assert "is revoked" in text_of(answer)
    assert client.search().status_code == 401
    assert LogEntry.objects.get().get_change_message() == "Revoked: leaked"


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201], ids=["none", "blank", "long"])
def test_revocation_needs_a_reason(admin_client, token, reason):
    answer = admin_client.post(page("revoke", token), {"reason": reason})
    assert errors(answer, "reason")
    token.refresh_from_db()
    assert token.is_valid


def test_token_pasted_as_name_or_reason_is_cut(admin_client, form):
    secret = secret_on(admin_client.post(reverse(ADD), form))
    token = Token.objects.get()
    posted(admin_client, token, name=f"was {secret}")
    admin_client.post(page("revoke", token), {"reason": f"leaked {secret}"})
    assert Token.objects.get().revoked_reason == f"leaked {token.prefix}…"
    assert secret not in everything_in_the_database()


def test_revoking_page_tells_of_the_last_use(admin_client, used):
    assert "3 minutes ago from 192.0.2.7" in text_of(admin_client.get(page("revoke", used)))


def test_token_that_is_revoked_already_keeps_its_reason(admin_client, token):
    token.revoke("first")
    for method in ("get", "post"):
        answer = getattr(admin_client, method)(page("revoke", token), {"reason": "second"})
        assert "is revoked already" in text_of(answer)
        assert "Reason: first" in text_of(answer)
    token.refresh_from_db()
    assert token.revoked_reason == "first"


def test_token_that_is_in_force_is_not_deleted(admin_client, token):
    for method in ("get", "post"):
        answer = getattr(admin_client, method)(page("delete", token), {"post": "yes"})
        assert answer.status_code == 403
        assert "Revoke it instead" in text_of(answer)
    assert Token.objects.exists()


def test_token_with_events_is_not_deleted(admin_client, token):
    Event.objects.create(
        tenant=token.tenant, token=token, verb="create", status=201, correlation_id="x"
    )
    token.revoke("lost")
    answer = admin_client.post(page("delete", token), {"post": "yes"})
    assert answer.status_code == 403
    assert "log" in text_of(answer)
    assert Token.objects.exists()


def test_token_that_left_no_trace_is_deleted(admin_client, token):
    token.revoke("never handed out")
    assert page("delete", token) in text_of(admin_client.get(page("change", token)))
    admin_client.post(page("delete", token), {"post": "yes"})
    assert not Token.objects.exists()
    assert LogEntry.objects.get().action_flag == DELETION


def test_list_deletes_nothing(admin_client, token):
    token.revoke("lost")
    admin_client.post(
        reverse(LIST),
        {"action": "delete_selected", "_selected_action": [token.pk], "post": "yes"},
    )
    assert Token.objects.exists()


# -- permissions ------------------------------------------------------------------------------

PAGES = {
    "list": (lambda token: reverse(LIST), "view"),
    "look": (lambda token: page("change", token), "view"),
    "history": (lambda token: page("history", token), "view"),
    "issue": (lambda token: reverse(ADD), "add"),
    "rotate": (lambda token: page("rotate", token), "add change view"),
    "revoke": (lambda token: page("revoke", token), "change view"),
    "delete": (lambda token: page("delete", token), "delete view"),
}
ACTIONS = {"add", "view", "change", "delete"}


@pytest.mark.rfc("7644", "2", "a")
@pytest.mark.parametrize(("address", "needed"), PAGES.values(), ids=PAGES)
def test_page_opens_with_its_permissions_and_not_without(staff, token, address, needed):
    Token.objects.update(expires_at=now() - timedelta(days=1))
    address, needed = address(token), set(needed.split())
    assert staff(*sorted(needed)).get(address).status_code == 200
    # Who may change a row may look at it: that is Django's own rule.
    for missing in needed - ({"view"} if "change" in needed else set()):
        others = ACTIONS - {missing} - ({"change"} if missing == "view" else set())
        if missing != "view" or needed == {"view"}:
            assert staff(*sorted(others)).get(address).status_code == 403, missing


def test_viewer_is_shown_no_way_to_change_anything(staff, token):
    viewer = staff("view")
    for address in (reverse(LIST), page("change", token)):
        text = text_of(viewer.get(address))
        assert page("rotate", token) not in text
        assert page("revoke", token) not in text
    assert viewer.post(page("change", token), {"name": "x"}).status_code == 403
    assert "everything" in text_of(viewer.get(page("change", token)))


def test_issuer_who_may_not_look_sees_their_token_once(staff, form):
    answer = staff("add").post(reverse(ADD), form)
    assert secret_on(answer)
    assert page("change", Token.objects.get()) not in text_of(answer)


@pytest.mark.parametrize("action", ["change", "history", "rotate", "revoke", "delete"])
def test_token_of_another_tenant_is_as_unknown_as_none(limited, other_token, action):
    there = limited.get(page(action, other_token))
    nowhere = limited.get(page(action, Token(pk=99999999)))
    assert (there.status_code, nowhere.status_code) == (403, 403)
    assert there.content == nowhere.content


@pytest.mark.parametrize("action", ["rotate", "revoke", "change", "delete"])
def test_token_of_another_tenant_is_not_changed(limited, other_token, rotation, action):
    before = list(Token.objects.values())
    data = rotation | {"reason": "mine", "post": "yes"}
    assert limited.post(page(action, other_token), data).status_code == 403
    assert list(Token.objects.values()) == before


def test_limited_admin_works_for_their_tenant(limited, form, token, rotation):
    assert secret_on(limited.post(reverse(ADD), form))
    assert secret_on(limited.post(page("rotate", token), rotation))
    assert limited.post(page("revoke", token), {"reason": "x"}).status_code == 302


def test_limited_admin_sees_no_trace_of_others(limited, token, other_token):
    for address in (reverse(LIST), reverse(ADD), f"{reverse(ADD)}?tenant={other_token.tenant.pk}"):
        text = text_of(limited.get(address))
        assert "Acme" in text
        assert "Globex" not in text
        assert "Theirs" not in text
    filtered = limited.get(reverse(LIST), {"tenant": other_token.tenant.pk})
    assert rows(filtered) == set()


def test_foreign_tenant_in_a_form_is_refused_like_an_unknown_one(limited, form, globex):
    answers = [limited.post(reverse(ADD), form | {"tenant": pk}) for pk in (globex.pk, 99999999)]
    found = [list(errors(answer, "tenant")) for answer in answers]
    assert found[0] == found[1] == ["There is no such tenant for you. Choose one from the list."]
    assert not Token.objects.exists()


def test_autocomplete_offers_own_tokens_only(limited, token, other_token):
    from django.contrib import admin

    request = limited.get(reverse(LIST)).wsgi_request
    model_admin = admin.site._registry[Token]
    found, _ = model_admin.get_search_results(request, model_admin.get_queryset(request), "mapt")
    assert list(found) == [token]


@pytest.mark.rfc("7644", "2", "a")
def test_stranger_is_sent_to_the_login(client, token):
    for address in (reverse(LIST), reverse(ADD), page("rotate", token), page("revoke", token)):
        answer = client.get(address)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")


def test_form_without_csrf_token_is_refused(admin_user, form):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.post(reverse(ADD), form).status_code == 403
    assert not Token.objects.exists()


def test_every_scope_has_a_name():
    assert {scope.label for scope in Scope} == {
        "read users",
        "write users",
        "read groups",
        "write groups",
    }
