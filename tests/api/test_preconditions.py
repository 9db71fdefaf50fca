"""``If-Match`` and ``If-None-Match`` (RFC 7644 section 3.14, RFC 9110 section 13.1)."""

import pytest

from tests.client import USER


@pytest.fixture
def person(scim):
    return scim.create(userName="kim", title="Old").json()


@pytest.fixture
def tags(person):
    """Headers that name the person's version."""
    weak = person["meta"]["version"]
    strong = weak.removeprefix("W/")
    return [weak, strong, "*", f'"x", {weak}', f'W/"a,b" ,{strong}', f' {weak} , "y"']


OTHERS = ['"x"', 'W/"a,b"', "x", '"', "W/", ",", '""', "", "*, x"]


def put(scim, person, **headers):
    return scim.replace(person["id"], {"schemas": [USER], "userName": "kim"}, **headers)


def patch(scim, person, **headers):
    return scim.modify(person["id"], {"op": "remove", "path": "title"}, **headers)


def delete(scim, person, **headers):
    return scim.remove(person["id"], **headers)


WRITES = pytest.mark.parametrize("write", [put, patch, delete], ids=lambda f: f.__name__)


def test_known_version_is_304_without_a_body(scim, person, tags):
    for tag in tags:
        answer = scim.read(person["id"], if_none_match=tag)
        assert (answer.status_code, answer.content) == (304, b""), tag
        assert answer["ETag"] == person["meta"]["version"]


def test_other_version_is_answered(scim, person):
    for tag in OTHERS:
        assert scim.read(person["id"], if_none_match=tag).json() == person, tag


def test_reading_another_version_than_wanted_is_412(scim, person, tags):
    for tag in tags:
        assert scim.read(person["id"], if_match=tag).status_code == 200, tag
    assert scim.read(person["id"], if_match='"x"').status_code == 412


@WRITES
@pytest.mark.parametrize("number", range(6))
def test_write_of_the_version_that_is_meant_is_done(scim, person, tags, write, number):
    assert write(scim, person, if_match=tags[number]).status_code in (200, 204)


@WRITES
def test_write_of_another_version_is_412_and_changes_nothing(scim, person, write):
    for tag in OTHERS:
        answer = write(scim, person, if_match=tag)
        assert (answer.status_code, answer.json()["status"]) == (412, "412"), tag
    assert scim.read(person["id"]).json() == person


@WRITES
def test_write_that_rules_the_version_out_is_412(scim, person, tags, write):
    for tag in tags:
        assert write(scim, person, if_none_match=tag).status_code == 412, tag
    assert scim.read(person["id"]).json() == person
    assert write(scim, person, if_none_match='"x"').status_code in (200, 204)


def test_condition_on_somebody_who_is_not_there_is_404(scim, person):
    person["id"] = "00000000-0000-4000-8000-000000000000"
    for write in (put, patch, delete):
        assert write(scim, person, if_match="*").status_code == 404


def test_version_that_was_shown_in_part_is_the_whole_one(scim, person):
    etag = scim.read(f"{person['id']}?attributes=userName")["ETag"]
    assert patch(scim, person, if_match=etag).status_code == 200
    assert patch(scim, person, if_match=etag).status_code == 412
