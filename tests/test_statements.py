"""Compiled statements answer what the ORM answers, to each tenant its own."""

from itertools import count, product

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, models
from django.db.models import Value
from django.db.models.expressions import DatabaseDefault
from django.db.models.functions import Lower
from django.db.models.signals import post_init, pre_init
from django.test.utils import isolate_apps

from maptician_scim import statements
from maptician_scim.adapters import UserAdapter
from maptician_scim.conf import scim_settings
from maptician_scim.group_adapters import GroupAdapter
from maptician_scim.models import Connection, Event, ProvisionedUser, Token
from maptician_scim.provisioning.ready import LOOK_UP

NAME = "pat@acme.example"


@pytest.fixture(autouse=True)
def _nothing_kept():
    statements._kept.clear()


@pytest.fixture
def orm(monkeypatch):
    """A switch: from then on everything is asked through the ORM."""

    def switch():
        monkeypatch.setattr(UserAdapter, "can_be_compiled", classmethod(lambda cls: False))
        monkeypatch.setattr(GroupAdapter, "can_be_compiled", classmethod(lambda cls: False))

    return switch


@pytest.fixture
def people(scim):
    emails = [{"value": NAME, "type": "work", "primary": True}, {"value": "p@home.example"}]
    pat = scim.create(
        userName="Pat@ACME.example",
        externalId="00u1",
        emails=emails,
        title="Ångström",
        displayName="Pat",
    ).json()
    sam = scim.create(userName="sam@acme.example", externalId="00U1", active=False).json()
    scim.push("Floor 1", [pat["id"], sam["id"]])
    return pat, sam


ASKED = [
    "/Users",
    "/Users?count=1&startIndex=2",
    "/Users?count=1",
    "/Users?count=0",
    "/Users?startIndex=9",
    '/Users?filter=userName eq "pat@acme.EXAMPLE"',
    '/Users?filter=USERNAME EQ "pat@acme.example"&attributes=userName',
    '/Users?filter=externalId eq "00u1"&excludedAttributes=groups',
    '/Users?filter=externalId eq "00U1"',
    '/Users?filter=userName eq "nobody"',
    '/Users?filter=userName eq ""',
    '/Users?filter=externalId eq "00%251"',
    "/Groups",
    '/Groups?filter=displayName eq "FLOOR 1"',
    '/Groups?filter=displayName eq "Floor 1"&excludedAttributes=members',
    '/Groups?filter=externalId eq "none"',
]


@pytest.mark.parametrize("path", ASKED)
def test_what_is_compiled_answers_what_the_orm_answers(scim, people, orm, path):
    once, twice = (scim.request_scim("GET", path) for _ in range(2))
    orm()
    asked = scim.request_scim("GET", path)
    assert once.json() == twice.json() == asked.json()
    assert asked.status_code == 200


def test_one_resource_is_what_the_orm_answers(scim, people, orm):
    group = scim.groups().json()["Resources"][0]
    compiled = scim.read(people[0]["id"]).json(), scim.group(group["id"]).json()
    orm()
    assert compiled == (scim.read(people[0]["id"]).json(), scim.group(group["id"]).json())


def test_writes_leave_what_they_leave_through_the_orm(scim, people, orm):
    change = {"op": "replace", "value": {"title": "Captain", "active": False}}
    compiled = scim.modify(people[0]["id"], change).json()
    scim.modify(people[0]["id"], {"op": "replace", "value": {"title": "Ångström", "active": True}})
    orm()
    through_the_orm = scim.modify(people[0]["id"], change).json()
    for answer in (compiled, through_the_orm):
        del answer["meta"]["lastModified"]
    assert compiled == through_the_orm


def test_statement_kept_for_one_tenant_shows_the_other_its_own(scim, other_scim, people):
    assert scim.search(f'userName eq "{NAME}"').json()["totalResults"] == 1
    assert other_scim.search(f'userName eq "{NAME}"').json()["totalResults"] == 0
    assert other_scim.search().json()["totalResults"] == 0
    assert other_scim.read(people[0]["id"]).status_code == 404
    theirs = other_scim.create(userName=NAME).json()
    assert other_scim.search(f'userName eq "{NAME}"').json()["Resources"] == [theirs]
    assert scim.read(theirs["id"]).status_code == 404


