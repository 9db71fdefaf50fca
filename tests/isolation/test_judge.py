"""The judge finds what was planted, and knows it from what was sent."""

import pytest
from django.http import HttpResponse

from tests.isolation.judge import ID_MARK, canaries_in

ID = f"{ID_MARK.hex()}-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("own-person", set()),
        ("a canary-person here", {"canary-person"}),
        ('{"id": "' + ID + '"}', {ID}),
        ("http%3A%2F%2Fcanary-globex.localhost", {"canary-globex.localhost"}),
        ("mapt_scim_12345678", {"mapt_scim_12345678"}),
    ],
)
def test_what_is_planted_is_found_in_an_answer(content, found):
    assert canaries_in(HttpResponse(content), secrets=["mapt_scim_12345678"]) == found


def test_headers_are_part_of_the_answer():
    answer = HttpResponse(headers={"Location": f"/Users/{ID}"})
    assert canaries_in(answer) == {ID}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("There is no canary-a.", set()),
        ("canary-a@acme", set()),
        ("canary-ab", {"canary-ab"}),
        ("canary-a canary-b", {"canary-b"}),
    ],
)
def test_what_was_sent_may_come_back_but_nothing_more(content, found):
    assert canaries_in(HttpResponse(content), sent="canary-a") == found
