"""The order of a bulk request's operations, and what refers to what."""

import time

from hypothesis import given
from hypothesis import strategies as st

from maptician_scim.protocol.bulk import Operation, ordered, read_bulk, references, resolved


def post(bulk_id, *refers_to):
    data = {"members": [{"value": f"bulkId:{other}"} for other in refers_to]}
    return {"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data}


def read(*operations):
    payload = {"Operations": list(operations)}
    return read_bulk(payload, most=5000, check=lambda operation: None).operations


def order(*operations):
    return [operation.bulk_id for operation in ordered(read(*operations))]


def test_without_references_the_order_stays():
    assert order(post("c"), post("a"), post("b")) == ["c", "a", "b"]


def test_only_what_must_wait_is_moved():
    assert order(post("x", "z"), post("y"), post("z"), post("w")) == ["y", "z", "x", "w"]


def test_references_are_found_wherever_they_stand():
    value = {"a": ["bulkId:1", {"$ref": "https://x/Users/bulkId:2"}], "b": "about bulkId:3", "c": 4}
    assert sorted(references(value)) == ["1", "2"]
    assert resolved(value, {"1": "id1", "2": "id2"}) == {
        "a": ["id1", {"$ref": "https://x/Users/id2"}],
        "b": "about bulkId:3",
        "c": 4,
    }


def test_each_circle_is_told_by_its_own_members():
    operations = list(ordered(read(post("a", "b"), post("b", "a"), post("c", "d"), post("d", "c"))))
    errors = {operation.bulk_id: operation.error.detail for operation in operations}
    assert "'bulkId:a', 'bulkId:b' refer" in errors["a"]
    assert "'bulkId:c', 'bulkId:d' refer" in errors["d"]


def test_who_only_refers_to_a_circle_is_not_called_a_part_of_it():
    operations = list(ordered(read(post("below", "a"), post("a", "b"), post("b", "a"))))
    assert {o.bulk_id: o.error is None for o in operations} == {
        "a": False,
        "b": False,
        "below": True,
    }


def test_thousand_that_refer_to_each_other_are_ordered_in_no_time():
    names = [f"b{n}" for n in range(1000)]
    chain = [post(name, *names[n + 1 : n + 40]) for n, name in enumerate(names)]
    circles = [post(f"c{n}", f"c{n ^ 1}") for n in range(1000)]
    began = time.perf_counter()
    assert order(*chain)[0] == "b999"
    assert len(order(*circles)) == 1000
    assert time.perf_counter() - began < 2


@given(st.lists(st.sets(st.integers(0, 7), max_size=3), min_size=1, max_size=8))
def test_each_operation_comes_once_and_after_what_it_refers_to(needed):
    """Unless it is in a circle, which a plain search finds as well."""
    size = len(needed)
    needed = [{other for other in others if other < size} for others in needed]
    found = list(ordered(read(*(post(str(n), *map(str, o)) for n, o in enumerate(needed)))))
    places = {int(operation.bulk_id): place for place, operation in enumerate(found)}
    assert sorted(places) == list(range(size))
    for operation in found:
        index = int(operation.bulk_id)
        if operation.error is None:
            assert all(places[other] < places[index] for other in needed[index])
        else:
            assert index in reachable(needed, index)
    if not any(index in reachable(needed, index) for index in range(size)):
        assert all(operation.error is None for operation in found)


def reachable(needed, start):
    """What an operation waits for, directly or not."""
    found, left = set(), list(needed[start])
    while left:
        index = left.pop()
        if index not in found:
            found.add(index)
            left += needed[index]
    return found


def test_payload_of_an_operation_without_data_is_empty():
    assert Operation(0, {}).payload({}) == {}
