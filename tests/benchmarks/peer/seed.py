"""The people of the example project once more, in the tables of django-scim2's host."""

import subprocess
import sys
from dataclasses import replace

import psycopg

from tests.live import ROOT

SAME = (
    "password, last_login, is_superuser, first_name, last_name, email, is_staff, is_active,"
    " date_joined, company_id, job_title, user_type, department, organization, employee_number,"
    " work_phone, mobile_phone, city, region"
)

COPY = f"""
INSERT INTO peer_company (id, name) SELECT id, subdomain FROM workplace_company;
INSERT INTO peer_token (company_id, digest) SELECT tenant_id, digest FROM maptician_scim_token;
INSERT INTO peer_user ({SAME}, id, username, scim_id, scim_username, scim_external_id)
SELECT {SAME}, o.id, p.user_name, o.id::text, p.user_name, p.external_id
FROM workplace_occupant o JOIN maptician_scim_provisioneduser p ON p.user_id = o.id ORDER BY o.id;
INSERT INTO peer_group (id, company_id, name, scim_id, scim_display_name)
SELECT id, company_id, name, id::text, name FROM workplace_team;
INSERT INTO peer_user_scim_groups (user_id, group_id)
SELECT occupant_id, team_id FROM workplace_teammembership;
SELECT setval(pg_get_serial_sequence('peer_user', 'id'), max(id)) FROM peer_user;
"""


def seed(database_url, env, tenants):
    """The tenants as django-scim2's clients know them."""
    env = env | {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.peer.settings"}
    migrate = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity=0"]
    subprocess.run(migrate, cwd=ROOT, env=env, check=True)
    with psycopg.connect(database_url.partition("?")[0], autocommit=True) as connection:
        connection.execute(COPY)
        connection.execute("VACUUM ANALYZE")
        return [_known(connection, tenant) for tenant in tenants]


def _known(connection, tenant):
    people = connection.execute(
        "SELECT u.scim_id, u.username FROM peer_user u JOIN peer_company c ON c.id = u.company_id"
        " WHERE c.name = %s ORDER BY u.id",
        [tenant.subdomain],
    ).fetchall()
    groups = connection.execute(
        "SELECT g.scim_id FROM peer_group g JOIN peer_company c ON c.id = g.company_id"
        " WHERE c.name = %s ORDER BY g.id",
        [tenant.subdomain],
    ).fetchall()
    ids = [scim_id for (scim_id,) in groups]
    return replace(tenant, people=people, large_groups=ids[:1], pushes=ids[1:], written={})
