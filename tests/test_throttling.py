"""How much a client may ask for, and that nobody else is slowed by who asks for more."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace
from unittest.mock import ANY

import pytest
import redis
from django.core.cache import cache, caches

from maptician_scim import rehearsal, throttling
from maptician_scim.exceptions import TooManyRequests
from maptician_scim.models import Activity, Event
from maptician_scim.throttling import Rate
from tests.client import ERROR, ScimClient

REDIS = "redis://127.0.0.1:6379"
REDIS_CACHE = "django.core.cache.backends.redis.RedisCache"


def redis_answers():
    try:
        return redis.Redis.from_url(REDIS, socket_connect_timeout=1).ping()
    except redis.ConnectionError:
        return False


needs_redis = pytest.mark.skipif(not redis_answers(), reason=f"needs Redis at {REDIS}")


@dataclass
class Clock:
    """A clock that stands still; the windows of every rate begin where it starts."""

    now: float = 1_000_000_800.0

    def tick(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    times = SimpleNamespace(time=lambda: clock.now, monotonic=lambda: clock.now)
    monkeypatch.setattr(throttling, "time", times)
    return clock


@pytest.fixture(params=["local memory", pytest.param("Redis", marks=needs_redis)])
def each_cache(request, settings):
    """The caches that are promised to work. Keys of Redis are this test's own."""
    if request.param == "Redis":
        prefix = f"test-{secrets.token_hex(8)}"
        own = {"BACKEND": REDIS_CACHE, "LOCATION": REDIS, "KEY_PREFIX": prefix}
        settings.CACHES = {"default": own}
        yield
        server = redis.Redis.from_url(REDIS)
        for key in server.scan_iter(f"{prefix}:*"):
            server.delete(key)
        server.close()
        caches["default"].close()
    else:
        yield


@pytest.fixture
def configure(settings):
    def change(**changes):
        settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | changes

    return change


def admitted(number, token=1):
    """How many of so many requests are let in."""
    return sum(is_admitted(token) for _ in range(number))


def is_admitted(token=1):
    try:
        throttling.admit(token)
    except TooManyRequests:
        return False
    return True


def wait(token=1):
    """The seconds a request is told to wait."""
    with pytest.raises(TooManyRequests) as caught:
        throttling.admit(token)
    return caught.value.retry_after


# -- rates -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "limit", "seconds"),
    [
        ("200/s", 200, 1),
        ("5000/s", 5000, 1),
        ("100/m", 100, 60),
        ("7/h", 7, 3600),
        ("200/s burst 1000", 1000, 5),
        ("100/m burst 10", 10, 6),
    ],
)
def test_rate_is_so_many_in_so_many_seconds(text, limit, seconds):
    rate = Rate.read(text)
    assert (rate.limit, rate.seconds) == (limit, seconds)


@pytest.mark.parametrize(
    "text", ["", "200", "0/s", "200/d", "-1/s", "1.5/s", "200/s burst", "200/s burst 0", "٢/s"]
)
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(ValueError, match="is no rate"):
        Rate.read(text)


# -- counting ----------------------------------------------------------------------------------


def test_limit_is_let_in_and_no_more(each_cache, clock, configure):
    configure(THROTTLE="10/s")
    assert admitted(30) == 10
    assert wait() == 2  # in a second, all ten are a second old


def test_burst_is_let_in_at_once_and_then_the_rate(each_cache, clock, configure):
    configure(THROTTLE="10/s burst 50")
    assert admitted(100) == 50
    clock.tick(5)
    counts = []
    for _ in range(50):
        clock.tick(0.1)
        counts.append(admitted(3))
    assert sum(counts[:10]) == pytest.approx(10, abs=1)
    assert sum(counts) == pytest.approx(50, abs=1)


def test_end_of_a_window_does_not_double_the_limit(each_cache, clock, configure):
    configure(THROTTLE="10/s")
    clock.tick(0.99)
    assert admitted(10) == 10
    clock.tick(0.02)
    assert admitted(10) == 0


