"""What every answer has to look like, whatever was asked (RFC 7644 sections 3.4.2 and 3.12)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from pydantic import ValidationError
from scim2_models import Context, Extension, Resource, Schema

from tests.client import BULK_RESPONSE, ENTERPRISE, ERROR, GROUP, LIST, USER
from tests.fuzz.messages import Answer, Request
from tests.fuzz.values import PASSWORD
from tests.fuzz.world import World

SCIM_TYPES = {
    *("invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath"),
    *("noTarget", "invalidValue", "invalidVers", "sensitive"),
    *("invalidCursor", "expiredCursor", "invalidCount"),
}
"""RFC 7644 table 9, RFC 9865 section 2.1."""

UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
NO_BODY = {204, 304}
NOT_IMPLEMENTED = re.compile(r"(?i)/scim/v2/Me/?")
"""The one endpoint that RFC 7644 section 3.11 lets answer 501."""

DISCOVERY = re.compile(r"(?i)/scim/v2/(Schemas|ResourceTypes)/?")
"""Where RFC 7644 section 4 has all parameters ignored."""

LONGEST = 2.0
"""Seconds of processor time that no request may take."""


class Judge:
    """Finds what is wrong with an answer."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.models = models(world.documents)

    def faults(self, request: Request, answer: Answer) -> list[str]:
        """What is wrong, each in a sentence; nothing if all is right."""
        if answer.is_from_server:
            # Not HTTP, or nothing the server passes on: no application has seen it.
            return [] if 400 <= answer.status < 500 else [f"the web server says {answer.status}"]
        found = [*self._leaks(request, answer)]
        if answer.status >= 500 and not self._is_not_implemented(request, answer):
            found.append(f"status {answer.status}")
        if answer.seconds > LONGEST:
            found.append(f"took {answer.seconds:.1f} s of processor time")
        if request.is_for_us and not _is_refused_by_django(request, answer):
            found += self._as_scim(request, answer)
            found += self._about_access(request, answer)
        return found

    def _is_not_implemented(self, request: Request, answer: Answer) -> bool:
        return answer.status == 501 and bool(NOT_IMPLEMENTED.fullmatch(request.path))

    # -- secrets and strangers -------------------------------------------------------------------

    def _leaks(self, request: Request, answer: Answer) -> Iterator[str]:
        """What nobody, or only another tenant, may see."""
        said = b"\n".join((answer.body, *(v.encode() for v in answer.headers.values())))
        for tenant in self.world.tenants:
            if tenant.secret[-30:].encode() in said:
                yield "the answer holds a bearer token"
            if tenant is not request.tenant and tenant.canary.encode() in said:
                yield f"the answer holds what is {tenant.key}'s"
        if PASSWORD.encode() in said:
            yield "the answer holds a password"
        sent = request.target.encode() + request.body
        for scim_id in UUID.findall(said):
            owner = self.world.owners.get(scim_id.decode())
            if owner not in (None, request.tenant) and scim_id not in sent:
                yield f"the answer holds an id of {owner.key}'s"

    def _about_access(self, request: Request, answer: Answer) -> Iterator[str]:
        """Who is let in, and what is found."""
        if not request.is_known:
            if answer.status < 400:
                yield f"status {answer.status} for a stranger"
            return
        if answer.status == 401:
            yield "status 401 for the tenant's own client"
        if request.exists is False and answer.status < 400:
            yield f"status {answer.status} for what is not there"
        if request.exists is True and answer.status == 404:
            yield "status 404 for what is there"

    # -- form ------------------------------------------------------------------------------------

    def _as_scim(self, request: Request, answer: Answer) -> Iterator[str]:
        """The form of an answer of ours."""
        yield from _about_correlation(request, answer)
        if answer.status in NO_BODY or request.method.upper() == "HEAD":
            if answer.body:
                yield f"a body where there is none: status {answer.status}"
            return
        if answer.headers.get("content-type") != "application/scim+json":
            yield f"Content-Type {answer.headers.get('content-type')!r}"
        document = answer.document
        if not isinstance(document, dict):
            yield "the body is no JSON object"
        elif answer.status >= 400:
            yield from about_error(answer, document)
        elif document.get("schemas") == [LIST]:
            yield from self._about_list(request, document)
        elif document.get("schemas") == [BULK_RESPONSE]:
            yield from _about_bulk(document)
        elif document.get("meta") or "id" in document:
            yield from self._about_resource(request, answer, document)

    def _about_list(self, request: Request, document: dict[str, Any]) -> Iterator[str]:
        total, resources = document.get("totalResults"), document.get("Resources")
        if type(total) is not int or not isinstance(resources, list):
            yield "a ListResponse without totalResults or Resources"
            return
        if document.get("itemsPerPage", len(resources)) != len(resources):
            yield "itemsPerPage is not how many there are"
        if not len(resources) <= total:
            yield "totalResults is smaller than the page"
        if "startIndex" in document and type(document["startIndex"]) is not int:
            yield "startIndex is no integer"
        ids = [resource.get("id") for resource in resources]
        if None in ids or len(set(ids)) != len(ids):
            yield "a resource without an id, or twice in a page"
        asked = parse_qs(request.query).get("count", [""])[0]
        if DISCOVERY.fullmatch(request.path) or request.method.upper() == "POST":
            asked = ""  # there are no pages, or the body says how long they are
        if asked.isascii() and asked.isdigit() and len(resources) > int(asked):
            yield "more resources than asked for"
        for resource in resources[:2]:
            yield from self._conforms(request, resource)

    def _about_resource(
        self, request: Request, answer: Answer, document: dict[str, Any]
    ) -> Iterator[str]:
        meta = document.get("meta") or {}
        for header, name in (("location", "location"), ("etag", "version")):
            said = answer.headers.get(header)
            if name in meta and said is not None and said != meta[name]:
                yield f"the header {header} is not meta.{name}"
        if answer.status == 201 and not answer.headers.get("location", "").endswith(document["id"]):
            yield "the Location of a new resource is another's"
        yield from self._conforms(request, document)

    def _conforms(self, request: Request, document: dict[str, Any]) -> Iterator[str]:
        """Whether a resource is as our own /Schemas say."""
        schemas = document.get("schemas") or [None]
        if schemas[0] not in self.models or request.is_selective:
            return
        try:
            self.models[schemas[0]].model_validate(
                document, scim_ctx=Context.RESOURCE_QUERY_RESPONSE
            )
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            yield f"not as in /Schemas: {first['loc']} {first['msg']}"


