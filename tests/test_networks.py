"""Networks of tokens, and the address a request came from."""

import pytest

from maptician_scim import networks
from maptician_scim.models import Event, Token

# -- networks as they are written ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        (" 192.0.2.0/24\t", "192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::/0", "::/0"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
    ],
)
def test_network_has_one_form(written, expected):
    assert networks.normalized(written) == expected
    assert networks.normalized(expected) == expected


@pytest.mark.parametrize(
    "written",
    [
        "",
        "office",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "10.0.0.*",
        "10.0.0",
        "010.0.0.0/8",
        "10.0.0.0 - 10.0.0.9",
        "10.0.0.0/8, 11.0.0.0/8",
        "2001:db8::/129",
        "fe80::%eth0/64",
        "fe80::1%1",
        "https://192.0.2.0/24",
        "10.0.0.0/8\x00",
    ],
)
def test_what_is_no_network_is_told_how_to_write_one(written):
    with pytest.raises(ValueError, match=r"Write an address, a slash .* such as 192\.0\.2\.0/24"):
        networks.normalized(written)


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("10.0.0.1/8", "Write 10.0.0.0/8, or 10.0.0.1 alone"),
        ("2001:db8::1/32", "Write 2001:db8::/32, or 2001:db8::1 alone"),
    ],
)
def test_host_bits_are_told_with_the_network_that_was_meant(written, advice):
    with pytest.raises(ValueError, match=advice):
        networks.normalized(written)


# -- the address of a request -------------------------------------------------------------------

SPOOFED = "203.0.113.99"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, None, "127.0.0.1"),
        (0, SPOOFED, "127.0.0.1"),
        (1, "192.0.2.7", "192.0.2.7"),
        (1, f"{SPOOFED}, 192.0.2.7", "192.0.2.7"),
        (1, f"{SPOOFED},10.0.0.1 , 192.0.2.7 ", "192.0.2.7"),
        (2, "192.0.2.7, 10.0.0.1", "192.0.2.7"),
        (2, f"{SPOOFED}, 192.0.2.7, 10.0.0.1", "192.0.2.7"),
        (1, "192.0.2.7:51234", "192.0.2.7"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "[2001:db8::1]:51234", "2001:db8::1"),
        (1, "[2001:db8::1]", "2001:db8::1"),
        (1, "fe80::1%eth0", "fe80::1"),
        (1, "::ffff:192.0.2.7", "192.0.2.7"),
        (1, "unknown", None),
        (1, "", None),
        (1, f"192.0.2.7, {'x' * 9000}", None),
    ],
)
def test_address_is_what_the_outermost_trusted_proxy_saw(
    rf, settings, proxies, forwarded, expected
):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"TRUSTED_PROXIES": proxies}
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert networks.client_address(rf.get("/", headers=headers)) == expected


def test_direct_request_past_the_proxy_keeps_its_own_address(rf, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"TRUSTED_PROXIES": 2}
    request = rf.get("/", headers={"X-Forwarded-For": "192.0.2.7"}, REMOTE_ADDR="10.0.0.1")
    assert networks.client_address(request) == "192.0.2.7"


@pytest.mark.parametrize("address", ["", "unix:", "not-an-address"])
def test_socket_without_an_address_has_none(rf, address):
    assert networks.client_address(rf.get("/", REMOTE_ADDR=address)) is None


# -- end to end ---------------------------------------------------------------------------------


@pytest.fixture
def behind(settings):
    """A function: have the project stand behind so many proxies."""

    def change(proxies):
        settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"TRUSTED_PROXIES": proxies}

    return change


@pytest.mark.parametrize(
    ("allowed", "address", "status"),
    [
        (["192.0.2.0/24"], "192.0.2.7", 200),
        (["192.0.2.0/24"], "192.0.3.7", 401),
        (["192.0.2.0/24"], "::ffff:192.0.2.7", 200),
        (["192.0.2.0/24"], "::ffff:192.0.3.7", 401),
        (["192.0.2.0/24", "2001:db8::/32"], "2001:db8::7", 200),
        (["192.0.2.0/24", "2001:db8::/32"], "2001:db9::7", 401),
        (["192.0.2.7/32"], "192.0.2.7", 200),
        (["0.0.0.0/0"], "2001:db8::7", 401),
        (["::/0"], "192.0.2.7", 401),
        (["0.0.0.0/0"], "", 401),
        ([], "", 200),
        ([], "203.0.113.1", 200),
    ],
)
def test_token_works_from_its_networks_only(acme, client_of, allowed, address, status):
    client = client_of(acme, networks=allowed)
    client.defaults["REMOTE_ADDR"] = address
    assert client.search().status_code == status


@pytest.mark.parametrize(
    ("proxies", "forwarded", "status"),
    [
        (0, "192.0.2.7", 401),
        (1, "192.0.2.7", 200),
        (1, f"192.0.2.7, {SPOOFED}", 401),
        (1, f"{SPOOFED}, 192.0.2.7", 200),
        (2, f"192.0.2.7, {SPOOFED}, 10.0.0.1", 401),
        (2, "192.0.2.7, 10.0.0.1", 200),
    ],
)
def test_address_a_client_invents_opens_nothing(
    acme, client_of, behind, proxies, forwarded, status
):
    behind(proxies)
    client = client_of(acme, networks=["192.0.2.0/24"])
    answer = client.request_scim("GET", "/Users", x_forwarded_for=forwarded)
    assert answer.status_code == status


def test_refusal_is_told_in_the_log_and_not_to_the_client(acme, client_of):
    client = client_of(acme, networks=["192.0.2.0/24"])
    answer = client.search()
    elsewhere = client.request_scim("GET", "/Users", authorization="")
    assert (answer.status_code, answer.content) == (401, elsewhere.content)
    event = Event.objects.order_by("pk").first()
    assert (event.reason, event.facts["address"]) == ("network", "127.0.0.1")
    assert event.facts["prefix"] == Token.objects.get().prefix


def test_networks_that_are_taken_off_count_from_the_next_request_on(acme, client_of):
    client = client_of(acme, networks=["192.0.2.0/24"])
    assert client.search().status_code == 401
    Token.objects.update(networks=[])
    assert client.search().status_code == 200
