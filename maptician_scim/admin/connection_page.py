"""What the page of a tenant's connection shows, made ready for its template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.contrib.admin.utils import get_fields_from_path
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Count as CountOf
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from maptician_scim import activity, charts, explanations, safeguard, silence
from maptician_scim.activity import Hour
from maptician_scim.admin.links import admin_url
from maptician_scim.charts import Chart, Count
from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.exports import neutralised
from maptician_scim.models import Event, ProvisionedGroup, Token, now

WEEK = timedelta(days=7)
DAYS_SHOWN = 30
HOURS_SHOWN = 24
EXPIRY_WARNINGS = (1, 7, 30)  # days

HEADINGS = (
    _("SCIM path"),
    _("Type"),
    _("Field"),
    _("Required"),
    _("Filterable"),
    _("Okta external name"),
    _("Okta external namespace"),
)


@dataclass(frozen=True)
class TokenRow:
    """A token as the page shows it, without anything secret."""

    token: Token
    state: str
    word: str
    warning: str
    client: str
    links: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class AttributeRow:
    """A line of the attribute table."""

    path: str
    kind: str
    field: str
    field_name: str
    is_required: bool
    is_filterable: bool
    okta_name: str
    okta_namespace: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as text, in the order of ``HEADINGS``."""
        yes, no = gettext("yes"), gettext("no")
        return (
            self.path,
            self.kind,
            f"{self.field} ({self.field_name})" if self.field_name else self.field,
            yes if self.is_required else no,
            yes if self.is_filterable else no,
            self.okta_name,
            self.okta_namespace,
        )


@dataclass(frozen=True)
class Health:
    """What the page says of the last day, week and month."""

    people: int
    active: int | None
    """``None`` where the host's map cannot tell in the database."""

    deactivated: int
    last_event: Event | None
    day: Chart
    month: Chart
    rhythm: silence.Rhythm

    @property
    def last_sentence(self) -> str:
        return explanations.sentence(self.last_event) if self.last_event else ""


@dataclass(frozen=True)
class Groups:
    """How many groups a tenant sees over SCIM."""

    visible: int
    opened: int
    """Those of them that were made in Maptician."""


def groups_of(tenant: Tenant) -> Groups | None:
    """The tenant's groups; ``None`` where the host has none. One query."""
    if not scim_settings.serves_groups:
        return None
    opened = CountOf("pk", filter=Q(is_created_by_scim=False))
    found = ProvisionedGroup.objects.for_tenant(tenant).aggregate(
        visible=CountOf("pk"), opened=opened
    )
    return Groups(**found)


def attribute_rows() -> list[AttributeRow]:
    """The attribute map as a table."""
    return [
        AttributeRow(
            path=line.path.text,
            kind=line.kind,
            field=_field_label(line.field),
            field_name=line.field or "",
            is_required=line.is_required,
            is_filterable=line.is_filterable,
            okta_name=line.path.okta_name,
            okta_namespace=line.namespace,
        )
        for line in scim_settings.USER_ADAPTER.mapping().described()
    ]


def attribute_lines() -> list[tuple[str, ...]]:
    """The table as text, headings first, with nothing a spreadsheet would run."""
    lines = [tuple(str(heading) for heading in HEADINGS), *(row.cells for row in attribute_rows())]
    return [tuple(neutralised(cell) for cell in line) for line in lines]


def _field_label(name: str | None) -> str:
    if name is None:
        return gettext("kept beside the person")
    try:
        field = get_fields_from_path(get_user_model(), name)[-1]
    except FieldDoesNotExist:
        return name
    return str(getattr(field, "verbose_name", name))


def health_of(tenant: Tenant, people: int) -> Health:
    """How a tenant's connection has been doing."""
    hours = activity.history(tenant)
    events = Event.objects.for_tenant(tenant)
    left = events.filter(
        verb__in=("deactivate", "delete"), status__lt=400, created_at__gte=now() - WEEK
    )
    return Health(
        people=people,
        active=safeguard.active_people(tenant),
        deactivated=left.values("resource_id").distinct().count(),
        last_event=events.order_by("-id").first(),
        day=charts.chart(last_hours(hours)),
        month=charts.chart(last_days(hours)),
        rhythm=silence.rhythm(hours),
    )


def last_hours(hours: Iterable[Hour], present: datetime | None = None) -> list[Count]:
    """The counts of the last 24 hours, an hour each, labelled in local time."""
    this_hour = activity.hour_of(present or now())
    known = {hour.hour: hour for hour in hours}
    counts = []
    for ago in range(HOURS_SHOWN - 1, -1, -1):
        hour = this_hour - timedelta(hours=ago)
        found = known.get(hour, Hour(hour, 0, 0, hour))
        then = timezone.localtime(hour)
        tick = date_format(then, "H:i") if then.hour % 6 == 0 else ""
        counts.append(Count(date_format(then, "j M, H:i"), found.requests, found.errors, tick))
    return counts


def last_days(hours: Iterable[Hour], present: datetime | None = None) -> list[Count]:
    """The counts of the last 30 days, a local day each."""
    today = timezone.localtime(present or now()).date()
    days = [today - timedelta(days=ago) for ago in range(DAYS_SHOWN - 1, -1, -1)]
    requests: Counter[date] = Counter()
    errors: Counter[date] = Counter()
    for hour in hours:
        day = timezone.localtime(hour.hour).date()
        requests[day] += hour.requests
        errors[day] += hour.errors
    return [
        Count(
            date_format(day, "j F"),
            requests[day],
            errors[day],
            date_format(day, "j M") if n % 7 == 0 else "",
        )
        for n, day in enumerate(days)
    ]


def token_rows(tenant: Tenant, *, may_change: bool) -> list[TokenRow]:
    """A tenant's tokens, those in force first, the newest first among them."""
    found = Token.objects.for_tenant(tenant).order_by("-id")
    return [
        _token_row(token, may_change)
        for token in sorted(found, key=lambda token: not token.is_valid)
    ]


def _token_row(token: Token, may_change: bool) -> TokenRow:
    state, word = _token_state(token)
    actions = [("rotate", gettext("Rotate")), ("revoke", gettext("Revoke"))]
    links = [
        (label, url)
        for action, label in actions
        if may_change and token.is_valid and (url := admin_url(f"token_{action}", token.pk))
    ]
    client = explanations.client_name(token.last_used_client) if token.last_used_at else ""
    return TokenRow(token, state, word, _expiry_warning(token), client, links)


def _token_state(token: Token) -> tuple[str, str]:
    if token.is_revoked:
        return "revoked", gettext("revoked")
    if token.is_expired:
        return "expired", gettext("expired")
    if token.rotated_at is not None:
        return "rotated", gettext("in force, replaced by a successor")
    return "valid", gettext("in force")


def _expiry_warning(token: Token) -> str:
    """A warning 30 days, 7 days and 1 day before the end of a token that is in force."""
    if not token.is_valid or token.expires_at is None:
        return ""
    left = token.expires_at - now()
    if left > timedelta(days=max(EXPIRY_WARNINGS)):
        return ""
    if left <= timedelta(days=min(EXPIRY_WARNINGS)):
        return gettext("expires within a day")
    days = left.days + 1
    return ngettext("expires within %(n)s day", "expires within %(n)s days", days) % {"n": days}
