"""What identity providers ask all day, as statements that are compiled once.

A resource by its id, those with a userName, a displayName or an externalId, and the pages of a list
as it was created. Everything else is asked through the ORM, with the same answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from maptician_scim.conf import scim_settings
from maptician_scim.protocol.expressions import user_name_key
from maptician_scim.statements import Row, Statement, compiled

if TYPE_CHECKING:
    from maptician_scim.provisioning.base import Provisioner

LOOK_UP = re.compile(r'(\w+)\s+eq\s+"([^"\\\x00-\x1f\ud800-\udfff]+)"', re.IGNORECASE)
"""One comparison with a text that means itself."""


@dataclass(frozen=True)
class Ready:
    """The resources of a tenant, or those of them that have a value in a column of ours."""

    provisioner: Provisioner
    column: str | None = None
    value: Any = None

    def after(self, key: int) -> Ready:
        """All resources of the tenant from an internal key on."""
        return Ready(self.provisioner, "id__gte", key)

    @property
    def condition(self) -> Q | None:
        """The same for the ORM."""
        return None if self.column is None else Q(**{self.column: self.value})

    def rows(self) -> list[Row]:
        """The columns of these resources."""
        return self._rows.rows(self._values)

    def page(self, start: int, size: int) -> list[Row]:
        """The same of some of them, in the order of creation."""
        return self._rows.page(self._values, start, size)

    @property
    def _rows(self) -> Statement:
        provisioner, column = self.provisioner, self.column
        key = ("rows", *provisioner.reading_depends_on(), column)
        return compiled(key, lambda: provisioner.rows_with(column))

    def total(self) -> int:
        """How many of them there are."""
        provisioner, column = self.provisioner, self.column
        key = ("total", *provisioner.reading_depends_on(), column)
        statement = compiled(key, lambda: provisioner.records_with(column).values_list("pk"))
        return statement.count(self._values)

    @property
    def _values(self) -> dict[str, Any]:
        return {"tenant": self.provisioner.tenant.pk, "value": self.value}


def looked_up(provisioner: Provisioner, filter_text: str | None) -> Ready | None:
    """The resources a filter means, if it is one of those asked all day."""
    if not provisioner.can_be_compiled():
        return None
    if filter_text is None:
        return Ready(provisioner)
    found = LOOK_UP.fullmatch(filter_text)
    column = provisioner.looked_up_by.get(found[1].lower()) if found else None
    if found is None or column is None or len(filter_text) > scim_settings.MAX_FILTER_LENGTH:
        return None
    value = user_name_key(found[2]) if column.endswith("_key") else found[2]
    return Ready(provisioner, column, value) if value else None
