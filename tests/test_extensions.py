"""Schema extensions beyond what HTTP shows: the document's example, the admin, the doctor."""

import re
import sys
from enum import StrEnum
from importlib import import_module
from typing import Annotated

import pytest
from django.db.models import BooleanField, IntegerField
from scim2_models import URN, Extension, Required
from scim2_models.path import Path

from maptician_scim.admin.connection_page import attribute_rows
from maptician_scim.columns import column_value
from maptician_scim.conf import scim_settings
from maptician_scim.doctor import persona
from maptician_scim.exceptions import InvalidValue
from maptician_scim.models import ProvisionedGroup
from maptician_scim.protocol.tolerances import Tolerance, noting
from maptician_scim.protocol.values import typed
from tests.extensions import ADAPTER, WORKPLACE
from tests.tables import DOCS


class Mode(StrEnum):
    office = "office"
    home = "home"


class Work(Extension):
    __schema__ = URN("urn:acme:scim:work:User")

    mode: Mode | None = None


class MustHaveWork(scim_settings.USER_ADAPTER):
    extensions = (Annotated[Work, Required.true],)


@pytest.fixture
def use(settings):
    def configure(path):
        settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"USER_ADAPTER": path}

    return configure


@pytest.fixture
def documented(use, tmp_path, monkeypatch):
    """The example of docs/adapters.md as the adapter."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "documented_adapter.py").write_text(code_of("extension"))
    use("documented_adapter.OccupantAdapter")
    yield import_module("documented_adapter")
    del sys.modules["documented_adapter"]


def code_of(name):
    """An example of docs/adapters.md."""
    text = (DOCS / "adapters.md").read_text()
    [code] = re.findall(rf"<!-- test:{name} -->\n```python\n(.*?)```", text, re.DOTALL)
    return code


@pytest.fixture
def documented_groups(settings, tmp_path, monkeypatch):
    """The example of docs/adapters.md as the adapter of groups."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "documented_groups.py").write_text(code_of("group"))
    path = {"GROUP_ADAPTER": "documented_groups.DepartmentAdapter"}
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | path
    yield import_module("documented_groups")
    del sys.modules["documented_groups"]


def test_the_documents_example_of_groups_works(scim, acme, documented_groups):
    team = {documented_groups.TEAM: {"number": "K7"}}
    group = scim.push("Design", **team).json()
    record = ProvisionedGroup.objects.for_tenant(acme).get(scim_id=group["id"])
    assert record.group.name == "Design (acme)"
    assert group[documented_groups.TEAM] == {"number": "K7"}
    record.group.name = "Art (acme)"
    record.group.save()
    found = scim.groups(f'displayName eq "art" and {documented_groups.TEAM}:number eq "K7"')
    assert [group["displayName"] for group in found.json()["Resources"]] == ["Art"]


def test_the_documents_example_works(scim, documented):
    urn = documented.WORKPLACE
    sent = {"badgeNumber": "B7", "hiredAt": "2020-01-31T00:00:00Z"}
    sent["skills"] = [{"value": "SQL", "level": 2}]
    made = scim.create(userName="pat", **{urn: sent}).json()
    assert made[urn] == sent
    operation = {"op": "replace", "path": f'{urn}:skills[value eq "SQL"].level', "value": 3}
    assert scim.modify(made["id"], operation).json()[urn]["skills"] == [
        {"value": "SQL", "level": 3}
    ]
    assert scim.search(f'{urn}:hiredAt lt "2021-01-01T00:00:00Z"').json()["totalResults"] == 1
    described = scim.request_scim("GET", f"/Schemas/{urn}").json()["attributes"]
    assert described[0]["description"] == "What is printed on the badge."


@pytest.mark.rfc("7643", "6", "c", "f")
def test_required_extension_is_required_of_a_create(scim, use):
    use(f"{__name__}.MustHaveWork")
    answer = scim.create(userName="pat")
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert "urn:acme:scim:work:User" in answer.json()["detail"]
    assert scim.create(userName="pat", **{"urn:acme:scim:work:User": {"mode": "home"}}).json()
    [user] = scim.request_scim("GET", "/ResourceTypes").json()["Resources"][:1]
    assert user["schemaExtensions"][-1] == {"schema": "urn:acme:scim:work:User", "required": True}


def test_without_a_required_extension_somebody_can_still_be_deactivated(scim, use, host, acme):
    host.person(acme, email="pat@acme.example")
    use(f"{__name__}.MustHaveWork")
    [pat] = scim.search().json()["Resources"]
    answer = scim.modify(pat["id"], {"op": "replace", "value": {"active": False}})
    assert (answer.status_code, answer.json()["active"]) == (200, False)


def test_enumeration_takes_its_values_only(scim, use):
    use(f"{__name__}.MustHaveWork")
    work = {"urn:acme:scim:work:User": {"mode": "beach"}}
    answer = scim.create(userName="pat", **work)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    work["urn:acme:scim:work:User"]["mode"] = "home"
    assert scim.create(userName="pat", **work).status_code == 201
    assert scim.search('urn:acme:scim:work:User:mode eq "home"').json()["totalResults"] == 1
    assert scim.search('urn:acme:scim:work:User:mode eq "x"').json()["scimType"] == "invalidFilter"


def test_page_of_attributes_names_the_namespace(use):
    use(ADAPTER)
    [row] = [row for row in attribute_rows() if WORKPLACE in row.path]
    assert (row.path, row.kind, row.field) == (f"{WORKPLACE}:joined", "dateTime", "date joined")
    assert row.is_filterable


def test_doctor_sends_values_of_the_right_type(documented):
    mapping = documented.OccupantAdapter.mapping()
    sent = persona.values(mapping, persona.Persona("pat", "1"))
    assert sent[f"{documented.WORKPLACE}:hiredAt"].endswith("T00:00:00Z")


def test_doctor_does_not_send_what_is_read_only(use):
    use(ADAPTER)
    mapping = scim_settings.USER_ADAPTER.mapping()
    assert f"{WORKPLACE}:joined" not in persona.values(mapping, persona.Persona("pat", "1"))


@pytest.mark.parametrize(
    ("name", "value", "tolerance"),
    [
        ("remote", "False", Tolerance.BOOLEAN_AS_TEXT),
        ("floor", "3", Tolerance.NUMBER_AS_TEXT),
        ("share", "0.5", Tolerance.NUMBER_AS_TEXT),
        ("hired", "2026-01-31", Tolerance.DATE_WITHOUT_TIME),
        ("floor", 3, None),
    ],
)
def test_what_is_tolerated_is_noted(use, name, value, tolerance):
    use(ADAPTER)
    binding = Path[scim_settings.USER_ADAPTER.mapping().model](f"{WORKPLACE}:{name}").resolve()
    with noting() as noted:
        typed(binding, value)
    assert noted == ([tolerance] if tolerance else [])


@pytest.mark.parametrize(
    ("name", "value"), [("remote", "False"), ("floor", "3"), ("hired", "2026-01-31")]
)
def test_in_strict_mode_it_is_refused(use, settings, name, value):
    use(ADAPTER)
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"STRICT": True}
    binding = Path[scim_settings.USER_ADAPTER.mapping().model](f"{WORKPLACE}:{name}").resolve()
    with pytest.raises(InvalidValue, match=f"{name}'"):
        typed(binding, value)


@pytest.mark.parametrize("field", [BooleanField(), IntegerField()], ids=["boolean", "integer"])
def test_column_that_must_have_a_value_refuses_none_by_name(field):
    with pytest.raises(InvalidValue, match="'urn:x:floor' cannot take this value"):
        column_value("urn:x:floor", field, None)
