"""What a 401 costs at least where DRF is used: one view, one SELECT, no middleware."""

import hashlib
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.urls import path

from example_project.database import database_settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": database_settings(os.environ["DATABASE_URL"])},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ["DJANGO_SECRET_KEY"],
    USE_TZ=True,
)
application = get_wsgi_application()

from rest_framework.authentication import BaseAuthentication  # noqa: E402 after the settings
from rest_framework.exceptions import AuthenticationFailed  # noqa: E402
from rest_framework.renderers import JSONRenderer  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

SELECT = "SELECT id, tenant_id, revoked_at FROM maptician_scim_token WHERE digest = %s"


class Bearer(BaseAuthentication):
    def authenticate(self, request):
        secret = request.META.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        with connection.cursor() as cursor:
            cursor.execute(SELECT, [hashlib.sha256(secret.encode()).hexdigest()])
            if cursor.fetchone() is None:
                raise AuthenticationFailed("The bearer token is not valid.")

    def authenticate_header(self, request):
        return "Bearer"


class Renderer(JSONRenderer):
    media_type = "application/scim+json"


class Person(APIView):
    authentication_classes = (Bearer,)
    renderer_classes = (Renderer,)


urlpatterns = [path("scim/v2/Users/<str:scim_id>", Person.as_view())]
