"""The provisioning log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import F, Max, Min, Q
from django.utils.translation import gettext_lazy as _

from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.exceptions import NOT_LET_IN
from maptician_scim.models.base import now
from maptician_scim.models.tokens import Token
from maptician_scim.protocol.expressions import IsNotTrue

if TYPE_CHECKING:
    from maptician_scim.models.groups import ProvisionedGroup
    from maptician_scim.models.users import ProvisionedUser

KEY_LENGTH = 255
ERASED = "[erased]"
"""What stands where a person was."""


@dataclass(frozen=True)
class IdRanges:
    """Rows in parts, each of which is a range of ids."""

    rows: EventQuerySet
    firsts: range

    def __len__(self) -> int:
        return len(self.firsts)

    def __iter__(self) -> Iterator[EventQuerySet]:
        for first in self.firsts:
            yield self.rows.filter(pk__gte=first, pk__lt=first + self.firsts.step)


class EventQuerySet(models.QuerySet["Event"]):
    """Rows of the log. Nobody changes one, but retention and erasure: the methods at the end."""

    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def of_person(self, record: ProvisionedUser) -> Self:
        """A person's timeline: what was done to them, and what was tried under their userName."""
        by_name = Q(resource_id="", user_name_key=record.user_name_key[:KEY_LENGTH])
        return self.for_tenant(record.tenant).filter(Q(resource_id=str(record.scim_id)) | by_name)

    def of_group(self, record: ProvisionedGroup) -> Self:
        """A group's timeline."""
        return self.for_tenant(record.tenant).filter(resource_id=str(record.scim_id))

    def in_short(self) -> Self:
        """Without the large columns, for lists; ``has_changes`` stands for ``changes``."""
        return self.defer("request", "changes").annotate(
            _has_changes=IsNotTrue(Q(changes__exact={}))
        )

    def done(self) -> Self:
        return self.filter(status__lt=400)

    def refused(self) -> Self:
        """What was asked for with a valid token, and refused."""
        return self.filter(status__gte=400).exclude(reason__in=NOT_LET_IN)

    def not_let_in(self) -> Self:
        """Refusals that say something of the connection as a whole."""
        return self.filter(status__gte=400, reason__in=NOT_LET_IN)

    def has_refusal(self, tenant: Tenant | None, reason: str, seconds: float) -> bool:
        """Whether a tenant's log, or that of no tenant, has such a refusal that is so young.

        One from the future, since when a clock was set back, silences nothing.
        """
        present, age = now(), timedelta(seconds=seconds)
        recent = self.filter(created_at__gt=present - age, created_at__lt=present + age)
        return recent.filter(reason=reason, tenant=tenant).exists()

    def older_than(self, moment: datetime) -> Self:
        return self.filter(created_at__lt=moment)

    def with_request(self) -> Self:
        """Those of which headers and body are kept."""
        return self.filter(request__isnull=False)

    def id_ranges(self, size: int) -> IdRanges:
        """These rows in parts, by their ids, so that no part is large and none is loaded."""
        ends = self.aggregate(first=Min("pk"), last=Max("pk"))
        if ends["first"] is None:
            return IdRanges(self, range(0))
        return IdRanges(self, range(ends["first"], ends["last"] + 1, size))

    # -- retention and erasure -----------------------------------------------------------------

    def remove(self) -> int:
        """Delete these rows in one statement, whoever listens to signals; how many there were."""
        return int(self._raw_delete(self.db))

    def forget_requests(self) -> int:
        """Forget headers and bodies of refused requests; how many were kept."""
        return self.with_request().update(request=None)

    def erase_person(self) -> int:
        """Redact whom these events are about, and keep that they were; how many there are."""
        events = list(self.only("pk", "changes"))
        for event in events:
            event.changes = {
                path: {side: None if v is None else ERASED for side, v in change.items()}
                for path, change in event.changes.items()
            }
        self.model.objects.bulk_update(events, ["changes"])
        return self.model.objects.filter(pk__in=[event.pk for event in events]).update(
            user_name=ERASED,
            user_name_key="",
            email_key="",
            resource_id="",
            detail="",
            facts={},
            request=None,
        )


