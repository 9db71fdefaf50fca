"""``manage.py scim_token``"""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from maptician_scim import tokens
from maptician_scim.management.commands import scim_token
from maptician_scim.models import READ_ONLY, Connection, Token, now
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


def test_reason_of_a_revocation_is_kept(run, acme):
    token, _ = Token.objects.issue(tenant=acme, name="Okta")
    run("revoke", token.prefix, "--reason", "leaked in a chat")
    token.refresh_from_db()
    assert token.revoked_reason == "leaked in a chat"


def test_whole_token_is_taken_for_its_prefix_and_not_repeated(run, acme):
    _, secret = Token.objects.issue(tenant=acme, name="Okta")
    assert secret not in run("revoke", secret)
    with pytest.raises(CommandError) as error:
        run("revoke", secret)
    assert secret not in str(error.value)


# -- scopes, networks, expiry -----------------------------------------------------------------


def test_issue_takes_scopes_and_networks(run, acme):
    run(
        *("issue", "acme", "--name", "Okta", "--scopes", "groups:read, users:read"),
        *("--network", "192.0.2.0/24", "--network", "2001:DB8::/32", "--network", "192.0.2.0/24"),
    )
    token = Token.objects.get()
    assert token.scopes == ["users:read", "groups:read"]
    assert token.networks == ["192.0.2.0/24", "2001:db8::/32"]


@pytest.mark.usefixtures("acme")
def test_issue_that_never_expires(run, settings):
    run("issue", "acme", "--name", "Okta", "--never-expires")
    assert Token.objects.get().expires_at is None
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"TOKENS_MUST_EXPIRE": True}
    with pytest.raises(CommandError, match="TOKENS_MUST_EXPIRE"):
        run("issue", "acme", "--name", "Okta 2", "--never-expires")
    assert Token.objects.count() == 1


def test_name_that_is_taken_is_noted_beside_the_token(acme, capsys):
    Token.objects.issue(tenant=acme, name="OKTA")
    call_command("scim_token", "issue", "acme", "--name", "Okta")
    output = capsys.readouterr()
    assert tokens.is_well_formed(output.out.removesuffix("\n"))
    assert "a token named 'Okta' already" in output.err
    assert Token.objects.count() == 2


