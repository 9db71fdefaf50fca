"""The secret of a token is found nowhere afterwards.

It is issued, used, rotated, mistyped and revoked, and then looked for in everything that lasts.
"""

import re
import shutil
import sqlite3
import subprocess

import httpx
import pytest

from maptician_scim import tokens
from tests import live

ADMIN = "root"
PASSWORD = "Correct-Horse-1"
SECRET = re.compile(r"mapt_scim_[0-9A-Za-z]{49}")
LIST = "/admin/maptician_scim/token/"

SETUP = f"""
from example_project.workplace.models import Company, Occupant
Company.objects.create(name="Acme", subdomain="acme")
Occupant.objects.create_superuser("{ADMIN}", "root@maptician.example", "{PASSWORD}")
"""


def field(name, page):
    """The value of a hidden field of a form."""
    return re.search(rf'name="{name}" value="([^"]+)"', page.text)[1]


class Admin:
    """A browser in the admin that keeps every page it was shown but those that show a secret."""

    def __init__(self, server):
        headers = {"Host": f"localhost:{server.port}"}
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers=headers)
        self.pages = []

    def get(self, path):
        page = self.client.get(path)
        assert page.status_code == 200, page.text
        self.pages.append(page)
        return page

    def send(self, path, form, **values):
        """The answer to a form, sent with the hidden fields of its page."""
        hidden = {
            name: field(name, form)
            for name in ("csrfmiddlewaretoken", "nonce")
            if f'name="{name}"' in form.text
        }
        page = self.client.post(path, data=hidden | values, follow_redirects=True)
        assert page.status_code == 200, page.text
        return page

    def log_in(self):
        form = self.get("/admin/login/")
        self.send("/admin/login/", form, username=ADMIN, password=PASSWORD, next="/admin/")

    def new_secret(self, path, **values):
        """The secret a form answers with; sending the form again must not show it again."""
        form = self.get(path)
        shown = self.send(path, form, **values)
        assert "no-store" in shown.headers["Cache-Control"]
        [secret] = set(SECRET.findall(shown.text))
        again = self.send(path, form, **values)
        assert "already" in again.text
        self.pages.append(again)
        return secret


def connect(server, secret):
    with server.client("acme", secret) as okta:
        return okta.get("/Users", params={"startIndex": 1, "count": 2}).status_code


def mistyped(secret):
    return secret[:-1] + ("0" if secret[-1] != "0" else "1")


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """What was issued, and everything that is left of it."""
    directory = tmp_path_factory.mktemp("secret")
    with live.own_database(directory) as url:
        env = live.environment(url, DJANGO_LOG_LEVEL="DEBUG")
        live.manage(env, "migrate", "-v0")
        live.manage(env, "shell", "-v0", "-c", SETUP)
        with live.serving(env, directory) as server:
            admin = Admin(server)
            with admin.client:
                issued = tell(server, admin)
            left = {
                "database": dump(url),
                "log": server.log.read_text(),
                "pages": "\n".join(page.text for page in admin.pages),
                "list": live.manage(env, "scim_token", "list"),
            }
    return issued, left


def tell(server, admin):
    """Issue, use, mistype, rotate, use, revoke; the secrets there were."""
    admin.log_in()
    form = {"tenant": "1", "name": "Okta", "expiry": "default", "access": "all", "networks": ""}
    first = admin.new_secret(f"{LIST}add/", **form)
    assert connect(server, first) == 200
    assert connect(server, mistyped(first)) == 401
    assert connect(server, f"Bearer {first}") == 401
    with server.client("acme", first) as okta:
        # Pasted where it does not belong.
        refused = okta.post("/Users", json={"userName": first, "emails": [{"value": first}]})
        assert "'userName' holds a bearer token" in refused.json()["detail"]
        okta.post("/Users", json={"userName": "pat", "active": first, "password": first})
        okta.get("/Users", params={"filter": f'userName zz "{first}"'})
        okta.get(f"/Users/{first}", headers={"User-Agent": first, "X-Request-Id": first})
    rotation = {"name": "Next", "keep": "72", "expiry": "default"}
    second = admin.new_secret(f"{LIST}1/rotate/", **rotation)
    assert connect(server, first) == connect(server, second) == 200
    form = admin.get(f"{LIST}1/revoke/")
    admin.pages.append(admin.send(f"{LIST}1/revoke/", form, reason=f"leaked: {first}"))
    assert connect(server, first) == 401
    for path in (LIST, f"{LIST}1/change/", f"{LIST}2/change/", f"{LIST}1/history/"):
        admin.get(path)
    for path in ("event/", "connection/1/change/", "provisioneduser/"):
        admin.get(f"/admin/maptician_scim/{path}")
    return first, second


def dump(url):
    """Everything in a database, as its own tool writes it."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        try:
            return "\n".join(connection.iterdump())
        finally:
            connection.close()
    if shutil.which("pg_dump") is None:
        pytest.skip("needs pg_dump, of PostgreSQL's client")
    done = subprocess.run(["pg_dump", "--inserts", url], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("place", ["database", "log", "pages", "list"])
def test_secret_is_not_in(story, place):
    issued, left = story
    assert len(set(issued)) == 2
    for secret in issued:
        # Cut in two, so that a copy broken over lines or with a prefix removed is found as well.
        assert secret not in left[place]
        assert secret[tokens.PREFIX_LENGTH :][:20] not in left[place]


@pytest.mark.parametrize("place", ["database", "pages", "list"])
def test_its_prefix_is_what_is_left_of_it(story, place):
    issued, left = story
    for secret in issued:
        assert tokens.prefix(secret) in left[place]


def test_digest_is_what_the_database_has(story):
    issued, left = story
    for secret in issued:
        assert tokens.digest(secret) in left["database"]


def test_every_step_is_in_the_log_of_the_database(story):
    _, left = story
    for trace in ("mistyped", "doubled_bearer", "revoked", "invalidFilter", "leaked: mapt_scim_"):
        assert trace in left["database"]
    assert "/scim/v2/Users" in left["log"]
