"""The example project as it is measured: nothing stops a client that sends as fast as it can."""

from example_project.settings import *  # noqa: F403
from example_project.settings import MAPTICIAN_SCIM

MAPTICIAN_SCIM["FAILED_AUTHENTICATIONS"] = "1000000/m"
