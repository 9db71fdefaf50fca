"""The form of a tenant's switches."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext

from maptician_scim import domains
from maptician_scim.conf import scim_settings
from maptician_scim.models import Connection

SEPARATORS = re.compile(r"[\s,;]+")


class DomainsField(forms.CharField):
    """E-mail domains, one on a line."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> list[str]:
        found: dict[str, None] = {}
        errors = []
        for line in filter(None, SEPARATORS.split(super().clean(value))):
            try:
                found[domains.normalized(line)] = None
            except ValueError as error:
                errors.append(ValidationError(str(error), code="invalid"))
        if errors:
            raise ValidationError(errors)
        return list(found)


class ConnectionForm(forms.ModelForm):
    """A tenant's switches."""

    delete_behaviour = forms.ChoiceField(required=False)
    safeguard = forms.ChoiceField(required=False)
    email_domains = DomainsField(
        required=False, widget=forms.Textarea(attrs={"rows": 4, "cols": 40, "spellcheck": "false"})
    )

    class Meta:
        model = Connection
        fields = (
            "is_enabled",
            "delete_behaviour",
            "may_create",
            "email_domains",
            "keeps_unknown_schemas",
            "safeguard",
            "safeguard_people",
            "safeguard_percent",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("delete_behaviour", "email_domains", "safeguard"):
            described = Connection._meta.get_field(name)
            self.fields[name].label = capfirst(described.verbose_name)  # type: ignore[union-attr]
            self.fields[name].help_text = described.help_text  # type: ignore[union-attr]
        behaviour = self.fields["delete_behaviour"]
        behaviour.choices = [("", by_default()), *DELETE_CHOICES]  # type: ignore[attr-defined]
        guard = self.fields["safeguard"]
        guard.choices = [("", safeguard_by_default()), *SAFEGUARD_CHOICES]  # type: ignore[attr-defined]
        for name, value in (
            ("safeguard_people", scim_settings.SAFEGUARD_PEOPLE),
            ("safeguard_percent", scim_settings.SAFEGUARD_PERCENT),
        ):
            if name in self.fields:  # not for who may only look
                empty = gettext("Empty: %(value)s, as the setting says.") % {"value": value}
                field = self.fields[name]
                field.help_text = f"{field.help_text} {empty}".strip()


def _choices(name: str) -> list[tuple[str, Any]]:
    return list(Connection._meta.get_field(name).choices)  # type: ignore[union-attr, arg-type]


DELETE_CHOICES = _choices("delete_behaviour")
SAFEGUARD_CHOICES = _choices("safeguard")


def by_default() -> str:
    """What DELETE does if the tenant chooses nothing."""
    words = dict(DELETE_CHOICES)[scim_settings.DELETE_BEHAVIOUR]
    return gettext("does what the setting says: %(words)s") % {"words": words}


def safeguard_by_default() -> str:
    """Whether the safeguard is on if the tenant chooses nothing."""
    words = dict(SAFEGUARD_CHOICES)["on" if scim_settings.SAFEGUARD else "off"]
    return gettext("as the setting says: %(words)s") % {"words": words}
