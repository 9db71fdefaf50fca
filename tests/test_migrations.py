"""The models have their migrations, whatever host they are installed in."""

import subprocess
import sys

import pytest
from django.core.management import call_command

from tests.live import ROOT, environment

HOSTS = ["example_project.settings", "tests.clubs.settings"]


@pytest.mark.parametrize("host", HOSTS)
def test_no_migration_is_missing(host, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"],
        cwd=ROOT,
        env=environment(f"sqlite:///{tmp_path / 'db.sqlite3'}", DJANGO_SETTINGS_MODULE=host),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No changes detected" in done.stdout


@pytest.mark.django_db(transaction=True)
def test_migrations_can_be_undone_and_repeated():
    call_command("migrate", "maptician_scim", "zero", verbosity=0)
    call_command("migrate", "maptician_scim", verbosity=0)
    call_command("migrate", check_unapplied=True, verbosity=0)