@pytest.mark.parametrize("rate", ["1/s", "5/s", "10/s burst 50", "100/m"])
def test_whoever_waits_as_told_is_let_in(clock, configure, rate):
    configure(THROTTLE=rate)
    admitted(200)
    for _ in range(5):
        clock.tick(wait())
        assert is_admitted()
        admitted(200)


@pytest.mark.parametrize("pause", [0.01, 0.3])
def test_whoever_does_not_wait_is_let_in_all_the_same(clock, configure, pause):
    configure(THROTTLE="5/s")
    admitted(100)
    passed = 0
    for _ in range(round(20 / pause)):
        clock.tick(pause)
        throttling.forget()  # as if each request came to another process
        passed += admitted(2)
    assert 70 <= passed <= 105


def test_threads_share_the_count(each_cache, clock, configure):
    configure(THROTTLE="100/s")
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda _: is_admitted(), range(400)))
        if cache.__class__.__module__.endswith("redis"):
            list(pool.map(lambda _: caches["default"].close(), range(16)))
    assert 100 - 16 <= sum(results) <= 100


def test_each_token_has_its_own_count(clock, configure):
    configure(THROTTLE="10/s")
    assert admitted(20, token=1) == 10
    assert admitted(20, token=2) == 10


def test_none_switches_it_off(clock, configure):
    configure(THROTTLE=None)
    assert admitted(2000) == 2000


def test_rehearsal_counts_nothing(clock, configure):
    configure(THROTTLE="10/s")
    with rehearsal.rehearsing():
        assert admitted(100) == 100
    assert admitted(100) == 10


@pytest.mark.parametrize(
    ("requests_at_once", "every", "for_seconds"),
    [(1, 0.04, 120), (100, 1, 60), (1000, 10, 60)],
    ids=["Entra's 25 a second", "Okta's parallel pushes", "a thousand people now and then"],
)
def test_identity_providers_never_meet_the_default(clock, requests_at_once, every, for_seconds):
    for _ in range(round(for_seconds / every)):
        assert admitted(requests_at_once) == requests_at_once
        clock.tick(every)


@pytest.fixture
def cache_calls(monkeypatch):
    """The operations of the cache that are called for counting."""
    calls = []

    class Watched:
        def __getattr__(self, name):
            calls.append(name)
            return getattr(cache, name)

    monkeypatch.setattr(throttling, "cache", Watched())
    return calls


def test_request_costs_one_operation_of_the_cache(clock, configure, cache_calls):
    configure(THROTTLE="10/s")
    is_admitted()
    assert cache_calls == ["get", "incr", "add"]  # the first of a window
    cache_calls.clear()
    admitted(9)
    assert cache_calls == ["incr"] * 9


def test_refusal_costs_no_operation_of_the_cache(clock, configure, cache_calls):
    configure(THROTTLE="10/s")
    admitted(11)
    cache_calls.clear()
    assert admitted(1000) == 0
    assert cache_calls == []


def test_what_a_process_remembers_has_an_end(clock, configure, monkeypatch):
    monkeypatch.setattr(throttling, "MOST_WINDOWS", 10)
    for token in range(100):
        is_admitted(token)
    assert len(throttling._memory.windows) <= 10


# -- requests ----------------------------------------------------------------------------------


def test_too_many_requests_are_429_with_whole_seconds(scim, clock, configure):
    configure(THROTTLE="2/s burst 5")
    answers = [scim.search() for _ in range(7)]
    assert [a.status_code for a in answers] == [200] * 5 + [429] * 2
    assert answers[5].headers["Retry-After"] == "3"
    assert answers[5].json() == {"schemas": [ERROR], "status": "429", "detail": ANY}
    assert "2 requests a second" in answers[5].json()["detail"]
    assert "again in 3 s" in answers[5].json()["detail"]
    clock.tick(3)
    assert scim.search().status_code == 200


