"""What ``docs/scaling.md`` says: whose every row is, what a larger tenant costs, and its SQL."""

import re
from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction
from django.db.models import ForeignKey

from maptician_scim.linking import link_users
from maptician_scim.models import Event, GroupNesting, SessionKey, now
from maptician_scim.tenancy import tenant_model
from tests import tables
from tests.buffers import touched
from tests.factories import OccupantFactory
from tests.test_sessions import logged_in

OWN = list(apps.get_app_config("maptician_scim").get_models(include_auto_created=True))

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's alone")


# -- whose every row is ---------------------------------------------------------------------------


@pytest.mark.parametrize("model", OWN, ids=lambda model: model.__name__)
def test_every_table_has_the_tenant(model):
    field = model._meta.get_field("tenant")
    assert isinstance(field, ForeignKey)
    assert field.related_model is tenant_model()


def test_noted_session_is_of_the_tenant_of_its_person(acme, host):
    user = OccupantFactory(company=acme)
    logged_in(user)
    logged_in(OccupantFactory(staff=True))
    assert dict(SessionKey.objects.values_list("user", "tenant")) == {
        user.pk: acme.pk,
        SessionKey.objects.get(tenant=None).user_id: None,
    }


def test_group_in_a_group_is_of_the_tenant_of_both(settings, scim, acme):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"NESTED_GROUPS": True}
    scim.push("Parent", [scim.push("Child").json()["id"]])
    assert GroupNesting.objects.get().tenant == acme


# -- what a larger tenant costs -------------------------------------------------------------------

PAGES_MORE = 1.5


@pytest.fixture
def large(transactional_db):
    """Plans as they are where tables are large: small ones are read from end to end otherwise."""
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        yield
        cursor.execute("RESET enable_seqscan")


def fill(tenant, people):
    """Have so many people in a tenant."""
    users = get_user_model()
    before = users.objects.filter(company=tenant).count()
    users.objects.bulk_create(
        OccupantFactory.build(company=tenant, email=f"p{n}@acme.example")
        for n in range(before, people)
    )
    link_users(tenant)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


@on_postgresql
def test_reads_touch_no_more_pages_in_a_tenant_four_times_as_large(large, scim, acme):
    def measured():
        last = scim.search(count=1).json()["totalResults"] - 49
        person = scim.search(startIndex=last, count=1).json()["Resources"][0]
        reads = {
            "look-up": lambda: scim.search(f'userName eq "{person["userName"]}"'),
            "GET": lambda: scim.read(person["id"]),
            "first page": lambda: scim.search(count=50),
            "last page": lambda: scim.search(startIndex=last, count=50),
        }
        return {name: touched(ask) for name, ask in reads.items()}

    fill(acme, 750)
    small = measured()
    fill(acme, 3000)
    assert {name: n for name, n in measured().items() if n > PAGES_MORE * small[name]} == {}, small


# -- partitioned events ---------------------------------------------------------------------------

SQL = re.compile(r"```sql\n(.*?)```", re.DOTALL)


def first_of_month(after):
    """The first day of a month as many months from now."""
    years, month = divmod(datetime.now(UTC).month - 1 + after, 12)
    return datetime(datetime.now(UTC).year + years, month + 1, 1, tzinfo=UTC)


@pytest.fixture
def partition(scim):
    """The blocks of SQL of the document, each as a function; its months are those to come."""
    scim.create(userName="before")
    text = tables.DOCS.joinpath("scaling.md").read_text()
    section = text.split("\n## Partitioned events")[1].split("\n## ")[0]
    for month, written in ((1, "2027-01-01"), (2, "2027-02-01")):
        section = section.replace(written, f"{first_of_month(month):%Y-%m-%d}")

    def run(block):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(block.replace(" CONCURRENTLY", "").replace("%", "%%") % ())

    return [lambda block=block: run(block) for block in SQL.findall(section)]


@on_postgresql
def test_log_goes_on_when_it_is_partitioned_as_the_document_says(partition, scim):
    prepare, convert, add_month, drop = partition
    last = Event.objects.latest("id").pk
    for step in (prepare, convert, add_month):
        step()
    assert scim.create(userName="after").status_code == 201
    assert scim.create(userName="AFTER").status_code == 409
    found = Event.objects.order_by("id").values_list("id", "user_name", "status")
    assert list(found) == [
        (last, "before", 201),
        (last + 1, "after", 201),
        (last + 2, "AFTER", 409),
    ]
    for month in (now(), first_of_month(1)):
        refusal = {"created_at": month, "verb": "read", "status": 401, "once": f"{month}"}
        Event.objects.create(**refusal)
        with pytest.raises(IntegrityError), transaction.atomic():
            Event.objects.create(**refusal)
    drop()
    assert Event.objects.get().once == f"{month}"
