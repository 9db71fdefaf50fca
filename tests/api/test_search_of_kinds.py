"""Search over resources of several kinds at the root (RFC 7644 section 3.4.2.1).

Here people whose userName begins with "g" stand in for the second kind. It has no enterprise
extension, so that there is something only the first one has.
"""

import pytest

from maptician_scim import discovery
from maptician_scim.conf import scim_settings
from maptician_scim.mapping import AttributeMap
from maptician_scim.protocol.schemas import ENTERPRISE_USER, User
from maptician_scim.provisioning import PROVISIONERS, UserProvisioner


class Part(UserProvisioner):
    """A part of a tenant's people: what is compiled, or remembered, for all does not hold."""

    def can_be_compiled(self):
        return False

    def place(self, first):
        return None


class FirstKind(Part):
    def visible_to(self, tenant):
        return super().visible_to(tenant).exclude(user_name_key__startswith="g")


class SecondKind(Part):
    resource_type = "Group"

    @property
    def adapter_class(self):
        host = scim_settings.USER_ADAPTER
        lines = {k: v for k, v in host.attribute_map.items() if not k.startswith(ENTERPRISE_USER)}
        return type("Plain", (host,), {"_mapping": AttributeMap(lines, User)})

    def visible_to(self, tenant):
        return super().visible_to(tenant).filter(user_name_key__startswith="g")


@pytest.fixture(autouse=True)
def kinds(monkeypatch):
    models = {"User": scim_settings.USER_ADAPTER.mapping().model, "Group": User}
    monkeypatch.setattr(discovery, "resource_models", lambda: models)
    monkeypatch.setitem(PROVISIONERS, "User", FirstKind)
    monkeypatch.setitem(PROVISIONERS, "Group", SecondKind)


@pytest.fixture
def people(scim):
    """Users u1 to u3 and "groups" g1 to g3, in mixed order; u3 and g3 without a title."""
    titles = {"g1": "d", "u1": "B", "u2": "c", "g2": "a", "u3": None, "g3": None}
    for name, title in titles.items():
        department = {ENTERPRISE_USER: {"department": f"D{title}"}} if name < "u3" else {}
        scim.create(userName=name, **({"title": title} if title else {}), **department)


@pytest.fixture
def found(scim, people):
    """A function: the total and the names that a search at the root finds."""

    def search(**body):
        answer = scim.request_scim("POST", "/.search", body)
        assert answer.status_code == 200, answer.json()
        resources = answer.json()["Resources"]
        return answer.json()["totalResults"], " ".join(p["userName"] for p in resources)

    return search


@pytest.mark.rfc("7644", "3.4.2.1", "a")
def test_kinds_come_one_after_the_other(found):
    assert found() == (6, "u1 u2 u3 g1 g2 g3")
    assert found(startIndex=3, count=2) == (6, "u3 g1")
    assert found(startIndex=7) == (6, "")
    assert found(count=0) == (6, "")


@pytest.mark.parametrize(
    ("sort_by", "up", "down"),
    [
        ("title", "g2 u1 u2 g1 u3 g3", "u3 g3 g1 u2 u1 g2"),
        ("userName", "g1 g2 g3 u1 u2 u3", "u3 u2 u1 g3 g2 g1"),
        ("meta.created", "g1 u1 u2 g2 u3 g3", "g3 u3 g2 u2 u1 g1"),
        ("active", "u1 u2 u3 g1 g2 g3", "u1 u2 u3 g1 g2 g3"),
        (f"{ENTERPRISE_USER}:department", "u1 u2 u3 g1 g2 g3", "u3 g1 g2 g3 u2 u1"),
    ],
)
def test_kinds_are_sorted_together(found, sort_by, up, down):
    assert found(sortBy=sort_by) == (6, up)
    assert found(sortBy=sort_by, sortOrder="descending") == (6, down)
    assert found(sortBy=sort_by, startIndex=3, count=2) == (6, up[6:11])


@pytest.mark.rfc("7644", "3.4.2.1", "c", "d")
@pytest.mark.parametrize(
    ("filter_text", "names"),
    [
        ('title eq "a" or title eq "b"', "u1 g2"),
        ('department eq "DB"', "u1"),
        (f'{ENTERPRISE_USER}:department ne "DB"', "u2 u3 g1 g2 g3"),
        (f"{ENTERPRISE_USER}:department pr", "u1 u2"),
        (f"not ({ENTERPRISE_USER}:department pr)", "u3 g1 g2 g3"),
        (f"{ENTERPRISE_USER}:department eq null", "u3 g1 g2 g3"),
        (f"{ENTERPRISE_USER}:manager[displayName pr]", None),
    ],
)
def test_what_only_one_kind_has_is_unassigned_for_the_others(scim, found, filter_text, names):
    if names is None:
        answer = scim.request_scim("POST", "/.search", {"filter": filter_text})
        assert answer.json()["scimType"] == "invalidFilter"
    else:
        assert found(filter=filter_text) == (len(names.split()), names)


def test_what_no_kind_has_is_400(scim):
    for body in ({"filter": "shoeSize pr"}, {"sortBy": "shoeSize"}):
        answer = scim.request_scim("POST", "/.search", body)
        assert answer.status_code == 400
        assert "shoeSize" in answer.json()["detail"]


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"sortBy": "title"},
        {"sortBy": "title", "sortOrder": "descending"},
        {"sortBy": "meta.created"},
        {"sortBy": "id"},
        {"sortBy": "active", "sortOrder": "descending"},
        {"sortBy": f"{ENTERPRISE_USER}:department"},
        {"sortBy": f"{ENTERPRISE_USER}:department", "sortOrder": "descending"},
    ],
    ids=str,
)
def test_walk_there_and_back_is_the_list(scim, found, order):
    everybody = found(**order)[1]
    body = scim.request_scim("POST", "/.search", order | {"cursor": "", "count": 1}).json()
    there, back = [body], []
    while "nextCursor" in there[-1]:
        there.append(walk(scim, order, there[-1]["nextCursor"]))
    back.append(there[-1])
    while "previousCursor" in back[-1]:
        back.append(walk(scim, order, back[-1]["previousCursor"]))
    names = [body["Resources"][0]["userName"] for body in there]
    assert " ".join(names) == everybody
    assert [body["Resources"][0]["userName"] for body in back] == names[::-1]


def walk(scim, order, cursor):
    answer = scim.request_scim("POST", "/.search", order | {"cursor": cursor, "count": 1})
    assert answer.status_code == 200, answer.json()
    return answer.json()


def test_kind_the_token_may_not_read_is_not_found(acme, client_of, people):
    client = client_of(acme, scopes=["groups:read"])
    body = client.request_scim("POST", "/.search", {"sortBy": "userName"}).json()
    assert [p["userName"] for p in body["Resources"]] == ["g1", "g2", "g3"]


def test_kind_that_is_not_served_is_not_found(scim, people, monkeypatch):
    models = {"User": discovery.resource_models()["User"]}
    monkeypatch.setattr(discovery, "resource_models", lambda: models)
    body = scim.request_scim("POST", "/.search", {}).json()
    assert body["totalResults"] == 3


def test_search_costs_the_same_whatever_is_found(scim, people, django_assert_num_queries):
    for count in (6, 100):
        # The token, the rows, two totals, and the resources of both kinds.
        for body in ({"sortBy": "title"}, {"cursor": ""}):
            with django_assert_num_queries(6):
                scim.request_scim("POST", "/.search", body | {"count": count})
