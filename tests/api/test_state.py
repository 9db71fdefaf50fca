"""What an administrator reads of the people is what a client sees of them."""

from maptician_scim.admin.connection_page import attribute_rows, health_of
from maptician_scim.conf import scim_settings
from maptician_scim.live import people_of, state_of


def test_people_are_counted_as_a_client_sees_them(acme, globex, host, scim):
    for n in range(3):
        host.person(acme, email=f"p{n}@acme.example", active=n > 0)
    host.person(globex, email="g@globex.example")
    seen = scim.search().json()["totalResults"]
    assert people_of([acme, globex]) == {acme.pk: 3, globex.pk: 1}
    assert (state_of(acme).kind, state_of(acme).people, seen) == ("connected", 3, 3)
    assert health_of(acme, seen).active == scim.search("active eq true").json()["totalResults"] == 2


def test_every_mapped_attribute_has_its_field_in_the_table(db):
    rows = {row.path: row for row in attribute_rows()}
    assert rows.keys() == {*scim_settings.USER_ADAPTER.attribute_map, "externalId"}
    assert all(row.field for row in rows.values())
