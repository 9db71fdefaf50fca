"""A multi-tenant SCIM 2.0 service provider for Django."""

__version__ = "0.1.0"
