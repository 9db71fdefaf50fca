"""django-scim2 leaves authentication to the host: it asks ``request.user.is_authenticated``."""

import hashlib

from django.contrib.auth.models import AnonymousUser

from tests.benchmarks.peer.models import Token


def bearer_authentication(get_response):
    def middleware(request):
        secret = request.META.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        digest = hashlib.sha256(secret.encode()).hexdigest()
        found = Token.objects.select_related("company").filter(digest=digest).first()
        request.user = found or AnonymousUser()
        return get_response(request)

    return middleware
