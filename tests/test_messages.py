import pytest

from maptician_scim.protocol.messages import ResourceDocument, digest, etag, etag_matches


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        ('W/"a"', True),
        ('"a"', True),
        ('"b", W/"a"', True),
        (" * ", True),
        ('W/"b"', False),
        ("a", False),
        ("", False),
        ('"*"', False),
    ],
)
def test_entity_tags_are_compared_weakly(header, matches):
    assert etag_matches(header, etag("a")) is matches


def test_digest_does_not_depend_on_order_or_on_what_changes_by_itself():
    document = {"userName": "a", "title": "b"}
    reordered = {"title": "b", "meta": {"x": 1}, "userName": "a", "groups": [], "id": "1"}
    assert digest(document) == digest(reordered)
    assert digest(document) != digest({"userName": "a", "title": "c"})


def test_password_is_in_no_repr():
    assert "s3cret" not in repr(ResourceDocument({"userName": "a"}, password="s3cret"))
