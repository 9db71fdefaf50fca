"""People who were there before SCIM, and what admins change on the host user."""

from datetime import timedelta

import pytest
from django.core import serializers
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Upper
from django.test import Client
from django.test.utils import CaptureQueriesContext

from example_project.workplace.models import Occupant
from maptician_scim import linking
from maptician_scim.linking import link_users, unlinked_users
from maptician_scim.models import ProvisionedUser, now
from tests.factories import OccupantFactory


@pytest.fixture
def before_scim(acme):
    """A function: people who were there before; nothing has made records for them."""

    def make(*people, company=acme):
        users = [OccupantFactory.build(company=company, **person) for person in people]
        return Occupant.objects.bulk_create(users)

    return make


@pytest.fixture
def pat(acme):
    return OccupantFactory(company=acme, email="pat@acme.example", job_title="Clerk")


def names(scim):
    return [user["userName"] for user in scim.search().json()["Resources"]]


def only_person(scim):
    [person] = scim.search().json()["Resources"]
    return person


def an_hour_passes():
    then = now() - timedelta(hours=1)
    ProvisionedUser.objects.update(created_at=then, modified_at=then)


def seen_before(scim):
    """The only person as seen an hour ago."""
    an_hour_passes()
    return only_person(scim)


# -- the receiver: who is visible -------------------------------------------------------------


def test_new_person_is_visible_at_once_under_their_email(scim, pat):
    assert only_person(scim)["userName"] == "pat@acme.example"


def test_person_who_was_there_before_has_a_primary_email(scim, pat):
    email = {"value": "pat@acme.example", "type": "work", "primary": True}
    assert only_person(scim)["emails"] == [email]


def test_staff_without_a_company_get_no_record(db):
    OccupantFactory(staff=True)
    assert not ProvisionedUser.objects.exists()


def test_without_an_email_the_username_is_the_user_name(scim, acme):
    OccupantFactory(company=acme, email="", username="pat")
    assert names(scim) == ["pat"]


def test_if_email_is_taken_then_username(scim, acme, pat):
    OccupantFactory(company=acme, email="PAT@acme.example", username="pat2")
    assert names(scim) == ["pat@acme.example", "pat2"]


def test_if_email_and_username_are_taken_then_a_name_with_the_key(scim, acme, pat):
    OccupantFactory(company=acme, email="kim@acme.example")
    user = OccupantFactory(company=acme, email="pat@acme.example", username="kim@acme.example")
    assert names(scim)[-1] == f"user-{user.pk}"


def test_if_even_the_name_with_the_key_is_taken_then_still_visible(scim, acme, before_scim):
    scim.create(userName="pat")
    [user] = before_scim({"email": "", "username": "pat"})
    scim.create(userName=f"user-{user.pk}")
    user.save()
    assert scim.search().json()["totalResults"] == 3


def test_loading_a_fixture_makes_no_record(before_scim):
    [user] = before_scim({"email": "pat@acme.example"})
    for loaded in serializers.deserialize("json", serializers.serialize("json", [user])):
        loaded.save()
    assert not ProvisionedUser.objects.exists()


def test_saving_somebody_from_before_makes_them_visible(scim, before_scim):
    [user] = before_scim({"email": "pat@acme.example"})
    user.save()
    assert names(scim) == ["pat@acme.example"]


# -- the receiver: what admins change ---------------------------------------------------------


def test_what_an_admin_edits_shows_at_once(scim, pat):
    before = seen_before(scim)
    pat.job_title = "Director"
    pat.save()
    after = only_person(scim)
    assert after["title"] == "Director"
    assert after["meta"]["lastModified"] > before["meta"]["lastModified"]
    assert after["meta"]["version"] != before["meta"]["version"]


def test_what_the_database_computes_shows_at_once(scim, pat):
    pat.job_title = Upper(Value("engineer"))
    pat.save()
    assert only_person(scim)["title"] == "ENGINEER"


def test_admin_form_changes_what_scim_answers(scim, pat, admin_client):
    form = admin_client.get(f"/admin/workplace/occupant/{pat.pk}/change/").context["adminform"].form
    fields = {f: v for f, v in form.initial.items() if isinstance(v, (str, int, bool)) and v}
    inlines = {
        f"{prefix}-{name}_FORMS": 0
        for prefix in ("desk_assignments", "api_keys")
        for name in ("TOTAL", "INITIAL")
    }
    joined = {"date_joined_0": "2024-01-01", "date_joined_1": "12:00"}
    data = fields | inlines | joined | {"job_title": "Director"}
    answer = admin_client.post(f"/admin/workplace/occupant/{pat.pk}/change/", data)
    assert answer.status_code == 302
    assert only_person(scim)["title"] == "Director"


