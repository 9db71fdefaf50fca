"""``manage.py scim_token``"""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from maptician_scim import tokens
from maptician_scim.models import Token, now
from tests.client import ScimClient


@pytest.fixture
def run(capsys):
    """A function: what the command prints."""

    def call(*arguments):
        call_command("scim_token", *arguments)
        output = capsys.readouterr()
        assert output.err == ""
        return output.out

    return call


@pytest.mark.usefixtures("acme")
def test_issue_prints_a_token_that_works_and_nothing_else(run):
    secret = run("issue", "acme", "--name", "Okta").removesuffix("\n")
    assert tokens.is_well_formed(secret)
    assert ScimClient("acme", secret).search().status_code == 200


def test_issue_keeps_name_tenant_and_a_year(run, acme):
    run("issue", "acme", "--name", "Okta production")
    token = Token.objects.get()
    assert (token.name, token.tenant) == ("Okta production", acme)
    assert round((token.expires_at - now()) / timedelta(days=1)) == 365


@pytest.mark.usefixtures("acme")
def test_issue_with_days_expires_then(run):
    run("issue", "acme", "--name", "Okta", "--expires-in", "7")
    assert round((Token.objects.get().expires_at - now()) / timedelta(days=1)) == 7


@pytest.mark.usefixtures("acme")
def test_issue_read_only_may_not_write(run):
    secret = run("issue", "acme", "--name", "Report", "--read-only").strip()
    client = ScimClient("acme", secret)
    assert client.search().status_code == 200
    assert client.create(userName="pat").status_code == 403


@pytest.mark.usefixtures("acme")
def test_issue_takes_the_subdomain_in_any_case(run):
    run("issue", "ACME", "--name", "Okta")
    assert Token.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["issue", "nobody", "--name", "x"], "no company whose subdomain is 'nobody'"),
        (["issue", "acme"], "--name"),
        (["issue", "acme", "--name", "x", "--expires-in", "0"], "days from 1 to 36500"),
        (["issue", "acme", "--name", "x", "--expires-in", "-1"], "days from 1 to 36500"),
        (["issue", "acme", "--name", "x", "--expires-in", "soon"], "days from 1 to 36500"),
        (["issue", "acme", "--name", "x", "--expires-in", "9999999"], "days from 1 to 36500"),
        (["list", "nobody"], "no company whose subdomain is 'nobody'"),
        (["revoke", "mapt_scim_zzz"], "no token in force that begins with 'mapt_scim_zzz'"),
        ([], "action"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_an_error(run, acme, arguments, message):
    with pytest.raises(CommandError, match=message):
        run(*arguments)
    assert not Token.objects.exists()


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\x1b[2Jb", "\udcff"], ids=ascii)
def test_name_that_no_table_could_show_is_an_error(run, acme, name):
    with pytest.raises(CommandError, match="printable"):
        run("issue", "acme", "--name", name)
    assert not Token.objects.exists()


# -- list -------------------------------------------------------------------------------------


def table(text):
    return [line.split() for line in text.splitlines()]


def test_list_shows_all_tokens_without_secrets(run, acme, globex):
    pairs = [Token.objects.issue(tenant=t, name="Okta") for t in (globex, acme)]
    output = run("list")
    assert [row[:4] for row in table(output)] == [
        ["TENANT", "NAME", "PREFIX", "STATE"],
        *(["acme", "Okta", token.prefix, "valid"] for token, _ in pairs[1:]),
        *(["globex", "Okta", token.prefix, "valid"] for token, _ in pairs[:1]),
    ]
    assert not any(secret in output or token.digest in output for token, secret in pairs)


def test_list_of_one_tenant_shows_its_own(run, acme, globex):
    for tenant in (acme, globex):
        Token.objects.issue(tenant=tenant, name="Okta")
    assert [row[0] for row in table(run("list", "globex"))] == ["TENANT", "globex"]


def test_list_says_what_is_revoked_or_expired(run, acme):
    Token.objects.issue(tenant=acme, name="a")[0].revoke()
    Token.objects.issue(tenant=acme, name="b", expires_at=now())
    assert [row[3] for row in table(run("list"))[1:]] == ["revoked", "expired"]


@pytest.mark.usefixtures("db")
def test_list_without_tokens_is_the_heading(run):
    assert len(table(run("list"))) == 1


# -- revoke -----------------------------------------------------------------------------------


def test_revoked_token_is_refused_from_the_next_request_on(run, acme):
    token, secret = Token.objects.issue(tenant=acme, name="Okta")
    client = ScimClient("acme", secret)
    assert client.search().status_code == 200
    assert run("revoke", token.prefix) == f"Revoked 'Okta' ({token.prefix}).\n"
    assert client.search().status_code == 401


def test_prefix_of_two_tokens_is_an_error_that_names_both(run, acme):
    both = [Token.objects.issue(tenant=acme, name=name)[0] for name in ("Okta", "Entra")]
    with pytest.raises(CommandError) as error:
        run("revoke", tokens.MARK)
    assert all(t.name in str(error.value) and t.prefix in str(error.value) for t in both)
    assert Token.objects.valid().count() == 2


def test_empty_prefix_revokes_nothing(run, acme):
    Token.objects.issue(tenant=acme, name="Okta")
    with pytest.raises(CommandError):
        run("revoke", "")
    assert Token.objects.valid().count() == 1


def test_revoked_token_does_not_count_for_a_prefix(run, acme):
    Token.objects.issue(tenant=acme, name="Old")[0].revoke()
    Token.objects.issue(tenant=acme, name="New")
    assert run("revoke", tokens.MARK).startswith("Revoked 'New'")


def test_prefix_is_told_apart_by_case(run, acme):
    lower, upper = (Token.objects.issue(tenant=acme, name="Okta")[0] for _ in range(2))
    Token.objects.filter(pk=lower.pk).update(prefix="mapt_scim_abcdefgh")
    Token.objects.filter(pk=upper.pk).update(prefix="mapt_scim_ABCDEFGH")
    run("revoke", "mapt_scim_ABC")
    assert list(Token.objects.valid()) == [lower]
