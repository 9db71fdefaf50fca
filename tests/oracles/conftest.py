"""``--hypothesis-profile thorough`` tries ten times as many examples, other ones each time."""

from hypothesis import settings

settings.register_profile("thorough", max_examples=1000)
