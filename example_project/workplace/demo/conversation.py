"""What Okta says to a service provider in the life of one person, and what must come of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import quote

from example_project.workplace.demo.data import NEWCOMER, find_desk, sign_in
from example_project.workplace.demo.okta import OktaClient
from example_project.workplace.demo.scene import Document, Scene, Surprise, require
from example_project.workplace.models import ApiKey, Company, Desk, DeskAssignment, Occupant
from maptician_scim import sessions

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


class Conversation(Scene):
    """Okta's wizard app and one newcomer, who has another userName in every conversation."""

    def __init__(self, client: OktaClient, company: Company, write: Callable[[str], None]) -> None:
        super().__init__(client, company, write)
        self.user_name = new_user_name(company)
        self.session_key = ""
        self.desk: Desk | None = None

    def play(self) -> None:
        """All of it, a line for each exchange. Raises ``Surprise``, ``OSError``, ``HTTPException``.

        The steps stand in the order in which Okta takes them.
        """
        self.test_connector()
        self.look_up(expected=0, note="Look-up: nobody has this userName")
        resource = self.create()
        self.look_up(expected=1, note="Look-up again: found")
        self.update(resource, {"title": "Workplace Lead"}, "Update: a new title")
        self.settle_in(resource)
        self.update(resource, {"active": False}, "Deactivate")
        self.show_what_ended(resource)
        self.update(resource, {"active": True}, "Reactivate")
        self.show_what_came_back(resource)
        self.create_again()
        self.try_a_wrong_token()

    # -- what Okta sends --------------------------------------------------------------------

    def test_connector(self) -> None:
        found = self.exchange("GET", "/Users?startIndex=1&count=2", expect=200)
        self.show(found, f"Test Connector: {found.body.get('totalResults')} people visible")

    def look_up(self, *, expected: int, note: str) -> None:
        condition = quote(f'userName eq "{self.user_name}"')
        found = self.exchange(
            "GET", f"/Users?filter={condition}&startIndex=1&count=100", expect=200
        )
        self.show(found, note)
        require(found, totalResults=expected)

    def create(self) -> Document:
        created = self.exchange("POST", "/Users", newcomer(self.user_name), expect=201)
        self.show(created, f"Create: {created.body.get('userName')}")
        require(created, userName=self.user_name, active=True)
        return created.body

    def update(self, resource: Document, changes: Document, note: str) -> None:
        """Read the person, lay the changes over what was read, and send everything back."""
        target = f"/Users/{resource['id']}"
        read = self.exchange("GET", target, expect=200)
        self.show(read, f"{note}: read")
        written = self.exchange("PUT", target, read.body | changes, expect=200)
        self.show(written, f"{note}: write")
        require(written, id=resource["id"], **changes)

    def create_again(self) -> None:
        refused = self.exchange("POST", "/Users", newcomer(self.user_name.upper()), expect=409)
        self.show(refused, "Duplicate, in capitals: refused")
        require(refused, status="409", scimType="uniqueness")

    def try_a_wrong_token(self) -> None:
        mistyped = self.client.token[:-1]
        refused = self.exchange("GET", "/Users?startIndex=1&count=2", token=mistyped, expect=401)
        self.show(refused, "A wrong token, one letter short: refused")
        require(refused, status="401")

    # -- what happens in Maptician meanwhile ------------------------------------------------

    def settle_in(self, resource: Document) -> None:
        person = occupant_of(resource)
        self.session_key = sign_in(person)
        ApiKey.objects.issue(person, "Calendar sync")
        self.desk = find_desk(self.company)
        DeskAssignment.objects.create(desk=self.desk, occupant=person)
        self.tell(f"in Maptician: signs in, makes an API key, gets desk {self.desk}")

    def show_what_ended(self, resource: Document) -> None:
        person = occupant_of(resource)
        left = {
            "the account is active": person.is_active,
            "the session lives on": sessions.store()().exists(self.session_key),
            "the API key still works": ApiKey.objects.of(person).active().exists(),
            "the desk is not free": DeskAssignment.objects.of(person).current().exists(),
        }
        if problems := [problem for problem, is_true in left.items() if is_true]:
            raise Surprise(f"After deactivation: {', '.join(problems)}")
        self.tell(f"that ended: 1 session, 1 API key; desk {self.desk} is free")

    def show_what_came_back(self, resource: Document) -> None:
        current = DeskAssignment.objects.of(occupant_of(resource)).current()
        if not current.filter(desk=self.desk).exists():
            raise Surprise("After reactivation: the desk was not given back")
        self.tell(f"in Maptician: desk {self.desk} is given back; the API key stays revoked")


def new_user_name(company: Company) -> str:
    """A userName nobody has had, by which the next run knows whom to clear away."""
    return f"{NEWCOMER}{secrets.token_hex(3)}@{company.subdomain}.example"


def newcomer(user_name: str, given_name: str = "Olivia") -> Document:
    """A new person as Okta's wizard app sends one, empty parts included."""
    return {
        "schemas": [CORE, ENTERPRISE],
        "userName": user_name,
        "externalId": f"00u{secrets.token_hex(8)}",
        "name": {"givenName": given_name, "familyName": "Demo"},
        "emails": [{"primary": True, "value": user_name.lower(), "type": "work"}],
        "title": "Workplace Analyst",
        "userType": "Employee",
        "displayName": f"{given_name} Demo",
        "locale": "en-US",
        "phoneNumbers": [
            {"value": "+1 503 555 0199", "type": "work"},
            {"value": "+1 503 555 0198", "type": "mobile"},
        ],
        "addresses": [{"type": "work", "locality": "Portland", "region": "Oregon"}],
        ENTERPRISE: {
            "employeeNumber": "OK-4711",
            "organization": "Acme Corporation",
            "department": "Facilities",
            "manager": {"value": "", "displayName": ""},
        },
        "groups": [],
        # Okta sends a random one even where passwords are not synchronised.
        "password": secrets.token_urlsafe(12),
        "active": True,
    }


def occupant_of(resource: Document) -> Occupant:
    """The person of Maptician's whom a SCIM resource shows."""
    return Occupant.objects.get(scim_records__scim_id=resource["id"], scim_records__deleted_at=None)
