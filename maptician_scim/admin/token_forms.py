"""What an admin fills in to issue, change, rotate or revoke a token."""

# Django's admin and form classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

from django import forms
from django.contrib.admin.widgets import (
    AdminRadioSelect,
    AdminTextareaWidget,
    AdminTextInputWidget,
)
from django.db.models import TextChoices
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from maptician_scim import networks, redaction
from maptician_scim.conf import HostUser, Tenant, scim_settings
from maptician_scim.models import BY_SETTING, READ_ONLY, Connection, Scope, Token, now
from maptician_scim.models.tokens import BySetting, TokenQuerySet
from maptician_scim.tenancy import tenants_for

MAX_NETWORKS = 500
LATEST = timedelta(days=36500)
MINUTE = "%Y-%m-%dT%H:%M"
NONCE = re.compile(r"[A-Za-z0-9_-]{43}")


def new_nonce() -> str:
    """256 random bits that let one form issue one token."""
    return secrets.token_urlsafe(32)


class Expiry(TextChoices):
    """The ways to say when a token expires."""

    DEFAULT = "default", _("after the usual time")
    DATE = "date", _("on a date")
    NEVER = "never", _("never")


class Access(TextChoices):
    """The ways to say what a token allows."""

    ALL = "all", _("everything")
    READ = "read", _("read only")
    CHOSEN = "chosen", _("what is ticked below")


class Keep(TextChoices):
    """How long a rotated token goes on working, in hours."""

    DAY = "24", _("24 hours")
    THREE_DAYS = "72", _("72 hours")
    WEEK = "168", _("7 days")
    UNTIL_REVOKED = "revoked", _("until I revoke it")


class PlainField(forms.CharField):
    """A line of text. A token that is pasted into it by mistake is cut: it will be on display."""

    widget = AdminTextInputWidget(attrs={"autocomplete": "off"})

    def to_python(self, value: Any) -> Any:
        return redaction.without_tokens(super().to_python(value) or "")


class NetworksField(forms.CharField):
    """Networks, one on a line; as a list of their normal forms."""

    widget = AdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        found: dict[str, None] = {}
        errors = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    found[networks.normalized(line)] = None
                except ValueError as error:
                    errors.append(_line_error(number, line, error))
        if len(found) > MAX_NETWORKS:
            errors.append(
                gettext("These are more than %(limit)d networks. Put neighbours together.")
                % {"limit": MAX_NETWORKS}
            )
        if errors:
            raise forms.ValidationError(errors[:20])
        return list(found)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial or []).split() != (data or "").split())


def _line_error(number: int, line: str, error: ValueError) -> str:
    facts = {"number": number, "line": line.strip()[:60], "error": error}
    return gettext("Line %(number)d, “%(line)s”: %(error)s") % facts


class ExpiryForm(forms.Form):
    """When a token expires."""

    expiry = forms.ChoiceField(
        label=_("Expires"), widget=AdminRadioSelect(attrs={"class": "radiolist"})
    )
    expires_at = forms.DateTimeField(
        label=_("Date and time"),
        required=False,
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "data-implies": "expiry=date"}, format=MINUTE
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expiry"].choices = self.expiry_choices()  # type: ignore[attr-defined]
        self.fields["expiry"].initial = self.expiry_choices()[0][0]
        self.fields["expires_at"].help_text = gettext(
            "Only for “on a date”. In the time zone %(zone)s."
        ) % {"zone": timezone.get_current_timezone_name()}

    def expiry_choices(self) -> list[tuple[str, Any]]:
        choices: list[tuple[str, Any]] = [(Expiry.DATE, Expiry.DATE.label)]
        if days := scim_settings.TOKEN_LIFETIME_DAYS:
            choices.insert(0, (Expiry.DEFAULT, _lifetime(days)))
        if not scim_settings.TOKENS_MUST_EXPIRE:
            never = (Expiry.NEVER, Expiry.NEVER.label)
            choices.insert(len(choices) if days else 0, never)
        return choices

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        chosen, date = cleaned.get("expiry"), cleaned.get("expires_at")
        if "expires_at" in self.errors:
            return cleaned
        if chosen == Expiry.DATE:
            self._check_date(date)
        elif date is not None and "expires_at" in self.changed_data:
            self.add_error(
                "expires_at", gettext("Choose “on a date” as well, or empty this field.")
            )
        return cleaned

    def _check_date(self, date: datetime | None) -> None:
        if date is None:
            self.add_error("expires_at", gettext("Enter the date and time of the expiry."))
        elif "expires_at" not in self.changed_data:
            return
        elif date <= now():
            present = date_format(timezone.localtime(), "DATETIME_FORMAT")
            self.add_error(
                "expires_at",
                gettext("This is in the past: it is %(present)s now. Choose a later date.")
                % {"present": present},
            )
        elif date > now() + LATEST:
            self.add_error(
                "expires_at", gettext("This is too far away. Choose a date within 100 years.")
            )

    @property
    def chosen_expiry(self) -> datetime | BySetting | None:
        """As ``Token.objects.issue`` takes it."""
        chosen = self.cleaned_data["expiry"]
        if chosen == Expiry.DEFAULT:
            return BY_SETTING
        return self.cleaned_data["expires_at"] if chosen == Expiry.DATE else None


