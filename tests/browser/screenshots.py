"""The pictures of docs/images, in light and dark: ``python -m tests.browser.screenshots``.

Everything in them is made anew: the companies of the demo, and a few weeks of Okta's requests.
"""

import os
import random
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.browser.office")
django.setup()

from example_project.workplace.demo import data  # noqa: E402
from example_project.workplace.models import Occupant  # noqa: E402
from maptician_scim.models import (  # noqa: E402
    Activity,
    Connection,
    Event,
    ProvisionedUser,
    Token,
    now,
)
from tests import live  # noqa: E402
from tests.browser import chromium  # noqa: E402
from tests.browser.office import HOST  # noqa: E402
from tests.live import okta_user  # noqa: E402

IMAGES = live.ROOT / "docs" / "images"
WIDTH, HEIGHT = 1200, 1200
DAYS = 28
SAMPLE = "mapt_scim_7Qe2vX9sT4bLw8NcKf3RzYd6HmGa1JpUo5iEtBn0WqSrVxAk"


def main(directory):
    directory.mkdir(parents=True, exist_ok=True)
    path = chromium.executable()
    if path is None:
        sys.exit("There is no Chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory() as scratch, live.own_database(Path(scratch)) as database_url:
        env = live.environment(
            database_url,
            BASE_DOMAIN="maptician.com",
            DJANGO_SETTINGS_MODULE=os.environ["DJANGO_SETTINGS_MODULE"],
        )
        live.manage(env, "migrate", "-v0")
        with (
            live.serving(env, Path(scratch)) as server,
            chromium.running(path, {HOST: f"127.0.0.1:{server.port}"}) as browser,
            live.connected(database_url),
        ):
            Gallery(server, browser, directory).hang()


class Gallery:
    """The pages one after the other, as they come to look in the life of a connection."""

    def __init__(self, server, browser, directory):
        self.server, self.browser, self.directory = server, browser, directory
        self.companies = {company.subdomain: company for company in data.create_companies()}
        self.pages = {}

    def hang(self):
        admin = data.find_admin()
        password = data.renew_password(admin)
        for theme in ("light", "dark"):
            self.pages[theme] = self.sign_in(theme, admin.username, password)
        self.waiting_and_connected()
        self.broken()
        self.issued()
        self.events_and_people()
        self.safeguard()
        self.doctor()

    # -- the pages ---------------------------------------------------------------------------

    def waiting_and_connected(self):
        acme = self.companies["acme"]
        _, secret = Token.objects.issue(tenant=acme, name="Okta production")
        self.visit(self.connection(acme))
        self.shoot("connection-waiting", height=760)
        remember_requests(acme)
        with self.client("acme", secret) as okta:
            self.live_for_weeks(okta)
            okta.get("/Users", params={"startIndex": 1, "count": 2})
        self.visit(self.connection(acme))
        self.shoot("connection-connected", height=760)
        self.shoot("connection-health", section="Health")

    def broken(self):
        globex = self.companies["globex"]
        _, secret = Token.objects.issue(tenant=globex, name="Okta production")
        with self.client("globex", f"Bearer {secret}") as okta:
            okta.get("/Users", params={"startIndex": 1, "count": 2})
        self.visit(self.connection(globex))
        self.shoot("connection-broken", height=640)

    def issued(self):
        initech = self.companies["initech"]
        for theme, page in self.pages.items():
            page.goto(f"/admin/maptician_scim/token/add/?tenant={initech.pk}")
            page.get_by_label("Name").fill("Okta production")
            self.shoot("token-issue", only=theme)
            page.get_by_role("button", name="Issue").click()
            page.locator("#scim-secret").evaluate("(e, text) => { e.textContent = text; }", SAMPLE)
            self.shoot("token-issued", only=theme, height=620)
            Token.objects.for_tenant(initech).delete()

    def events_and_people(self):
        self.visit("/admin/maptician_scim/event/")
        self.shoot("events", height=760)
        why = Event.objects.filter(reason="taken_inactive").latest("pk")
        self.visit(f"/admin/maptician_scim/event/{why.pk}/change/")
        self.shoot("event", height=1000)
        record = ProvisionedUser.objects.get(user_name="pat.lee@acme.example")
        self.visit(f"/admin/maptician_scim/provisioneduser/{record.pk}/change/")
        self.shoot("person", height=1140)

    def safeguard(self):
        """Somebody has unassigned a whole department."""
        umbrella = self.companies["umbrella"]
        Connection.objects.for_tenant(umbrella).update(safeguard_people=8, safeguard_percent=20)
        _, secret = Token.objects.issue(tenant=umbrella, name="Okta production")
        with self.client("umbrella", secret) as okta:
            people = okta.get("/Users", params={"filter": "active eq true"}).json()["Resources"]
            for someone in people[1:16]:
                okta.put(f"/Users/{someone['id']}", json=someone | {"active": False})
        self.visit(self.connection(umbrella))
        self.shoot("safeguard", height=620)
        self.visit(f"{self.connection(umbrella).removesuffix('change/')}held-back/")
        self.shoot("held-back", height=760)

    def doctor(self):
        """With a fault: somebody who was there before, and has no record yet."""
        umbrella = self.companies["umbrella"]
        newcomer = Occupant(company=umbrella, username="new", email="new@umbrella.example")
        Occupant.objects.bulk_create([newcomer])
        for page in self.pages.values():
            page.goto(f"{self.connection(umbrella).removesuffix('change/')}doctor/")
            page.get_by_role("button", name="Run the doctor").click()
            page.get_by_role("status").wait_for()
            page.locator("ol.doctor-steps summary").first.click()
        self.shoot("doctor", height=1000)

    # -- what has happened before ------------------------------------------------------------

    def live_for_weeks(self, okta):
        """People come, change and go; in the end some are refused."""
        pat = created(okta, "pat.lee@acme.example")
        put(okta, pat, title="Senior Engineer")
        put(okta, pat, active=False)
        put(okta, pat, active=True)
        put(okta, pat, title="Staff Engineer")
        sam = created(okta, "sam.novak@acme.example")
        put(okta, sam, active=False)
        spread_over_weeks(Event.objects.for_tenant(self.companies["acme"]))
        okta.post("/Users", json=person("sam.novak@acme.example"))
        okta.post("/Users", json=person("kim.berg@acme.example") | {"title": "T" * 200})
        record = ProvisionedUser.objects.get(scim_id=pat["id"])
        record.user.city = "Zürich"
        record.user.save()

    # -- looking -----------------------------------------------------------------------------

    def sign_in(self, theme, username, password):
        context = self.browser.new_context(
            base_url=f"http://{HOST}",
            color_scheme=theme,
            locale="en-US",
            viewport={"width": WIDTH, "height": HEIGHT},
        )
        context.add_init_script("localStorage['django.admin.navSidebarIsOpen'] = 'false'")
        page = context.new_page()
        page.goto("/admin/login/")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("button", name="Log out").wait_for()
        return page

    def client(self, subdomain, secret):
        host = f"{subdomain}.maptician.com"
        return self.server.client(subdomain, secret, Host=host)

    def connection(self, company):
        return f"/admin/maptician_scim/connection/{company.pk}/change/"

    def visit(self, path):
        for page in self.pages.values():
            page.goto(path)

    def shoot(self, name, *, only=None, height=None, section=None):
        """The top of the page, one section of it, or all of it."""
        for theme, page in self.pages.items():
            if only not in (None, theme):
                continue
            file = self.directory / f"{name}-{theme}.png"
            if section:
                page.get_by_role("region", name=section, exact=True).screenshot(path=file)
            elif height:
                clip = {"x": 0, "y": 0, "width": WIDTH, "height": height}
                page.screenshot(path=file, clip=clip)
            else:
                page.screenshot(path=file, full_page=True)
            print(file)  # noqa: T201


def person(address):
    """What Okta sends of somebody whose address has their name."""
    given, family = address.partition("@")[0].title().split(".")
    name = {"givenName": given, "familyName": family}
    return okta_user(address, name=name, displayName=f"{given} {family}")


def created(okta, address):
    answer = okta.post("/Users", json=person(address))
    assert answer.status_code == 201, answer.text
    return answer.json()


def put(okta, resource, **changes):
    resource |= changes
    answer = okta.put(f"/Users/{resource['id']}", json=resource)
    assert answer.status_code == 200, answer.text


def spread_over_weeks(events):
    """As if a day or two lay between one event and the next."""
    pks = list(events.order_by("-pk").values_list("pk", flat=True))
    for ago, pk in enumerate(pks):
        at = now() - timedelta(days=2.3 * (ago + 1), minutes=7)
        events.filter(pk=pk).update(created_at=at)


def remember_requests(company):
    """Requests of some weeks: many on working days, few on others, a refusal now and then."""
    chance = random.Random(company.subdomain)
    this_hour = now().replace(minute=0, second=0, microsecond=0)
    for ago in range(1, DAYS * 24):
        hour = this_hour - timedelta(hours=ago)
        is_work = hour.weekday() < 5 and 7 <= hour.hour < 19
        requests = chance.randint(8, 40) if is_work else chance.randint(0, 2)
        errors = chance.choice((0, 0, 0, 1, 2)) if is_work else 0
        if requests:
            Activity.objects.add(company.pk, hour, requests, min(errors, requests))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
