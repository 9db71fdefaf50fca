"""Whatever order the verbs come in, a tenant is what a few lines of Python say it is."""

import secrets

import pytest
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
from tests.client import USER, ScimClient
from tests.oracles.strategies import any_case, examples, names, text, truth



class TenantMachine(RuleBasedStateMachine):
    """A tenant, and what it should be: its people by id, in the order of their creation."""

    people = Bundle("people")

    def __init__(self):
        super().__init__()
        tenant = hosts.current().tenant(f"t{secrets.token_hex(6)}")
        _, secret = Token.objects.issue(tenant=tenant, name="Okta")
        self.tenant = tenant
        self.scim = ScimClient(tenant.subdomain, secret)
        self.expected = {}
        self.writes = 0

    def owner(self, user_name):
        """The id of the person with a userName, however it is written."""
        key = user_name_key(user_name)
        return next(
            (i for i, p in self.expected.items() if user_name_key(p["userName"]) == key), None
        )

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
        del self.expected[person]
        self.refused(self.scim.read(person), 404)

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

    def teardown(self):
        """Every write has its line in the log, and nothing else counts as done."""
        assert Event.objects.for_tenant(self.tenant).done().count() == self.writes


@pytest.mark.django_db
def test_tenant_is_what_was_done_to_it():
    run_state_machine_as_test(TenantMachine, settings=examples(25))