def test_host_with_a_scope_of_its_own_is_asked_each_time(scim, people, monkeypatch):
    """It may depend on anything, and so must not be kept."""
    hidden = []

    class Moody(scim_settings.USER_ADAPTER):
        @classmethod
        def scope(cls, records, tenant):
            return super().scope(records, tenant).exclude(user_name__in=hidden)

    monkeypatch.setattr(type(scim_settings), "USER_ADAPTER", property(lambda self: Moody))
    assert scim.read(people[0]["id"]).status_code == 200
    hidden.append("Pat@ACME.example")
    assert scim.read(people[0]["id"]).status_code == 404
    assert scim.search(f'userName eq "{NAME}"').json()["totalResults"] == 0


def test_tenants_the_host_hides_are_asked_for_each_time(scim, acme, monkeypatch):
    class Visible(models.Manager):
        names = ("acme",)

        def get_queryset(self):
            return super().get_queryset().filter(subdomain__in=self.names)

    manager = Visible()
    manager.model = type(acme)
    monkeypatch.setitem(type(acme)._meta.__dict__, "default_manager", manager)
    assert scim.search(count=1).status_code == 200
    monkeypatch.setattr(Visible, "names", ())
    assert scim.search(count=1).status_code == 404


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "a\\"b"',
        'userName eq "a\\u0062"',
        'userName ne "a"',
        'userName eq "a" and title pr',
        'urn:ietf:params:scim:schemas:core:2.0:User:userName eq "a"',
        "userName eq 5",
        'userName eq "a\x00"',
        'userName eq "\ud800"',
    ],
)
def test_other_filters_are_left_to_the_orm(text):
    assert LOOK_UP.fullmatch(text) is None


@pytest.mark.parametrize("stored", ["1e999", "[]", '{"a": null}', "null", '"text"'])
def test_json_is_read_as_the_orm_reads_it(stored):
    field = models.JSONField()
    read = statements._faster(field.from_db_value)
    assert read is not field.from_db_value
    assert read(stored, None, connection) == field.from_db_value(stored, None, connection)


def test_statement_reads_where_writes_go(acme, settings):
    """A replica may not have yet what the client has just written, and locks nothing."""
    settings.DATABASE_ROUTERS = ["tests.test_statements.Replicated"]
    users = get_user_model()
    assert users.objects.all().db == "replica"
    assert statements.Statement(users.objects.values_list("pk")).using == "default"


