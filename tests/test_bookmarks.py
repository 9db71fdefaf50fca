"""What is remembered of a tenant's people is at any moment what counting them would say."""

import random
from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from example_project.workplace.models import Company, Occupant
from maptician_scim import bookmarks, triggers
from maptician_scim.bookmarks import Place, place
from maptician_scim.linking import link_users
from maptician_scim.models import Bookmark, ProvisionedUser, Recount, detach
from tests.factories import OccupantFactory

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="elsewhere people are counted"),
]

ALWAYS, SOMETIMES, NEVER = 0, 8, 10**6
STRETCH = bookmarks.STRETCH


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """Stretches so short that few people fill many, written down at every occasion."""
    monkeypatch.setattr(bookmarks, "STRETCH", 3)
    monkeypatch.setattr(bookmarks, "ENOUGH", ALWAYS)
    monkeypatch.setattr(bookmarks, "_written", {})  # the length stands in the statements
    monkeypatch.setattr(bookmarks, "_quiet", set())


@pytest.fixture
def people(acme, globex):
    """Ten people in each of two tenants; what there is to remember is remembered."""
    found = [OccupantFactory(company=tenant) for tenant in (acme, globex) for _ in range(10)]
    assert_true(acme, globex)
    return found


def assert_true(*tenants):
    """The totals and the beginnings of pages are those of plain counting."""
    for tenant in tenants:
        seen = ProvisionedUser.objects.for_tenant(tenant).order_by("pk")
        keys = list(seen.values_list("pk", flat=True))
        for first in {0, len(keys) // 2, len(keys) - 1, len(keys), len(keys) + 5} - {-1}:
            key = keys[first] if first < len(keys) else None
            assert place(tenant, first) == Place(len(keys), key)


@contextmanager
def elsewhere(isolation="READ COMMITTED"):
    """A cursor of another connection, in a transaction that is open; ``commit`` is its own."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
            cursor.execute("SELECT count(*) FROM maptician_scim_provisioneduser")
            cursor.commit = other.commit
            yield cursor
    finally:
        other.close()


def sql(text, *values):
    with connection.cursor() as cursor:
        cursor.execute(text, values)


MOVE = "UPDATE workplace_occupant SET company_id = %s WHERE id = %s"
ADD = """
INSERT INTO maptician_scim_provisioneduser (scim_id, tenant_id, user_id, user_name, user_name_key,
    attributes, received, digest, created_at, modified_at)
SELECT gen_random_uuid(), %s, %s, 'x' || %s, 'x' || %s, '{}', '{}', '', now(), now()
"""
END = "UPDATE maptician_scim_provisioneduser SET deleted_at = now() WHERE user_id = %s"


# -- every kind of change -------------------------------------------------------------------------


def by_save(user, tenant):
    user.company = tenant
    user.save()


def by_update(user, tenant):
    Occupant.objects.filter(pk=user.pk).update(company=tenant)


def by_sql(user, tenant):
    sql(MOVE, tenant.pk, user.pk)


def by_deletion(user, tenant):
    user.delete()


def by_end(user, tenant):
    for record in ProvisionedUser.objects.live().filter(user=user):
        detach(record)


def by_end_and_back(user, tenant):
    records = ProvisionedUser.objects.filter(user=user)
    records.update(deleted_at=None if records.live().count() == 0 else records[0].created_at)


def by_record_gone(user, tenant):
    sql("DELETE FROM maptician_scim_provisioneduser WHERE user_id = %s", user.pk)
    link_users(tenant)


def by_record_elsewhere(user, tenant):
    latest = ProvisionedUser.objects.filter(user=user).order_by("-pk")[:1]
    ProvisionedUser.objects.filter(pk__in=latest, deleted_at=None).exclude(tenant=tenant).update(
        tenant=tenant
    )


def by_other_key(user, tenant):
    last = ProvisionedUser.objects.latest("pk").pk
    ProvisionedUser.objects.filter(user=user, deleted_at=None).update(id=last + 3)


def by_row_made_again(user, tenant):
    with transaction.atomic():
        sql("CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE workplace_occupant")
        sql("DELETE FROM workplace_occupant WHERE id = %s", user.pk)
        sql("UPDATE kept SET company_id = %s", tenant.pk)
        sql("INSERT INTO workplace_occupant SELECT * FROM kept WHERE id = %s", user.pk)


def by_bulk(user, tenant):
    made = OccupantFactory.build_batch(4, company=tenant)
    for one in made:
        one.username += f"-{random.random()}"
    Occupant.objects.bulk_create(made)
    link_users(tenant)


def by_nothing(user, tenant):
    """What is rolled back has never been."""
    with transaction.atomic():
        by_update(user, tenant)
        OccupantFactory(company=tenant, email=f"{random.random()}@acme.example")
        assert_true(tenant)
        transaction.set_rollback(True)


def by_truncation(user, tenant):
    sql("TRUNCATE maptician_scim_provisioneduser CASCADE")
    for company in Company.objects.all():
        link_users(company)


CHANGES = [value for name, value in list(globals().items()) if name.startswith("by_")]


def test_after_each_change_the_answer_is_right(people, acme, globex):
    for change in CHANGES:
        for user, tenant in zip(Occupant.objects.order_by("pk")[4:6], (acme, globex), strict=True):
            change(user, tenant)
            assert_true(acme, globex)


@pytest.mark.parametrize("enough", [ALWAYS, SOMETIMES, NEVER])
def test_after_any_changes_the_answer_is_right(people, acme, globex, monkeypatch, enough):
    monkeypatch.setattr(bookmarks, "ENOUGH", enough)
    choose = random.Random(enough)
    for _ in range(20):
        user = choose.choice(Occupant.objects.order_by("pk"))
        choose.choice(CHANGES)(user, choose.choice([acme, globex]))
        if choose.random() < 0.7:
            assert_true(acme, globex)
    assert_true(acme, globex)


def test_verbs_of_scim_are_counted(scim, people, acme):
    made = scim.create(userName="new@acme.example").json()
    assert scim.search(count=1).json()["totalResults"] == 11
    assert_true(acme)
    scim.remove(made["id"])
    assert scim.search(count=1).json()["totalResults"] == 10
    assert_true(acme)


# -- others at the same time ----------------------------------------------------------------------


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
@pytest.mark.parametrize("is_moved_first", [True, False])
def test_if_two_change_one_person_then_both_count(people, acme, globex, isolation, is_moved_first):
    """One adds a record for somebody whom the other, who cannot see it, moves to its tenant."""
    user = people[0]
    sql("DELETE FROM maptician_scim_provisioneduser WHERE user_id = %s", user.pk)
    assert_true(acme, globex)
    with elsewhere(isolation) as one, elsewhere(isolation) as other:
        one.execute(ADD, [globex.pk, user.pk, user.pk, user.pk])
        other.execute(MOVE, [globex.pk, user.pk])
        assert_true(acme, globex)
        for cursor in (other, one) if is_moved_first else (one, other):
            cursor.commit()
            assert_true(acme, globex)
    assert ProvisionedUser.objects.for_tenant(globex).filter(user=user).exists()


def test_who_commits_later_is_counted_then(people, acme, globex):
    with elsewhere() as one:
        one.execute(END, [people[0].pk])
        one.execute(MOVE, [globex.pk, people[1].pk])
        by_update(people[2], globex)
        assert_true(acme, globex)
        one.commit()
    assert place(acme, 0).total == 7
    assert_true(acme, globex)


@pytest.mark.parametrize("step", ["TAKE_STALE", "WRITE_DOWN"])
def test_who_commits_while_others_count_is_not_missed(people, acme, monkeypatch, step):
    statement = bookmarks._statement
    OccupantFactory(company=acme)
    with elsewhere() as one:
        one.execute(END, [people[0].pk])

        def committing(text, *args, **values):
            if text == getattr(bookmarks, step):
                one.commit()
            return statement(text, *args, **values)

        monkeypatch.setattr(bookmarks, "_statement", committing)
        place(acme, 0)
    assert_true(acme)
    assert place(acme, 0).total == 10


def test_if_somebody_is_counting_then_nobody_waits(people, acme):
    OccupantFactory(company=acme)
    with elsewhere() as one:
        one.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [bookmarks.LOCK, str(acme.pk)]
        )
        assert_true(acme)
        assert Recount.objects.filter(tenant=acme).exists()
    assert_true(acme)
    assert not Recount.objects.filter(tenant=acme).exists()


def test_writers_do_not_wait_for_each_other(people, acme, globex):
    sql("SET lock_timeout = '50ms'")
    try:
        with elsewhere() as one:
            one.execute(MOVE, [globex.pk, people[0].pk])
            one.execute(END, [people[1].pk])
            by_update(people[2], globex)
            by_end(people[3], acme)
            OccupantFactory(company=acme)
    finally:
        sql("RESET lock_timeout")


# -- the triggers -------------------------------------------------------------------------------


OWN = ("maptician_scim_provisioneduser", "scim_recount")
OF_THE_HOST = ("workplace_occupant", "scim_recount_company_id")


@pytest.mark.parametrize(("table", "trigger"), [OWN, OF_THE_HOST])
def test_what_nobody_watched_is_counted_anew(people, acme, globex, table, trigger):
    sql(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
    try:
        by_update(people[0], globex)
        by_end(people[8], globex)  # in another stretch, so that neither has the other counted
    finally:
        sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
    assert_true(acme, globex)


def test_if_the_trigger_is_gone_then_migrate_brings_it_back(people, acme, globex):
    sql("DROP TRIGGER scim_recount_company_id ON workplace_occupant")
    by_update(people[0], globex)
    assert_true(acme, globex)
    call_command("migrate", verbosity=0)
    assert_true(acme, globex)
    assert Bookmark.objects.filter(tenant=acme).count() > 1
    by_update(people[1], globex)
    assert place(acme, 0).total == 8


def test_if_totals_are_not_remembered_then_the_host_keeps_no_trigger(people, acme, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"REMEMBER_TOTALS": False}
    call_command("migrate", verbosity=0)
    by_save(people[0], None)
    assert not Recount.objects.exclude(user=None).exists()
    assert place(acme, 0) is None
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"REMEMBER_TOTALS": True}
    call_command("migrate", verbosity=0)
    assert_true(acme)


def test_if_the_table_of_users_is_busy_then_migrate_goes_on_without(people, acme, caplog):
    sql("DROP TRIGGER scim_recount_company_id ON workplace_occupant")
    with elsewhere() as one:
        one.execute(MOVE, [acme.pk, people[0].pk])
        triggers.keep("default")
    assert "no trigger" in caplog.text
    assert_true(acme)
    triggers.keep("default")
    assert Bookmark.objects.filter(tenant=acme).exists() is True


def test_migrating_back_takes_both_triggers_away():
    call_command("migrate", "maptician_scim", "0007", verbosity=0)
    try:
        assert not _triggers()
    finally:
        call_command("migrate", verbosity=0)
    assert _triggers() == {OWN[1], OF_THE_HOST[1]}


def _triggers():
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'scim_recount%%'")
        return {name for (name,) in cursor.fetchall()}


def test_whoever_may_change_users_need_not_know_our_tables(people, acme, globex):
    sql("CREATE ROLE scim_test_host")
    try:
        sql("GRANT SELECT, UPDATE ON workplace_occupant TO scim_test_host")
        sql("SET ROLE scim_test_host")
        sql(MOVE, globex.pk, people[0].pk)
        sql("RESET ROLE")
        assert place(acme, 0).total == 9
    finally:
        sql("RESET ROLE")
        sql("DROP OWNED BY scim_test_host")
        sql("DROP ROLE scim_test_host")


def test_nothing_remains_of_a_tenant_that_is_gone(people, acme):
    for user in Occupant.objects.filter(company=acme):
        user.delete()
    key = acme.pk
    acme.delete()
    assert not Bookmark.objects.filter(tenant=key).exists()
    assert not Recount.objects.filter(tenant=key).exists()


# -- what it costs --------------------------------------------------------------------------------


def test_what_was_counted_is_written_down_where_nobody_lists(people, acme):
    OccupantFactory(company=acme)
    call_command("scim_prune_events", verbosity=0)
    assert not Recount.objects.exists()
    assert_true(acme)


def test_where_nothing_changes_less_is_asked(people, acme, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(bookmarks, "ENOUGH", NEVER)
    assert acme.pk in bookmarks._quiet
    with django_assert_num_queries(1) as sent:
        place(acme, 5)
    assert "recounted" not in sent[0]["sql"]
    OccupantFactory(company=acme)
    assert_true(acme)
    assert acme.pk not in bookmarks._quiet
    with django_assert_num_queries(1):
        place(acme, 5)


def test_no_more_tenants_are_remembered_than_foreseen(people, acme, globex, monkeypatch):
    monkeypatch.setattr(bookmarks, "MOST_QUIET", 1)
    bookmarks._quiet.clear()
    assert_true(acme, globex)
    assert bookmarks._quiet == {globex.pk}


def test_a_list_that_may_not_write_is_right(people, acme, caplog):
    OccupantFactory(company=acme)
    sql("SET default_transaction_read_only = on")
    try:
        assert_true(acme)
    finally:
        sql("RESET default_transaction_read_only")
    assert Recount.objects.exists()
    assert "not written down" not in caplog.text


@pytest.mark.parametrize("first", [0, 2000, 3900])
def test_a_page_of_a_large_tenant_reads_few_rows(acme, globex, monkeypatch, first):
    monkeypatch.setattr(bookmarks, "STRETCH", STRETCH)
    for tenant, size in ((globex, 400), (acme, 4000)):
        Occupant.objects.bulk_create(
            OccupantFactory.build(company=tenant, email=f"p{n}@x.example") for n in range(size)
        )
        link_users(tenant)
    sql("ANALYZE")
    place(acme, first)
    statement = bookmarks._statement(bookmarks.PLACE, acme, triggers.followed(), first=first)
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + statement[0], statement[1])
        [[plan]] = cursor.fetchall()
    assert _rows_of("maptician_scim_provisioneduser", plan) <= bookmarks.STRETCH
    assert _rows_of("workplace_occupant", plan) <= bookmarks.STRETCH
    assert plan[0]["Plan"]["Total Cost"] < 10_000  # from 100,000 on it would be compiled


def test_a_page_is_not_compiled_whatever_the_planner_knows(acme, globex):
    """It looks at tables when everything has changed, and again much later. Its cost grows with the
    people of all tenants."""
    Occupant.objects.bulk_create(
        OccupantFactory.build(company=acme, email=f"p{n}@x.example") for n in range(6000)
    )
    link_users(acme)
    sql("ANALYZE")
    assert place(acme, 5999).total == 6000
    assert Recount.objects.count() == 0
    Recount.objects.bulk_create(Recount(tenant=globex, user_id=n) for n in range(1500))
    statement = bookmarks._statement(bookmarks.PLACE, acme, triggers.followed(), first=5999)
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + statement[0], statement[1])
        [[plan]] = cursor.fetchall()
    assert plan[0]["Plan"]["Total Cost"] < 500  # from 100,000 on it would be compiled


def _rows_of(table, plan):
    """How many rows of a table a plan has read."""
    if isinstance(plan, list):
        return sum(_rows_of(table, part) for part in plan)
    if not isinstance(plan, dict):
        return 0
    own = 0
    if plan.get("Relation Name") == table:
        own = plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
    return own + sum(_rows_of(table, part) for part in plan.values())
