"""``statements.save`` leaves what Django's ``save`` does, and stands back where that does more."""

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, models, transaction
from django.db.models import Value
from django.db.models.functions import Upper
from django.db.models.signals import post_save, pre_save

from maptician_scim import statements
from tests import hosts

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
    statements._writes_one_row.cache_clear()
    yield saved
    statements._writes_one_row.cache_clear()


def columns_of(pk):
    return User.objects.filter(pk=pk).values().get()


def test_changed_person_is_written_without_django(person, django_saves):
    person.first_name, person.last_login = "Zoë", None
    statements.save(person)
    assert columns_of(person.pk)["first_name"] == "Zoë"
    assert django_saves == []


def test_new_person_is_what_django_leaves(new, django_saves):
    statements.save(new)
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
        statements.save(subject)
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
    statements._writes_one_row.cache_clear()


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
    statements.save(person)
    assert django_saves == [person]
    assert User.objects.filter(pk=person.pk).exists()
    statements._writes_one_row.cache_clear()


def test_django_saves_where_somebody_changes_what_is_saved(person, django_saves):
    def change(instance, **kwargs):
        instance.first_name = "Zoë"

    pre_save.connect(change, sender=User)
    try:
        statements.save(person)
    finally:
        pre_save.disconnect(change, sender=User)
    assert django_saves == [person]
    assert columns_of(person.pk)["first_name"] == "Zoë"


def test_what_the_database_refuses_is_djangos_exception(person, new):
    new.username = person.username
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            statements.save(new)
        assert transaction.get_rollback()
    assert new._state.adding
