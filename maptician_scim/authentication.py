"""Who sends a request: the host name gives the tenant, the bearer token must belong to it."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from maptician_scim import tokens, transactions
from maptician_scim.events import origin_of
from maptician_scim.exceptions import Forbidden, Unauthorized, UnknownTenant
from maptician_scim.models import Token
from maptician_scim.tenancy import find_tenant, requested_tenant_key, tenant_key

SCHEME = "Bearer"
SAFE_METHODS = frozenset({"GET", "HEAD"})


class BearerAuthentication(BaseAuthentication):
    """Tenant and token of a request, in one query if they agree."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Token]:
        """Raises ``UnknownTenant`` or ``Unauthorized``; the answer does not tell tokens apart."""
        origin = origin_of(request._request)
        key = requested_tenant_key(request._request)
        try:
            token = transactions.read(lambda: _token_for(key, request))
        except Unauthorized:
            # Only here, so that a valid request costs one query: is there such a tenant at all?
            origin.tenant = tenant = transactions.read(lambda: find_tenant(key))
            if tenant is None:
                raise UnknownTenant from None
            raise
        origin.tenant, origin.token = token.tenant, token
        token.mark_used(client_ip(request._request))
        return AnonymousUser(), token

    def authenticate_header(self, request: Request) -> str:
        return f'{SCHEME} realm="SCIM"'


def _token_for(key: str, request: Request) -> Token:
    secret = presented_secret(request.META.get("HTTP_AUTHORIZATION", ""))
    prefix = tokens.prefix(secret)
    if not tokens.is_well_formed(secret):
        raise Unauthorized("not a token of ours or mistyped", prefix)
    # The digest of 256 random bits names the tenant; there is nothing to scope by before it.
    token = Token.objects.select_related("tenant").filter(digest=tokens.digest(secret)).first()
    if token is None:
        raise Unauthorized("unknown token", prefix)
    if tenant_key(token.tenant) != key:
        raise Unauthorized("token of another tenant")
    if token.is_revoked:
        raise Unauthorized("revoked token", prefix)
    if token.is_expired:
        raise Unauthorized("expired token", prefix)
    return token


def presented_secret(header: str) -> str:
    """The token in an Authorization header: after ``Bearer`` in any case, or alone.

    Okta's catalogue apps in "Header" mode send it without the scheme. Raises ``Unauthorized``.
    """
    words = header.split()
    if not words:
        raise Unauthorized("no Authorization header")
    if len(words) > 1 and words[0].lower() != SCHEME.lower():
        raise Unauthorized("another authentication scheme")
    if len(words) > 2:
        doubled = words[1].lower() == SCHEME.lower()
        raise Unauthorized("the word Bearer is doubled" if doubled else "malformed header")
    return words[-1]


def client_ip(request: HttpRequest) -> str | None:
    """The address the connection came from."""
    return request.META.get("REMOTE_ADDR") or None


class HasScope(BasePermission):
    """Whether the token's scopes allow the method on the view's kind of resource."""

    def has_permission(self, request: Request, view: object) -> bool:
        kind = getattr(view, "scope", None)
        access = "read" if request.method in SAFE_METHODS else "write"
        if kind and not cast(Token, request.auth).allows(f"{kind}:{access}"):
            raise Forbidden(f"This token does not allow to {access} {kind}.")
        return True