class Event(models.Model):
    """One line of the provisioning log: a write, or a request that was refused. Append-only."""

    id = models.BigAutoField(primary_key=True)
    created_at = models.DateTimeField(_("time"), default=now, db_index=True)
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("tenant"),
    )
    # Not SET_NULL: which token did something must stay known. RESTRICT lets a tenant go as a whole.
    token = models.ForeignKey(
        Token,
        on_delete=models.RESTRICT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("token"),
    )
    token_prefix = models.CharField(_("token prefix"), max_length=32, blank=True)
    verb = models.CharField(_("verb"), max_length=20)
    resource_type = models.CharField(_("resource type"), max_length=40, blank=True)
    resource_id = models.CharField(_("id"), max_length=64, blank=True)
    user_name = models.CharField(_("userName"), max_length=255, blank=True)
    user_name_key = models.CharField(max_length=KEY_LENGTH, blank=True, default="")
    email_key = models.CharField(_("e-mail address"), max_length=KEY_LENGTH, blank=True, default="")
    status = models.PositiveSmallIntegerField(_("status"))
    scim_type = models.CharField(_("scimType"), max_length=40, blank=True)
    reason = models.CharField(_("reason"), max_length=32, blank=True, default="")
    facts = models.JSONField(
        default=dict, help_text=_("What the explanation of a reason names, such as a date.")
    )
    detail = models.TextField(_("detail"), blank=True)
    changes = models.JSONField(_("changes"), default=dict)
    tolerated = models.JSONField(
        _("accepted"),
        default=list,
        help_text=_("Deviations from the RFCs that were accepted, by name."),
    )
    request = models.JSONField(
        _("request"),
        null=True,
        help_text=_("Target, headers and body of a refused request, without secrets."),
    )
    correlation_id = models.CharField(_("correlation id"), max_length=64)
    duration_ms = models.PositiveIntegerField(_("duration in ms"), default=0)
    ip = models.GenericIPAddressField(_("address"), null=True)
    client = models.CharField(_("client"), max_length=200, blank=True)
    # Lets one of several processes write what is written once a minute at most.
    once = models.CharField(max_length=150, null=True, editable=False)  # noqa: DJ001

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        constraints = [
            models.UniqueConstraint(
                fields=["once"], condition=Q(once__isnull=False), name="scim_event_written_once"
            )
        ]
        # The list is in the order of ids, newest first. So each index ends in the id: an answer is
        # then read off its end, however long ago the last such event was.
        indexes = [
            models.Index(F("tenant"), F("id").desc(), name="scim_event_by_tenant"),
            models.Index(F("token"), F("tenant"), F("id").desc(), name="scim_event_by_token"),
            models.Index(F("verb"), F("id").desc(), name="scim_event_by_verb"),
            models.Index(
                F("tenant"), F("verb"), F("id").desc(), name="scim_event_by_tenant_and_verb"
            ),
            models.Index(
                F("reason"), F("id").desc(), condition=Q(reason__gt=""), name="scim_event_by_reason"
            ),
            models.Index(
                F("tenant"), F("id").desc(), condition=Q(status__gte=400), name="scim_event_refused"
            ),
            models.Index(
                F("id").desc(), condition=Q(status__gte=400), name="scim_event_any_refused"
            ),
            models.Index(F("resource_id"), F("id").desc(), name="scim_event_by_resource"),
            models.Index(fields=["correlation_id"], name="scim_event_by_correlation"),
            # Their beginnings are searched for: PostgreSQL needs to be told.
            models.Index(
                fields=["user_name_key"],
                opclasses=["varchar_pattern_ops"],
                name="scim_event_by_name",
            ),
            models.Index(
                fields=["email_key"], opclasses=["varchar_pattern_ops"], name="scim_event_by_email"
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(request__isnull=False),
                name="scim_event_with_request",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.resource_type} {self.status}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("The provisioning log is append-only.")
        super().save(*args, **kwargs)

    @property
    def has_changes(self) -> bool:
        """Whether anything was changed."""
        in_short: bool | None = getattr(self, "_has_changes", None)
        return bool(self.changes) if in_short is None else in_short
