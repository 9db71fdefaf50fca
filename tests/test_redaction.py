"""What is kept of a refused request holds no secret, however it is packed."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maptician_scim import redaction, tokens
from maptician_scim.models import Event
from tests.client import PATCH_OP, USER

PASSWORD = "Correct-Horse-1"
LIMIT = 16 * 1024
SECRET = tokens.generate()
SECRET_PART = SECRET.removeprefix(tokens.MARK)[8:]


def kept(body, limit=LIMIT):
    return redaction.body(body if isinstance(body, bytes) else body.encode(), limit)


def kept_json(value):
    return json.loads(kept(json.dumps(value)))


# -- bodies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 100, 1000, 2950])
def test_beginning_of_a_large_body_is_kept_as_if_all_were(limit):
    sent = {"a": [{"path": "password", "value": PASSWORD}, {"x": f"{SECRET} y"}] * 40, "b": None}
    assert kept(json.dumps(sent), limit) == redaction.cut(kept(json.dumps(sent)), limit)


def test_password_is_removed_and_nothing_else():
    sent = {"userName": "pat", "password": PASSWORD, "active": True, "x": [1, None, 2.50, {}]}
    assert kept_json(sent) == sent | {"password": redaction.REMOVED}


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWORD",
        "pass_word",
        "old-password",
        "Passwd",
        "clientSecret",
        "client_secret",
        "token",
        "accessToken",
        "api_key",
        "apiKey",
        "API-Key",
        "private key",
        "accessKey",
        "userPwd",
        "passphrase",
        "credentials",
        "urn:ietf:params:scim:schemas:core:2.0:User:password",
    ],
)
def test_name_of_a_secret_is_known_in_any_spelling(name):
    assert PASSWORD not in kept(json.dumps({"a": [{"b": {name: PASSWORD}}]}))
    assert kept_json({name: [{"deep": PASSWORD}]}) == {name: redaction.REMOVED}


@pytest.mark.parametrize("name", ["userName", "displayName", "title", "key", "passport"])
def test_other_names_are_kept(name):
    assert kept_json({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "password", "value": PASSWORD},
        {"op": "replace", "value": PASSWORD, "path": "password"},
        {"op": "Replace", "PATH": "PassWord", "VALUE": PASSWORD},
        {"op": "replace", "path": f"{USER}:password", "value": PASSWORD},
        {"op": "replace", "value": {"password": PASSWORD}},
        {"op": "replace", "value": {f"{USER}:password": PASSWORD}},
        {"op": "replace", "path": "password", "value": [{"value": PASSWORD}]},
        {"op": "replace", "path": 'secrets[type eq "x"].value', "value": PASSWORD},
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_password_of_a_patch_is_removed(operation):
    text = kept(json.dumps({"schemas": [PATCH_OP], "Operations": [operation]}))
    assert PASSWORD not in text
    assert redaction.REMOVED in text


def test_neighbour_of_a_password_in_a_patch_is_kept():
    operations = [
        {"op": "replace", "path": "password", "value": PASSWORD},
        {"op": "replace", "path": "title", "value": "Boss"},
    ]
    [first, second] = kept_json({"Operations": operations})["Operations"]
    assert first == operations[0] | {"value": redaction.REMOVED}
    assert second == operations[1]


def test_repeated_names_are_all_looked_at_and_kept():
    text = kept(f'{{"password": "{PASSWORD}", "a": 1, "a": 2, "password": "{PASSWORD}x"}}')
    assert PASSWORD not in text
    assert text.count(redaction.REMOVED) == 2
    assert '"a": 1, "a": 2' in text


def test_repeated_path_hides_no_password():
    text = kept(f'{{"path": "password", "value": "{PASSWORD}", "path": "title"}}')
    assert PASSWORD not in text


def test_escaped_name_is_understood():
    assert PASSWORD not in kept(rf'{{"\u0070assword": "{PASSWORD}"}}')


@pytest.mark.parametrize(
    "body",
    [
        f'{{"password": "{PASSWORD}"',
        f'{{"userName": "pat", "Password": "{PASSWORD}",}}',
        rf'{{"\u0070assword": "{PASSWORD}"',
        rf'{{"\u0050ASSWORD" "{PASSWORD}"',
        f"password={PASSWORD}&userName=pat",
        f"<user><password>{PASSWORD}</password></user>",
        "[" * 100_000 + f'{{"password": "{PASSWORD}"}}',
        f'\x00{{"password": "{PASSWORD}"}}',
        f'{{"a": NaN, "password": "{PASSWORD}"}} trailing',
    ],
    ids=lambda value: value[:40],
)
def test_what_is_no_json_is_kept_up_to_the_first_secret(body):
    text = kept(body, limit=1_000_000)
    assert PASSWORD not in text
    assert text.endswith(redaction.CUT)


def test_broken_json_without_a_secret_is_kept_whole():
    assert kept('{"userName": "pat"') == '{"userName": "pat"'


def test_deep_json_hides_nothing():
    body = '{"a": ' * 5000 + f'{{"password": "{PASSWORD}"}}' + "}" * 5000
    assert PASSWORD not in kept(body, limit=1_000_000)


@pytest.mark.parametrize("where", ['{{"userName": "{}"}}', '{{"{}": 1}}', "[{}", "{}", '["x{}x"]'])
def test_our_tokens_are_cut_wherever_they_stand(where):
    text = kept(where.format(SECRET))
    assert SECRET_PART not in text
    assert "…" in text


def test_huge_body_is_cut_after_its_secrets_are_removed():
    body = json.dumps({"password": PASSWORD, "x": "y" * 1_000_000, "token": PASSWORD})
    text = kept(body, limit=1000)
    assert PASSWORD not in text
    assert len(text) <= 1000 + len(redaction.CUT)
    assert text.endswith(redaction.CUT)


def test_numbers_are_kept_as_they_were_written():
    body = '{"a": 1e999, "b": 0.10, "c": ' + "9" * 5000 + ', "d": -0, "e": NaN}'
    assert kept(body) == body


@pytest.mark.parametrize("body", [b'{"a": "\x00"}', b'{"a": "\\u0000"}', b"\x00", b"\xff\xfe"])
def test_what_no_database_keeps_is_written_out(body):
    text = kept(body)
    assert "\x00" not in text
    text.encode()


@pytest.mark.parametrize("body", [b'{"a": "\\ud800"}', b'"\\udfff"'])
def test_lone_surrogates_are_written_out(body):
    kept(body).encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.just("password"), inner, max_size=3)
    ),
    max_leaves=8,
)


def without_passwords(value):
    if isinstance(value, list):
        return [without_passwords(item) for item in value]
    if isinstance(value, dict):
        return {
            k: redaction.REMOVED if k == "password" else without_passwords(v)
            for k, v in value.items()
        }
    return value


def is_clean(value):
    """Whether everything of it is kept as it is by every database."""
    return "\\u0000" not in json.dumps(value) and "\\ud" not in json.dumps(value)


@given(JSON.filter(is_clean))
def test_document_keeps_its_meaning(value):
    assert kept_json(value) == without_passwords(value)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_kept(body):
    assert "\x00" not in kept(body)


# -- headers and targets ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "authorization",
        "Proxy-Authorization",
        "Cookie",
        "X-CSRFToken",
        "X-Api-Key",
        "X-ApiKey",
        "X-Auth-Token",
        "X-Signature",
        "X-Amz-Security-Token",
        "Client-Secret",
        "X-Credentials",
        "X-Auth-Key",
        "X-Session-Id",
        "Cf-Access-Jwt-Assertion",
        "X-Amzn-Oidc-Data",
    ],
)
def test_secret_header_is_removed(name):
    assert redaction.headers({name: f"Bearer {SECRET}"}) == {name: redaction.REMOVED}


def test_other_headers_are_kept():
    sent = {"User-Agent": "Okta SCIM Client 1.0.0", "Accept": "application/scim+json"}
    assert redaction.headers(sent) == sent


def test_token_in_any_other_header_is_cut():
    [value] = redaction.headers({"Referer": f"https://x/?t={SECRET}&a=1"}).values()
    assert SECRET_PART not in value
    assert value.endswith("…&a=1")


@pytest.mark.parametrize(
    "query",
    [
        f"password={PASSWORD}",
        f"a=1&access_token={PASSWORD}",
        f"api%5Fkey={PASSWORD}",
        f"%70assword={PASSWORD}",
        f"filter=password+eq+%22{PASSWORD}%22",
    ],
)
def test_query_that_names_a_secret_is_removed(query):
    assert redaction.target(f"/scim/v2/Users?{query}") == f"/scim/v2/Users?{redaction.REMOVED}"


def test_query_is_kept_where_only_a_value_looks_like_a_name():
    target = "/scim/v2/Users?filter=userName%20eq%20%22token@example.com%22"
    assert redaction.target(target) == target


def test_token_in_the_target_is_cut():
    assert SECRET_PART not in redaction.target(f"/scim/v2/{SECRET}?x={SECRET}")


def test_target_without_a_query_is_kept():
    assert redaction.target("/scim/v2/Users/1") == "/scim/v2/Users/1"


# -- through the whole stack --------------------------------------------------------------------


@pytest.mark.rfc("7644", "7.5.1")
def test_refused_request_is_kept_without_its_secrets(scim):
    scim.request_scim(
        "POST",
        "/Users?x=1",
        {"userName": "", "password": PASSWORD, "title": scim.secret},
        x_api_key=PASSWORD,
    )
    request = Event.objects.get().request
    assert PASSWORD not in str(request)
    assert scim.secret not in str(list(Event.objects.values()))
    assert json.loads(request["body"])["userName"] == ""
    assert request["target"] == "/scim/v2/Users?x=1"


def test_broken_request_is_kept_without_its_secrets(scim):
    assert scim.request_scim("POST", "/Users", f'{{"password": "{PASSWORD}"').status_code == 400
    assert PASSWORD not in str(list(Event.objects.values()))


# -- bodies as the admin shows them --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('{"a": 1, "b": []}', ["{", '  "a": 1,', '  "b": []', "}"]),
        ('[{"a": "x, {y}"}]', ["[", "  {", '    "a": "x, {y}"', "  }", "]"]),
        ('{"a": 1, "a": 2}', ["{", '  "a": 1,', '  "a": 2', "}"]),
        ('{"a": "say \\"x, y\\""}', ["{", '  "a": "say \\"x, y\\""', "}"]),
        ('{"a": [1, 2[the rest', ["{", '  "a": [', "    1,", "    2[", "      the rest"]),
        ("}}", ["", "}", "}"]),
        ("", [""]),
    ],
    ids=["object", "nested", "repeated", "quotes", "cut off", "only ends", "empty"],
)
def test_each_value_has_its_line(text, lines):
    assert redaction.indented(text).split("\n") == lines


def test_nothing_is_lost():
    document = {"a": [1, {"b": "c, d"}, [], {}], "e": {"f": None, "g": [True]}}
    assert json.loads(redaction.indented(json.dumps(document))) == document


def test_deep_nesting_does_not_grow_without_end():
    assert len(redaction.indented("[" * 16_000)) < 16_000 * 45


@pytest.mark.parametrize(
    ("decoded", "shown"),
    [
        ("/scim/v2/Users/1", "/scim/v2/Users/1"),
        ("/x\nGET /y 200\x1b[31m", "/x%0AGET%20/y%20200%1B%5B31m"),
        ("/ärger\u2028", "/%C3%A4rger%E2%80%A8"),
        (f"/{SECRET}", f"/{SECRET[:18]}…"),
    ],
    ids=["plain", "two lines", "letters", "token"],
)
def test_path_in_a_log_is_one_harmless_word(decoded, shown):
    assert redaction.path(decoded) == shown


def test_long_target_and_headers_are_cut():
    target = redaction.target("/scim/v2/Users?filter=" + "x" * 100_000)
    assert len(target) == redaction.LONGEST_TARGET + len(redaction.CUT)
    [value] = redaction.headers({"Accept": "x" * 100_000}).values()
    assert len(value) == redaction.LONGEST_HEADER + len(redaction.CUT)


def test_target_of_quotes_takes_no_time():
    started = time.perf_counter()
    redaction.target('/scim/v2/Users?filter="' + '\\"' * 50_000)
    assert time.perf_counter() - started < 1


def test_token_behind_percent_signs_is_removed():
    hidden = SECRET.replace("_", "%5F")
    assert SECRET_PART not in redaction.target(f"/scim/v2/Users?filter={hidden}")


def test_cursor_that_spells_the_name_of_a_secret_hides_nothing_else():
    target = redaction.target("/scim/v2/Users?cursor=Xpwd7&sortBy=userName")
    assert target == "/scim/v2/Users?cursor=[removed]&sortBy=userName"