def models(documents: dict[str, Any]) -> dict[str, Any]:
    """The models of people and groups, made from schema documents."""
    user = Resource.from_schema(Schema.model_validate(documents[USER]))
    extension = Extension.from_schema(Schema.model_validate(documents[ENTERPRISE]))
    group = Resource.from_schema(Schema.model_validate(documents[GROUP]))
    return {USER: user[extension], GROUP: group}


def about_error(answer: Answer, document: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a SCIM Error (RFC 7644 section 3.12), and the headers beside it."""
    if document.get("schemas") != [ERROR]:
        yield f"an error with the schemas {document.get('schemas')!r}"
    if document.get("status") != str(answer.status):
        yield f"status {document.get('status')!r} in the body of {answer.status}"
    yield from _about_detail(document)
    if answer.status == 401 and not answer.headers.get("www-authenticate"):
        yield "401 without WWW-Authenticate"
    if answer.status in (429, 503) and not answer.headers.get("retry-after", "").isdigit():
        yield f"{answer.status} without a Retry-After in seconds"


def _about_detail(document: dict[str, Any]) -> Iterator[str]:
    detail = document.get("detail")
    if not isinstance(detail, str) or not detail.strip():
        yield "an error without a detail"
    if "scimType" in document and document["scimType"] not in SCIM_TYPES:
        yield f"scimType {document['scimType']!r}"
    if not document.keys() <= {"schemas", "status", "detail", "scimType"}:
        yield f"an error with {sorted(document)}"


def _about_bulk(document: dict[str, Any]) -> Iterator[str]:
    for result in document.get("Operations", [{}]):
        status = result.get("status")
        if not isinstance(status, str) or not status.isdigit():
            yield f"an operation with the status {status!r}"
        elif status >= "500":
            yield f"an operation with the status {status}"
        elif status >= "400":
            yield from _about_detail(result.get("response", {}))


def _about_correlation(request: Request, answer: Answer) -> Iterator[str]:
    given = answer.headers.get("x-request-id", "")
    sent = request.headers.get("X-Request-Id", "")
    if not REQUEST_ID.fullmatch(given):
        yield f"X-Request-Id {given!r}"
    elif REQUEST_ID.fullmatch(sent) and sent != given:
        yield f"X-Request-Id {given!r} for {sent!r}"


def _is_refused_by_django(request: Request, answer: Answer) -> bool:
    """Whether the host of a request is none of the project's, which Django answers itself."""
    return answer.status == 400 and not request.is_known and answer.document is None
