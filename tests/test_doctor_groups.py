"""What the doctor says of a host's groups."""

import pytest
from django.db.models import ProtectedError

from example_project.workplace.models import Team
from example_project.workplace.scim import OccupantAdapter, TeamAdapter
from maptician_scim.doctor import Verdict, conversation, examine
from maptician_scim.models import Event, ProvisionedGroup

HERE = "tests.test_doctor_groups"


@pytest.fixture(autouse=True)
def _short_burst(monkeypatch):
    monkeypatch.setattr(conversation, "BURST", 1)


class Nobody(OccupantAdapter):
    """Creates no people."""

    def save(self):
        raise ValueError


class ForgetsTheName(TeamAdapter):
    """Keeps the name of a group as it first was."""

    def save(self):
        if self.obj.pk is None:
            self.obj.save()


class NamesOneWay(TeamAdapter):
    """Knows the way to the host's name, and not back."""

    def name_for(self, display_name):
        return f"{display_name} (acme)"


class LosesMembers(TeamAdapter):
    """Empties a group whose members have changed."""

    def change_members(self, plan, known):
        change = super().change_members(plan, known)
        self.obj.members.clear()
        return change


class WithoutTenant(TeamAdapter):
    """Makes groups of no company, which the table refuses."""

    def new_group(self):
        return Team()


class Undeletable(TeamAdapter):
    """Fails where a group is to go."""

    def delete(self):
        raise ProtectedError("a floor plan refers to it", set())


@pytest.mark.parametrize(
    ("adapter", "finding"),
    [
        ("WithoutTenant", "doctor.group_create"),
        ("LosesMembers", "doctor.group_members"),
        ("ForgetsTheName", "doctor.group_name"),
        ("NamesOneWay", "doctor.group_name"),
        ("Undeletable", "doctor.group_delete"),
    ],
)
def test_defect_of_an_adapter_is_found(settings, acme, adapter, finding):
    path = {"GROUP_ADAPTER": f"{HERE}.{adapter}"}
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | path
    assert examine(acme).ids == [finding]


def test_nothing_of_the_group_stays(acme):
    examine(acme)
    assert not Team.objects.exists()
    assert not ProvisionedGroup.objects.exists()
    assert not Event.objects.exists()


def test_without_groups_none_is_pushed(settings, acme):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"GROUP_ADAPTER": None}
    report = examine(acme)
    assert report.findings == []
    assert not [step.name for step in report.steps if step.name.startswith("group_")]


def test_groups_need_somebody_to_be_in_them(settings, acme):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"USER_ADAPTER": f"{HERE}.Nobody"}
    verdicts = {step.name: step.verdict for step in examine(acme).steps}
    assert verdicts["group_create"] == verdicts["group_delete"] == Verdict.NOT_PLAYED
