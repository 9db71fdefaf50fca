"""Which companies somebody of Maptician's staff may see."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from example_project.workplace.models import Company, Occupant


def companies_of(user: Occupant | AnonymousUser) -> QuerySet[Company]:
    """All companies for a superuser; else those whose support group the user is in.

    ``MAPTICIAN_SCIM["TENANT_QUERYSET_FOR"]`` names it.
    """
    if user.is_superuser:
        return Company.objects.all()
    return Company.objects.filter(support_group__in=user.groups.all())
