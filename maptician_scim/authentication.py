"""Who sends a request: the host name gives the tenant, the bearer token must belong to it."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import cast

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.http import parse_http_date_safe
from django.views.decorators.debug import sensitive_variables
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from maptician_scim import networks, redaction, rehearsal, rls, throttling, tokens, transactions
from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.events import Origin, origin_of, record_not_let_in, take_as_long_as_to_tell
from maptician_scim.exceptions import Forbidden, Reason, Unauthorized, UnknownTenant
from maptician_scim.models import Connection, Token, now
from maptician_scim.protocol.tolerances import Tolerance, tolerate
from maptician_scim.tenancy import find_tenant, requested_tenant_key, tenant_key

SCHEME = "Bearer"
SAFE_METHODS = frozenset({"GET", "HEAD"})
CLOCKS_DISAGREE = 300  # seconds


class BearerAuthentication(BaseAuthentication):
    """Tenant and token of a request, in one query if they agree."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Token] | None:
        """Raises ``UnknownTenant`` or ``Unauthorized``; the answer does not tell tokens apart.

        Raises ``TooManyRequests`` for a token that sends too much, and ``Forbidden`` where the
        tenant has switched SCIM off.
        """
        django_request = request._request
        origin = origin_of(django_request)
        key = requested_tenant_key(django_request)
        try:
            token = _token_for(key, django_request, origin)
        except Unauthorized as error:
            if error.reason is not Reason.OTHER_TENANT:
                take_as_long_as_to_tell(origin)
            # Only here, so that a valid request costs one query: is there such a tenant at all?
            origin.tenant = _tenant_of(key) if key else None
            if origin.tenant is None:
                raise UnknownTenant from None
            rls.restrict_to(origin.tenant)
            raise
        origin.tenant, origin.token = token.tenant, token
        rls.restrict_to(token.tenant)
        throttling.admit(token.pk)
        if not Connection.of(token.tenant).is_enabled:
            raise Forbidden(
                "Provisioning is switched off here. Ask for it to be switched on, and try again.",
                reason=Reason.SWITCHED_OFF,
            )
        if not rehearsal.is_on():
            token.mark_used(origin.ip, origin.client)
        return AnonymousUser(), token

    def authenticate_header(self, request: Request) -> str:
        return f'{SCHEME} realm="SCIM"'


class ServiceProviderConfigAuthentication(BearerAuthentication):
    """The same, unless ``SERVICE_PROVIDER_CONFIG_IS_PUBLIC`` lets everybody read."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Token] | None:
        """``None`` for somebody without a valid token who may read all the same."""
        try:
            return super().authenticate(request)
        except Unauthorized:
            origin = origin_of(request._request)
            reads = request.method in SAFE_METHODS
            is_public = scim_settings.SERVICE_PROVIDER_CONFIG_IS_PUBLIC and reads
            if not is_public or not Connection.of(origin.tenant).is_enabled:
                raise
            # A stranger's request is no sign of life of the tenant's connection.
            origin.tenant = None
        return None


def _tenant_of(key: str) -> Tenant | None:
    """The tenant with this subdomain, and its connection, before the request is known to be its."""
    with rls.across_tenants():
        return transactions.read(lambda: find_tenant(key))


@sensitive_variables("secret")
def _token_for(key: str | None, request: HttpRequest, origin: Origin) -> Token:
    secret = presented_secret(request.META.get("HTTP_AUTHORIZATION", ""))
    prefix = tokens.prefix(secret)
    if not tokens.is_well_formed(secret):
        raise Unauthorized(Reason.MISTYPED, prefix)
    digest = tokens.digest(secret)
    with rls.across_tenants():
        token = transactions.read(lambda: Token.letting_in(digest))
    # The database finds; it is not left to its index, or its collation, to say what is the same.
    if token is None or not hmac.compare_digest(token.digest, digest):
        raise Unauthorized(Reason.UNKNOWN, prefix)
    if tenant_key(token.tenant) != key:
        _tell_owner(token, request, origin)
        raise Unauthorized(Reason.OTHER_TENANT)
    if token.is_revoked:
        raise Unauthorized(Reason.REVOKED, prefix)
    if token.is_expired:
        raise Unauthorized(_reason_of_expiry(request), prefix)
    if len(request.META["HTTP_AUTHORIZATION"].split()) == 1:
        tolerate(Tolerance.BARE_TOKEN, "Authorization")
    if token.networks and not networks.contain(token.networks, origin.ip):
        raise Unauthorized(Reason.NETWORK, prefix, facts={"address": origin.ip or "?"})
    return token


def _tell_owner(token: Token, request: HttpRequest, origin: Origin) -> None:
    """Note in the log of the tenant a token belongs to that it was sent to another address."""
    host = redaction.without_tokens(request.META.get("HTTP_HOST", ""))[:253]
    error = Unauthorized(Reason.WRONG_SUBDOMAIN, token.prefix, facts={"host": host})
    record_not_let_in(replace(origin, tenant=token.tenant), error)


def _reason_of_expiry(request: HttpRequest) -> Reason:
    """Whether a token has expired, or whether one of the two clocks may be wrong.

    Clients need not send ``Date`` (RFC 9110 section 6.6.1), and most do not.
    """
    sent = parse_http_date_safe(request.META.get("HTTP_DATE", ""))
    skewed = sent is not None and abs(sent - now().timestamp()) > CLOCKS_DISAGREE
    return Reason.CLOCK if skewed else Reason.EXPIRED


@sensitive_variables("header", "words")
def presented_secret(header: str) -> tokens.Secret:
    """The token in an Authorization header: after ``Bearer`` in any case, or alone.

    Okta's catalogue apps in "Header" mode send it without the scheme. Raises ``Unauthorized``.
    """
    words = header.split()
    if not words:
        raise Unauthorized(Reason.NO_HEADER)
    if len(words) > 1 and words[0].lower() != SCHEME.lower():
        raise Unauthorized(Reason.OTHER_SCHEME)
    if len(words) > 2:
        doubled = words[1].lower() == SCHEME.lower()
        raise Unauthorized(Reason.DOUBLED_BEARER if doubled else Reason.MALFORMED)
    return tokens.Secret(words[-1])


class HasScope(BasePermission):
    """Whether the token's scopes allow the method on the view's kind of resource.

    A view that ``only_reads`` needs no more than that, whatever its method.
    """

    def has_permission(self, request: Request, view: object) -> bool:
        kind = getattr(view, "scope", None)
        if kind:
            method = request._request.method
            only_reads = method in SAFE_METHODS or getattr(view, "only_reads", False)
            check_scope(cast(Token, request.auth), kind, "read" if only_reads else "write")
        return True


def check_scope(token: Token, kind: str, access: str) -> None:
    """Raise ``Forbidden`` unless the token allows to ``read`` or ``write`` a kind of resource."""
    scope = f"{kind}:{access}"
    if not token.allows(scope):
        raise Forbidden(
            f"This token does not allow to {access} {kind}.",
            reason=Reason.SCOPE,
            facts={"scope": scope},
        )
