"""What is asked for before Django has begun is answered, too."""

import io

import pytest

from example_project.wsgi import application
from maptician_scim.models import Event
from maptician_scim.wsgi import Request
from tests.client import ERROR

MANY = "&".join(f"p{n}=" for n in range(1001))
"""One more parameter than ``DATA_UPLOAD_MAX_NUMBER_FIELDS`` allows by default."""


@pytest.mark.django_db(transaction=True)  # the application closes its connection
@pytest.mark.parametrize(
    "content_type", ["application/scim+json", "application/json; charset=utf-8"]
)
def test_too_many_parameters_are_refused_and_logged_whatever_the_content_type(scim, content_type):
    """With a charset in it Django reads the parameters before anybody could answer."""
    request = scim._base_environ(
        PATH_INFO="/scim/v2/Users",
        QUERY_STRING=MANY,
        CONTENT_TYPE=content_type,
        HTTP_HOST=scim.host,
        HTTP_AUTHORIZATION=f"Bearer {scim.secret}",
    )
    started = []
    answer = application(
        request | {"wsgi.input": io.BytesIO()}, lambda *given: started.extend(given)
    )
    assert started[0] == "400 Bad Request"
    assert f'"schemas":["{ERROR}"],"status":"400"'.encode() in answer.content
    assert Event.objects.get().status == 400
    answer.close()


def test_parameters_are_read_anew_by_another_encoding():
    request = Request(
        {"REQUEST_METHOD": "GET", "QUERY_STRING": "a=%E4", "wsgi.input": io.BytesIO()}
    )
    assert request.GET["a"] == "\ufffd"
    request.encoding = "latin-1"
    assert request.GET["a"] == "ä"
