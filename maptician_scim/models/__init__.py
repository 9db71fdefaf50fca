"""The tables of this app. Every query for a request starts at ``for_tenant``."""

from maptician_scim.models.activity import Activity
from maptician_scim.models.base import now
from maptician_scim.models.bookmarks import Bookmark, Recount
from maptician_scim.models.connections import Connection
from maptician_scim.models.events import Event, EventQuerySet
from maptician_scim.models.groups import (
    GroupNesting,
    ProvisionedGroup,
    ProvisionedGroupQuerySet,
)
from maptician_scim.models.safeguard import Brake, Departure, HeldBack
from maptician_scim.models.sessions import SessionKey
from maptician_scim.models.tokens import BY_SETTING, READ_ONLY, Scope, Token
from maptician_scim.models.users import (
    ProvisionedUser,
    ProvisionedUserQuerySet,
    detach,
    saving,
)

__all__ = [
    "BY_SETTING",
    "READ_ONLY",
    "Activity",
    "Bookmark",
    "Brake",
    "Connection",
    "Departure",
    "Event",
    "EventQuerySet",
    "GroupNesting",
    "HeldBack",
    "ProvisionedGroup",
    "ProvisionedGroupQuerySet",
    "ProvisionedUser",
    "ProvisionedUserQuerySet",
    "Recount",
    "Scope",
    "SessionKey",
    "Token",
    "detach",
    "now",
    "saving",
]
