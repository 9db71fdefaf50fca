"""Carrying out a bulk request: each operation in its own transaction, with its own event.

One that fails, for whatever reason, leaves the others alone (RFC 7644 section 3.7).
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any, cast
from urllib.parse import quote

from django.http import HttpRequest

from maptician_scim import events
from maptician_scim.authentication import check_scope
from maptician_scim.conf import scim_settings
from maptician_scim.errors import attempted
from maptician_scim.events import Origin
from maptician_scim.exceptions import Conflict, NotFound, ScimError, Unavailable
from maptician_scim.models import Token
from maptician_scim.protocol.bulk import BulkRequest, Operation, ordered, resolved
from maptician_scim.protocol.messages import error_body
from maptician_scim.protocol.projection import NOTHING
from maptician_scim.protocol.tolerances import noting
from maptician_scim.provisioning import PROVISIONERS, Provisioner, provisioner_class
from maptician_scim.tenancy import endpoint_url

FAILURES_IN_A_ROW = 3
"""After so many operations for which the database did not answer, no other is tried."""

STATUS = {"create": 201, "delete": 204}

Document = dict[str, Any]


class BulkJob:
    """One bulk request of one tenant."""

    def __init__(self, request: HttpRequest, origin: Origin) -> None:
        self.request = request
        self.origin = origin
        self.ids: dict[str, str] = {}
        self.failures_in_a_row = 0
        self.is_late = False
        self.ends = time.monotonic() + scim_settings.BULK_TIME_LIMIT

    def run(self, bulk: BulkRequest) -> list[Document]:
        """The results of the operations, in the order they were sent in.

        Those left undone after ``failOnErrors`` errors have none.
        """
        results: dict[int, Document] = {}
        errors = 0
        for operation in ordered(bulk.operations):
            if bulk.fail_on_errors is not None and errors >= bulk.fail_on_errors:
                break
            result = self._result(operation)
            errors += "response" in result
            results[operation.index] = result
        return [results[index] for index in sorted(results)]

    def _result(self, operation: Operation) -> Document:
        result = self._described(operation)
        if self.failures_in_a_row >= FAILURES_IN_A_ROW:
            return result | _failed(Unavailable())
        if time.monotonic() > self.ends:
            return result | self._not_begun()
        with noting() as tolerated:
            tolerated.extend(self.origin.tolerated)
            origin = replace(self._origin(operation), tolerated=tolerated)
            outcome = attempted(lambda: self._carry_out(operation, origin), origin.correlation_id)
        is_failure = isinstance(outcome, Unavailable)
        self.failures_in_a_row = self.failures_in_a_row + 1 if is_failure else 0
        if isinstance(outcome, ScimError):
            origin.body = _written(operation.raw)
            events.record_refusal(self.request, outcome, origin)
            return result | _failed(outcome)
        return result | self._done(operation, outcome)

    def _not_begun(self) -> Document:
        """What becomes of an operation for which no time is left.

        Whoever waits for the answer closes the connection after a minute or so, and would never
        know what was done. The log has one line of it, not one for each operation.
        """
        error = Unavailable(
            f"The bulk request has taken more than {scim_settings.BULK_TIME_LIMIT} s, so this "
            "operation was not begun. Send it again, with fewer others."
        )
        if not self.is_late:
            self.is_late = True
            events.record_refusal(self.request, error, self.origin)
        return _failed(error)

    def _origin(self, operation: Operation) -> Origin:
        """What the log says of one operation; all of a request have its correlation id."""
        verbs = _verbs(operation)
        return replace(
            self.origin,
            verb=operation.verb,
            resource_type=verbs.resource_type if verbs else "",
            resource_id=operation.resource_id,
            started=time.monotonic(),
        )

    def _carry_out(self, operation: Operation, origin: Origin) -> Document | None:
        """The resource afterwards, if there is one. Raises what the verb raises."""
        if operation.error is not None:
            raise operation.error
        self._check_references(operation)
        verbs = _verbs(operation)
        if verbs is None:
            raise NotFound(f"There is no endpoint /{operation.endpoint[:64]} for bulk operations.")
        payload = operation.payload(self.ids)
        origin.resource_id = resource_id = resolved(operation.resource_id, self.ids)
        # The answer names a version and a place, for which no groups and members are read.
        provisioner = verbs(origin.tenant, origin, self.request, NOTHING)
        provisioner.note(payload)
        check_scope(cast(Token, origin.token), f"{verbs.resource_type.lower()}s", "write")
        match operation.method:
            case "POST":
                return provisioner.create(payload)
            case "PUT":
                return provisioner.replace(resource_id, payload, operation.version)
            case "PATCH":
                return provisioner.patch(resource_id, payload, operation.version)
        return provisioner.delete(resource_id, operation.version)

    def _check_references(self, operation: Operation) -> None:
        """Raise ``Conflict`` where there is nothing to refer to."""
        for bulk_id in sorted(operation.references - self.ids.keys()):
            raise Conflict(
                f"'bulkId:{bulk_id[:64]}' was not created, so what refers to it was not done. "
                "Its own operation says why."
            )

    def _described(self, operation: Operation) -> Document:
        """What names an operation in the answer."""
        result: Document = {"method": operation.method} if operation.method else {}
        if operation.bulk_id is not None:
            result["bulkId"] = operation.bulk_id
        if operation.method != "POST" and operation.path:
            path = resolved(operation.path, self.ids)
            root = endpoint_url(self.request, "root").rstrip("/")
            result["location"] = f"{root}/{quote(path.strip('/'), safe='/:')}"
        return result

    def _done(self, operation: Operation, resource: Document | None) -> Document:
        result = {"status": str(STATUS.get(operation.verb, 200))}
        if resource is not None:
            result["version"] = resource["meta"]["version"]
            result["location"] = resource["meta"]["location"]
            if operation.method == "POST" and operation.bulk_id is not None:
                self.ids[operation.bulk_id] = resource["id"]
        return result


def _verbs(operation: Operation) -> type[Provisioner] | None:
    """The verbs behind an endpoint, such as ``Users``."""
    by_endpoint = {f"{name}s": name for name in PROVISIONERS}
    name = by_endpoint.get(operation.endpoint)
    return provisioner_class(name) if name else None


def _failed(error: ScimError) -> Document:
    body = error_body(error.status, error.detail, error.scim_type)
    return {"status": str(error.status), "response": body}


def _written(operation: Any) -> bytes:
    """An operation as it may have been sent, for the log."""
    try:
        return json.dumps(operation, ensure_ascii=False).encode(errors="replace")
    except RecursionError:
        return b""