def test_refused_requests_are_one_event_a_minute_and_no_write(
    scim, acme, clock, configure, django_assert_num_queries
):
    configure(THROTTLE="1/m")
    scim.search()
    scim.search()
    with django_assert_num_queries(20):  # each asks who sends, and that is all
        for _ in range(20):
            assert scim.create(userName="pat").status_code == 429
    [event] = Event.objects.all()
    assert (event.tenant, event.status, event.reason) == (acme, 429, "throttled")
    assert event.token_prefix
    assert event.facts == {"rate": "1 request a minute"}


def test_refused_requests_write_nothing_while_somebody_watches(
    scim, acme, clock, configure, django_assert_num_queries
):
    configure(THROTTLE="1/m")
    scim.search()
    scim.search()
    rows = list(Activity.objects.values())
    acme.scim_connection.watch()
    scim.search()  # in the log at once
    with django_assert_num_queries(5):
        for _ in range(5):
            assert scim.search().status_code == 429
    assert list(Activity.objects.values()) == rows


def test_refused_request_does_nothing(scim, clock, configure):
    configure(THROTTLE="1/m")
    assert scim.create(userName="a").status_code == 201
    assert scim.create(userName="b").status_code == 429
    clock.tick(120)
    assert scim.search().json()["totalResults"] == 1


def test_neighbour_is_not_slowed(scim, other_scim, clock, configure):
    configure(THROTTLE="1/m")
    assert [scim.search().status_code for _ in range(2)] == [200, 429]
    assert other_scim.search().status_code == 200


@pytest.mark.parametrize(("operations", "left"), [(1, 9), (19, 9), (20, 8), (50, 5)])
def test_ten_operations_of_a_bulk_count_as_one_request(scim, clock, configure, operations, left):
    configure(THROTTLE="10/m")
    removal = {"method": "DELETE", "path": "/Users/x"}
    assert scim.bulk(*[removal] * operations).status_code == 200
    answers = [scim.search().status_code for _ in range(11)]
    assert answers.count(200) == left


def test_bulk_larger_than_the_limit_is_carried_out(scim, clock, configure):
    configure(THROTTLE="3/m")
    removal = {"method": "DELETE", "path": "/Users/x"}
    assert scim.bulk(*[removal] * 60).status_code == 200
    assert scim.search().status_code == 429


# -- failed authentications --------------------------------------------------------------------


@pytest.fixture
def stranger(acme):
    """Somebody without a valid token."""
    return ScimClient(acme.subdomain, "wrong")


def fail(stranger, number, **headers):
    return [stranger.request_scim("GET", "/Users", **headers) for _ in range(number)]


def test_failures_beyond_100_a_minute_are_429(each_cache, stranger, clock):
    answers = fail(stranger, 105)
    assert [a.status_code for a in answers] == [401] * 100 + [429] * 5
    assert answers[-1].json() == {"schemas": [ERROR], "status": "429", "detail": ANY}
    assert answers[-1].headers["Retry-After"] == "61"
    clock.tick(61)
    assert fail(stranger, 1)[0].status_code == 401


def test_valid_token_from_there_is_never_slowed(scim, stranger, clock, configure, cache_calls):
    configure(THROTTLE=None, FAILED_AUTHENTICATIONS="3/m")
    assert fail(stranger, 5)[-1].status_code == 429
    cache_calls.clear()
    assert [scim.search().status_code for _ in range(10)] == [200] * 10
    assert cache_calls == []


def test_every_failure_beyond_the_limit_is_alike(scim, other_scim, stranger, clock, configure):
    configure(FAILED_AUTHENTICATIONS="1/m")
    [_, refused] = fail(stranger, 2)
    for form in ("", "x", "Basic x", f"Bearer {other_scim.secret}", f"Bearer {scim.secret}x"):
        [answer] = fail(stranger, 1, authorization=form)
        assert (answer.status_code, answer.content) == (429, refused.content)
    [answer] = fail(stranger, 1, host="nobody.localhost")
    assert (answer.status_code, answer.content) == (429, refused.content)


