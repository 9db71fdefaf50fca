"""The same project, with a plain DRF view at the address of a person."""

from tests.benchmarks.settings import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.plain"
