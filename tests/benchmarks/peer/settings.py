"""Settings of a host that uses django-scim2: https://django-scim2.readthedocs.io/."""

import os

from example_project.database import database_settings

SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.benchmarks.peer.urls"
DATABASES = {"default": database_settings(os.environ["DATABASE_URL"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "peer.User"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django_scim",
    "tests.benchmarks.peer",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "tests.benchmarks.peer.middleware.bearer_authentication",
]
SCIM_SERVICE_PROVIDER = {
    "SCHEME": "http",
    "NETLOC": "localhost",
    "AUTHENTICATION_SCHEMES": [
        {"type": "oauth2", "name": "OAuth 2", "description": "Bearer token"},
    ],
    "GROUP_MODEL": "tests.benchmarks.peer.models.Group",
    "USER_ADAPTER": "tests.benchmarks.peer.adapters.Adapter",
    "USER_FILTER_PARSER": "tests.benchmarks.peer.filters.Filter",
    "GET_EXTRA_MODEL_FILTER_KWARGS_GETTER": "tests.benchmarks.peer.filters.of_company",
}