def _lifetime(days: int) -> str:
    date = date_format(timezone.localtime(now() + timedelta(days=days)), "DATE_FORMAT")
    text = ngettext("in %(days)d day, on %(date)s", "in %(days)d days, on %(date)s", days)
    return text % {"days": days, "date": date}


class AccessForm(forms.Form):
    """What a token allows, and from where."""

    access = forms.ChoiceField(
        label=_("Allows"),
        choices=Access.choices,
        initial=Access.ALL,
        widget=AdminRadioSelect(attrs={"class": "radiolist"}),
        help_text=_("Okta and Entra need everything. Read only is for reports."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=Scope.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"data-implies": "access=chosen"}),
        help_text=_("Only for “what is ticked below”."),
    )
    networks = NetworksField(
        label=_("Allowed networks"),
        required=False,
        widget=AdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false", "class": "scim-code"}),
        help_text=_(
            "One on a line, in CIDR notation, such as 192.0.2.0/24 or 2001:db8::/32. "
            "Empty allows any."
        ),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        access, ticked = cleaned.get("access"), cleaned.get("scopes") or []
        if access is None or "scopes" in self.errors:
            return cleaned
        preset = {Access.ALL: tuple(Scope), Access.READ: READ_ONLY}.get(access)
        if preset is None and not ticked:
            self.add_error("scopes", gettext("Tick at least one, or choose another line above."))
        elif preset and ticked and set(ticked) != set(preset) and "scopes" in self.changed_data:
            # What was ticked must not be passed over: it may be less than what is chosen.
            self.add_error(
                "scopes", gettext("Choose “what is ticked below” as well, or untick these.")
            )
        else:
            cleaned["scopes"] = [str(scope) for scope in Scope if scope in (preset or ticked)]
        return cleaned


def access_of(scopes: Iterable[str]) -> Access:
    """The line of the form that says what these scopes allow."""
    presets = {frozenset(Scope): Access.ALL, frozenset(READ_ONLY): Access.READ}
    return presets.get(frozenset(Scope(scope) for scope in scopes), Access.CHOSEN)


class NonceForm(forms.Form):
    """A form that issues one token, however often it is sent."""

    nonce = forms.CharField(widget=forms.HiddenInput, initial=new_nonce, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_stale = self.is_bound and not NONCE.fullmatch(self.data.get("nonce", ""))
        if self.is_stale:
            data = cast(QueryDict, self.data).copy()
            data["nonce"] = new_nonce()
            self.data = data

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.is_stale:
            raise forms.ValidationError(
                gettext("This form was incomplete. Look through it, and send it again.")
            )
        return cleaned

    @property
    def sent_nonce(self) -> str:
        return str(self.data["nonce"])


def _check_name(form: forms.Form | forms.ModelForm, others: TokenQuerySet) -> None:
    """A name tells the tokens of a tenant apart."""
    name = form.cleaned_data.get("name")
    if name and others.unrevoked().has_name(name):
        form.add_error(
            "name",
            gettext(
                "There is a token of this name already. Choose another name, or revoke that token "
                "first."
            ),
        )


def _check_switched_on(form: forms.Form, tenant: Tenant, field: str | None) -> None:
    if not Connection.of(tenant).is_enabled:
        form.add_error(
            field,
            gettext(
                "SCIM is switched off for %(tenant)s. Switch it on, on the page of the SCIM "
                "connection, and then issue the token."
            )
            % {"tenant": tenant},
        )


def _name_field(label: Any, **kwargs: Any) -> forms.CharField:
    return PlainField(label=label, max_length=Token._meta.get_field("name").max_length, **kwargs)


class IssueForm(NonceForm, AccessForm, ExpiryForm):
    """A new token."""

    tenant: Any = forms.ModelChoiceField(
        label=_("Tenant"),
        queryset=None,
        error_messages={
            "invalid_choice": _("There is no such tenant for you. Choose one from the list.")
        },
    )
    name = _name_field(_("Name"), help_text=_("What it is for, such as “Okta production”."))
    field_order = ("tenant", "name", "expiry", "expires_at", "access", "scopes", "networks")
    fieldsets = (
        (None, {"fields": ["tenant", "name"]}),
        (_("Expiry"), {"fields": ["expiry", "expires_at"]}),
        (_("Rights"), {"fields": ["access", "scopes", "networks"]}),
    )

    def __init__(self, *args: Any, admin: HostUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tenants = tenants_for(admin).select_related("scim_connection")
        self.fields["tenant"].queryset = tenants  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        tenant = cleaned.get("tenant")
        if tenant is not None:
            _check_switched_on(self, tenant, "tenant")
            _check_name(self, Token.objects.for_tenant(tenant))
        return cleaned


EDITABLE = ("name", "expires_at", "scopes", "networks")


class ChangeForm(AccessForm, ExpiryForm, forms.ModelForm):
    """What may be changed of a token that is in force."""

    name = _name_field(_("Name"))
    rotated = forms.CharField(widget=forms.HiddenInput, required=False)
    fieldsets = (
        (_("Name"), {"fields": ["name"]}),
        (_("Expiry"), {"fields": ["expiry", "expires_at"]}),
        (_("Rights"), {"fields": ["access", "scopes", "networks"]}),
    )

    class Meta:
        model = Token
        fields = EDITABLE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        token = self.instance
        self.before = {name: getattr(token, name) for name in EDITABLE}
        self.initial["rotated"] = token.rotated_at.isoformat() if token.rotated_at else ""
        access = access_of(token.scopes)
        self.initial["access"] = access
        self.initial["scopes"] = token.scopes if access is Access.CHOSEN else []
        self.initial["expiry"] = Expiry.DATE if token.expires_at else Expiry.NEVER
        if token.expires_at:
            # As precise as the field: what nobody touches must not look changed.
            self.initial["expires_at"] = token.expires_at.replace(second=0, microsecond=0)

    def expiry_choices(self) -> list[tuple[str, Any]]:
        return [choice for choice in super().expiry_choices() if choice[0] != Expiry.DEFAULT]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        token = self.instance
        if cleaned.get("rotated") != self.initial["rotated"]:
            # Its expiry in the form is that of before, and would take the place of the deadline.
            self.add_error(
                None,
                gettext(
                    "This token has been rotated while you had its page open. Open the page again, "
                    "and look at the expiry before you change anything."
                ),
            )
        _check_name(self, Token.objects.for_tenant(token.tenant).exclude(pk=token.pk))
        if cleaned.get("expiry") == Expiry.NEVER:
            cleaned["expires_at"] = None
        elif "expires_at" not in self.changed_data:
            cleaned["expires_at"] = self.before["expires_at"]
        return cleaned

    @property
    def changed_fields(self) -> list[str]:
        """Which fields of the token have other values than before."""
        return [name for name, old in self.before.items() if getattr(self.instance, name) != old]


class RotateForm(NonceForm, ExpiryForm):
    """The successor of a token."""

    name = _name_field(_("Name of the successor"))
    keep = forms.ChoiceField(
        label=_("The old token works for"),
        widget=AdminRadioSelect(attrs={"class": "radiolist"}),
        help_text=_("Both work side by side until then, so nothing is interrupted."),
    )
    fieldsets = (
        (None, {"fields": ["name", "keep"]}),
        (_("Expiry of the successor"), {"fields": ["expiry", "expires_at"]}),
    )

    def __init__(self, *args: Any, token: Token, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.token = token
        self.others = Token.objects.for_tenant(token.tenant)
        if not self.is_bound:
            self.fields["name"].initial = self.others.unrevoked().free_name(token.name)
        usual = str(scim_settings.ROTATION_HOURS)
        choices: list[tuple[str, Any]] = list(Keep.choices)
        if usual not in Keep.values:
            choices.insert(0, (usual, _hours(scim_settings.ROTATION_HOURS)))
        self.fields["keep"].choices = choices  # type: ignore[attr-defined]
        self.fields["keep"].initial = usual

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        _check_switched_on(self, self.token.tenant, None)
        _check_name(self, self.others)
        return cleaned

    @property
    def keep_for(self) -> timedelta | None:
        """As ``Token.rotate`` takes it."""
        hours = self.cleaned_data["keep"]
        return None if hours == Keep.UNTIL_REVOKED else timedelta(hours=int(hours))


def _hours(hours: int) -> str:
    return ngettext("%(hours)d hour", "%(hours)d hours", hours) % {"hours": hours}


class RevokeForm(forms.Form):
    """Why a token is revoked."""

    reason = PlainField(
        label=_("Reason"),
        max_length=Token._meta.get_field("revoked_reason").max_length,
        help_text=_("For the log, such as “replaced by Okta (2)” or “leaked”."),
        error_messages={"required": _("Say why, for those who look into it later.")},
    )
    fieldsets = ((None, {"fields": ["reason"]}),)