def test_if_an_admin_has_edited_then_an_older_if_match_is_412(scim, pat):
    before = only_person(scim)
    pat.job_title = "Director"
    pat.save()
    change = {"op": "replace", "path": "title", "value": "Boss"}
    answer = scim.modify(before["id"], change, if_match=before["meta"]["version"])
    assert answer.status_code == 412


def test_saving_without_a_change_moves_nothing(scim, pat):
    before = seen_before(scim)
    pat.save()
    assert only_person(scim) == before


def test_login_moves_nothing(scim, pat):
    before = seen_before(scim)
    Client().force_login(pat)
    pat.refresh_from_db()
    assert pat.last_login is not None
    assert only_person(scim) == before


def test_update_fields_of_a_mapped_column_moves_last_modified(scim, pat):
    before = seen_before(scim)
    pat.job_title = "Director"
    pat.save(update_fields=["job_title"])
    assert only_person(scim)["meta"]["lastModified"] > before["meta"]["lastModified"]


def test_update_fields_of_an_unmapped_column_costs_no_query(pat, django_assert_num_queries):
    with django_assert_num_queries(1):
        pat.save(update_fields=["last_login"])


def test_bulk_update_shows_and_changes_the_etag(scim, pat):
    before = only_person(scim)
    Occupant.objects.filter(pk=pat.pk).update(job_title="Director")
    after = only_person(scim)
    assert after["title"] == "Director"
    assert after["meta"]["version"] != before["meta"]["version"]


def test_admin_who_changes_the_username_leaves_the_user_name(scim, pat):
    pat.username = "another"
    pat.save()
    assert names(scim) == ["pat@acme.example"]


# -- people who move or leave -----------------------------------------------------------------


def test_person_who_moves_is_seen_by_the_new_company_alone(scim, other_scim, globex, pat):
    before = only_person(scim)
    pat.company = globex
    pat.save()
    assert scim.read(before["id"]).status_code == 404
    assert only_person(other_scim)["id"] != before["id"]


def test_move_by_update_fields_is_noticed(scim, other_scim, globex, pat):
    pat.company = globex
    pat.save(update_fields=["company"])
    assert (names(scim), names(other_scim)) == ([], ["pat@acme.example"])


def test_move_without_a_signal_ends_the_view_of_the_old_company(scim, globex, pat):
    before = only_person(scim)
    Occupant.objects.filter(pk=pat.pk).update(company=globex)
    assert names(scim) == []
    assert scim.read(before["id"]).status_code == 404
    assert scim.modify(before["id"], {"op": "remove", "path": "title"}).status_code == 404


def test_name_of_somebody_who_moved_is_free_for_a_new_person(scim, globex, pat):
    Occupant.objects.filter(pk=pat.pk).update(company=globex)
    created = scim.create(userName="pat@acme.example")
    assert created.status_code == 201
    assert ProvisionedUser.objects.get(scim_id=created.json()["id"]).user != pat


def test_person_who_comes_back_is_linked_again_by_post_only(scim, acme, globex, pat):
    for company in (globex, acme):
        pat.company = company
        pat.save()
    assert names(scim) == []
    assert scim.create(userName="pat@acme.example").status_code == 201
    assert ProvisionedUser.objects.for_tenant(acme).get().user == pat


def test_person_without_a_company_any_more_is_not_visible(scim, pat):
    pat.company = None
    pat.save()
    assert names(scim) == []


def test_host_user_who_is_deleted_is_gone_for_ever(scim, pat):
    before = only_person(scim)
    pat.delete()
    assert scim.read(before["id"]).status_code == 404
    assert scim.create(userName="pat@acme.example").json()["id"] != before["id"]


def test_deleted_person_is_not_linked_again_by_a_save(scim, pat):
    scim.remove(only_person(scim)["id"])
    pat.refresh_from_db()
    pat.save()
    assert names(scim) == []


