"""What clients ask for, with somebody to whom each can be done, and how they go on without an
answer."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.broken import THOROUGH
from tests.broken.people import Group, Person
from tests.client import BULK_REQUEST, GROUP, PATCH_OP, USER, refs

# -- who is there before -------------------------------------------------------------------------


def nobody(company, name):
    return [Person(company, name)]


def two_who_are_not_there(company, name):
    return [Person(company, name), Person(company, f"q{name}")]


def somebody(company, name):
    return [Person(company, name).join()]


def somebody_inactive(company, name):
    return [Person(company, name).join(active=False)]


def somebody_without_a_desk(company, name):
    return [Person(company, name).join(seated=False)]


def no_group_yet(company, name):
    person = Person(company, name).join()
    return [Group(company, person.mark), person]


def empty_group(company, name):
    group, person = no_group_yet(company, name)
    return [group.form(), person]


def group_of_one(company, name):
    group, person = no_group_yet(company, name)
    return [group.form(person), person]


# -- what is asked for ---------------------------------------------------------------------------


def new_user(person):
    return {
        "schemas": [USER],
        "userName": person.name,
        "externalId": person.name,
        "name": {"givenName": "Jane"},
        "emails": [{"value": person.name, "type": "work", "primary": True}],
        "nickName": "J",
        "active": True,
    }


def create(person):
    return "POST", "/Users", new_user(person)


def replace(person):
    return "PUT", f"/Users/{person.id}", new_user(person) | {"title": "Boss", "nickName": "B"}


def change(**values):
    def request(person):
        return "PATCH", f"/Users/{person.id}", patch({"op": "replace", "value": values})

    return request


def delete(person):
    return "DELETE", f"/Users/{person.id}", None


def create_group(group, person):
    body = {"schemas": [GROUP], "displayName": group.name, "members": refs(person.id)}
    return "POST", "/Groups", body


def change_members(op):
    def request(group, person):
        operation = {"op": op, "path": "members", "value": refs(person.id)}
        return "PATCH", f"/Groups/{group.id}", patch(operation)

    return request


def delete_group(group, person):
    return "DELETE", f"/Groups/{group.id}", None


def create_in_bulk(*people):
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": person.mark, "data": new_user(person)}
        for person in people
    ]
    return "POST", "/Bulk", {"schemas": [BULK_REQUEST], "Operations": operations}


def patch(operation):
    return {"schemas": [PATCH_OP], "Operations": [operation]}


@dataclass(frozen=True)
class Verb:
    prepare: Callable[..., list]
    request: Callable[..., tuple]
    company: str = "acme"


VERBS = {
    "create": Verb(nobody, create),
    "replace": Verb(somebody, replace),
    "patch": Verb(somebody, change(title="Boss", nickName="B")),
    "deactivate": Verb(somebody, change(active=False)),
    "reactivate": Verb(somebody_inactive, change(active=True)),
    "delete": Verb(somebody, delete),
    "delete for good": Verb(somebody_without_a_desk, delete, "globex"),
    "create a group": Verb(no_group_yet, create_group),
    "add a member": Verb(empty_group, change_members("add")),
    "remove a member": Verb(group_of_one, change_members("remove")),
    "delete a group": Verb(group_of_one, delete_group),
    "bulk": Verb(two_who_are_not_there, create_in_bulk),
}


class Trial:
    """One request of a verb, about people of its own."""

    def __init__(self, verb, company):
        name = f"p{secrets.token_hex(5)}@{company.row.subdomain}.example"
        self.subjects = verb.prepare(company, name)
        self.request = verb.request(*self.subjects)

    def states(self):
        return [subject.state() for subject in self.subjects]

    def resources(self):
        return [subject.resource() for subject in self.subjects]


FEW = ("deactivate", "create a group", "bulk")


def each_verb(*names):
    """Every verb with ``THOROUGH=1``; in the suite these, or a few."""
    chosen = VERBS if THOROUGH else names or FEW
    return pytest.mark.parametrize("verb", chosen, indirect=True)


# -- sending -------------------------------------------------------------------------------------


def send(client, request, **headers):
    method, path, body = request
    return client.request(method, path, json=body, headers=headers)


def send_again(client, request):
    """Whether a client has what it wanted, as Okta goes on where no answer came.

    It sends the same once more. Whom there is already it updates, and who is to go may be gone.
    """
    method, path, body = request
    answer = send(client, request)
    if path == "/Bulk":
        results = zip(answer.json()["Operations"], body["Operations"], strict=True)
        return all(
            result["status"] == "201" or _update(client, operation["path"], operation["data"])
            for result, operation in results
        )
    if method == "POST" and answer.status_code == 409:
        return _update(client, path, body)
    return answer.is_success or (method == "DELETE" and answer.status_code == 404)


def _update(client, path, body):
    by = "userName" if path == "/Users" else "displayName"
    found = client.get(path, params={"filter": f'{by} eq "{body[by]}"'}).json()
    [known] = found["Resources"]
    return client.put(f"{path}/{known['id']}", json=body).is_success
