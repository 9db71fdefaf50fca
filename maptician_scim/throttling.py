"""How much a client may ask for: requests of a token, and failed authentications of a network.

Counted in Django's cache, so that processes which share one share the budget: a sliding window
made of two fixed ones. The count of the present window grows by one atomic operation a request.
The one before it no longer changes, and is read once; it weighs as much as is left of it in the
span that ends now.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from django.core.cache import cache

from maptician_scim import networks, rehearsal
from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import Reason, ScimError, TooManyRequests

logger = logging.getLogger(__name__)

FORM = re.compile(
    r"(?P<count>[1-9]\d{0,6})/(?P<unit>[smh])(?: burst (?P<burst>[1-9]\d{0,6}))?", re.ASCII
)
SECONDS = {"s": 1, "m": 60, "h": 3600}
UNITS = {"s": "second", "m": "minute", "h": "hour"}

OPERATIONS_FOR_A_REQUEST = 10
"""Operations of a bulk that count as one request. A client that sends one bulk after the other
never meets the limit: a thousand operations take longer than the half second they count for."""

CACHE_IS_LEFT_ALONE = 5  # seconds after it has failed, so that not every request waits for it
FAILURE_IS_LOGGED_EVERY = 60  # seconds

MOST_WINDOWS = 10_000
"""What a process remembers of windows, whoever sends from however many addresses."""


@dataclass(frozen=True)
class Rate:
    """At most ``limit`` in any span of so many seconds."""

    limit: int
    seconds: float
    words: str

    @classmethod
    def read(cls, text: str) -> Rate:
        """The rate that a setting such as ``"200/s burst 1000"`` stands for.

        A burst lengthens the span: 1,000 at once, and then no more until the fifth second. Raises
        ``ValueError``.
        """
        found = FORM.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no rate")
        count, unit = int(found["count"]), found["unit"]
        limit = int(found["burst"] or count)
        words = f"{count} request{'' if count == 1 else 's'} a {UNITS[unit]}"
        return cls(limit, limit * SECONDS[unit] / count, words)


rate = lru_cache(maxsize=16)(Rate.read)


@dataclass
class _Window:
    """What this process knows of one scope's present window."""

    number: float
    previous: int
    full_until: float = 0


class _Memory:
    """What this process knows. All of it can be forgotten at any time."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.windows: dict[str, _Window] = {}
        self.cache_is_asked_from = 0.0
        self.failure_is_logged_from = 0.0

    def remember(self, scope: str, window: _Window) -> None:
        if len(self.windows) >= MOST_WINDOWS:
            self.windows.clear()
        self.windows[scope] = window


_memory = _Memory()


def admit(token_pk: object) -> None:
    """Count a request of a token. Raises ``TooManyRequests`` beyond ``THROTTLE``."""
    text = scim_settings.THROTTLE
    if text is None or rehearsal.is_on():
        return
    wait = _seconds_to_wait(f"token:{token_pk}", rate(text))
    if wait:
        seconds, words = math.ceil(wait), rate(text).words
        raise TooManyRequests(
            f"This token may send {words}, and has sent more. Nothing was done: send the request "
            f"again in {seconds} s.",
            retry_after=seconds,
            reason=Reason.THROTTLED,
            facts={"rate": words},
        )


def charge(token_pk: object, operations: int) -> None:
    """Count the operations of a bulk, whose own request was let in."""
    text, more = scim_settings.THROTTLE, operations // OPERATIONS_FOR_A_REQUEST - 1
    if text is None or more <= 0 or rehearsal.is_on():
        return
    limit = rate(text)
    key = _key(f"token:{token_pk}", time.time() // limit.seconds)
    _asking_the_cache(lambda: _add(key, more, limit))


def after_failure(error: ScimError, address: str | None) -> ScimError:
    """What a failed authentication is answered with: beyond the limit, ``TooManyRequests``.

    ``FAILED_AUTHENTICATIONS`` limits the failures that come from one network, and nothing else:
    whoever has a valid token is not counted here. Unknown addresses count as one.
    """
    text = scim_settings.FAILED_AUTHENTICATIONS
    if text is None or rehearsal.is_on():
        return error
    network = networks.of_one_subscriber(address) or "?"
    wait = _seconds_to_wait(f"failed:{network}", rate(text))
    if not wait:
        return error
    seconds = math.ceil(wait)
    return TooManyRequests(
        "Too many requests without a valid token have come from this address. With a valid one, "
        f"requests are answered as ever; without, try again in {seconds} s.",
        retry_after=seconds,
        reason=Reason.FAILED_TOO_OFTEN,
        facts={"address": network, "rate": rate(text).words},
    )


def forget() -> None:
    """Know nothing, as a new process does."""
    _memory.clear()


# -- counting ----------------------------------------------------------------------------------


def _seconds_to_wait(scope: str, limit: Rate) -> float:
    """Count one, and say how long it has to wait; zero lets it in."""
    return _asking_the_cache(lambda: _counted(scope, limit))


def _counted(scope: str, limit: Rate) -> float:
    now = time.time()
    number, passed = divmod(now, limit.seconds)
    window = _memory.windows.get(scope)
    if window is None or window.number != number:
        before = int(cache.get(_key(scope, number - 1), 0))
        window = _Window(number, min(before, limit.limit))
        _memory.remember(scope, window)
    if now < window.full_until:
        return window.full_until - now
    key = _key(scope, number)
    count = _add(key, 1, limit)
    wait = _wait(limit, window.previous, count, passed)
    if wait:
        # What is refused does not count, or whoever goes on sending would never be let in again.
        cache.decr(key)
        window.full_until = now + wait
    return wait


def _wait(limit: Rate, previous: int, count: int, passed: float) -> float:
    """The seconds until the last of so many may come, after so many in the window before."""
    left = 1 - passed / limit.seconds
    if previous * left + count <= limit.limit:
        return 0
    room = limit.limit - count
    if room >= 0:  # as soon as less of the window before weighs
        return (left - room / previous) * limit.seconds
    return (left + 1 / limit.limit) * limit.seconds  # in the next window, of which this is the one


def _add(key: str, amount: int, limit: Rate) -> int:
    """The count with so many more in it; the first of a window makes it."""
    try:
        return cache.incr(key, amount)
    except ValueError:
        if cache.add(key, amount, math.ceil(2 * limit.seconds) + 1):
            return amount
    return cache.incr(key, amount)  # another process was faster


def _key(scope: str, number: float) -> str:
    return f"maptician_scim:{scope}:{number:.0f}"


def _asking_the_cache(work: Callable[[], float]) -> float:
    """The result of ``work``; zero while the cache does not answer, which is logged.

    Then nobody is throttled: whatever is wrong with a cache must not keep people out.
    """
    now = time.monotonic()
    if now < _memory.cache_is_asked_from:
        return 0
    try:
        return work()
    except Exception:  # each cache raises what its client library has
        _memory.cache_is_asked_from = now + CACHE_IS_LEFT_ALONE
        if now >= _memory.failure_is_logged_from:
            _memory.failure_is_logged_from = now + FAILURE_IS_LOGGED_EVERY
            logger.exception("The cache does not answer, so requests are not counted")
        return 0
