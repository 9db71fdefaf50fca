"""Companies with people and groups, in bulk: what provisioning would have left, in seconds."""

import uuid
from dataclasses import dataclass, field

from tests.client import ENTERPRISE

BATCH = 2000
LARGE_GROUP = 1000
PUSHES = 1000  # empty groups, each of which one measured PATCH fills


@dataclass
class Tenant:
    """A company as its identity provider knows it."""

    subdomain: str
    secret: str = ""
    people: list = field(default_factory=list)
    """The id and the userName of everybody, in the order of the lists."""

    large_groups: list = field(default_factory=list)
    pushes: list = field(default_factory=list)
    written: dict = field(default_factory=dict)
    """How often who has done what here, so that nothing is done twice."""

    @property
    def host(self):
        return f"{self.subdomain}.localhost"


def body_of(user_name, **attributes):
    """The body in which Okta sends a person."""
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": user_name,
        "externalId": f"00u{uuid.uuid5(uuid.NAMESPACE_URL, user_name).hex[:16]}",
        "name": {"givenName": "Jane", "familyName": f"Doe {user_name[:12]}"},
        "displayName": f"Jane Doe {user_name[:12]}",
        "emails": [{"primary": True, "value": user_name, "type": "work"}],
        "phoneNumbers": [{"primary": True, "value": "+49 221 1234", "type": "work"}],
        "addresses": [{"type": "work", "locality": "Köln", "region": "NRW", "primary": True}],
        "title": "Engineer",
        "locale": "en-US",
        "groups": [],
        "active": True,
        ENTERPRISE: {
            "employeeNumber": "4711",
            "department": "Research",
            "manager": {"value": "boss@acme.example", "displayName": "The Boss"},
        },
    } | attributes


def seed(sizes):
    """One tenant for each number of people, with a token and groups."""
    from django.db import connection

    from maptician_scim import bookmarks

    tenants = [tenant(number, size) for number, size in enumerate(sizes)]
    bookmarks.tidy()
    # As autovacuum would have done by now.
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return tenants


def tenant(number, size):
    """A company with this many people, as its identity provider knows it."""
    from example_project.workplace.models import Company
    from maptician_scim.models import Connection, Token

    company = Company.objects.create(name=f"Company {number}", subdomain=f"company{number}")
    Connection.objects.make_missing([company])
    _, secret = Token.objects.issue(tenant=company, name="Benchmark")
    made = Tenant(company.subdomain, secret)
    users = []
    for first in range(0, size, BATCH):
        names = [
            f"p{n}@{company.subdomain}.example" for n in range(first, min(first + BATCH, size))
        ]
        users += _people(made, company, names)
    _groups(made, company, users)
    return made


def _people(made, company, names):
    """Host users and their records, as a POST of each would leave them."""
    from django.contrib.auth import get_user_model

    from example_project.workplace.scim import OccupantAdapter
    from maptician_scim.models import ProvisionedUser
    from maptician_scim.protocol import messages
    from maptician_scim.protocol.expressions import user_name_key

    model = OccupantAdapter.mapping()
    users, records = [], []
    for name in names:
        body = body_of(name)
        document = {k: v for k, v in body.items() if k not in ("schemas", "groups")}
        parts = model.split(document)
        values = {m.attribute.field: parts.values[m.path.text] for m in model.mapped}
        user = get_user_model()(
            company=company,
            username=f"{name}@{company.subdomain}",
            password="!",
            **{column: value for column, value in values.items() if value is not None},
        )
        record = ProvisionedUser(
            tenant=company,
            user=user,
            user_name=name,
            user_name_key=user_name_key(name),
            external_id=parts.external_id,
            attributes=parts.attributes,
            received={text: value for text, value in parts.values.items() if value is not None},
            digest=messages.digest({k: v for k, v in body.items() if k != "groups"}),
        )
        record.modified_at = record.created_at
        users.append(user)
        records.append(record)
    get_user_model().objects.bulk_create(users)
    ProvisionedUser.objects.bulk_create(records)
    made.people += [(str(record.scim_id), record.user_name) for record in records]
    return [user.pk for user in users]


def _groups(made, company, users):
    """A group of the first thousand, and empty ones."""
    from example_project.workplace.models import Team, TeamMembership
    from maptician_scim.models import ProvisionedGroup
    from maptician_scim.protocol.expressions import user_name_key

    names = ["Everybody", *(f"Push {n}" for n in range(PUSHES))]
    teams = Team.objects.bulk_create(Team(company=company, name=name) for name in names)
    records = ProvisionedGroup.objects.bulk_create(
        ProvisionedGroup(
            tenant=company,
            group=team,
            display_name=team.name,
            display_name_key=user_name_key(team.name),
            is_created_by_scim=True,
        )
        for team in teams
    )
    TeamMembership.objects.bulk_create(
        TeamMembership(team=teams[0], occupant_id=pk) for pk in users[:LARGE_GROUP]
    )
    ids = [str(record.scim_id) for record in records]
    made.large_groups, made.pushes = ids[:1], ids[1:]
