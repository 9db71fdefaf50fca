"""Settings of the example project behind PgBouncer in transaction mode."""

from example_project.settings import *  # noqa: F403
from example_project.settings import DATABASES as DIRECT

# A cursor lives in the server's session, and the next FETCH may reach another session.
DATABASES = {"default": DIRECT["default"] | {"DISABLE_SERVER_SIDE_CURSORS": True}}
