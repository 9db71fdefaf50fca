"""Where in a tenant's list of people a page begins, without counting all that comes before.

Only ``bookmarks.py`` uses these tables; triggers write to them. Their foreign keys have no
constraints: a trigger writes while its tenant is being deleted, and nobody waits for its row.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from maptician_scim.conf import scim_settings


class Bookmark(models.Model):
    """How many people a tenant sees from one record on, until the next bookmark.

    The first of a tenant stands at 0, so that every record is under one. Nobody is counted there:
    to find whom the first page begins with, all that others had made before would be searched.
    """

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    first_key = models.BigIntegerField()
    people = models.PositiveIntegerField()
    triggers = models.TextField(
        help_text=_(
            "The triggers that kept watch when it was counted; it holds as long as they do."
        )
    )

    class Meta:
        verbose_name = _("bookmark")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "first_key"], name="scim_bookmark_is_unique")
        ]

    def __str__(self) -> str:
        return f"{self.people} from {self.first_key} on"


class Recount(models.Model):
    """That a record, or those of a host user, may have come into a tenant's view or left it.

    What their bookmark says does not hold until it is counted again. Rows are only added, and taken
    away by whoever has counted: writers never wait for each other.
    """

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    record_key = models.BigIntegerField(null=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        related_name="+",
        null=True,
        db_constraint=False,
        db_index=False,
    )

    class Meta:
        verbose_name = _("recount")

    def __str__(self) -> str:
        return f"record {self.record_key}" if self.record_key else f"user {self.user_id}"
