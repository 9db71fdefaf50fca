"""The endpoints of searches whose parameters stand in the body (RFC 7644 section 3.4.3)."""

from __future__ import annotations

from typing import cast

from rest_framework.request import Request
from rest_framework.response import Response

from maptician_scim import discovery
from maptician_scim.exceptions import Forbidden, Reason
from maptician_scim.models import Token
from maptician_scim.protocol.query import from_body
from maptician_scim.provisioning import PROVISIONERS, Search
from maptician_scim.views.base import READING, SCIMView


class SearchView(SCIMView):
    """A POST that reads."""

    only_reads = True
    verbs = READING

    def post(self, request: Request) -> Response:
        search = from_body(self.payload())
        provisioners = [self.provisioner(name, search.selection) for name in self.searched()]
        return Response(Search(self.origin.tenant, provisioners, search.query).answer())

    def searched(self) -> list[str]:
        """The resource types the search is about."""
        return [self.resource_type]

    def _note(self) -> None:
        """Nobody is meant by a search."""


class RootSearchView(SearchView):
    """``/.search``: resources of every kind the token may read."""

    def searched(self) -> list[str]:
        token = cast(Token, self.request.auth)
        served = [name for name in PROVISIONERS if name in discovery.resource_models()]
        allowed = [name for name in served if token.allows(f"{name.lower()}s:read")]
        if not allowed:
            raise Forbidden(
                "This token does not allow to read anything that could be searched.",
                reason=Reason.SCOPE,
                facts={"scope": "users:read"},
            )
        return allowed


class UserSearchView(SearchView):
    """``/Users/.search``"""

    scope = "users"
    resource_type = "User"


class GroupSearchView(SearchView):
    """``/Groups/.search``"""

    scope = "groups"
    resource_type = "Group"
