"""A test client that speaks SCIM as one tenant's identity provider."""

import json
from urllib.parse import urlencode

from django.test import Client

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
BULK_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


class ScimClient(Client):
    """Adds the tenant's host name and bearer token to every request."""

    def __init__(self, tenant_key, secret, **kwargs):
        super().__init__(raise_request_exception=False, **kwargs)
        self.host = f"{tenant_key}.localhost"
        self.secret = secret

    def request_scim(
        self, method, path, body=None, *, content_type="application/scim+json", **headers
    ):
        """``body`` is JSON data, or raw text or bytes; headers are named with underscores."""
        sent = {"host": self.host, "authorization": f"Bearer {self.secret}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            body = ""
        elif not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        return self.generic(
            method, f"/scim/v2{path}", body, content_type=content_type, headers=sent
        )

    def search(self, filter=None, **parameters):  # noqa: A002 the parameter's own name
        """GET /Users with a filter."""
        if filter is not None:
            parameters["filter"] = filter
        return self.request_scim("GET", f"/Users?{urlencode(parameters)}")

    def create(self, **attributes):
        """POST /Users."""
        return self.request_scim("POST", "/Users", {"schemas": [USER]} | attributes)

    def read(self, scim_id, **headers):
        return self.request_scim("GET", f"/Users/{scim_id}", **headers)

    def replace(self, scim_id, attributes, **headers):
        return self.request_scim("PUT", f"/Users/{scim_id}", attributes, **headers)

    def modify(self, scim_id, *operations, **headers):
        """PATCH /Users/<id> with these operations."""
        body = {"schemas": [PATCH_OP], "Operations": list(operations)}
        return self.request_scim("PATCH", f"/Users/{scim_id}", body, **headers)

    def bulk(self, *operations, **members):
        """POST /Bulk with these operations."""
        body = {"schemas": [BULK_REQUEST], "Operations": list(operations)} | members
        return self.request_scim("POST", "/Bulk", body)

    def remove(self, scim_id, **headers):
        return self.request_scim("DELETE", f"/Users/{scim_id}", **headers)

    # -- groups ------------------------------------------------------------------------------

    def push(self, name, members=(), **attributes):
        """POST /Groups with these people, given by their ids."""
        body = {"schemas": [GROUP], "displayName": name, "members": refs(*members)}
        return self.request_scim("POST", "/Groups", body | attributes)

    def group(self, scim_id, query="", **headers):
        return self.request_scim("GET", f"/Groups/{scim_id}{query}", **headers)

    def groups(self, filter=None, **parameters):  # noqa: A002 the parameter's own name
        """GET /Groups with a filter."""
        if filter is not None:
            parameters["filter"] = filter
        return self.request_scim("GET", f"/Groups?{urlencode(parameters)}")

    def put_group(self, scim_id, attributes, **headers):
        return self.request_scim("PUT", f"/Groups/{scim_id}", attributes, **headers)

    def modify_group(self, scim_id, *operations, **headers):
        """PATCH /Groups/<id> with these operations."""
        body = {"schemas": [PATCH_OP], "Operations": list(operations)}
        return self.request_scim("PATCH", f"/Groups/{scim_id}", body, **headers)

    def remove_group(self, scim_id, **headers):
        return self.request_scim("DELETE", f"/Groups/{scim_id}", **headers)

    def members(self, scim_id):
        """The ids of a group's members."""
        found = self.group(scim_id).json().get("members", [])
        return {member["value"] for member in found}


def refs(*ids):
    """Members as clients send them."""
    return [{"value": scim_id} for scim_id in ids]