def test_tenant_that_is_switched_off_is_noted_beside_the_token(acme, capsys):
    Connection.objects.create(tenant=acme, is_enabled=False)
    call_command("scim_token", "issue", "acme", "--name", "Okta")
    output = capsys.readouterr()
    assert tokens.is_well_formed(output.out.removesuffix("\n"))
    assert f"SCIM is switched off for {acme}. Switch it on" in output.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scopes", "users:read,root"], "'root': the scopes are users:read"),
        (["--scopes", ""], "the scopes are"),
        (["--scopes", "users:read", "--read-only"], "not allowed with"),
        (["--network", "10.0.0.1/8"], "Write 10.0.0.0/8"),
        (["--network", "office"], "'office': this is no network"),
        (["--never-expires", "--expires-in", "3"], "not allowed with"),
        (["--name", "a\x00b"], "a text of 1 to 100"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_issue_that_makes_no_sense_is_an_error(run, acme, arguments, message):
    with pytest.raises(CommandError, match=message):
        run("issue", "acme", "--name", "Okta", *arguments)
    assert not Token.objects.exists()


def test_list_shows_rights_expiry_and_last_use(run, acme):
    Token.objects.issue(tenant=acme, name="a", expires_at=None)
    Token.objects.issue(
        tenant=acme, name="b", scopes=["users:read"], networks=["10.0.0.0/8"], expires_at=None
    )
    at = now()
    Token.objects.filter(name="b").update(
        last_used_at=at, last_used_ip="10.0.0.1", last_used_client="Okta SCIM Client 1.0.0"
    )
    [heading, *lines] = [re.split(r" {2,}", line) for line in run("list").splitlines()]
    first, second = (dict(zip(heading, line, strict=True)) for line in lines)
    assert (first["SCOPES"], first["NETWORKS"], first["LAST USED"]) == ("all", "any", "never")
    assert (second["SCOPES"], second["NETWORKS"]) == ("users:read", "10.0.0.0/8")
    assert second["EXPIRES"] == "never"
    assert second["LAST USED"] == f"{at:%Y-%m-%d %H:%M} from 10.0.0.1 by Okta"


def test_list_says_what_is_superseded_or_expires_soon(run, acme):
    token, _ = Token.objects.issue(tenant=acme, name="a")
    token.rotate(name="b", keep_for=None)
    Token.objects.issue(tenant=acme, name="c", expires_at=now() + timedelta(days=3))
    assert [row[3] for row in table(run("list"))[1:]] == ["superseded", "valid", "expiring"]


def test_list_lets_no_client_write_to_the_terminal(run, acme):
    Token.objects.issue(tenant=acme, name="a\x1b[2Jb")
    Token.objects.update(last_used_at=now(), last_used_client="\x1b]0;evil\x07")
    output = run("list")
    assert "a?[2Jb" in output
    assert "\x1b" not in output


def test_list_costs_the_same_for_few_and_many(run, acme, django_assert_num_queries):
    for size in (2, 9):
        for number in range(size):
            Token.objects.issue(tenant=acme, name=str(number))[0].rotate(name="x", keep_for=None)
        with django_assert_num_queries(2):
            run("list")


# -- rotate -----------------------------------------------------------------------------------


@pytest.fixture
def okta(acme):
    """A token and its secret."""
    return Token.objects.issue(tenant=acme, name="Okta", scopes=READ_ONLY, networks=["127.0.0.0/8"])


def test_rotate_prints_a_successor_and_both_work(run, okta):
    old, old_secret = okta
    secret = run("rotate", old.prefix).removesuffix("\n")
    for each in (secret, old_secret):
        assert ScimClient("acme", each).search().status_code == 200
    new = Token.objects.get(predecessor=old)
    assert (new.name, new.scopes, new.networks) == ("Okta (2)", list(READ_ONLY), ["127.0.0.0/8"])
    old.refresh_from_db()
    assert old.expires_at - old.rotated_at == timedelta(hours=72)


def test_rotate_takes_name_deadline_and_expiry(run, okta):
    run("rotate", okta[0].prefix, "--name", "New", "--keep-for", "5", "--expires-in", "7")
    old, new = Token.objects.order_by("pk")
    assert old.expires_at - old.rotated_at == timedelta(hours=5)
    assert (new.name, round((new.expires_at - now()) / timedelta(days=1))) == ("New", 7)


def test_rotate_may_keep_the_old_one(run, okta):
    Token.objects.update(expires_at=None)
    run("rotate", okta[0].prefix, "--keep-until-revoked")
    okta[0].refresh_from_db()
    assert (okta[0].expires_at, okta[0].rotated_at is None) == (None, False)


def test_rotated_token_is_not_rotated_again(run, okta):
    run("rotate", okta[0].prefix)
    with pytest.raises(CommandError, match=r"cannot be rotated\. It has been rotated already"):
        run("rotate", okta[0].prefix)
    assert Token.objects.count() == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep-for", "0"], "hours from 1 to 8760"),
        (["--keep-for", "soon"], "hours from 1 to 8760"),
        (["--keep-for", "5", "--keep-until-revoked"], "not allowed with"),
        (["--expires-in", "0"], "days from 1 to 36500"),
        (["--name", " "], "a text of 1 to 100"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_rotation_that_makes_no_sense_is_an_error(run, okta, arguments, message):
    with pytest.raises(CommandError, match=message):
        run("rotate", okta[0].prefix, *arguments)
    assert Token.objects.count() == 1


def test_rotate_of_nothing_is_an_error(run, okta):
    okta[0].revoke()
    for prefix, message in ((okta[0].prefix, "no token in force"), ("x", "A prefix begins with")):
        with pytest.raises(CommandError, match=message):
            run("rotate", prefix)


# -- check ------------------------------------------------------------------------------------


@pytest.fixture
def check(capsys):
    """A function: exit status, output and errors of ``scim_token check``."""

    def call(*arguments):
        status = 0
        try:
            call_command("scim_token", "check", *arguments)
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return call


def test_if_all_is_well_then_status_0(check, okta):
    assert check() == (0, "Nothing needs attention.\n", "")
    assert check("acme") == (0, "Nothing needs attention.\n", "")


def expires_soon(token):
    Token.objects.filter(pk=token.pk).update(expires_at=now() + timedelta(days=5))


def has_expired(token):
    Token.objects.filter(pk=token.pk).update(expires_at=now())


def was_never_used(token):
    Token.objects.filter(pk=token.pk).update(created_at=now() - timedelta(days=8))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (expires_soon, "expires in 5 days. Rotate it."),
        (has_expired, "has expired (last use: never used)"),
        (was_never_used, "has never been used"),
    ],
)
def test_what_needs_attention_is_told_with_status_1(check, okta, globex, spoil, expected):
    spoil(okta[0])
    status, output, _ = check()
    assert status == 1
    [line] = output.splitlines()
    assert line.startswith(f"Acme: {okta[0]} ")
    assert expected in line
    assert check("acme")[0] == 1
    assert check("globex")[0] == 0


