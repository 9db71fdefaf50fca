"""What a 401 costs in a project that uses DRF: a view, and the one SELECT of DRF's own
``TokenAuthentication``, with our table in the place of DRF's."""

import hashlib

from django.core.wsgi import get_wsgi_application
from django.urls import path

application = get_wsgi_application()

from rest_framework.authentication import TokenAuthentication  # noqa: E402 needs the settings
from rest_framework.exceptions import AuthenticationFailed  # noqa: E402
from rest_framework.renderers import JSONRenderer  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from maptician_scim.models import Token  # noqa: E402


class Bearer(TokenAuthentication):
    keyword = "Bearer"

    def authenticate_credentials(self, key):
        digest = hashlib.sha256(key.encode()).hexdigest()
        try:
            token = Token.objects.select_related("tenant").get(digest=digest)
        except Token.DoesNotExist:
            raise AuthenticationFailed("Invalid token.") from None
        return token.tenant, token


class Renderer(JSONRenderer):
    media_type = "application/scim+json"


class Person(APIView):
    authentication_classes = (Bearer,)
    renderer_classes = (Renderer,)


urlpatterns = [path("scim/v2/Users/<str:scim_id>", Person.as_view())]