class Replicated:
    """Reads from a replica that is not there."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


def test_no_more_is_kept_than_foreseen(monkeypatch):
    monkeypatch.setattr(statements, "MOST_KEPT", 2)
    users = get_user_model()
    for number in range(5):
        statements.compiled(number, lambda: users._base_manager.values_list("pk"))
    assert len(statements._kept) <= 2


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite locks as a whole")
def test_rows_are_locked_in_the_order_of_all_verbs(scim, people):
    with Sent() as sent:
        scim.modify(people[0]["id"], {"op": "replace", "path": "title", "value": "Captain"})
    [locking] = [sql for sql in sent if "FOR UPDATE" in sql]
    users, records = (
        connection.ops.quote_name(model._meta.db_table)
        for model in (get_user_model(), ProvisionedUser)
    )
    assert locking.endswith(f"FOR UPDATE OF {users}, {records}")


class Sent(list):
    """The statements sent within a block."""

    def __enter__(self):
        self.wrapping = connection.execute_wrapper(self._note)
        self.wrapping.__enter__()
        return self

    def __exit__(self, *exc):
        self.wrapping.__exit__(*exc)

    def _note(self, execute, sql, params, many, context):
        self.append(sql)
        return execute(sql, params, many, context)


def without_state(thing):
    return {name: value for name, value in vars(thing).items() if name != "_state"}


def from_row(row):
    return statements.split(get_user_model(), "default", row)[0]


@pytest.fixture
def row(people):
    users = get_user_model()
    return users.objects.values_list(*statements.columns(users)).first()


def test_object_made_of_its_row_is_the_orm_s(row):
    users = get_user_model()
    made, found = from_row(row), users.objects.first()
    assert without_state(made) == without_state(found)
    assert (made._state.adding, made._state.db) == (found._state.adding, found._state.db)
    assert made == found


@pytest.mark.parametrize("model", [get_user_model(), ProvisionedUser, Event, Connection])
def test_new_object_is_the_one_that_its_constructor_makes(model):
    made, expected = statements.new(model), model()
    for times in ("created_at", "modified_at", "scim_id", "date_joined"):  # of this moment
        if hasattr(made, times):
            setattr(expected, times, getattr(made, times))
    assert vars(made).keys() == vars(expected).keys()
    assert repr(without_state(made)) == repr(without_state(expected))
    assert (made._state.adding, made._state.db) == (True, None)


def test_new_objects_share_no_default():
    assert statements.new(Event).tolerated is not statements.new(Event).tolerated


@isolate_apps("tests")
def test_default_that_a_field_makes_is_made_for_each_object():
    class Numbered(models.IntegerField):
        def get_default(self):
            return next(numbers)

    class Seat(models.Model):
        number = Numbered()
        since = models.IntegerField(db_default=Value(1))
        tags = models.JSONField(default=list)
        name = models.CharField(max_length=10)
        label = models.GeneratedField(
            expression=Lower("name"), output_field=models.TextField(), db_persist=True
        )

        class Meta:
            app_label = "tests"

    numbers = count()
    assert list(vars(statements.new(Seat))) == list(vars(Seat()))
    seats = [statements.new(Seat) for _ in range(2)]
    assert [seat.number for seat in seats] == [2, 3]
    assert seats[0].tags is not seats[1].tags
    assert all(isinstance(seat.since, DatabaseDefault) for seat in seats)
    assert seats[0].since is not seats[1].since
    assert seats[0].name == ""
    assert statements.new(Seat, number=9).number == 9
    assert next(numbers) == 4


def test_new_object_has_no_other_columns():
    with pytest.raises(TypeError, match="colour"):
        statements.new(Event, colour="red")


MAKING = {"of a row": from_row, "anew": lambda row: statements.new(get_user_model())}
"""Both ways to make an object without its constructor."""


@pytest.mark.parametrize("make", MAKING.values(), ids=MAKING)
@pytest.mark.parametrize("signal", [pre_init, post_init])
def test_who_listens_to_objects_being_made_hears_of_each(row, make, signal):
    heard = []

    def listen(sender, **kwargs):
        heard.append(sender)

    signal.connect(listen, sender=get_user_model())
    try:
        make(row)
    finally:
        signal.disconnect(listen, sender=get_user_model())
    assert heard == [get_user_model()]


@pytest.mark.parametrize(
    ("step", "make"),
    [
        *product(["__init__", "__setattr__"], MAKING.values()),
        ("from_db", from_row),
    ],
)
def test_host_that_makes_its_own_objects_does(row, step, make, monkeypatch):
    users, called = get_user_model(), []
    original = getattr(users, step)

    def noting(self, *args, **kwargs):
        called.append(step)
        if step == "from_db":
            return original(*args, **kwargs)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(users, step, classmethod(noting) if step == "from_db" else noting)
    statements._is_made_of_columns.cache_clear()
    try:
        make(row)
    finally:
        monkeypatch.undo()
        statements._is_made_of_columns.cache_clear()
    assert called


@isolate_apps("tests")
def test_host_whose_mixin_comes_after_the_model_makes_its_own_objects():
    class Tracks:
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.is_tracked = True

    class Seat(models.Model, Tracks):
        class Meta:
            app_label = "tests"

    assert Seat().is_tracked
    assert statements.new(Seat).is_tracked
    assert statements.split(Seat, "default", (1,))[0].is_tracked


@isolate_apps("tests")
def test_column_that_is_more_than_its_value_is_made_by_django():
    class Seat(models.Model):
        photo = models.FileField()

        class Meta:
            app_label = "tests"

    assert statements.new(Seat).photo.name == Seat().photo.name


def test_token_that_lets_in_is_described_without_a_query(scim, django_assert_num_queries):
    """In the report of a failure, which may be that of the database."""
    found = Token.letting_in(Token.objects.get().digest)
    with django_assert_num_queries(0):
        assert "Test" in repr(found)
