import pytest


@pytest.fixture(autouse=True)
def _everybody_sees_all(settings):
    """Whom the example project limits is tested with the example project."""
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"TENANT_QUERYSET_FOR": None}
