"""What is written leaves what Django's ``save`` does, which is called where it does more."""

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, models, transaction
from django.db.models import Value
from django.db.models.functions import Upper
from django.db.models.signals import post_save, pre_save

from maptician_scim import writing
from maptician_scim.models import Event, ProvisionedUser, Token
from tests import hosts
from tests.client import USER

User = get_user_model()


@pytest.fixture
def person(acme):
    found = hosts.current().person(acme, email="pat@acme.example")
    return User.objects.get(pk=found.pk)


@pytest.fixture
def new(person):
    """The same person once more, not yet saved, under another name."""
    values = {f.attname: getattr(person, f.attname) for f in User._meta.concrete_fields}
    return User(**values | {"id": None, "username": "sam@acme.example"})


@pytest.fixture
def django_saves(monkeypatch):
    """The people who went through Django's own ``save``."""
    saved = []
    save_base = models.Model.save_base

    def noting(self, *args, **kwargs):
        if isinstance(self, User):
            saved.append(self)
        return save_base(self, *args, **kwargs)

    # In its place in ``STEPS_OF_SAVE``: it is Django's all the same.
    monkeypatch.setattr(models.Model, "save_base", noting)
    writing._writes_one_row.cache_clear()
    yield saved
    writing._writes_one_row.cache_clear()


def columns_of(pk):
    return User.objects.filter(pk=pk).values().get()


def test_changed_person_is_written_without_django(person, django_saves):
    person.first_name, person.last_login = "Zoë", None
    writing.save(person)
    assert columns_of(person.pk)["first_name"] == "Zoë"
    assert django_saves == []


def test_new_person_is_what_django_leaves(new, django_saves):
    writing.save(new)
    assert django_saves == []
    state, columns = vars(new._state) | {"fields_cache": {}}, columns_of(new.pk)
    User.objects.filter(pk=new.pk).delete()
    new.pk, new._state.adding, new._state.db = None, True, None
    new.save()
    assert vars(new._state) | {"fields_cache": {}} == state
    assert columns_of(new.pk) | {"id": 0} == columns | {"id": 0}


@pytest.mark.parametrize("is_new", [True, False])
def test_who_listens_is_told_what_django_tells(person, new, is_new):
    subject, told = new if is_new else person, []

    def listen(**said):
        told.append(said)

    post_save.connect(listen, sender=User)
    try:
        writing.save(subject)
        if is_new:
            User.objects.filter(pk=subject.pk).delete()
            subject.pk, subject._state.adding = None, True
        subject.save()
    finally:
        post_save.disconnect(listen, sender=User)
    ours, djangos = told
    assert ours == djangos


def overrides_save(person, monkeypatch):
    monkeypatch.setattr(User, "save", lambda self: models.Model.save(self))


def overrides_a_step(person, monkeypatch):
    monkeypatch.setattr(User, "_do_update", lambda *args: models.Model._do_update(*args))
    writing._writes_one_row.cache_clear()


def has_a_save_of_its_own(person, monkeypatch):
    person.save = lambda: User.save(person)


def has_a_new_password(person, monkeypatch):
    person.set_password("x")


def holds_an_expression(person, monkeypatch):
    person.first_name = Upper(Value("x"))


def has_gaps(person, monkeypatch):
    del person.__dict__["first_name"]


def is_gone(person, monkeypatch):
    User.objects.filter(pk=person.pk).delete()


def has_a_key_of_its_own(person, monkeypatch):
    person._state.adding = True
    User.objects.filter(pk=person.pk).delete()


@pytest.mark.parametrize(
    "reason",
    [
        *(overrides_save, overrides_a_step, has_a_new_password, holds_an_expression, has_gaps),
        *(is_gone, has_a_key_of_its_own, has_a_save_of_its_own),
    ],
)
def test_django_saves_what_is_more_than_a_row(person, django_saves, monkeypatch, reason):
    reason(person, monkeypatch)
    writing.save(person)
    assert django_saves == [person]
    assert User.objects.filter(pk=person.pk).exists()
    writing._writes_one_row.cache_clear()


def test_django_saves_where_somebody_changes_what_is_saved(person, django_saves):
    def change(instance, **kwargs):
        instance.first_name = "Zoë"

    pre_save.connect(change, sender=User)
    try:
        writing.save(person)
    finally:
        pre_save.disconnect(change, sender=User)
    assert django_saves == [person]
    assert columns_of(person.pk)["first_name"] == "Zoë"


def test_what_the_database_refuses_is_djangos_exception(person, new):
    new.username = person.username
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            writing.save(new)
        assert transaction.get_rollback()
    assert new._state.adding


@pytest.mark.parametrize("changes", [{"a": {"new": "ü\u2028"}}, {}, {"a": [1.5, None, 2**70]}])
def test_inserted_object_is_what_save_leaves(acme, scim, changes):
    token = Token.objects.get()
    event = Event(tenant=acme, token=token, verb="read", status=200, changes=changes)
    writing.insert(event)
    found = Event.objects.get(pk=event.pk)
    assert not event._state.adding
    assert {f.attname: getattr(found, f.attname) for f in Event._meta.concrete_fields} == {
        f.attname: getattr(event, f.attname) for f in Event._meta.concrete_fields
    }


def test_object_that_refers_to_an_unsaved_one_is_not_inserted(acme):
    record = ProvisionedUser(tenant=acme, user=User(), user_name="pat")
    with pytest.raises(ValueError, match="unsaved related object"):
        writing.insert(record)


def test_update_changes_what_it_names_alone(scim):
    record = ProvisionedUser.objects.get(
        scim_id=scim.create(userName="Pat@ACME.example").json()["id"]
    )
    record.external_id, record.user_name = "new", "not written"
    writing.update(record, "external_id")
    record.refresh_from_db()
    assert (record.external_id, record.user_name) == ("new", "Pat@ACME.example")


def test_host_that_listens_to_our_saves_hears_them(scim):
    heard = []

    def listen(sender, instance, **kwargs):
        heard.append(instance.verb)

    post_save.connect(listen, sender=Event)
    try:
        scim.request_scim("POST", "/Users", {"schemas": [USER], "userName": "pat"})
    finally:
        post_save.disconnect(listen, sender=Event)
    assert heard == ["create"]
