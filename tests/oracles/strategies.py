"""People as hypothesis makes them up, and what is the same for all oracles."""

import unicodedata
from contextlib import contextmanager

from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from scim2_models.path import ScimFilter

from maptician_scim.protocol.expressions import user_name_key
from maptician_scim.protocol.schemas import ENTERPRISE_USER
from tests.extensions import WORKPLACE

TEXTS = ["a", "A b", "ÄRGER", "ärger", "Straße", "ΟΔΟΣ", "cafe\u0301", "50%_", 'q"\\', "z", "é"]
ODD = [
    "\x01\n\x1f\x7f\x85",  # control characters
    "\U0001f600\U00010400\U00010428\U0010ffff",  # beyond the first plane; some have a case
    "e\u0301\u0323\u0345\u1100\u1161",  # what is composed, and in which order
    "İıſKΣσςßẞŉ\u01c5",  # a lower case of their own
    "\u200b\u202e\ufeff\ufffd\ue000 %_\\\"'",
]
odd = st.text(st.sampled_from("".join(ODD)), min_size=1, max_size=4)
"""What databases and libraries are known to treat differently; white space alone is no value."""

text = st.sampled_from(TEXTS) | odd.filter(str.strip)
exact = text.map(lambda t: unicodedata.normalize("NFC", t))
maybe_text = st.none() | text
truth = st.booleans()

TYPES = ["work", "home", "Other", None]
any_case = st.sampled_from([str, str.upper, str.lower])
quoted = text.map(ScimFilter.quote)


def entries(*names, values=maybe_text):
    """Some entries of a multi-valued attribute, at most one of them primary."""
    entry = st.fixed_dictionaries(dict.fromkeys(names, values) | {"type": st.sampled_from(TYPES)})
    return st.lists(entry, max_size=3).flatmap(
        lambda found: st.integers(0, 3).map(
            lambda n: [e | ({"primary": i == n} if n < 3 else {}) for i, e in enumerate(found)]
        )
    )


person = st.fixed_dictionaries(
    {
        "active": truth,
        "title": maybe_text,
        "nickName": maybe_text,
        "externalId": st.none() | exact,
        "name": st.fixed_dictionaries({"givenName": maybe_text, "middleName": maybe_text}),
        "emails": entries("value", "display"),
        "phoneNumbers": entries("value"),
        "addresses": entries("locality", "streetAddress"),
        ENTERPRISE_USER: st.fixed_dictionaries(
            {"department": maybe_text, "costCenter": maybe_text}
        ),
    }
)

integers = st.sampled_from([-(2**63) + 1, -7, 0, 3, 12, 2**53 + 1, 2**63 - 1])
decimals = st.sampled_from([-1.5, 0.0, 0.1, 0.3, 3, 1e-7, 999e12])
moments = st.sampled_from(
    [
        "0001-01-01T00:00:00Z",
        "2026-01-31T08:00:00Z",
        "2026-01-31T08:00:00.5Z",
        "2026-01-31T08:00:00.500001Z",
        "2026-01-31T09:00:00+01:00",
        "9999-12-31T23:59:59Z",
    ]
)
binaries = st.sampled_from(["", "aGFsbG8=", "/+8="])

workplace = st.fixed_dictionaries(
    {},
    optional={
        "badge": exact,
        "nickname": text,
        "floor": integers,
        "share": decimals,
        "remote": truth,
        "hired": moments,
        "photo": binaries,
        "commute": st.fixed_dictionaries({}, optional={"mode": text, "minutes": integers}),
        "skills": st.lists(
            st.fixed_dictionaries(
                {"value": text}, optional={"level": integers, "since": moments, "type": text}
            ),
            max_size=3,
        ),
        "languages": st.lists(text, max_size=3),
        "lockers": st.lists(integers, max_size=3),
    },
)
"""The extension that has an attribute of every type."""


def same_name(name):
    """Equal for names that are the same to us and to every host."""
    return user_name_key(name).strip()


def qualified(*names):
    return [f"{WORKPLACE}:{name}" for name in names]


some_groups = st.lists(
    st.tuples(text, st.none() | exact), min_size=2, max_size=4, unique_by=lambda g: same_name(g[0])
)
"""The displayNames of groups, no two of them equal, and the externalIds."""

names = st.integers(0, 5).map(lambda i: f"P{i} {TEXTS[i]}")


def user_name(number):
    """A userName nobody else has, with letters that have a case."""
    return f"{TEXTS[number % len(TEXTS)]} {number}"


def without_nulls(attributes):
    """The attributes somebody sends who leaves out what has no value."""
    return {name: value for name, value in attributes.items() if value is not None}


@contextmanager
def undone():
    """Whatever one example does to the database, the next one does not see."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def examples(count):
    """The settings of an oracle: the same examples every time, or more with a profile.

    Making a counterexample smaller takes minutes, so that is left to whoever looks into one.
    """
    times = settings.default.max_examples // 100
    return settings(
        max_examples=count * times,
        deadline=None,
        derandomize=times == 1,
        phases=[Phase.generate] if times == 1 else [Phase.generate, Phase.shrink],
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
        ],
    )
