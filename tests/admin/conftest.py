import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from example_project.workplace.models import Company
from tests.factories import OccupantFactory


def only_acme(user):
    return Company.objects.filter(subdomain="acme")


@pytest.fixture(autouse=True)
def _everybody_sees_all(settings):
    """Whom the example project limits is tested with the example project."""
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"TENANT_QUERYSET_FOR": None}


@pytest.fixture
def admin(client, db):
    """The browser of somebody who may do everything."""
    client.force_login(OccupantFactory(staff=True, username="boss"))
    return client


@pytest.fixture
def limited(client, settings, acme, globex):
    """The browser of somebody who may do everything with acme alone."""
    hook = {"TENANT_QUERYSET_FOR": f"{__name__}.only_acme"}
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | hook
    client.force_login(OccupantFactory(staff=True, username="boss"))
    return client


@pytest.fixture
def allow(client, db):
    """A function: the browser of an admin with just these permissions."""

    def login(*names):
        user = OccupantFactory(company=None, is_staff=True, username="limited")
        user.user_permissions.set(Permission.objects.filter(codename__in=names))
        client.force_login(user)
        return client

    return login


@pytest.fixture
def switch(admin, acme):
    """A function: save the form of acme's switches."""
    page = reverse("admin:maptician_scim_connection_change", args=[acme.pk])

    def save(**values):
        form = {"is_enabled": "on", "may_create": "on", "delete_behaviour": "", "email_domains": ""}
        form = {name: value for name, value in (form | values).items() if value is not None}
        return admin.post(page, form)

    return save
