"""A real browser on the example project as it runs in production."""

import os
import re
import secrets

import pytest

from example_project.workplace.demo import data
from example_project.workplace.models import Occupant
from maptician_scim.models import Token
from tests import live
from tests.browser import chromium
from tests.factories import CompanyFactory

pytest.register_assert_rewrite("tests.browser.accessibility")

PASSWORD = secrets.token_urlsafe(12)


@pytest.fixture(scope="package")
def browser():
    path = chromium.executable()
    if path is None:
        reason = "no Chromium: apt-get install chromium, or name one in the variable CHROMIUM"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with chromium.running(path) as running:
        yield running


@pytest.fixture(scope="package")
def server(browser, tmp_path_factory):
    """gunicorn on a database of its own, which all tests here share."""
    directory = tmp_path_factory.mktemp("browser")
    with live.own_database(directory) as database_url:
        env = live.environment(database_url)
        live.manage(env, "migrate", "-v0")
        with live.serving(env, directory) as running:
            yield running


@pytest.fixture(autouse=True)
def _database_of_the_server(server, django_db_blocker):
    """What a test reads and writes with the models is the server's."""
    with django_db_blocker.unblock(), live.connected(server.env["DATABASE_URL"]):
        yield


@pytest.fixture
def company():
    """A customer no other test knows."""
    key = f"c{secrets.token_hex(4)}"
    return CompanyFactory(subdomain=key, name=f"Company {key}")


@pytest.fixture
def admin():
    """A superuser of Maptician's."""
    return Occupant.objects.filter(username="admin").first() or Occupant.objects.create_superuser(
        "admin", password=PASSWORD
    )


@pytest.fixture
def supporter():
    """Of Maptician's staff, for one company only."""
    user = data.find_supporter(CompanyFactory(subdomain="acme"))
    if not user.has_usable_password():
        user.set_password(PASSWORD)
        user.save()
    return user


@pytest.fixture(scope="package")
def signed_in():
    """The cookies of everybody who has signed in, by username."""
    return {}


@pytest.fixture
def open_page(server, browser, signed_in):
    """A function: an empty page in a window of its own, of somebody who is signed in or nobody.

    Errors in the console, a violated Content-Security-Policy among them, fail the test, unless
    ``tolerate`` is a pattern that fits them.
    """
    contexts, problems = [], []

    def open_one(user=None, *, width=1280, tolerate=None, **options):
        context = browser.new_context(
            base_url=f"http://localhost:{server.port}",
            viewport={"width": width, "height": 900},
            **{"locale": "en-US", "storage_state": user and signed_in.get(user.username)} | options,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)

        def note(text):
            if tolerate is None or not re.search(tolerate, text):
                problems.append(text)

        context.on("console", lambda message: message.type == "error" and note(message.text))
        context.on("weberror", lambda error: note(str(error.error)))
        page = context.new_page()
        if user is not None and user.username not in signed_in:
            sign_in(page, user.username, PASSWORD)
            signed_in[user.username] = context.storage_state()
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


def sign_in(page, username, password):
    """Through the login form."""
    page.goto("/admin/login/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()


@pytest.fixture
def page(open_page, admin):
    """A page of a superuser's."""
    return open_page(admin)


@pytest.fixture(params=["light", "dark"])
def theme(request):
    return request.param


@pytest.fixture
def okta(server, company):
    """The company's Okta, which has a token."""
    _, secret = Token.objects.issue(tenant=company, name="Okta production")
    with server.client(company.subdomain, secret) as client:
        yield client
