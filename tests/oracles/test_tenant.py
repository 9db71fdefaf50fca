"""Whatever order the verbs come in, a tenant is what a few lines of Python say it is."""

import secrets
import uuid

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from scim2_models.path import ScimFilter

from maptician_scim.models import Event, Token
from maptician_scim.protocol.expressions import user_name_key
from tests import hosts
from tests.client import PATCH_OP, USER, ScimClient, refs
from tests.invariants import check_invariants
from tests.oracles.strategies import any_case, examples, names, text, truth

NOBODY = str(uuid.UUID(int=0))


class TenantMachine(RuleBasedStateMachine):
    """A tenant, and what it should be: its people and groups by id, in the order of creation."""

    people = Bundle("people")
    teams = Bundle("teams")

    crowd = st.lists(people, max_size=3)

    def __init__(self):
        super().__init__()
        tenant = hosts.current().tenant(f"t{secrets.token_hex(6)}")
        _, secret = Token.objects.issue(tenant=tenant, name="Okta")
        self.tenant = tenant
        self.scim = ScimClient(tenant.subdomain, secret)
        self.expected = {}
        self.groups = {}
        self.writes = 0

    def owner(self, user_name):
        """The id of the person with a userName, however it is written."""
        key = user_name_key(user_name)
        return next(
            (i for i, p in self.expected.items() if user_name_key(p["userName"]) == key), None
        )

    def holder(self, name):
        """The id of the group with a displayName, however it is written."""
        key = user_name_key(name)
        return next((i for i, g in self.groups.items() if user_name_key(g["name"]) == key), None)

    def done(self, answer, status=200):
        assert answer.status_code == status, answer.content
        self.writes += 1
        return answer.json() if answer.content else None

    def refused(self, answer, status, scim_type=None):
        assert answer.status_code == status, answer.content
        assert answer.json().get("scimType") == scim_type
        assert answer.json()["detail"]

    # -- verbs ---------------------------------------------------------------------------------

    @rule(target=people, name=names, case=any_case, title=text, active=truth)
    def create(self, name, case, title, active):
        name = case(name)
        answer = self.scim.create(userName=name, title=title, active=active)
        if self.owner(name):
            self.refused(answer, 409, "uniqueness")
            return multiple()
        scim_id = self.done(answer, 201)["id"]
        assert scim_id not in self.expected
        self.expected[scim_id] = {"userName": name, "title": title, "active": active}
        return scim_id

    @rule(person=people, name=names, title=text)
    def replace(self, person, name, title):
        answer = self.scim.replace(person, {"schemas": [USER], "userName": name, "title": title})
        if self.owner(name) not in (None, person):
            self.refused(answer, 409, "uniqueness")
        else:
            self.done(answer)
            # PUT forgets what it does not name, but nobody is let in or shut out by that.
            self.expected[person] |= {"userName": name, "title": title}

    @rule(person=people, active=truth)
    def switch(self, person, active):
        self.done(self.scim.modify(person, {"op": "replace", "value": {"active": active}}))
        self.expected[person]["active"] = active

    @rule(person=people, title=text)
    def give_a_title(self, person, title):
        self.done(self.scim.modify(person, {"op": "add", "path": "title", "value": title}))
        self.expected[person]["title"] = title

    @rule(person=people)
    def take_the_title(self, person):
        self.done(self.scim.modify(person, {"op": "remove", "path": "title"}))
        self.expected[person].pop("title", None)

    @rule(person=people, name=names)
    def patch_half_wrong(self, person, name):
        """The second operation fails, so the first must not have been done."""
        first = {"op": "replace", "path": "title", "value": "never"}
        second = {"op": "replace", "path": "active", "value": "perhaps"}
        self.refused(self.scim.modify(person, first, second), 400, "invalidValue")

    @rule(person=people)
    def change_what_has_changed(self, person):
        old = {"if_match": 'W/"0123456789abcdef0123456789abcdef"'}
        self.refused(self.scim.modify(person, {"op": "remove", "path": "title"}, **old), 412)

    @rule(person=consumes(people))
    def delete(self, person):
        self.done(self.scim.remove(person), 204)
        self.forget(person)
        self.refused(self.scim.read(person), 404)

    def forget(self, person):
        """Somebody who is gone is in no group."""
        del self.expected[person]
        for group in self.groups.values():
            group["members"].discard(person)

    # -- groups ----------------------------------------------------------------------------------

    @rule(target=teams, name=names, case=any_case, members=crowd)
    def push(self, name, case, members):
        name = case(name)
        answer = self.scim.push(name, members)
        if self.holder(name):
            self.refused(answer, 409, "uniqueness")
            return multiple()
        scim_id = self.done(answer, 201)["id"]
        self.groups[scim_id] = {"name": name, "members": set(members)}
        return scim_id

    @rule(team=teams, name=names, members=crowd)
    def push_again(self, team, name, members):
        answer = self.scim.put_group(team, {"displayName": name, "members": refs(*members)})
        if self.holder(name) not in (None, team):
            self.refused(answer, 409, "uniqueness")
        else:
            self.done(answer)
            self.groups[team] = {"name": name, "members": set(members)}

    @rule(team=teams, name=names)
    def rename(self, team, name):
        answer = self.scim.modify_group(team, {"op": "replace", "value": {"displayName": name}})
        if self.holder(name) not in (None, team):
            self.refused(answer, 409, "uniqueness")
        else:
            self.done(answer)
            self.groups[team]["name"] = name

    @rule(team=teams, coming=crowd, going=crowd)
    def move_members(self, team, coming, going):
        come = {"op": "add", "path": "members", "value": refs(*coming)}
        go = [{"op": "remove", "path": f'members[value eq "{p}"]'} for p in going]
        self.done(self.scim.modify_group(team, come, *go))
        self.groups[team]["members"] |= set(coming)
        self.groups[team]["members"] -= set(going)

    @rule(team=teams, members=crowd, empties=truth)
    def set_members(self, team, members, empties):
        whole = {"op": "replace", "path": "members", "value": refs(*members)}
        change = {"op": "remove", "path": "members"} if empties else whole
        self.done(self.scim.modify_group(team, change))
        self.groups[team]["members"] = set() if empties else set(members)

    @rule(team=teams, members=crowd)
    def add_a_stranger(self, team, members):
        """One who is not there, so nobody comes."""
        change = {"op": "add", "path": "members", "value": refs(*members, NOBODY)}
        self.refused(self.scim.modify_group(team, change), 400, "invalidValue")

    @rule(team=consumes(teams))
    def disband(self, team):
        self.done(self.scim.remove_group(team), 204)
        del self.groups[team]
        self.refused(self.scim.group(team), 404)

    # -- many at once ----------------------------------------------------------------------------

    @rule(
        target=people,
        hired=st.lists(names, max_size=2),
        team=teams,
        left=st.lists(consumes(people), max_size=1),
    )
    def bulk(self, hired, team, left):
        """People come, into a group at once, and others go; each operation is one of its own."""
        posts = [self.post(n, name) for n, name in enumerate(hired)]
        joins = [self.join(team, n) for n in range(len(hired))]
        gone = [{"method": "DELETE", "path": f"/Users/{person}"} for person in left]
        if not posts + gone:
            return multiple()  # a bulk of nothing is refused
        answers = self.scim.bulk(*posts, *joins, *gone).json()["Operations"]
        statuses = [int(answer["status"]) for answer in answers]
        new = []
        for n, name in enumerate(hired):
            taken = self.owner(name)
            joined = statuses[len(hired) + n]
            assert (statuses[n], joined < 300) == ((409, False) if taken else (201, True)), answers
            if not taken:
                new.append(answers[n]["location"].rpartition("/")[2])
                self.expected[new[-1]] = {"userName": name, "active": True}
                self.groups[team]["members"].add(new[-1])
        assert statuses[2 * len(hired) :] == [204] * len(left)
        for person in left:
            self.forget(person)
        self.writes += 2 * len(new) + len(left)
        return multiple(*new)

    def post(self, number, name):
        data = {"schemas": [USER], "userName": name}
        return {"method": "POST", "path": "/Users", "bulkId": f"b{number}", "data": data}

    def join(self, team, number):
        come = {"op": "add", "path": "members", "value": refs(f"bulkId:b{number}")}
        data = {"schemas": [PATCH_OP], "Operations": [come]}
        return {"method": "PATCH", "path": f"/Groups/{team}", "data": data}

    # -- what must hold --------------------------------------------------------------------------

    @rule(name=names, case=any_case)
    def look_up(self, name, case):
        found = self.scim.search(f"userName eq {ScimFilter.quote(case(name))}").json()
        owner = self.owner(name)
        assert [r["id"] for r in found["Resources"]] == ([owner] if owner else [])

    @invariant()
    def list_is_what_was_done(self):
        body = self.scim.search().json()
        assert body["totalResults"] == len(self.expected)
        shown = {
            r["id"]: {n: r[n] for n in ("userName", "title", "active") if n in r}
            for r in body["Resources"]
        }
        assert shown == self.expected
        assert list(shown) == list(self.expected)
        self.check_groups_of(body["Resources"])

    def check_groups_of(self, people):
        """Every person shows the groups they are in, in the order of those."""
        for person in people:
            expected = [
                {"value": i, "display": g["name"]}
                for i, g in self.groups.items()
                if person["id"] in g["members"]
            ]
            shown = person.get("groups", [])
            assert [{n: g[n] for n in ("value", "display")} for g in shown] == expected

    @invariant()
    def groups_are_what_was_done(self):
        shown = {
            g["id"]: {
                "name": g["displayName"],
                "members": [m["value"] for m in g.get("members", [])],
            }
            for g in self.scim.groups().json()["Resources"]
        }
        assert shown == {
            i: {"name": g["name"], "members": [p for p in self.expected if p in g["members"]]}
            for i, g in self.groups.items()
        }

    def teardown(self):
        """Every write has its line in the log, and nothing else counts as done."""
        assert Event.objects.for_tenant(self.tenant).done().count() == self.writes
        check_invariants()


@pytest.mark.django_db
def test_tenant_is_what_was_done_to_it():
    run_state_machine_as_test(TenantMachine, settings=settings(examples(8), stateful_step_count=30))
