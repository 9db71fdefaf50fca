"""A tenant's SCIM connection: its switches, and who is looking at it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Self

from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from maptician_scim import domains, statements
from maptician_scim.conf import DeleteBehaviour, Tenant, scim_settings
from maptician_scim.models.base import now

WATCHED_FOR = timedelta(seconds=15)


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def make_missing(self, tenants: Iterable[Tenant]) -> None:
        """A row with the defaults for each of these tenants that has none."""
        self.bulk_create([Connection(tenant=tenant) for tenant in tenants], ignore_conflicts=True)


class Connection(models.Model):
    """What a tenant's administrator has switched, and the state of the connection.

    A tenant without a row has the defaults. It is read with the token, in the same query.
    """

    tenant = models.OneToOneField(
        scim_settings.TENANT_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="scim_connection",
    )
    is_enabled = models.BooleanField(
        _("SCIM is on"),
        default=True,
        help_text=_("While it is off, every request is refused; nobody is changed by that."),
    )
    may_create = models.BooleanField(
        _("new people may be created"),
        default=True,
        help_text=_("While it is off, only those who are here already are updated."),
    )
    delete_behaviour = models.CharField(
        _("DELETE"),
        max_length=20,
        blank=True,
        default="",
        choices=[
            ("deactivate", _("deactivates the person and keeps their record")),
            ("delete", _("deletes the person for good")),
        ],
        help_text=_("Okta never deletes; Entra does, thirty days after it has deactivated."),
    )
    email_domains = models.JSONField(
        _("accepted e-mail domains"),
        default=list,
        blank=True,
        help_text=_(
            "One on a line. People with an e-mail address, or a userName that is one, in another "
            "domain are refused. Empty accepts any."
        ),
    )
    keeps_unknown_schemas = models.BooleanField(
        _("attributes in unknown namespaces are kept"),
        default=False,
        help_text=_(
            "What the identity provider's administrator has invented under a namespace (URN) that "
            "nobody has declared here. While it is off, such attributes are ignored."
        ),
    )
    # With defaults in the database, so that the code of the last version can go on adding rows.
    safeguard = models.CharField(
        _("mass-deactivation safeguard"),
        max_length=3,
        blank=True,
        default="",
        db_default="",
        choices=[("on", _("on")), ("off", _("off"))],
        help_text=_(
            "While it is on, not more than the following are deactivated or deleted within an "
            "hour, or taken out of one group; what goes beyond waits until it is released here."
        ),
    )
    safeguard_people = models.PositiveIntegerField(
        _("people within an hour"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
    )
    safeguard_percent = models.PositiveSmallIntegerField(
        _("percent of the active people"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text=_("The larger of the two counts; 0 leaves the number of people alone."),
    )
    refused_at = models.DateTimeField(null=True, editable=False)
    watched_until = models.DateTimeField(null=True, editable=False)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("SCIM connection")

    def __str__(self) -> str:
        return str(self.tenant)

    @classmethod
    def of(cls, tenant: Tenant) -> Connection:
        """The tenant's row, or one with the defaults that is not saved."""
        try:
            found: Connection = tenant.scim_connection
        except ObjectDoesNotExist:
            return cls(tenant=tenant)
        return found

    @property
    def deletes(self) -> DeleteBehaviour:
        """What DELETE does: this tenant's choice, or else the setting's."""
        return self.delete_behaviour or scim_settings.DELETE_BEHAVIOUR  # type: ignore[return-value]

    @property
    def is_guarded(self) -> bool:
        """Whether the safeguard is on: this tenant's choice, or else the setting's."""
        return self.safeguard == "on" if self.safeguard else scim_settings.SAFEGUARD

    @property
    def people_let_go(self) -> int:
        """How many people the safeguard lets go within an hour, if a share is not more."""
        own = self.safeguard_people
        return scim_settings.SAFEGUARD_PEOPLE if own is None else own

    @property
    def percent_let_go(self) -> int:
        """Which share of the active people it lets go."""
        own = self.safeguard_percent
        return scim_settings.SAFEGUARD_PERCENT if own is None else own

    @property
    def is_watched(self) -> bool:
        """Whether somebody has the page of this connection open: then all is written at once."""
        return self.watched_until is not None and self.watched_until > now()

    def accepts_address(self, address: str) -> bool:
        """Whether an e-mail address is in one of the accepted domains."""
        domain = domains.comparable(address.rpartition("@")[2])
        return not self.email_domains or domain in map(domains.comparable, self.email_domains)

    def is_newly_refused(self, last_used_at: datetime) -> bool:
        """Whether a request was not let in after a token was last seen to work."""
        return self.refused_at is not None and self.refused_at > last_used_at

    def watch(self) -> None:
        """Have every request written at once for some seconds, not once a minute."""
        self._note(watched_until=now() + WATCHED_FOR)

    def note_refusal(self) -> None:
        """Remember that somebody was just not let in, so that the next success is written."""
        self._note(refused_at=now())

    def _note(self, **values: datetime) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        connections = Connection.objects
        if not connections.for_tenant(self.tenant).update(**values):
            connections.update_or_create(tenant=self.tenant, defaults=values)


# -- tenant and connection in one row -----------------------------------------------------------


def _tenant_model() -> type[models.Model]:
    return apps.get_model(scim_settings.TENANT_MODEL)


def tenant_columns(prefix: str = "") -> tuple[str, ...]:
    """The columns of a tenant and its connection, for ``values_list``."""
    connection = statements.columns(Connection, f"{prefix}scim_connection__")
    return statements.columns(_tenant_model(), prefix) + connection


def tenant_in_row(using: str, row: statements.Row) -> Tenant:
    """The tenant whose ``tenant_columns`` these are, with its connection if it has one."""
    tenant, rest = statements.split(_tenant_model(), using, row)
    connection, _ = statements.split(Connection, using, rest)
    if connection.pk is not None:
        statements.attach(connection, "tenant", tenant)
    else:  # known not to be there, so that nobody asks again
        Connection._meta.get_field("tenant").remote_field.set_cached_value(tenant, None)
    return tenant
