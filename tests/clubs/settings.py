"""Settings of the second host: Django's own user model, memberships instead of a foreign key."""

from example_project.settings import *  # noqa: F403
from example_project.settings import INSTALLED_APPS, MAPTICIAN_SCIM

INSTALLED_APPS = [a for a in INSTALLED_APPS if not a.startswith("example_project")] + [
    "tests.clubs"
]
AUTH_USER_MODEL = "auth.User"
ROOT_URLCONF = "tests.clubs.urls"
MAPTICIAN_SCIM = MAPTICIAN_SCIM | {
    "TENANT_MODEL": "clubs.Club",
    "USER_ADAPTER": "tests.clubs.scim.MemberAdapter",
    "GROUP_ADAPTER": "tests.clubs.groups.ClubGroupAdapter",
    "GROUP_MODEL": "auth.Group",
    "TENANT_QUERYSET_FOR": None,
}
