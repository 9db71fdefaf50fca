"""The endpoints of searches whose parameters stand in the body (RFC 7644 section 3.4.3)."""

from __future__ import annotations

from typing import cast

from rest_framework.request import Request
from rest_framework.response import Response

from maptician_scim import discovery
from maptician_scim.exceptions import Forbidden, NotFound, Reason
from maptician_scim.models import Token
from maptician_scim.protocol.query import from_body, from_parameters
from maptician_scim.provisioning import PROVISIONERS, Search
from maptician_scim.views.answers import read_answer
from maptician_scim.views.base import NO_ENDPOINT, READING, VERBS, SCIMView


class SearchView(SCIMView):
    """A POST that reads."""

    only_reads = True
    verbs = READING

    def post(self, request: Request) -> Response:
        search = from_body(self.payload())
        provisioners = [self.provisioner(name, search.selection) for name in self.searched()]
        return read_answer(Search(self.origin.tenant, provisioners, search.query).answer())

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


class RootView(RootSearchView):
    """The base URL itself: the same search by GET (RFC 7644 section 3.4.2.1)."""

    verbs = VERBS

    def get(self, request: Request) -> Response:
        query = from_parameters(self._parameters())
        provisioners = [self.provisioner(name) for name in self.searched()]
        return read_answer(Search(self.origin.tenant, provisioners, query).answer())

    def missing(self, request: Request) -> Response:
        raise NotFound(NO_ENDPOINT)

    post = put = patch = delete = missing


class UserSearchView(SearchView):
    """``/Users/.search``"""

    scope = "users"
    resource_type = "User"


class GroupSearchView(SearchView):
    """``/Groups/.search``"""

    scope = "groups"
    resource_type = "Group"
