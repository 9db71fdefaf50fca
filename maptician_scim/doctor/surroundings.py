"""What can be seen of a project without sending a request."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.checks import ERROR as SERIOUS
from django.db import connection
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from maptician_scim.checks import check_settings
from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.doctor import faults
from maptician_scim.doctor.diagnosis import (
    disallowed_host,
    is_allowed_host,
    rest_framework_defaults,
)
from maptician_scim.doctor.report import Finding, Report, Severity, Step
from maptician_scim.linking import unlinked_users
from maptician_scim.mapping import AttributeMap, Mapped
from maptician_scim.models import Connection
from maptician_scim.tenancy import tenant_key, tenant_model

USUAL_PATH = "/scim/v2"

NATURAL: dict[str, frozenset[str]] = {
    "first_name": frozenset({"name.givenName", "displayName", "nickName", "name.formatted"}),
    "last_name": frozenset({"name.familyName"}),
}
"""Fields of Django's users, and which attributes may reasonably be kept in them."""


def host_of(tenant: Tenant) -> str:
    """The host name of a tenant's base URL."""
    return f"{tenant_key(tenant)}.{scim_settings.BASE_DOMAIN}"


def path_of_routes() -> str | None:
    """The path of the base URL, or ``None`` if the URLconf has no such routes."""
    try:
        return reverse("scim:root").rstrip("/")
    except NoReverseMatch:
        return None


def address(tenant: Tenant) -> str:
    """A tenant's base URL, the usual one where the URLconf has none."""
    return f"https://{host_of(tenant)}{path_of_routes() or USUAL_PATH}"


def examine_settings(report: Report) -> bool:
    """What ``manage.py check`` would say of the settings; whether one can go on."""
    step = report.begin("settings", _("System checks"))
    messages = check_settings(None)
    for message in messages:
        fault = faults.SETTINGS if message.level >= SERIOUS else faults.SETTINGS_WARNING
        report.add(
            step, fault.found(step, str(message.id), message=message.msg, hint=message.hint or "")
        )
    step.note = rest_framework_defaults()
    if step.note:
        step.note += " " + _("The SCIM views do not use it.")
    return not any(finding.severity == Severity.ERROR for finding in step.findings)


def examine_migrations(report: Report) -> None:
    step = report.begin("migrations", _("Migrations"))
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    missing = [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]
    if missing:
        names = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
        report.add(step, faults.MIGRATIONS.found(step, names=names))
    changes = MigrationAutodetector(
        executor.loader.project_state(), ProjectState.from_apps(apps)
    ).changes(graph=executor.loader.graph)
    for label in sorted(changes.keys() & _concerned() & executor.loader.migrated_apps):
        report.add(step, faults.MODEL_CHANGES.found(step, label))


def _concerned() -> set[str]:
    """The apps whose tables provisioning writes to."""
    return {
        Connection._meta.app_label,
        get_user_model()._meta.app_label,
        tenant_model()._meta.app_label,
    }


def examine_people(report: Report, tenant: Tenant) -> None:
    """Whether everybody can be seen over SCIM."""
    step = report.begin("people", _("People without a SCIM record"))
    missing = unlinked_users(tenant).count()
    if missing:
        key = tenant_key(tenant)
        report.add(step, faults.NOT_LINKED.found(step, number=missing, tenant=key))


def examine_switches(report: Report, tenant: Tenant) -> None:
    step = report.begin("switches", _("Switches of this tenant"))
    switches = Connection.of(tenant)
    if not switches.is_enabled:
        report.add(step, faults.SWITCHED_OFF.found(step))
    if not switches.may_create:
        report.add(step, faults.CREATE_OFF.found(step))
    if switches.email_domains:
        step.note = _("Accepted e-mail domains: %(domains)s.") % {
            "domains": ", ".join(switches.email_domains)
        }


def examine_address(report: Report, host: str) -> None:
    step = report.begin("address", _("Host name and routes"))
    path = path_of_routes()
    if not is_allowed_host(host):
        report.add(step, disallowed_host(step, host))
    if path is None:
        nothing = _("nothing")
        report.add(step, faults.ROUTE.found(step, nothing, path=USUAL_PATH, host=host))


def examine_map(report: Report) -> None:
    """Lines of the attribute map that work and yet make no sense."""
    step = report.begin("attribute_map", _("Attribute map"))
    mapping = scim_settings.USER_ADAPTER.mapping()
    findings = [
        *_shared_fields(step, mapping),
        *_sensitive_fields(step, mapping),
        *_wrong_fields(step, mapping),
    ]
    for finding in findings:
        report.add(step, finding)


def _shared_fields(step: Step, mapping: AttributeMap) -> Iterator[Finding]:
    by_field: dict[str, list[str]] = {}
    for mapped in mapping.mapped:
        if mapped.attribute.write is None:
            by_field.setdefault(mapped.attribute.field, []).append(mapped.path.text)
    if mapping.user_name is not None and mapping.user_name.write is None:
        by_field.setdefault(mapping.user_name.field, []).append("userName")
    for field, texts in by_field.items():
        if len(texts) > 1:
            yield faults.SHARED_FIELD.found(step, ", ".join(texts), field=field)


def _sensitive_fields(step: Step, mapping: AttributeMap) -> Iterator[Finding]:
    pk = get_user_model()._meta.pk.name
    tenant = scim_settings.USER_ADAPTER.tenant_field.partition("__")[0]
    sensitive = {"password", "is_staff", "is_superuser", "last_login", "pk", pk, tenant}
    for mapped in mapping.mapped:
        if mapped.attribute.field in sensitive:
            yield _about(faults.SENSITIVE_FIELD, step, mapped)


def _wrong_fields(step: Step, mapping: AttributeMap) -> Iterator[Finding]:
    for mapped in mapping.mapped:
        expected = NATURAL.get(mapped.attribute.field)
        if mapped.attribute.field == getattr(get_user_model(), "EMAIL_FIELD", None):
            if mapped.path.attribute != "emails":
                yield _about(faults.WRONG_FIELD, step, mapped, expected="emails")
        elif expected is not None and mapped.path.text not in expected:
            first = "name.givenName" if "name.givenName" in expected else min(expected)
            yield _about(faults.WRONG_FIELD, step, mapped, expected=first)


def _about(fault: faults.Fault, step: Step, mapped: Mapped, **facts: str) -> Finding:
    return fault.found(step, mapped.path.text, field=mapped.attribute.field, **facts)
