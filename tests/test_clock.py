"""A clock that is set back, or forward and back: nothing a client compares goes backwards."""

from datetime import timedelta

import pytest
from django.utils import timezone

from example_project.workplace.models import Occupant
from maptician_scim.models import Event, ProvisionedGroup, ProvisionedUser, Token, now
from tests.factories import OccupantFactory

HOUR = timedelta(hours=1)
TITLE = {"op": "replace", "path": "title", "value": "Boss"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def jump(monkeypatch):
    """A function that sets the clock to another time than it is."""
    real = timezone.now

    def by(difference):
        monkeypatch.setattr(timezone, "now", lambda: real() + difference)

    return by


@pytest.fixture
def jane(acme):
    return ProvisionedUser.objects.get(user=OccupantFactory(company=acme))


def stamps(answer):
    meta = answer.json()["meta"]
    return meta["lastModified"], meta["version"]


def test_last_modified_of_a_person_never_goes_back(scim, jane, jump):
    before, version = stamps(scim.read(jane.scim_id))
    jump(-HOUR)
    after, changed = stamps(scim.modify(jane.scim_id, TITLE))
    assert after == before
    assert changed != version


def test_nor_does_it_when_somebody_saves_them_by_hand(scim, jane, jump):
    before, version = stamps(scim.read(jane.scim_id))
    jump(-HOUR)
    user = Occupant.objects.get(pk=jane.user_id)
    user.job_title = "Boss"
    user.save()
    after, changed = stamps(scim.read(jane.scim_id))
    assert after == before
    assert changed != version


def test_last_modified_of_a_group_never_goes_back(scim, jane, jump):
    pushed = scim.push("Research")
    jump(-HOUR)
    add = {"op": "add", "path": "members", "value": [{"value": str(jane.scim_id)}]}
    answer = scim.modify_group(pushed.json()["id"], add)
    assert stamps(answer)[0] == stamps(pushed)[0]
    assert stamps(answer)[1] != stamps(pushed)[1]


def test_nor_does_it_when_somebody_joins_it_by_hand(scim, acme, jane, jump):
    scim.push("Research", [str(jane.scim_id)])
    record = ProvisionedGroup.objects.get()
    jump(-HOUR)
    record.group.members.add(OccupantFactory(company=acme))
    after = ProvisionedGroup.objects.get()
    assert after.modified_at == record.modified_at
    assert after.version > record.version


def test_token_that_was_used_in_the_future_lets_in(scim, jump):
    jump(HOUR)
    assert scim.search().status_code == 200
    used = Token.objects.get().last_used_at
    jump(-HOUR)
    assert scim.search().status_code == 200
    assert Token.objects.get().last_used_at == used


def test_after_a_jump_to_and_fro_events_are_in_their_order_still(scim, jane, jump):
    for title, difference in (("A", HOUR), ("B", -HOUR), ("C", timedelta(0))):
        jump(difference)
        scim.modify(jane.scim_id, TITLE | {"value": title})
    log = Event.objects.order_by("id").values_list("changes", flat=True)
    assert [changes["title"]["new"] for changes in log] == ["A", "B", "C"]


def test_refusal_of_the_future_silences_none_of_the_present(scim, acme):
    Event.objects.create(
        tenant=acme, verb="read", status=401, reason="mistyped", created_at=now() + HOUR
    )
    scim.request_scim("GET", "/Users", authorization="Bearer mistyped")
    assert Event.objects.filter(reason="mistyped", created_at__lt=now()).count() == 1


def test_cursor_of_the_future_goes_on(scim, acme, jump):
    OccupantFactory.create_batch(3, company=acme)
    jump(HOUR)
    page = scim.search(cursor="", count=2).json()
    jump(timedelta(0))
    rest = scim.search(cursor=page["nextCursor"], count=2)
    assert rest.status_code == 200
    assert len(rest.json()["Resources"]) == 1


def test_group_of_the_future_can_be_changed(scim, acme, jump):
    jump(HOUR)
    pushed = scim.push("Research").json()
    jump(-HOUR)
    renamed = {"op": "replace", "path": "displayName", "value": "Development"}
    answer = scim.modify_group(pushed["id"], renamed)
    assert answer.status_code == 200
    assert answer.json()["meta"]["lastModified"] == pushed["meta"]["lastModified"]
