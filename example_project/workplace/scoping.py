"""What an administrator who supports some companies sees of all the others: nothing."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg, no-any-return"

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin
from django.db.models import Field, QuerySet
from django.http import HttpRequest

from example_project.workplace.access import companies_of


class CompanyScoped(BaseModelAdmin):
    """Rows of the companies the administrator may see, in lists, forms, choices and searches."""

    company_path = "company"
    """From a row to its company."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if is_unlimited(request):
            return rows
        return rows.filter(**{f"{self.company_path}__in": companies_of(request.user)})

    def formfield_for_foreignkey(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """A choice is made among the rows that the other model's own page would list."""
        target: Any = db_field.related_model
        if not is_unlimited(request) and self.admin_site.is_registered(target):
            kwargs["queryset"] = self.admin_site.get_model_admin(target).get_queryset(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[arg-type]


def is_unlimited(request: HttpRequest) -> bool:
    """Whether all companies are shown, and those who belong to none."""
    return bool(request.user.is_superuser)


class ByValue(admin.AllValuesFieldListFilter):
    """By the values in the list; that of nobody has a name too, so that it can be clicked."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or self.empty_value_display}


def by(path: str) -> tuple[str, type[admin.RelatedOnlyFieldListFilter]]:
    """A list filter that offers what stands in the list, and so nothing of other companies."""
    return path, admin.RelatedOnlyFieldListFilter
