"""The endpoint for many operations in one request (RFC 7644 section 3.7)."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response

from maptician_scim import throttling
from maptician_scim.bulk import BulkJob
from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import NotImplementedHere
from maptician_scim.models import Token
from maptician_scim.parsers import BulkJSONParser, BulkParser, check_operation
from maptician_scim.protocol.bulk import bulk_body, read_bulk
from maptician_scim.views.base import SCIMView


class BulkView(SCIMView):
    """``/Bulk``. Which kinds of resources a token may write is asked for each operation."""

    parser_classes = (BulkParser, BulkJSONParser)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        drf_request = super().initialize_request(request, *args, **kwargs)
        self.origin.verb = "bulk"
        return drf_request

    def post(self, request: Request) -> Response:
        if not scim_settings.BULK:
            raise NotImplementedHere("Bulk requests are switched off. Send single requests.")
        most = scim_settings.BULK_MAX_OPERATIONS
        bulk = read_bulk(self.payload(), most=most, check=check_operation)
        throttling.charge(cast(Token, request.auth).pk, len(bulk.operations))
        return Response(bulk_body(BulkJob(request._request, self.origin).run(bulk)))
