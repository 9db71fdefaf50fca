"""What is accepted is noted for whoever asks."""

import pytest

from maptician_scim.exceptions import InvalidFilter, NoTarget
from maptician_scim.protocol.tolerances import Tolerance, noting, sentence_of, tolerate


def test_part_of_a_request_notes_for_itself():
    with noting() as whole:
        tolerate(Tolerance.BARE_TOKEN, "Authorization")
        with noting() as part:
            tolerate(Tolerance.ONE_OBJECT, "emails")
        tolerate(Tolerance.CAPITALISED_OP, "op")
    assert whole == [Tolerance.BARE_TOKEN, Tolerance.CAPITALISED_OP]
    assert part == [Tolerance.ONE_OBJECT]


def test_if_nobody_asks_then_it_is_accepted_all_the_same():
    tolerate(Tolerance.ONE_OBJECT, "emails")


@pytest.mark.parametrize(("given", "raised"), [(None, NoTarget), (InvalidFilter, InvalidFilter)])
def test_strict_mode_refuses_with_the_fitting_error_and_notes_nothing(settings, given, raised):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"STRICT": True}
    with noting() as noted, pytest.raises(raised, match=r"^'emails': no entry matches"):
        tolerate(Tolerance.ENTRY_CREATED, "emails", given)
    assert noted == []


def test_place_in_a_refusal_is_short(settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"STRICT": True}
    with pytest.raises(NoTarget) as refused:
        tolerate(Tolerance.ENTRY_CREATED, "x" * 4000)
    assert len(refused.value.detail) < 200


def test_every_tolerance_has_a_sentence():
    sentences = {sentence_of(name) for name in Tolerance}
    assert len(sentences) == len(Tolerance)
    assert all(sentence[0].isupper() and " " in sentence for sentence in sentences)
