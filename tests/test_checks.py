"""A wrong setting fails ``manage.py check`` with a stable id and a hint."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from scim2_models import ComplexAttribute, Extension, Mutability, Returned, Uniqueness, User

from maptician_scim import checks
from maptician_scim.adapters import UserAdapter
from maptician_scim.checks import check_settings
from maptician_scim.group_adapters import GroupAdapter
from maptician_scim.linking import link_users
from maptician_scim.mapping import Attribute
from maptician_scim.models import ProvisionedUser
from maptician_scim.protocol.schemas import CORE_USER, ENTERPRISE_USER
from tests.extensions import ADAPTER
from tests.factories import CompanyFactory, OccupantFactory

HERE = "tests.test_checks"


class WithoutMap(UserAdapter):
    tenant_field = "company"


class WithUnknownField(UserAdapter):
    tenant_field = "company"
    attribute_map = {"userName": "username", "active": "is_active", "title": "no_such_field"}


class WithUnknownTenantField(UserAdapter):
    tenant_field = "club"
    attribute_map = {"userName": "username", "active": "is_active"}


class WithUnknownColumn(UserAdapter):
    tenant_field = "company"
    attribute_map = {"userName": "nickname", "active": "is_active"}


class WithUnknownEnd(UserAdapter):
    tenant_field = "company__no_such_field"
    attribute_map = {"userName": "username", "active": "is_active"}


class ThroughAnotherModel(UserAdapter):
    tenant_field = "desk_assignments__desk__floor__location__company"
    attribute_map = {"userName": "username", "active": "is_active"}


class WithoutMembers(GroupAdapter):
    tenant_field = "company"
    members_field = "neighbourhood"


class WithUnknownName(GroupAdapter):
    tenant_field = "company"
    members_field = "members"
    attribute_map = {"displayName": "label"}


class WithUnknownAttribute(UserAdapter):
    tenant_field = "company"
    attribute_map = {"userName": "username", "active": "is_active", "shoeSize": "job_title"}


class WithoutActive(UserAdapter):
    tenant_field = "company"
    attribute_map = {"userName": "username"}


class WithUnwritableRelation(UserAdapter):
    tenant_field = "company"
    attribute_map = {
        "userName": "username",
        "active": "is_active",
        "title": Attribute("company__name"),
    }


class WithWrongKindOfColumn(UserAdapter):
    tenant_field = "company"
    attribute_map = {"userName": "username", "active": "is_active", "title": "date_joined"}


def declaring(*extensions):
    """The dotted path of an adapter with these extensions."""
    name = f"Declaring{len(globals())}"
    attribute_map = {"userName": "username", "active": "is_active"}
    body = {"tenant_field": "company", "attribute_map": attribute_map, "extensions": extensions}
    globals()[name] = type(name, (UserAdapter,), body)
    return f"{HERE}.{name}"


def extension(urn="urn:acme:x:2.0:User", name="Acme", **fields):
    """An extension with these fields, each a type or a type and its characteristics."""
    annotations = {n: Annotated[t[0] | None, "declared", *t[1:]] for n, t in fields.items()}
    body = {"__schema__": urn, "__annotations__": annotations} | dict.fromkeys(fields)
    return type(name, (Extension,), body | {"__module__": __name__})


class Inner(ComplexAttribute):
    value: str | None = None


class Outer(ComplexAttribute):
    inner: Inner | None = None


RIGHT = extension(floor=(int,))
WRONG_DECLARATIONS = {
    "no extension": (str,),
    "a model of a resource": (User,),
    "no URN": (extension(urn=None, floor=(int,)),),
    "a URN that is none": (extension(urn="acme:x", floor=(int,)),),
    "a URN too short": (extension(urn="urn:acme", floor=(int,)),),
    "a URN no path can hold": (extension(urn="urn:acme:a b", floor=(int,)),),
    "the URN of users": (extension(urn=CORE_USER, floor=(int,)),),
    "the URN of the enterprise extension": (extension(ENTERPRISE_USER.upper(), floor=(int,)),),
    "the name of the enterprise extension": (extension(name="EnterpriseUser", floor=(int,)),),
    "the same URN twice": (RIGHT, extension(name="Other", floor=(int,))),
    "the same name twice": (RIGHT, extension(urn="urn:acme:y", floor=(int,))),
    "no attributes": (extension(),),
    "an illegal name": (extension(größe=(int,)),),
    "a type SCIM has not": (extension(floor=(dict,)),),
    "a day": (extension(floor=(date,)),),
    "complex in complex": (extension(outer=(Outer,)),),
    "never returned": (extension(pin=(str, Returned.never)),),
    "write-only": (extension(pin=(str, Mutability.write_only)),),
    "unique": (extension(badge=(str, Uniqueness.server)),),
}


WRONG = {
    "an unknown name": ({"TENNANT_MODEL": "x"}, "E002"),
    "no tenant model": ({"TENANT_MODEL": None}, "E003"),
    "no base domain": ({"BASE_DOMAIN": ""}, "E003"),
    "no adapter": ({"USER_ADAPTER": 5}, "E003"),
    "a tenant model that is none": ({"TENANT_MODEL": "workplace.Nothing"}, "E004"),
    "a tenant model without its app": ({"TENANT_MODEL": "Company"}, "E004"),
    "a tenant field that is none": ({"TENANT_FIELD": "slug"}, "E005"),
    "a tenant field that is not unique": ({"TENANT_FIELD": "name"}, "E006"),
    "an adapter that is not there": ({"USER_ADAPTER": "nowhere.Adapter"}, "E007"),
    "an adapter of another kind": ({"USER_ADAPTER": f"{HERE}.CompanyFactory"}, "E008"),
    "an adapter that is no class": ({"USER_ADAPTER": f"{HERE}.HERE"}, "E008"),
    "an adapter without a map": ({"USER_ADAPTER": f"{HERE}.WithoutMap"}, "E009"),
    "an unknown field": ({"USER_ADAPTER": f"{HERE}.WithUnknownField"}, "E009"),
    "an unknown tenant field": ({"USER_ADAPTER": f"{HERE}.WithUnknownTenantField"}, "E009"),
    "an unknown column of userName": ({"USER_ADAPTER": f"{HERE}.WithUnknownColumn"}, "E009"),
    "a path that ends nowhere": ({"USER_ADAPTER": f"{HERE}.WithUnknownEnd"}, "E009"),
    "an unknown attribute": ({"USER_ADAPTER": f"{HERE}.WithUnknownAttribute"}, "E009"),
    "a map without active": ({"USER_ADAPTER": f"{HERE}.WithoutActive"}, "E009"),
    "a relation without write": ({"USER_ADAPTER": f"{HERE}.WithUnwritableRelation"}, "E010"),
    **{f"{name} of zero": ({name: 0}, "E011") for name in checks.POSITIVE},
    "an unknown way to delete": ({"DELETE_BEHAVIOUR": "archive"}, "E012"),
    "an unknown way with roles": ({"UNKNOWN_ROLES": "drop"}, "E031"),
    "a lifetime in text": ({"TOKEN_LIFETIME_DAYS": "365"}, "E013"),
    "a lifetime of zero": ({"TOKEN_LIFETIME_DAYS": 0}, "E013"),
    **{f"{name} in words": ({name: "200 a second"}, "E032") for name in checks.RATES},
    "a rate as a number": ({"THROTTLE": 200}, "E032"),
    **{f"{name} in text": ({name: "False"}, "E014") for name in checks.SWITCHES},
    "a tenant behind a relation": ({"USER_ADAPTER": f"{HERE}.ThroughAnotherModel"}, "E020"),
    "a page that is no address": ({"DOCUMENTATION_URI": 5}, "E015"),
    "an extension declared wrongly": (
        {"USER_ADAPTER": declaring(*WRONG_DECLARATIONS["no URN"])},
        "E030",
    ),
    "a text in a column of dates": ({"USER_ADAPTER": f"{HERE}.WithWrongKindOfColumn"}, "W031"),
    "tokens that must and need not expire": (
        {"TOKENS_MUST_EXPIRE": True, "TOKEN_LIFETIME_DAYS": None},
        "E016",
    ),
    "half a proxy": ({"TRUSTED_PROXIES": 0.5}, "E017"),
    "an e-mail address alone": ({"EXPIRY_EMAILS": "ops@maptician.example"}, "E018"),
    "an e-mail address that is none": ({"EXPIRY_EMAILS": ["ops"]}, "E018"),
    "no e-mail address of the safeguard": ({"SAFEGUARD_EMAILS": ["ops"]}, "E018"),
    "more than all people": ({"SAFEGUARD_PERCENT": 101}, "E033"),
    "less than nobody": ({"SAFEGUARD_PERCENT": -1}, "E033"),
    "a percentage that is true": ({"SAFEGUARD_PERCENT": True}, "E033"),
    "a group model that is none": ({"GROUP_MODEL": "workplace.Nothing"}, "E021"),
    "a group model that is no text": ({"GROUP_MODEL": 5}, "E021"),
    "a group adapter that is not there": ({"GROUP_ADAPTER": "nowhere.Adapter"}, "E022"),
    "a group adapter that is no text": ({"GROUP_ADAPTER": 5}, "E022"),
    "a group adapter that is none": ({"GROUP_ADAPTER": f"{HERE}.WithoutMap"}, "E023"),
    "a group adapter of another model": ({"GROUP_MODEL": "auth.Group"}, "E024"),
    "a group adapter without members": ({"GROUP_ADAPTER": f"{HERE}.WithoutMembers"}, "E024"),
    "a group adapter with no such field": ({"GROUP_ADAPTER": f"{HERE}.WithUnknownName"}, "E024"),
    "a switch that is text": ({"NESTED_GROUPS": "no"}, "E014"),
    "a function that is none": ({"TENANT_QUERYSET_FOR": f"{HERE}.HERE"}, "E019"),
    "a function that is not there": ({"TENANT_QUERYSET_FOR": "nowhere.tenants"}, "E019"),
}


@pytest.fixture
def configure(settings):
    def change(**changes):
        settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | changes

    return change


def ids(messages):
    return [message.id.removeprefix("maptician_scim.") for message in messages]


def test_right_settings_have_nothing_to_say():
    assert check_settings(None) == []


@pytest.mark.parametrize(("changes", "expected"), WRONG.values(), ids=WRONG)
def test_wrong_setting_has_its_id(configure, changes, expected):
    configure(**changes)
    assert ids(check_settings(None)) == [expected]


@pytest.mark.parametrize("declared", WRONG_DECLARATIONS.values(), ids=WRONG_DECLARATIONS)
def test_extension_declared_wrongly_is_e030(configure, declared):
    configure(USER_ADAPTER=declaring(*declared))
    assert ids(check_settings(None)) == ["E030"]


def test_extensions_that_are_no_tuple_are_e030(configure, monkeypatch):
    monkeypatch.setattr(WithoutActive, "extensions", RIGHT)
    configure(USER_ADAPTER=f"{HERE}.WithoutActive")
    assert ids(check_settings(None)) == ["E030"]


def test_extensions_declared_rightly_have_nothing_to_say(configure):
    configure(USER_ADAPTER=declaring(RIGHT))
    assert check_settings(None) == []
    configure(USER_ADAPTER=ADAPTER)
    assert check_settings(None) == []


@pytest.mark.parametrize("value", [-1, "100", 1.5, True, None], ids=repr)
def test_limit_that_is_no_positive_number_is_e011(configure, value):
    configure(MAX_PAGE_SIZE=value)
    assert ids(check_settings(None)) == ["E011"]


@pytest.mark.parametrize(
    ("changes", "expected"), {e: (c, e) for c, e in WRONG.values()}.values(), ids=str
)
def test_wrong_setting_has_a_hint(configure, changes, expected):
    configure(**changes)
    assert [message.id for message in check_settings(None) if not message.hint] == []


@pytest.mark.parametrize("value", [None, [], "x"])
def test_settings_that_are_no_dictionary_are_e001(settings, value):
    settings.MAPTICIAN_SCIM = value
    assert ids(check_settings(None)) == ["E001"]


def test_all_mistakes_are_told_at_once(configure):
    configure(TENANT_FIELD="slug", MAX_PAGE_SIZE=0, DELETE_BEHAVIOUR="x")
    assert ids(check_settings(None)) == ["E005", "E011", "E012"]


def test_dummy_cache_is_w001(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    [message] = check_settings(None)
    assert message.id == "maptician_scim.W001"
    assert message.hint
    assert not message.is_serious()


def test_ids_are_unique_and_all_tested():
    source = Path(checks.__file__).read_text()
    found = re.findall(r'id="maptician_scim\.([EW]\d{3})"', source)
    assert len(found) == len(set(found))
    assert set(found) == {expected for _, expected in WRONG.values()} | {"E001", "W001", "W002"}


def test_manage_py_check_runs_them(configure):
    configure(MAX_PAGE_SIZE=0)
    with pytest.raises(SystemCheckError, match=r"maptician_scim\.E011"):
        call_command("check")


# -- people without a record ------------------------------------------------------------------


@pytest.fixture
def unlinked(acme):
    """Somebody who was there before SCIM."""
    user = OccupantFactory(company=acme)
    ProvisionedUser.objects.all().delete()
    return user


def test_person_without_a_record_is_w002_through_check(unlinked):
    with pytest.raises(SystemCheckError, match=r"maptician_scim\.W002") as error:
        call_command("check", databases=["default"], fail_level="WARNING")
    assert "Acme" in str(error.value)
    assert "scim_link_users" in str(error.value)


@pytest.mark.usefixtures("unlinked")
def test_without_a_database_nobody_is_counted(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert run_checks() == []


def test_after_the_backfill_there_is_nothing_to_say(unlinked, acme):
    link_users(acme)
    assert checks.check_links(None, databases=["default"]) == []


def test_person_whom_scim_deleted_is_not_missing(scim, acme):
    key = ProvisionedUser.objects.get(user=OccupantFactory(company=acme)).scim_id
    scim.remove(key)
    assert checks.check_links(None, databases=["default"]) == []


def test_many_tenants_are_counted_and_some_named(db):
    for number in range(7):
        OccupantFactory(company=CompanyFactory(name=f"Company {number}"))
    ProvisionedUser.objects.all().delete()
    [message] = checks.check_links(None, databases=["default"])
    assert "7 tenants" in message.msg
    assert message.msg.count("Company ") == 5


@pytest.mark.usefixtures("unlinked")
def test_warning_about_the_cache_hides_nobody(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert ids(checks.check_links(None, databases=["default"])) == ["W002"]


@pytest.mark.usefixtures("unlinked")
def test_with_wrong_settings_nobody_is_counted(configure, django_assert_num_queries):
    configure(USER_ADAPTER="nowhere.Adapter")
    with django_assert_num_queries(0):
        assert checks.check_links(None, databases=["default"]) == []
