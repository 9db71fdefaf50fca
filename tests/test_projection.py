"""What a schema says of when an attribute is returned is obeyed (RFC 7643 section 7)."""

from typing import Annotated

import pytest
import scim2_models as scim

from maptician_scim.exceptions import InvalidValue
from maptician_scim.protocol.projection import EVERYTHING, Projection, Selection
from maptician_scim.protocol.schemas import user_model

URN = "urn:example:params:scim:schemas:Badge:1.0:User"


class Badge(scim.ComplexAttribute):
    number: Annotated[str | None, scim.Returned.always] = None
    colour: str | None = None
    pin: Annotated[str | None, scim.Returned.request] = None
    secret: Annotated[str | None, scim.Returned.never] = None


class BadgeExtension(scim.Extension):
    __schema__ = scim.URN(URN)
    badge: Badge | None = None
    history: Annotated[str | None, scim.Returned.request] = None
    hidden: Annotated[str | None, scim.Returned.never] = None
    shown: Annotated[str | None, scim.Returned.always] = None


MODEL = user_model((BadgeExtension,))
BADGE = {"number": "1", "colour": "red", "pin": "0000", "secret": "x"}
DOCUMENT = {
    "schemas": ["a"],
    "id": "1",
    "title": "Boss",
    URN: {"badge": BADGE, "history": "h", "hidden": "x", "shown": "s"},
    "urn:unknown": {"colour": "blue", "size": 1},
    "urn:odd": "text",
}
ALWAYS = {"schemas": ["a"], "id": "1"}
NORMAL = {"number": "1", "colour": "red"}


def shown(attributes="", excluded=""):
    """What is shown of the extension, and the names of the rest."""
    selection = Selection(tuple(attributes.split()), tuple(excluded.split()))
    document = Projection(MODEL, selection).apply(DOCUMENT)
    assert {name: document[name] for name in ALWAYS} == ALWAYS
    return document.pop(URN), sorted(document.keys() - ALWAYS.keys())


def test_by_default_what_is_returned_on_request_or_never_is_not():
    everything = ["title", "urn:odd", "urn:unknown"]
    assert shown() == ({"badge": NORMAL, "shown": "s"}, everything)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("title", {"shown": "s"}),
        (f"{URN}:badge.colour", {"badge": NORMAL, "shown": "s"}),
        (f"{URN}:badge.pin", {"badge": {"number": "1", "pin": "0000"}, "shown": "s"}),
        (f"{URN}:history", {"history": "h", "shown": "s"}),
        (URN, {"badge": NORMAL, "shown": "s"}),
        (f"{URN}:badge history", {"badge": NORMAL, "history": "h", "shown": "s"}),
    ],
)
def test_what_is_returned_on_request_has_to_be_named(attributes, expected):
    assert shown(attributes)[0] == expected


def test_what_is_always_returned_cannot_be_excluded():
    assert shown(excluded=f"{URN} urn:unknown") == ({"shown": "s"}, ["title", "urn:odd"])
    badge = {"badge": {"number": "1"}, "shown": "s"}
    assert shown(excluded=f"{URN}:badge.colour badge.number {URN}:shown")[0] == badge


@pytest.mark.parametrize("name", ["hidden", "badge.secret"])
def test_what_is_never_returned_cannot_be_asked_for(name):
    with pytest.raises(InvalidValue, match=name):
        shown(f"{URN}:{name}")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("urn:unknown", {"colour": "blue", "size": 1}),
        ("urn:unknown:COLOUR", {"colour": "blue"}),
        ("urn:odd", None),
    ],
)
def test_parts_of_an_undeclared_extension_can_be_named(attributes, expected):
    document = Projection(MODEL, Selection((attributes,))).apply(DOCUMENT)
    assert document.get("urn:unknown") == expected
    assert ("urn:odd" in document) == (expected is None)


@pytest.mark.parametrize(
    ("selection", "included", "left_out"),
    [
        (Selection(), ["groups", "title", URN, "id"], []),
        (Selection(("title",)), ["title", "id", URN], ["groups", "urn:unknown", "meta"]),
        (Selection(("groups.value", "urn:unknown:x")), ["groups", "urn:unknown"], ["title"]),
        (Selection((), ("GROUPS", "urn:unknown")), ["title", "id"], ["groups", "urn:unknown"]),
        (Selection((), ("groups.display",)), ["groups"], []),
    ],
)
def test_it_says_what_need_not_be_read(selection, included, left_out):
    projection = Projection(MODEL, selection)
    assert all(projection.includes(name) for name in included)
    assert not any(projection.includes(name) for name in left_out)


def test_everything_is_shown_as_it_is():
    assert EVERYTHING.apply(DOCUMENT) is DOCUMENT
    assert EVERYTHING.includes("groups")
    assert EVERYTHING.includes(URN)