def test_failures_at_addresses_of_nobody_count_too(acme, stranger, clock, configure):
    configure(FAILED_AUTHENTICATIONS="3/m")
    answers = fail(stranger, 2, host="nobody.localhost") + fail(stranger, 2)
    assert [a.status_code for a in answers] == [404, 404, 401, 429]


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("unknown", "_hidden", True),
    ],
)
def test_failures_are_counted_by_network(stranger, clock, configure, first, second, are_one):
    configure(FAILED_AUTHENTICATIONS="1/m", TRUSTED_PROXIES=1)
    answers = [
        fail(stranger, 1, x_forwarded_for=f"198.51.100.{n}, {seen}")[0].status_code
        for n, seen in enumerate((first, second))
    ]
    assert answers == [401, 429 if are_one else 401]


def test_failures_beyond_the_limit_are_one_event_a_minute(stranger, acme, clock, configure):
    configure(FAILED_AUTHENTICATIONS="1/m")
    fail(stranger, 10)
    last = Event.objects.latest("id")
    assert Event.objects.count() == 2
    assert (last.tenant, last.status, last.reason) == (acme, 429, "failed_too_often")
    assert last.facts == {"address": "127.0.0.1", "rate": "1 request a minute"}


def test_public_document_is_read_by_anybody_however_often(stranger, clock, configure):
    configure(FAILED_AUTHENTICATIONS="1/m", SERVICE_PROVIDER_CONFIG_IS_PUBLIC=True)
    answers = [stranger.request_scim("GET", "/ServiceProviderConfig") for _ in range(3)]
    assert [a.status_code for a in answers] == [200] * 3


def test_if_it_is_switched_off_then_failures_are_401_for_ever(stranger, clock, configure):
    configure(FAILED_AUTHENTICATIONS=None)
    assert {a.status_code for a in fail(stranger, 101)} == {401}


# -- a cache that does not answer --------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch):
    """A cache that raises, and counts how often it was asked."""

    class Broken:
        asked = 0

        def fail(self, *args):
            self.asked += 1
            raise redis.ConnectionError("refused")

        incr = get = add = decr = fail

    broken = Broken()
    monkeypatch.setattr(throttling, "cache", broken)
    return broken


def test_while_the_cache_is_down_requests_pass(scim, stranger, clock, configure, broken):
    configure(THROTTLE="1/m", FAILED_AUTHENTICATIONS="1/m")
    assert [scim.search().status_code for _ in range(5)] == [200] * 5
    assert [a.status_code for a in fail(stranger, 3)] == [401] * 3


def test_while_the_cache_is_down_one_line_a_minute_is_logged(clock, broken, caplog):
    for _ in range(119):
        admitted(10)
        clock.tick(1)
    lines = [r for r in caplog.records if r.name == throttling.logger.name]
    assert len(lines) == 2
    assert "The cache does not answer" in lines[0].getMessage()


def test_cache_that_failed_is_left_alone_for_some_seconds(clock, broken, monkeypatch, configure):
    configure(THROTTLE="10/h")
    admitted(100)
    assert broken.asked == 1
    monkeypatch.setattr(throttling, "cache", cache)
    clock.tick(throttling.CACHE_IS_LEFT_ALONE)
    assert admitted(100) == 10


@needs_redis
def test_redis_that_is_not_there_lets_requests_pass(scim, settings, configure, caplog):
    configure(THROTTLE="1/h")
    settings.CACHES = {"default": {"BACKEND": REDIS_CACHE, "LOCATION": "redis://127.0.0.1:1"}}
    assert [scim.search().status_code for _ in range(3)] == [200] * 3
    assert "The cache does not answer" in caplog.text