def test_post_for_a_deleted_person_takes_up_the_same_host_user(scim, acme, pat):
    before = only_person(scim)
    scim.remove(before["id"])
    created = scim.create(userName="PAT@acme.example")
    assert created.status_code == 201
    assert created.json()["id"] != before["id"]
    assert ProvisionedUser.objects.for_tenant(acme).get().user == pat


# -- the backfill -----------------------------------------------------------------------------


def test_backfill_makes_everybody_visible_and_says_how_many(scim, acme, before_scim):
    before_scim(*({"email": f"p{n}@acme.example"} for n in range(5)))
    assert unlinked_users(acme).count() == 5
    assert link_users(acme, batch_size=2) == 5
    assert names(scim) == [f"p{n}@acme.example" for n in range(5)]
    assert not unlinked_users(acme).exists()


def test_backfill_again_does_nothing(scim, acme, before_scim):
    before_scim({"email": "pat@acme.example"})
    link_users(acme)
    before = only_person(scim)
    assert link_users(acme) == 0
    assert only_person(scim) == before


def test_backfill_that_was_stopped_goes_on_where_it_was(scim, acme, before_scim):
    before_scim(*({"email": f"p{n}@acme.example"} for n in range(5)))

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        link_users(acme, batch_size=2, progress=stop)
    assert link_users(acme, batch_size=2) == 3
    assert names(scim) == [f"p{n}@acme.example" for n in range(5)]


def test_backfill_does_not_count_whom_another_run_linked_meanwhile(acme, before_scim, monkeypatch):
    [pat, _] = before_scim({"email": "pat@acme.example"}, {"email": "kim@acme.example"})
    record_for = linking._new_record

    def slowly(tenant, user, user_name):
        ProvisionedUser.objects.get_or_create(tenant=tenant, user=pat)
        return record_for(tenant, user, user_name)

    monkeypatch.setattr(linking, "_new_record", slowly)
    assert link_users(acme) == 1
    assert ProvisionedUser.objects.for_tenant(acme).count() == 2


def test_backfill_tells_its_progress_after_each_batch(acme, before_scim):
    before_scim(*({} for _ in range(5)))
    told: list[int] = []
    link_users(acme, batch_size=2, progress=told.append)
    assert told == [2, 4, 5]


def test_backfill_makes_the_record_the_receiver_would_make(scim, before_scim, acme):
    [user] = before_scim({"email": "pat@acme.example", "job_title": "Clerk"})
    link_users(acme)
    before = seen_before(scim)
    user.save()
    assert only_person(scim) == before


def test_backfill_gives_everybody_with_one_email_their_own_name(scim, acme, before_scim):
    users = before_scim(
        {"email": "pat@acme.example", "username": "a"},
        {"email": "PAT@acme.example", "username": "b"},
        {"email": "pat@acme.example", "username": "B"},
    )
    link_users(acme)
    assert names(scim) == ["pat@acme.example", "b", f"user-{users[2].pk}"]


def test_backfill_leaves_names_to_those_who_have_them(scim, acme, before_scim):
    scim.create(userName="Pat@acme.example")
    before_scim({"email": "pat@acme.example", "username": "pat"})
    link_users(acme)
    assert names(scim) == ["Pat@acme.example", "pat"]


def test_backfill_links_even_if_the_name_with_the_key_is_taken(scim, acme, before_scim):
    scim.create(userName="pat")
    [user] = before_scim({"email": "", "username": "pat"})
    scim.create(userName=f"user-{user.pk}")
    assert link_users(acme) == 1
    assert scim.search().json()["totalResults"] == 3


def test_backfill_does_not_link_whom_scim_deleted(scim, acme, pat):
    scim.remove(only_person(scim)["id"])
    assert link_users(acme) == 0
    assert names(scim) == []


def test_backfill_of_one_company_leaves_others_alone(other_scim, acme, globex, before_scim):
    before_scim({"email": "pat@globex.example"}, company=globex)
    assert link_users(acme) == 0
    assert names(other_scim) == []


def test_backfill_costs_the_same_statements_for_few_and_many(acme, globex, before_scim):
    before_scim(*({} for _ in range(3)))
    before_scim(*({} for _ in range(60)), company=globex)
    costs = []
    for company in (acme, globex):
        with CaptureQueriesContext(connection) as queries:
            link_users(company)
        costs.append(len(queries))
    assert costs[0] == costs[1]
