"""Settings are read when they are used."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from maptician_scim.conf import Settings, scim_settings
from tests.live import ROOT

NAMES = sorted(name for name in vars(Settings) if name.isupper())
DEFAULTS = {
    "TENANT_FIELD": "subdomain",
    "GROUP_ADAPTER": None,
    "GROUP_MODEL": "auth.Group",
    "NESTED_GROUPS": False,
    "DEFAULT_PAGE_SIZE": 100,
    "MAX_PAGE_SIZE": 1000,
    "REMEMBER_TOTALS": True,
    "CURSOR_LIFETIME": 3600,
    "MAX_BODY_SIZE": 1024 * 1024,
    "MAX_HEADERS_SIZE": 32 * 1024,
    "MAX_RESPONSE_SIZE": 16 * 1024 * 1024,
    "MAX_JSON_DEPTH": 20,
    "MAX_FILTER_LENGTH": 4000,
    "MAX_FILTER_DEPTH": 20,
    "MAX_FILTER_TERMS": 60,
    "MAX_PATCH_OPERATIONS": 1000,
    "BULK": True,
    "BULK_MAX_OPERATIONS": 1000,
    "BULK_MAX_PAYLOAD_SIZE": 5 * 1024 * 1024,
    "BULK_TIME_LIMIT": 25,
    "MAX_VALUES": 5000,
    "MAX_PATCH_COMPARISONS": 2000,
    "STRICT": False,
    "MAX_UNKNOWN_SCHEMAS_SIZE": 16 * 1024,
    "DELETE_BEHAVIOUR": "deactivate",
    "SET_PASSWORD": False,
    "ROLES_AND_ENTITLEMENTS": True,
    "UNKNOWN_ROLES": "keep",
    "TOKEN_LIFETIME_DAYS": 365,
    "TOKENS_MUST_EXPIRE": False,
    "ROTATION_HOURS": 72,
    "EXPIRY_EMAILS": (),
    "SAFEGUARD": False,
    "SAFEGUARD_PEOPLE": 100,
    "SAFEGUARD_PERCENT": 20,
    "SAFEGUARD_EMAILS": (),
    "TRUSTED_PROXIES": 0,
    "THROTTLE": "200/s burst 1000",
    "FAILED_AUTHENTICATIONS": "100/m",
    "TENANT_QUERYSET_FOR": None,
    "EVENT_RETENTION_DAYS": 365,
    "REQUEST_RETENTION_DAYS": 30,
    "MAX_KEPT_REQUEST": 16 * 1024,
    "RETRY_AFTER": 5,
    "DOCUMENTATION_URI": None,
    "ROW_LEVEL_SECURITY": False,
    "SERVICE_PROVIDER_CONFIG_IS_PUBLIC": False,
}
REQUIRED = {"TENANT_MODEL", "BASE_DOMAIN", "USER_ADAPTER"}


@pytest.fixture
def configure(settings):
    def change(**changes):
        settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | changes

    return change


def test_every_setting_has_a_default_or_is_required():
    assert set(NAMES) == DEFAULTS.keys() | REQUIRED


@pytest.mark.parametrize("name", DEFAULTS)
def test_without_a_value_the_default_holds(settings, name):
    settings.MAPTICIAN_SCIM = {}
    assert getattr(scim_settings, name) == DEFAULTS[name]


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_required_setting_that_is_missing_is_no_silence(settings, name):
    settings.MAPTICIAN_SCIM = {}
    with pytest.raises(ImproperlyConfigured, match=name):
        getattr(scim_settings, name)


@pytest.mark.parametrize("name", sorted(DEFAULTS.keys() - {"GROUP_ADAPTER", "TENANT_QUERYSET_FOR"}))
def test_change_counts_at_once(configure, name):
    configure(**{name: "changed"})
    assert getattr(scim_settings, name) == "changed"


@pytest.mark.parametrize("written", ["Maptician.COM", ".maptician.com", "maptician.com."])
def test_base_domain_is_normalised(configure, written):
    configure(BASE_DOMAIN=written)
    assert scim_settings.BASE_DOMAIN == "maptician.com"


@pytest.mark.parametrize("value", [None, "x", []])
def test_settings_that_are_no_dictionary_count_as_empty(settings, value):
    settings.MAPTICIAN_SCIM = value
    assert scim_settings.configured == {}


def test_page_size_changes_the_next_list(configure, scim):
    for number in range(3):
        scim.create(userName=f"p{number}")
    configure(DEFAULT_PAGE_SIZE=2)
    assert scim.search().json()["itemsPerPage"] == 2


def test_body_size_changes_the_next_request(configure, scim):
    configure(MAX_BODY_SIZE=10)
    assert scim.create(userName="pat").status_code == 413


@pytest.mark.parametrize("name", NAMES)
def test_setting_is_in_the_readme_with_its_default(name):
    [row] = [
        line
        for line in README.partition("\n## Settings\n")[2].splitlines()
        if line.startswith(f"| `{name}` |")
    ]
    default = row.split("|")[2].strip().strip("`")
    if name in REQUIRED:
        assert default == "required"
    else:
        assert default.replace('"', "'") == repr(DEFAULTS[name])


README = Path(ROOT, "README.md").read_text()
