"""Settings of the example project as it would be served: for the screenshots."""

from example_project.settings import *  # noqa: F403
from example_project.settings import ALLOWED_HOSTS

HOST = "office.example"
ALLOWED_HOSTS = [*ALLOWED_HOSTS, HOST]
