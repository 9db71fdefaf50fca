"""A PATCH that would take too long is refused before it begins."""

import time

import pytest

from tests.api.test_patch import PAT
from tests.api.test_writing import writable


@pytest.fixture
def pat(scim):
    return scim.create(**PAT).json()


def fastest(request):
    """The answer, and the processor time of the fastest of some tries: others pay for garbage."""
    times = []
    while len(times) < 5 and min(times, default=1) >= 0.1:
        started = time.process_time()
        answer = request()
        times.append(time.process_time() - started)
    return answer, min(times)


def writing(number, path='emails[type eq "t{}"].value'):
    return [{"op": "Add", "path": path.format(n), "value": "x@x.example"} for n in range(number)]


TOO_MUCH = {
    "operations": ([{"op": "replace", "path": "title", "value": "x"}] * 10_000, "Operations"),
    "attributes": ([{"op": "add", "value": {f"x{n}": 1 for n in range(900)}}] * 12, "Operations"),
    "keys": ([{"op": "add", "value": {p["path"]: "x" for p in writing(1000)}}], "'emails'"),
    "value paths": (writing(1000), "'emails'"),
    "long filters": (
        writing(240, f"emails[{' or '.join(['value pr'] * 250)}].display"),
        "'emails'",
    ),
    "filters of nothing": (writing(240, f"x[{' or '.join(['value pr'] * 250)}].display"), "'x'"),
    "sub-attributes": (
        [{"op": "add", "path": 'emails[type eq "x"]', "value": {f"x{n}": "y"}} for n in range(900)],
        "'emails'",
    ),
    "removed values": (
        [{"op": "remove", "path": "emails", "value": [{"value": str(n)} for n in range(3000)]}],
        "'emails'",
    ),
    "additions": (
        [{"op": "add", "path": "emails", "value": {"value": f"{n}@x"}} for n in range(300)],
        "'emails'",
    ),
    "lists": (
        [{"op": "replace", "path": "emails", "value": [{"value": "1@x"}] * 50} for _ in range(50)],
        "'emails'",
    ),
}


@pytest.mark.parametrize("operations", TOO_MUCH)
def test_too_much_work_is_refused_in_a_tenth_of_a_second(scim, pat, operations):
    asked, named = TOO_MUCH[operations]
    answer, seconds = fastest(lambda: scim.modify(pat["id"], *asked))
    assert seconds < 0.1
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert named in answer.json()["detail"]
    assert "at most" in answer.json()["detail"] or "more than" in answer.json()["detail"]
    assert scim.read(pat["id"]).json() == pat


@pytest.mark.parametrize(
    "value",
    [{f"x{n}": 1 for n in range(10_000)}, {f'emails[type eq "{"a" * 9000}"]': {"x": 1}}],
    ids=["names", "long keys"],
)
def test_names_are_counted_and_measured(scim, pat, value):
    answer, seconds = fastest(lambda: scim.modify(pat["id"], {"op": "add", "value": value}))
    assert seconds < 0.1
    assert answer.status_code == 400
    assert "at most" in answer.json()["detail"]


@pytest.mark.parametrize("attribute", ["roles", "phoneNumbers"])
def test_256_entries_are_added_and_removed_at_once(scim, pat, attribute):
    listed = [{"value": str(number)} for number in range(100, 356)]
    operation = {"op": "add", "path": attribute, "value": listed}
    made = scim.modify(pat["id"], operation).json()
    assert made[attribute] == PAT.get(attribute, []) + listed
    removal = {"op": "replace", "path": attribute, "value": PAT.get(attribute, [])}
    assert writable(scim.modify(pat["id"], removal).json()) == PAT


def test_dozens_of_value_paths_in_several_attributes_pass(scim, pat):
    lists = ("emails", "phoneNumbers", "addresses", "roles", "ims")
    operations = [
        {"op": "Add", "path": f'{name}[type eq "t{number}"].display', "value": "x"}
        for name in lists
        for number in range(12)
    ]
    answer = scim.modify(pat["id"], *operations)
    assert answer.status_code == 200, answer.json()


def test_limit_is_a_setting(scim, pat, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"MAX_PATCH_COMPARISONS": 5}
    assert scim.modify(pat["id"], *writing(1)).status_code == 200
    assert scim.modify(pat["id"], *writing(2)).status_code == 400
