"""``/Users`` and ``/Groups``."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from maptician_scim.explanations import ENTRA, client_name
from maptician_scim.protocol.projection import NOTHING
from maptician_scim.protocol.query import from_parameters
from maptician_scim.provisioning import Search
from maptician_scim.views.answers import (
    MINIMAL,
    answer,
    headers_of,
    if_match,
    prefers_minimal,
    read_answer,
    unchanged,
)
from maptician_scim.views.base import SCIMView


class ResourcesView(SCIMView):
    """The resources of one kind: reading a list, creating one."""

    def get(self, request: Request) -> Response:
        provisioner, query = self.provisioner(), from_parameters(self._parameters())
        return read_answer(Search(provisioner.tenant, [provisioner], query).answer())

    def post(self, request: Request) -> Response:
        provisioner = self.provisioner()
        return answer(provisioner.projection, provisioner.create(self.payload()), status=201)


class ResourceView(SCIMView):
    """One resource."""

    def get(self, request: Request, uuid: str) -> Response:
        provisioner = self.provisioner()
        document = provisioner.get(uuid)
        return unchanged(request, document) or read_answer(
            provisioner.projection.apply(document), headers_of(document)
        )

    def put(self, request: Request, uuid: str) -> Response:
        provisioner = self.provisioner()
        document = provisioner.replace(uuid, self.payload(), if_match(request))
        return answer(provisioner.projection, document)

    def patch(self, request: Request, uuid: str) -> Response:
        is_minimal = self.wants_no_body and "attributes" not in request.query_params
        provisioner = self.provisioner()
        projection = provisioner.projection
        if is_minimal:
            provisioner.projection = NOTHING
        document = provisioner.patch(uuid, self.payload(), if_match(request))
        if not is_minimal:
            return answer(projection, document)
        headers = {"ETag": document["meta"]["version"]}
        if prefers_minimal(request):
            headers["Preference-Applied"] = MINIMAL
        return Response(status=204, headers=headers)

    @property
    def wants_no_body(self) -> bool:
        """Whether a PATCH is answered with 204, and so nothing has to be read for the answer."""
        return prefers_minimal(self.request)

    def delete(self, request: Request, uuid: str) -> Response:
        self.provisioner().delete(uuid, if_match(request))
        return Response(status=204)


class UsersView(ResourcesView):
    """``/Users``"""

    scope = "users"
    resource_type = "User"


class UserView(ResourceView):
    """``/Users/<id>``"""

    scope = "users"
    resource_type = "User"


class GroupsView(ResourcesView):
    """``/Groups``"""

    scope = "groups"
    resource_type = "Group"


class GroupView(ResourceView):
    """``/Groups/<id>``"""

    scope = "groups"
    resource_type = "Group"

    @property
    def wants_no_body(self) -> bool:
        """Entra documents 204 as the answer to its PATCH of a group."""
        return super().wants_no_body or client_name(self.origin.client) == ENTRA
