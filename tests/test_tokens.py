import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maptician_scim import tokens


@pytest.mark.rfc("7644", "7.4", "a")
def test_generated_token_is_recognised_and_none_is_like_another():
    made = {tokens.generate() for _ in range(100)}
    assert len(made) == 100
    assert all(tokens.is_well_formed(secret) for secret in made)
    assert {len(secret) for secret in made} == {len(tokens.MARK) + 43 + 6}


@given(st.integers(0, 58), st.sampled_from(string.ascii_letters + string.digits))
def test_token_with_one_letter_changed_is_refused(place, letter):
    secret = tokens.generate()
    mistyped = secret[:place] + letter + secret[place + 1 :]
    assert tokens.is_well_formed(mistyped) == (mistyped == secret)


@given(st.text())
def test_any_other_text_is_refused(text):
    assert not tokens.is_well_formed(text)
    assert not tokens.is_well_formed(tokens.MARK + text)


def test_prefix_tells_a_token_and_not_its_secret():
    secret = tokens.generate()
    assert secret.startswith(tokens.prefix(secret))
    assert len(tokens.prefix(secret)) == tokens.PREFIX_LENGTH < len(secret) / 2


@pytest.mark.parametrize("pasted", ["hunter2", "eyJhbGciOi", "", "Mapt_scim_x"])
def test_what_is_no_token_of_ours_has_no_prefix(pasted):
    assert tokens.prefix(pasted) == ""


def test_digest_is_sha256():
    assert tokens.digest("abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
