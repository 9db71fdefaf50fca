"""Settings of the example project: a small Maptician.

Everything has a default that is right for a look around on one's own machine. Variables of the
environment change that: DATABASE_URL, DJANGO_SECRET_KEY, DJANGO_DEBUG, DJANGO_HTTPS,
DJANGO_LOG_LEVEL, BASE_DOMAIN, REDIS_URL, CACHE_KEY_PREFIX, SCIM_THROTTLE, SCIM_ROW_LEVEL_SECURITY.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from example_project.database import database_settings

BASE_DIR = Path(__file__).resolve().parent.parent
DEMO_SECRET_KEY = "for-the-demo-only: everybody can read this key"


def _is_on(name: str, default: str) -> bool:
    return os.environ.get(name, default).strip().lower() in {"1", "true", "yes", "on"}


DEBUG = _is_on("DJANGO_DEBUG", "1")
HTTPS = _is_on("DJANGO_HTTPS", "0")
BASE_DOMAIN = (os.environ.get("BASE_DOMAIN") or "localhost").lower().strip(".")

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or DEMO_SECRET_KEY
if not DEBUG and SECRET_KEY == DEMO_SECRET_KEY:
    raise ImproperlyConfigured(
        "With DJANGO_DEBUG=0, DJANGO_SECRET_KEY must be set to a secret of your own; make one with "
        "python -c 'import secrets; print(secrets.token_urlsafe(64))'"
    )

# Tenants are the subdomains of BASE_DOMAIN; the bare domain and addresses lead to the admin.
ALLOWED_HOSTS = [BASE_DOMAIN, f".{BASE_DOMAIN}", "localhost", "127.0.0.1", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_scim",
    "maptician_scim",
    "example_project.workplace",
]

MIDDLEWARE = [
    "maptician_scim.middleware.MisdirectedRequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "example_project.security.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# By Django's default each request sets up the signing of a cookie, to look for messages in it.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

ROOT_URLCONF = "example_project.urls"
WSGI_APPLICATION = "example_project.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# -- provisioning -------------------------------------------------------------------------------

MAPTICIAN_SCIM: dict[str, Any] = {
    "TENANT_MODEL": "workplace.Company",
    "TENANT_FIELD": "subdomain",
    "BASE_DOMAIN": BASE_DOMAIN,
    "USER_ADAPTER": "example_project.workplace.scim.OccupantAdapter",
    "GROUP_ADAPTER": "example_project.workplace.scim.TeamAdapter",
    "GROUP_MODEL": "workplace.Team",
    "TENANT_QUERYSET_FOR": "example_project.workplace.access.companies_of",
    "ROW_LEVEL_SECURITY": _is_on("SCIM_ROW_LEVEL_SECURITY", "0"),
}
if SCIM_THROTTLE := os.environ.get("SCIM_THROTTLE"):
    MAPTICIAN_SCIM["THROTTLE"] = None if SCIM_THROTTLE == "off" else SCIM_THROTTLE

# -- people -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "workplace.Occupant"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "my-desk"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# -- storage ------------------------------------------------------------------------------------

DATABASES = {
    "default": database_settings(
        os.environ.get("DATABASE_URL") or f"sqlite:///{BASE_DIR / 'db.sqlite3'}"
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}
if REDIS_URL := os.environ.get("REDIS_URL"):
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": os.environ.get("CACHE_KEY_PREFIX", ""),
        # A server that does not answer must not hold requests up.
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }

# WhiteNoise asks the apps for their files, so that nobody has to run collectstatic first.
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# -- language and time --------------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

# -- HTTPS --------------------------------------------------------------------------------------

# Only where a proxy terminates TLS and sets the header itself: a client could forge it.
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# -- logging ------------------------------------------------------------------------------------

LOG_LEVEL = os.environ.get("DJANGO_LOG_LEVEL", "INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "maptician_scim": {"handlers": ["stderr"], "level": LOG_LEVEL},
        # A refused request has its line from maptician_scim already.
        "django.request": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "django.server": {"handlers": ["stderr"], "level": LOG_LEVEL, "propagate": False},
    },
}
