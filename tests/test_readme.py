"""What the README says is done here, word for word, as a new user would do it."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from maptician_scim.conf import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BEFORE, SETTINGS_TABLE = README.split("## Settings\n")

MODELS = """
from django.contrib.auth.models import AbstractUser
from django.db import models


class Company(models.Model):
    subdomain = models.SlugField(unique=True)


class Occupant(AbstractUser):
    company = models.ForeignKey(Company, models.PROTECT, null=True)
    job_title = models.CharField(max_length=100, blank=True)
    mobile_phone = models.CharField(max_length=50, blank=True)
    city = models.CharField(max_length=100, blank=True)
    department = models.CharField(max_length=100, blank=True)
"""

SETTINGS = """
SECRET_KEY = "for this test only"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
INSTALLED_APPS += ["workplace"]
AUTH_USER_MODEL = "workplace.Occupant"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "urls"
ALLOWED_HOSTS = []
USE_TZ = True
"""

MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""

CLIENT = """
import sys, django
django.setup()
from django.test import Client
client = Client(headers={"host": "acme.maptician.com", "authorization": f"Bearer {sys.argv[1]}"})
print(client.get('/scim/v2/Users?filter=userName eq "pat@example.com"').json()["totalResults"])
"""


def block(mark, text=README):
    """The code block after an HTML comment of a document."""
    return re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```", text, re.DOTALL).group(1)


@pytest.fixture(params=["README.md", "docs/install.md"])
def text(request):
    return (ROOT / request.param).read_text()


@pytest.fixture
def project(tmp_path, text):
    """A Django project with a document's blocks in the files they belong to."""
    app = tmp_path / "workplace"
    (app / "migrations").mkdir(parents=True)
    for package in (app, app / "migrations"):
        (package / "__init__.py").touch()
    (app / "models.py").write_text(MODELS)
    (app / "scim.py").write_text(block("test:adapter", text))
    (tmp_path / "settings.py").write_text(SETTINGS + block("test:settings", text))
    (tmp_path / "urls.py").write_text("urlpatterns = []\n" + block("test:urls", text))
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "client.py").write_text(CLIENT)
    return tmp_path


def commands(mark, text):
    """The lines of a block of commands, as arguments of the interpreter."""
    return block(mark, text).replace("python ", "").splitlines()


def run(project, *command):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "settings"}
    done = subprocess.run(
        [sys.executable, *command], cwd=project, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_if_installed_by_the_five_steps_then_the_first_look_up_finds_who_was_there(project, text):
    run(project, "manage.py", "makemigrations", "workplace")
    migrate, link, check, issue = commands("test:commands", text)
    run(project, *migrate.split())
    run(
        project,
        "manage.py",
        "shell",
        "-c",
        "from workplace.models import *; c = Company.objects.create(subdomain='acme');"
        "pat = Occupant(company=c, username='pat', email='pat@example.com');"
        "Occupant.objects.bulk_create([pat])",
    )
    assert "1 people linked" in run(project, *link.split())
    assert "no issues" in run(project, *check.split())
    token = run(project, *issue.split()).strip()
    assert run(project, "client.py", token).strip() == "1"


ADMIN = """
INSTALLED_APPS += ["django.contrib.admin", "django.contrib.messages", "django.contrib.staticfiles"]
STATIC_URL = "static/"
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
"""

VISITOR = """
import django
django.setup()
from django.contrib.auth import get_user_model
from django.test import Client
from workplace.models import Company
company = Company.objects.create(subdomain="acme")
okta = Client(headers={"host": "acme.maptician.com", "user-agent": "Okta SCIM Client 1.0.0"})
print(okta.get("/Users").json()["detail"])
browser = Client(headers={"host": "office.maptician.com"})
browser.force_login(get_user_model().objects.create_superuser("admin"))
page = browser.get(f"/admin/workplace/company/{company.pk}/change/").content.decode()
print(f"/admin/maptician_scim/connection/{company.pk}/change/" in page)
"""


@pytest.mark.parametrize("text", ["docs/install.md"], indirect=True)
def test_admin_middleware_and_jobs_work_as_the_document_has_them(project, text):
    with (project / "settings.py").open("a") as settings:
        settings.write(ADMIN + block("test:middleware", text))
    with (project / "urls.py").open("a") as urls:
        urls.write("\nfrom django.contrib import admin\n")
        urls.write('urlpatterns += [path("admin/", admin.site.urls)]\n')
    (project / "workplace" / "admin.py").write_text(block("test:mixin", text))
    (project / "visitor.py").write_text(VISITOR)
    run(project, "manage.py", "makemigrations", "workplace")
    run(project, "manage.py", "migrate")
    assert "no issues" in run(project, "manage.py", "check")
    detail, has_link = run(project, "visitor.py").splitlines()
    assert "The base URL must be http://acme.maptician.com/scim/v2" in detail
    assert has_link == "True"
    for job in commands("test:jobs", text):
        run(project, *job.split())


def test_the_table_of_settings_lists_them_all_with_their_defaults():
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", SETTINGS_TABLE, re.MULTILINE))
    names = {name for name in vars(Settings) if name.isupper()}
    assert rows.keys() == names
    required = {name for name, default in rows.items() if default == "required"}
    assert required == {"TENANT_MODEL", "BASE_DOMAIN", "USER_ADAPTER"}


@pytest.mark.parametrize("name", sorted(n for n in vars(Settings) if n.isupper()))
def test_if_a_setting_is_left_out_then_it_has_the_default_of_the_table(name, settings):
    settings.MAPTICIAN_SCIM = {}
    row = re.search(rf"^\| `{name}` \| `?(.*?)`? \|", SETTINGS_TABLE, re.MULTILINE)
    default = row.group(1)
    if default != "required":
        assert repr(getattr(Settings(), name)).replace("'", '"') == default


def test_the_table_of_variables_lists_those_the_example_project_reads():
    source = (ROOT / "example_project" / "settings.py").read_text()
    read = re.findall(r"""(?:environ\.get|environ\[|_is_on)\(?"([A-Z_]+)""", source)
    assert set(re.findall(r"^\| `([A-Z_]+)`", BEFORE, re.MULTILINE)) == set(read)


def test_what_the_demo_installs_can_use_any_database_url():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "maptician-scim[postgres]" in extras["optional-dependencies"]["demo"]


@pytest.mark.parametrize("link", re.findall(r"\]\(((?!http)[^)]+)\)", README))
def test_each_link_to_a_file_leads_somewhere(link):
    assert (ROOT / link).exists()
