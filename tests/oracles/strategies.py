"""People as hypothesis makes them up."""

import unicodedata

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from maptician_scim.protocol.schemas import ENTERPRISE_USER

TEXTS = ["a", "A b", "ÄRGER", "ärger", "Straße", "ΟΔΟΣ", "cafe\u0301", "50%_", 'q"\\', "z", "é"]
TYPES = ["work", "home", "Other", None]

text = st.sampled_from(TEXTS)
maybe_text = st.none() | text


def entries(*names):
    """Some entries of a multi-valued attribute, at most one of them primary."""
    entry = st.fixed_dictionaries(
        dict.fromkeys(names, maybe_text) | {"type": st.sampled_from(TYPES)}
    )
    return st.lists(entry, max_size=3).flatmap(
        lambda found: st.integers(0, 3).map(
            lambda n: [e | ({"primary": i == n} if n < 3 else {}) for i, e in enumerate(found)]
        )
    )


person = st.fixed_dictionaries(
    {
        "active": st.booleans(),
        "title": maybe_text,
        "nickName": maybe_text,
        "externalId": maybe_text.map(lambda t: t and unicodedata.normalize("NFC", t)),
        "name": st.fixed_dictionaries({"givenName": maybe_text, "middleName": maybe_text}),
        "emails": entries("value", "display"),
        "phoneNumbers": entries("value"),
        "addresses": entries("locality", "streetAddress"),
        ENTERPRISE_USER: st.fixed_dictionaries(
            {"department": maybe_text, "costCenter": maybe_text}
        ),
    }
)

names = st.integers(0, 5).map(lambda i: f"P{i} {TEXTS[i]}")


def without_nulls(attributes):
    """The attributes somebody sends who leaves out what has no value."""
    return {name: value for name, value in attributes.items() if value is not None}


def examples(count):
    """The settings of an oracle: the same examples every time."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