def test_check_prints_plain_spaces(check, okta):
    Token.objects.update(last_used_at=now() - timedelta(hours=3), expires_at=now())
    assert "(last use: 3 hours ago from" in check()[1]


@pytest.mark.parametrize("spoil", [expires_soon, has_expired, was_never_used])
def test_revoked_token_needs_no_attention(check, okta, spoil):
    spoil(okta[0])
    okta[0].revoke()
    assert check()[0] == 0


def test_old_token_of_a_finished_rotation_needs_no_attention(check, okta):
    old, _ = okta
    new, _ = old.rotate(name="new", keep_for=timedelta(hours=1))
    Token.objects.update(first_used_at=now(), last_used_at=now())
    assert check()[0] == 0
    has_expired(old)
    assert check()[0] == 0
    has_expired(new)
    status, output, _ = check()
    assert (status, str(new) in output, str(old) in output) == (1, True, False)


def test_check_announces_once(check, okta, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"EXPIRY_EMAILS": ["ops@x.example"]}
    expires_soon(okta[0])
    for _ in range(2):
        assert check()[0] == 1
    assert [message.to for message in mail.outbox] == [["ops@x.example"]]


def test_check_of_one_tenant_announces_nothing_of_others(check, okta, globex, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"EXPIRY_EMAILS": ["ops@x.example"]}
    expires_soon(okta[0])
    check("globex")
    assert mail.outbox == []


def test_email_that_could_not_be_sent_is_told(check, okta, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"EXPIRY_EMAILS": ["ops@x.example"]}
    settings.EMAIL_BACKEND = "tests.test_expiry.BrokenBackend"
    expires_soon(okta[0])
    status, output, errors = check()
    assert status == 1
    assert "expires in 5 days" in output
    assert f"The e-mail about {okta[0]} could not be sent." in errors


def test_check_of_nobody_is_an_error(check, okta):
    with pytest.raises(CommandError, match="no company whose subdomain"):
        check("nobody")


def test_every_finder_is_asked(check, okta, monkeypatch):
    seen = []

    def silence(tenant):
        seen.append(tenant)
        yield "Acme: silent for 3 days."

    monkeypatch.setattr(scim_token, "FINDERS", (*scim_token.FINDERS, silence))
    assert check("acme")[:2] == (1, "Acme: silent for 3 days.\n")
    assert seen == [okta[0].tenant]
