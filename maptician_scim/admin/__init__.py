"""The pages in the Django admin."""

from maptician_scim.admin import tokens  # noqa: F401
