"""WSGI entry of the example project: ``example_project.wsgi:application``."""

import os

from maptician_scim.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")

application = get_wsgi_application()
