"""Examining a tenant's connection: the surroundings, then the conversation; nothing stays."""

from __future__ import annotations

from datetime import timedelta

from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from maptician_scim.conf import Tenant
from maptician_scim.doctor import faults, surroundings
from maptician_scim.doctor.conversation import Conversation, switch_on
from maptician_scim.doctor.isolation import Isolation, isolated
from maptician_scim.doctor.report import Report
from maptician_scim.doctor.stack import Stack
from maptician_scim.models import Connection, Token, now
from maptician_scim.tenancy import tenant_key

TOKEN_LIFE = timedelta(hours=1)


def examine(tenant: Tenant, *, tls_is_known: bool = False) -> Report:
    """Play what Okta does against the project's whole stack, and say what is wrong.

    Everything happens in one transaction that is rolled back; the host hears no signal of ours, no
    e-mail goes out, and the caches of other threads are left alone. ``tls_is_known`` says that the
    server tells Django of https by itself, without ``SECURE_PROXY_SSL_HEADER``.
    """
    report = Report(tenant=tenant_key(tenant), base_url="")
    if surroundings.examine_settings(report):
        report.base_url = surroundings.address(tenant)
        with isolated() as isolation:
            _examine(report, tenant, isolation, tls_is_known=tls_is_known)
        report.emails_held_back = len(isolation.withheld)
    report.finish()
    return report


def _examine(report: Report, tenant: Tenant, isolation: Isolation, *, tls_is_known: bool) -> None:
    host = surroundings.host_of(tenant)
    surroundings.examine_migrations(report)
    surroundings.examine_address(report, host)
    surroundings.examine_map(report)
    try:
        with transaction.atomic():
            surroundings.examine_people(report, tenant)
            surroundings.examine_switches(report, tenant)
            domain = _domain(tenant)
            secret = _admit(tenant)
    except DatabaseError as error:
        # A table or column is missing: the step of the migrations names it.
        step = report.begin("token", _("A temporary token"))
        report.add(step, faults.DATABASE.found(step, cause=f"{type(error).__name__}: {error}"))
        return
    try:
        path = surroundings.path_of_routes() or surroundings.USUAL_PATH
        stack = Stack(host, path, secret, isolation)
    except ImportError as error:
        step = report.begin("middleware", _("Middleware"))
        report.add(step, faults.MIDDLEWARE.found(step, message=str(error)))
        return
    Conversation(stack, tenant, domain, report, tls_is_known=tls_is_known).play()


def _admit(tenant: Tenant) -> str:
    """The secret of a token that is gone with the transaction."""
    switch_on(tenant)
    _token, secret = Token.objects.issue(
        tenant=tenant, name="scim_doctor", expires_at=now() + TOKEN_LIFE
    )
    return secret


def _domain(tenant: Tenant) -> str:
    """A domain whose addresses the tenant accepts."""
    domains = Connection.of(tenant).email_domains
    return domains[0] if domains else f"{tenant_key(tenant)}.example"
