"""The models have their migrations, whatever host they are installed in."""

import subprocess
import sys

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from maptician_scim.models import Event, Token, now
from maptician_scim.protocol.expressions import user_name_key
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


@pytest.mark.django_db(transaction=True)
def test_events_from_before_are_found_by_name_and_their_tokens_count_as_used():
    call_command("migrate", "maptician_scim", "0001", verbosity=0)
    try:
        before = MigrationExecutor(connection).loader.project_state(
            [("maptician_scim", "0001_initial"), *_other_leaves()]
        )
        company = before.apps.get_model("workplace", "Company").objects.create(
            subdomain="acme", name="Acme"
        )
        used = before.apps.get_model("maptician_scim", "Token").objects.create(
            tenant=company, name="Okta", prefix="p", digest="d", last_used_at=now()
        )
        before.apps.get_model("maptician_scim", "Event").objects.create(
            tenant=company, token=used, verb="create", status=409, user_name="STRASSE@acme.example"
        )
    finally:
        call_command("migrate", verbosity=0)
    assert Event.objects.get().user_name_key == user_name_key("straße@acme.example")
    assert Token.objects.get().first_used_at == used.last_used_at


def _other_leaves():
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()
    return [leaf for leaf in leaves if leaf[0] != "maptician_scim"]
