"""Events in plain words."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from maptician_scim import explanations
from maptician_scim.exceptions import NOT_LET_IN, Reason
from maptician_scim.explanations import ADVICE, WHY, advice, client_name, outcome, sentence
from maptician_scim.models import Event

OKTA = "Okta SCIM Client 1.0.0"


def event(verb="create", status=400, **fields):
    fields = {"client": OKTA, "user_name": "pat@example.com"} | fields
    return Event(verb=verb, status=status, **fields)


def test_every_reason_has_words():
    assert set(WHY) == set(Reason)


def test_every_reason_has_advice_but_that_nobody_is_there():
    assert set(Reason) - set(ADVICE) == {Reason.UNKNOWN_TENANT}


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_a_whole_sentence_without_facts(reason):
    text = sentence(event(reason=reason))
    assert text.endswith(".")
    assert "%" not in text
    assert "None" not in text


@pytest.mark.parametrize("reason", list(Reason))
def test_advice_does_not_repeat_the_reason_and_ends(reason):
    text = advice(event(reason=reason))
    assert text == "" or text.endswith(".")


@pytest.mark.parametrize(
    ("client", "name"),
    [
        (OKTA, "Okta"),
        ("Microsoft-Azure-AD-SCIM", "Microsoft Entra"),
        ("OneLogin SCIM", "OneLogin"),
        ("curl/8.5.0", "curl"),
        ("", "A client without a name"),
        ("x" * 100, "x" * 40),
    ],
)
def test_client_is_named(client, name):
    assert client_name(client) == name


CHANGED = {"title": {"old": None, "new": "Clerk"}}


@pytest.mark.parametrize(
    ("verb", "changes", "text"),
    [
        ("create", CHANGED, "Okta created pat@example.com."),
        ("replace", CHANGED, "Okta updated pat@example.com."),
        ("patch", CHANGED, "Okta updated pat@example.com."),
        ("replace", {}, "Okta sent pat@example.com again; nothing was to be changed."),
        ("patch", {}, "Okta sent pat@example.com again; nothing was to be changed."),
        ("deactivate", CHANGED, "Okta deactivated pat@example.com."),
        ("reactivate", CHANGED, "Okta reactivated pat@example.com."),
        ("delete", {}, "Okta deleted pat@example.com."),
    ],
)
def test_what_was_done(verb, changes, text):
    done = event(verb, 200, changes=changes)
    assert (sentence(done), advice(done), outcome(done)) == (text, "", "done")


TRIED = "Okta tried to create pat@example.com; refused: "


@pytest.mark.parametrize(
    ("reason", "facts", "why"),
    [
        (Reason.TAKEN, {}, "that userName belongs to somebody else."),
        (
            Reason.TAKEN_INACTIVE,
            {"since": "2024-03-03T12:00:00+00:00"},
            "that userName belongs to a person who was deactivated on 3 March 2024.",
        ),
        (
            Reason.TAKEN_INACTIVE,
            {"by_then": "2024-03-03T12:00:00+00:00", "by": "host"},
            "that userName belongs to a person who was deactivated in Maptician itself, "
            "on 3 March 2024 or before.",
        ),
        (
            Reason.TAKEN_INACTIVE,
            {"by_then": "2024-03-03T12:00:00+00:00"},
            "that userName belongs to a person who was deactivated, on 3 March 2024 or before.",
        ),
        (Reason.PROTECTED, {}, "the account is protected from provisioning."),
        (Reason.SHARED, {}, "the person's account is used by other tenants too."),
        (
            Reason.EMAIL_DOMAIN,
            {"address": "pat@evil.example"},
            "the domain of pat@evil.example is not accepted here.",
        ),
        (
            Reason.TOO_LONG,
            {"attribute": "title", "length": "200", "limit": "150"},
            "“title” has 200 characters, and at most 150 can be kept.",
        ),
        (
            Reason.SCOPE,
            {"scope": "users:write"},
            "the token does not have the scope “users:write”.",
        ),
        (Reason.CREATE_OFF, {}, "creating people is switched off here."),
        (Reason.HOST_RULE, {}, "a rule of the application itself does not allow it."),
    ],
)
def test_why_somebody_was_not_created(reason, facts, why):
    refused = event(reason=reason, facts=facts)
    assert (sentence(refused), outcome(refused)) == (TRIED + why, "refused")
    assert advice(refused)


def test_day_of_this_year_is_named_without_the_year():
    this_year = timezone.now().year
    facts = {"since": datetime(this_year, 3, 3, 12, tzinfo=UTC).isoformat()}
    text = sentence(event(reason=Reason.TAKEN_INACTIVE, facts=facts))
    assert text.endswith("deactivated on 3 March.")


@pytest.mark.parametrize(
    ("status", "scim_type", "detail", "why", "what_to_do"),
    [
        (400, "invalidValue", "'active' must be a boolean.", "'active' must be a boolean", "value"),
        (
            400,
            "invalidValue",
            "'userName' is required and must not be blank.",
            "'userName' is required and must not be blank",
            "mapping",
        ),
        (400, "invalidFilter", "The filter is empty.", "the filter is empty", "filtered"),
        (400, "invalidSyntax", "The request body is not JSON.", "the request body is not", "body"),
        (400, "invalidPath", "The path is odd.", "the path is odd", "mapping"),
        (400, "noTarget", "The path selects nothing.", "the path selects nothing", "mapping"),
        (400, "mutability", "'id' is read-only.", "'id' is read-only", "cannot be changed"),
        (404, "", "There is no user with the id '7'.", "there is no user with the id", "assign"),
        (405, "", "No.", "cannot be used in this way", "SCIM 2.0"),
        (409, "", "This person cannot be deleted.", "this person cannot be deleted", "Deactivate"),
        (412, "", "Read it again.", "has changed since", "Nothing"),
        (413, "", "The request body is too large.", "the request body is too large", "photos"),
        (415, "", "No.", "not declared as JSON", "application/scim+json"),
        (500, "", "Report it as 7.", "nobody had foreseen", "log"),
        (501, "", "Groups are not supported. Switch it off.", "groups are not supported.", "group"),
        (503, "", "Busy.", "the database did not answer in time", "tries again"),
    ],
)
def test_refusals_without_a_reason(status, scim_type, detail, why, what_to_do):
    refused = event(status=status, scim_type=scim_type, detail=detail)
    assert sentence(refused).startswith(TRIED + why) or why in sentence(refused)
    assert what_to_do in advice(refused)


def test_refusal_of_which_nothing_is_known_is_its_status():
    assert sentence(event(status=418)) == TRIED + "418."


@pytest.mark.parametrize(
    ("verb", "fields", "text"),
    [
        ("read", {"user_name": ""}, "Okta tried to look people up; refused: x."),
        ("read", {"user_name": "", "resource_id": "7"}, "Okta tried to read 7; refused: x."),
        ("create", {"user_name": ""}, "Okta tried to create somebody; refused: x."),
        ("delete", {}, "Okta tried to delete pat@example.com; refused: x."),
        ("other", {}, "Okta sent a request; refused: x."),
    ],
)
def test_what_was_tried(verb, fields, text):
    assert sentence(event(verb, detail="x.", **fields)) == text


@pytest.mark.parametrize("reason", sorted(NOT_LET_IN))
def test_whoever_was_not_let_in_is_told_apart(reason):
    closed = event(status=401, reason=reason)
    assert sentence(closed).startswith("Okta was not let in: ")
    assert outcome(closed) == "not-let-in"


def test_percent_signs_and_braces_of_clients_are_text():
    odd = event(
        reason=Reason.EMAIL_DOMAIN,
        user_name="100%(x)s{0}",
        client="%(person)s",
        facts={"address": "%s@%(y)s"},
    )
    text = sentence(odd)
    assert "100%(x)s{0}" in text
    assert "%s@%(y)s" in text


def test_first_sentence_of_a_detail_stands_behind_the_colon():
    detail = "'emails.0.value' is 'a. b'; no. Shorten it. Then push."
    assert explanations.reason_text(event(detail=detail)) == "'emails.0.value' is 'a. b'; no"


GONE = "If it is a group that was deleted or closed here"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"status": 404}, GONE),
        ({"status": 409}, "Take its members out"),
        ({"status": 412}, "Nothing: the client reads the group again"),
        ({"scim_type": "invalidFilter"}, "Let the client look groups up by an attribute"),
        ({"reason": Reason.NESTED_GROUP}, "Push the groups one by one"),
    ],
)
def test_advice_on_groups_speaks_of_groups(fields, text):
    assert advice(event(resource_type="Group", **fields)).startswith(text)


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"added": "3", "removed": "1"}, "Okta updated the group “Design”: 3 added, 1 removed."),
        ({"removed": "256"}, "Okta updated the group “Design”: 256 removed."),
        ({}, "Okta updated the group “Design”."),
    ],
)
def test_sentence_on_a_group_says_how_many_came_and_went(facts, text):
    pushed = event("patch", 200, resource_type="Group", changes={"members": {}})
    pushed.facts = {"group": "Design"} | facts
    assert sentence(pushed) == text
