"""Okta's group push, and what other clients do: bulk, search, a walk by cursor."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from example_project.workplace.demo.conversation import new_user_name, newcomer, occupant_of
from example_project.workplace.demo.data import (
    PUSHED,
    find_neighbourhood,
    find_team_to_link,
    remove_pushed,
)
from example_project.workplace.demo.scene import Document, Scene, Surprise, require
from example_project.workplace.models import DeskOffer, Occupant, Team
from maptician_scim.group_opening import open_group

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
MESSAGES = "urn:ietf:params:scim:api:messages:2.0"
PAGE = 40


class GroupPush(Scene):
    """A catalogue app that pushes a group of two newcomers, and links a team made by hand."""

    def play(self) -> None:
        """All of it, a line for each exchange. Raises ``Surprise``, ``OSError``, ``HTTPException``.

        The steps stand in the order in which Okta takes them.
        """
        first, second = self.create_two()
        self.look_up(PUSHED, expected=0, note="Look-up: no group has this name")
        group = self.push(first)
        self.give_a_place()
        self.change(group, "One more member", {"op": "add", "path": "members", "value": [second]})
        self.show_offer(first)
        renamed = f"{PUSHED} and brand"
        self.change(
            group,
            "Rename",
            {"op": "replace", "value": {"id": group["id"], "displayName": renamed}},
        )
        leaves = {"op": "remove", "path": f'members[value eq "{first["value"]}"]'}
        self.change(group, "One member leaves", leaves)
        self.show_withdrawal(first, second)
        self.search(renamed)
        self.remove(group, "Delete: the team goes, its people stay")
        remove_pushed(self.company)
        self.link_group()
        self.walk()

    # -- what Okta sends --------------------------------------------------------------------

    def look_up(self, name: str, *, expected: int, note: str) -> Document:
        condition = quote(f'displayName eq "{name}"')
        found = self.exchange(
            "GET", f"/Groups?filter={condition}&startIndex=1&count=100", expect=200
        )
        self.show(found, note)
        require(found, totalResults=expected)
        return found.body

    def push(self, *members: Document) -> Document:
        body = {"schemas": [GROUP], "displayName": PUSHED, "members": list(members)}
        created = self.exchange("POST", "/Groups", body, expect=201)
        self.show(created, f"Push: {PUSHED}, {len(members)} member")
        require(created, displayName=PUSHED)
        return created.body

    def change(self, group: Document, note: str, *operations: Document) -> None:
        body = {"schemas": [f"{MESSAGES}:PatchOp"], "Operations": list(operations)}
        changed = self.exchange("PATCH", f"/Groups/{group['id']}", body, expect=200)
        self.show(changed, f"{note}: {len(changed.body.get('members', []))} in the group")
        require(changed, id=group["id"])

    def remove(self, group: Document, note: str) -> None:
        target = f"/Groups/{group['id']}"
        self.show(self.exchange("DELETE", target, expect=204), note)

    def link_group(self) -> None:
        """Link Group of a team made by hand; it is hidden again in the end, as it was before."""
        team = find_team_to_link(self.company)
        if team is None:
            return
        self.look_up(team.name, expected=0, note="A team made by hand: not visible")
        open_group(self.company, team)
        self.tell(f"in Maptician: an administrator opens {team} to SCIM")
        found = self.look_up(team.name, expected=1, note="Link Group: found")
        self.remove(found["Resources"][0], "Unlink: hidden from SCIM again")
        if not Team.objects.filter(pk=team.pk).exists():
            raise Surprise("A team made by hand was deleted")
        self.tell(f"in Maptician: {team} stays, with everybody in it")

    # -- what other clients send ------------------------------------------------------------

    def create_two(self) -> list[Document]:
        """Two people in one request; as members of a group."""
        operations = [
            {
                "method": "POST",
                "path": "/Users",
                "bulkId": name,
                "data": newcomer(new_user_name(self.company), name),
            }
            for name in ("Noor", "Sam")
        ]
        body = {"schemas": [f"{MESSAGES}:BulkRequest"], "Operations": operations}
        done = self.exchange("POST", "/Bulk", body, expect=200)
        results = done.body.get("Operations", [])
        self.show(done, f"Bulk: {len(results)} people at once")
        if [result.get("status") for result in results] != ["201", "201"]:
            raise Surprise(f"Bulk should create two people, and answers {results}")
        return [{"value": result["location"].rsplit("/", 1)[1]} for result in results]

    def search(self, name: str) -> None:
        body = {"schemas": [f"{MESSAGES}:SearchRequest"], "filter": f'displayName eq "{name}"'}
        found = self.exchange("POST", "/.search", body, expect=200)
        self.show(found, "Search over people and groups")
        require(found, totalResults=1)

    def walk(self) -> None:
        """Everybody, page by page."""
        seen: list[str] = []
        number = 0
        cursor: str | None = ""
        while cursor is not None:
            target = f"/Users?{urlencode({'cursor': cursor, 'count': PAGE})}"
            page = self.exchange("GET", target, expect=200)
            number += 1
            self.show(page, f"Walk by cursor: page {number}")
            seen += [person["id"] for person in page.body["Resources"]]
            cursor = page.body.get("nextCursor")
        if len(set(seen)) != len(seen) or len(seen) != page.body["totalResults"]:
            raise Surprise("The walk missed somebody, or showed somebody twice")

    # -- what happens in Maptician meanwhile ------------------------------------------------

    def give_a_place(self) -> None:
        team = Team.objects.of(self.company).get(name=PUSHED)
        team.neighbourhood = find_neighbourhood(self.company)
        team.save(update_fields=["neighbourhood"])
        self.tell(f"in Maptician: the team is there; a planner seats it at {team.neighbourhood}")

    def show_offer(self, member: Document) -> None:
        offer = DeskOffer.objects.of(person(member)).open().first()
        if offer is None:
            raise Surprise("A member without a desk was offered none where the team sits")
        self.tell(f"in Maptician: {offer.occupant} has no desk and is offered {offer.desk}")

    def show_withdrawal(self, gone: Document, stayed: Document) -> None:
        if DeskOffer.objects.of(person(gone)).open().exists():
            raise Surprise("The offer outlived the membership")
        if not person(stayed).teams.filter(company=self.company).exists():
            raise Surprise("Somebody else left the team, too")
        self.tell(f"in Maptician: the offer to {person(gone)} is withdrawn")


def person(member: Document) -> Occupant:
    """The person of Maptician's who is a member."""
    return occupant_of({"id": member["value"]})
