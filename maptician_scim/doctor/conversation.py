"""What Okta does in the life of one person, played from Test Connector to DELETE.

Each step is a method. One that fails keeps no later one from being played that can stand alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from maptician_scim import sessions, tokens
from maptician_scim.adapters import UserAdapter
from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.doctor import faults, persona
from maptician_scim.doctor.diagnosis import cause, diagnose
from maptician_scim.doctor.faults import Fault
from maptician_scim.doctor.group_push import PATCH_OP, GroupPush
from maptician_scim.doctor.isolation import forget_throttles, rolled_back
from maptician_scim.doctor.persona import CHANGED, FIRST, Persona
from maptician_scim.doctor.report import Report, Step
from maptician_scim.doctor.stack import Answer, Document, Stack
from maptician_scim.doctor.surroundings import host_of
from maptician_scim.mapping import ACTIVE, EXTERNAL_ID, USER_NAME
from maptician_scim.models import Connection, ProvisionedUser, Token
from maptician_scim.tenancy import find_tenant, tenant_key, tenant_model

BURST = 30
"""Look-ups in a row: Microsoft Entra sends 25 requests a second and more."""

LISTED = "?startIndex=1&count=2"
SHOWN = 80


class Conversation:
    """One person's life at one tenant."""

    def __init__(
        self, stack: Stack, tenant: Tenant, domain: str, report: Report, *, tls_is_known: bool
    ) -> None:
        self.stack, self.tenant, self.report = stack, tenant, report
        self.tls_is_known = tls_is_known
        self.domain = domain
        self.adapter_class = scim_settings.USER_ADAPTER
        self.mapping = self.adapter_class.mapping()
        self.person = Persona.invent(domain)
        self.values = persona.values(self.mapping, self.person, FIRST)
        self.resource: Document | None = None
        """The person as they were last answered, once they are there."""

    def play(self) -> None:
        """All steps, in the order in which Okta takes them."""
        self.plain_http()
        self.test_connector()
        self.discovery()
        self.look_up("look_up_nobody", _("Look-up: nobody"), self.person.user_name, expected=0)
        self.create()
        self.with_resource(self.look_up_again, "look_up", _("Look-up: found"))
        self.with_resource(self.look_up_upper, "look_up_case", _("Look-up in capitals: found"))
        self.with_resource(self.read, "read", _("Read"))
        self.with_resource(self.update, "update", _("Update (PUT)"))
        self.with_resource(self.read_again, "read_again", _("Read again"))
        self.with_resource(self.deactivate, "deactivate", _("Deactivate (PUT)"))
        self.with_resource(self.reactivate, "reactivate", _("Reactivate (PATCH)"))
        self.with_resource(self.duplicate, "duplicate", _("Duplicate: refused"))
        self.with_resource(self.twins, "twins", _("Two people with the same values"))
        self.with_resource(self.stranger, "stranger", _("Somebody another tenant knows"))
        self.groups()
        self.wrong_token()
        self.burst()
        self.with_resource(self.delete, "delete", _("Delete"))

    def with_resource(self, play: Callable[[Step], None], name: str, title: str) -> None:
        """Play a step that needs the person to be there."""
        if self.resource is None:
            self.report.skip(name, title, _("Nobody could be created."))
            return
        play(self.report.begin(name, title))

    # -- sending -----------------------------------------------------------------------------

    def send(
        self, step: Step, method: str, target: str, body: Document | None = None, **how: Any
    ) -> Answer:
        """A request of a step. One that a throttle refuses is sent again when that is noted."""
        answer = self.stack.send(method, target, body, **how)
        step.exchange = answer.exchange
        if answer.is_throttled:
            self.report.add(step, diagnose(step, answer, 200, self.stack))
            forget_throttles()
            answer = self.stack.send(method, target, body, **how)
            step.exchange = answer.exchange
        return answer

    def expect(
        self,
        step: Step,
        expected: int,
        method: str,
        target: str,
        body: Document | None = None,
        **how: Any,
    ) -> Document | None:
        """The document a request is answered with; ``None``, and a finding, if it is another."""
        answer = self.send(step, method, target, body, **how)
        if answer.is_ours and answer.status == expected:
            return answer.document
        self.report.add(step, diagnose(step, answer, expected, self.stack))
        return None

    def fail(self, step: Step, fault: Fault, subject: str = "", **facts: Any) -> None:
        self.report.add(step, fault.found(step, subject, **facts))

    # -- before there is a person ------------------------------------------------------------

    def plain_http(self) -> None:
        """What somebody gets who entered http:, or whose proxy does not say that it was https:."""
        step = self.report.begin("plain_http", _("Plain http"))
        answer = self.send(step, "GET", f"/Users{LISTED}", https=False)
        step.exchange = self.without_people(answer)
        redirected = answer.location.startswith("https:")
        knows_tls = self.tls_is_known or bool(getattr(settings, "SECURE_PROXY_SSL_HEADER", None))
        if redirected and settings.SECURE_SSL_REDIRECT and not knows_tls:
            self.fail(step, faults.SSL_REDIRECT)
        elif redirected:
            step.note = _("Redirected to https, as it should be.")
        elif answer.is_ours and answer.status == 200:
            step.note = _("Answered too; see that your proxy lets only https through.")
        else:
            step.note = _("Not answered by SCIM.")

    def test_connector(self) -> None:
        step = self.report.begin("test_connector", _("Test Connector"))
        answer = self.send(step, "GET", f"/Users{LISTED}")
        step.exchange = self.without_people(answer)
        total = answer.document.get("totalResults")
        if answer.is_ours and answer.status == 200 and isinstance(total, int):
            step.note = _("%(number)s people are visible.") % {"number": total}
        else:
            self.report.add(step, diagnose(step, answer, 200, self.stack))

    def without_people(self, answer: Answer) -> Any:
        """The exchange without the people in the answer: they are nobody's business here."""
        people = answer.document.get("Resources")
        return answer.exchange.hiding("Resources", answer.document) if people else answer.exchange

    def discovery(self) -> None:
        step = self.report.begin("discovery", _("Discovery"))
        self.expect(step, 200, "GET", "/ServiceProviderConfig")

    def look_up(self, name: str, title: str, user_name: str, *, expected: int) -> None:
        self.found(self.report.begin(name, title), user_name, expected)

    def found(self, step: Step, user_name: str, expected: int) -> Document | None:
        """The person with a userName; a finding if there are not as many as expected."""
        found = self.expect(step, 200, "GET", self.by_user_name(user_name))
        if found is None:
            return None
        if found.get("totalResults") != expected:
            self.fail(
                step, faults.LOOK_UP, found=str(found.get("totalResults")), expected=str(expected)
            )
            return None
        people: list[Document] = found["Resources"]
        return people[0] if people else None

    def by_user_name(self, user_name: str) -> str:
        query = urlencode(
            {"filter": f'userName eq "{user_name}"', "startIndex": 1, "count": 100},
        )
        return f"/Users?{query}"

    # -- creating ----------------------------------------------------------------------------

    def create(self) -> None:
        step = self.report.begin("create", _("Create (POST)"))
        answer = self.post(step, self.person, self.values)
        if not self.is_created(answer) and self.is_about_values(answer):
            refused = step.exchange
            self.explain_refusal(step, answer)
            # On with what is accepted, so that the rest of the conversation can be played.
            answer = self.post(step, self.person, self.values)
            step.exchange = refused
            if not self.is_created(answer):
                return
        elif not self.is_created(answer):
            self.report.add(step, diagnose(step, answer, 201, self.stack))
            return
        self.resource = answer.document
        self.compare(step, answer.document)
        users = ProvisionedUser.objects.filter(scim_id=answer.document["id"])
        if not users.filter(user__in=self.stack.isolation.new_users).exists():
            self.fail(step, faults.FOUND_STRANGER)

    def post(self, step: Step, person: Persona, chosen: Document, **how: Any) -> Answer:
        body = persona.resource(self.mapping, person, chosen)
        return self.send(step, "POST", "/Users", body, **how)

    @staticmethod
    def is_created(answer: Answer) -> bool:
        return answer.is_ours and answer.status == 201 and "id" in answer.document

    @staticmethod
    def is_about_values(answer: Answer) -> bool:
        """Whether the views let a request in and the models then refused it."""
        return answer.is_ours and answer.status in (400, 409, 500)

    def explain_refusal(self, step: Step, refused: Answer) -> None:
        """Find the values that are refused, and leave them out from now on."""
        barest = self.tried(step, {})
        if not self.is_created(barest):
            if self.drop_what_spoils(step, refused):
                return
            if "unsaved related object" in cause(barest):
                self.fail(step, faults.SAVE_FORGOTTEN)
            elif barest.document.get("scimType") == "uniqueness":
                self.fail(step, faults.FOUND_STRANGER)  # nobody can have the userName
            elif barest.status in (400, 409) or is_refusal(barest):
                self.fail(step, faults.CREATE, cause=cause(barest))
            else:
                self.report.add(step, diagnose(step, barest, 201, self.stack))
            return
        self.drop_refused(step, refused, lambda chosen: self.tried(step, chosen), 201)

    def drop_what_spoils(self, step: Step, refused: Answer) -> bool:
        """Leave out the one value without which all others are accepted, if there is one.

        For models that want some values to be there: there nothing can be tried alone.
        """
        for text in self.values:
            others = {name: value for name, value in self.values.items() if name != text}
            if self.is_created(self.tried(step, others)):
                self.fail_value(step, text, refused)
                return True
        return False

    def tried(self, step: Step, chosen: Document) -> Answer:
        """The answer to a POST with these values only, of which nothing stays."""
        with rolled_back():
            return self.post(step, Persona.invent(self.domain), chosen)

    def drop_refused(
        self, step: Step, refused: Answer, send: Callable[[Document], Answer], expected: int
    ) -> None:
        """Leave out what is refused when it is sent alone, with a finding for each."""
        answers = {text: send({text: value}) for text, value in self.values.items()}
        bad = {text: answer for text, answer in answers.items() if answer.status != expected}
        for text, answer in bad.items():
            self.fail_value(step, text, answer)
        if not bad:
            self.fail(step, faults.COMBINATION, cause=cause(refused))

    def fail_value(self, step: Step, text: str, refused: Answer) -> None:
        self.fail(
            step,
            faults.VALUE,
            text,
            field=self.field_of(text),
            value=shortened(self.values.pop(text)),
            cause=cause(refused),
        )

    def field_of(self, text: str) -> str:
        return next((m.attribute.field for m in self.mapping.mapped if m.path.text == text), "")

    # -- comparing ---------------------------------------------------------------------------

    def compare(self, step: Step, answered: Document, *, is_fresh: bool = False) -> None:
        """Whether each value came back as it was sent; ``is_fresh``: from the database."""
        parts = self.mapping.split(dict(answered))
        got = parts.values | {USER_NAME: parts.user_name, EXTERNAL_ID: parts.external_id}
        sent = self.values | {
            USER_NAME: self.person.user_name,
            EXTERNAL_ID: self.person.external_id,
        }
        blamed = {finding.subject for finding in self.report.findings}
        for text, value in sent.items():
            found = got.get(text)
            if found == value or text in blamed:
                continue
            if is_similar(value, found):
                fault = faults.ALTERED
            else:
                fault = faults.NOT_SAVED if is_fresh else faults.NOT_TAKEN
            self.fail(
                step,
                fault,
                text,
                sent=shortened(value),
                got=shortened("" if found is None else found),
                field=self.field_of(text),
            )

    # -- the person's life -------------------------------------------------------------------

    @property
    def target(self) -> str:
        return f"/Users/{self.resource['id']}" if self.resource else "/Users/-"

    def look_up_again(self, step: Step) -> None:
        found = self.expect(step, 200, "GET", self.by_user_name(self.person.user_name))
        if found is None:
            return
        if found.get("totalResults") == 0:
            self.fail(step, faults.INVISIBLE, where=_("the look-up by userName is empty"))
        elif found.get("totalResults") != 1:
            self.fail(step, faults.LOOK_UP, found=str(found.get("totalResults")), expected="1")
        else:
            self.compare(step, found["Resources"][0], is_fresh=True)

    def look_up_upper(self, step: Step) -> None:
        if not self.is_known_to_be(step, faults.INVISIBLE):
            self.found(step, self.person.user_name.upper(), expected=1)

    def is_known_to_be(self, step: Step, fault: Fault) -> bool:
        """Whether a finding explains already how this step would end: it is not played then."""
        known = next((f for f in self.report.findings if f.id == fault.id), None)
        if known is not None:
            self.report.add(step, known)
        return known is not None

    def read(self, step: Step) -> None:
        answer = self.send(step, "GET", self.target)
        if answer.is_ours and answer.status == 404:
            self.fail(step, faults.INVISIBLE, where=_("its id is answered with 404"))
        elif answer.is_ours and answer.status == 200:
            self.compare(step, answer.document, is_fresh=True)
            self.resource = answer.document
        else:
            self.report.add(step, diagnose(step, answer, 200, self.stack))

    def update(self, step: Step) -> None:
        """Okta's PUT: what GET returned, with all values changed."""
        if self.is_known_to_be(step, faults.INVISIBLE):
            return
        before, renamed = dict(self.values), self.person.renamed
        changed = persona.values(self.mapping, renamed, CHANGED)
        self.values = {text: changed[text] for text in before}
        answer = self.put(step, renamed, self.values)
        if self.is_about_values(answer):
            refused, step.exchange = answer, answer.exchange
            self.drop_refused(step, refused, lambda chosen: self.tried_put(before | chosen), 200)
            exchange = step.exchange
            answer = self.put(step, renamed, self.values)
            step.exchange = exchange
        if not answer.is_ours or answer.status != 200:
            self.report.add(step, diagnose(step, answer, 200, self.stack))
            self.values = {text: before[text] for text in self.values}
            return
        self.person, self.resource = renamed, answer.document
        self.compare(step, answer.document)

    def put(self, step: Step, person: Persona, chosen: Document, *, active: bool = True) -> Answer:
        return self.send(step, "PUT", self.target, self.merged(person, chosen, active=active))

    def tried_put(self, chosen: Document) -> Answer:
        with rolled_back():
            return self.stack.send("PUT", self.target, self.merged(self.person, chosen))

    def merged(self, person: Persona, chosen: Document, *, active: bool = True) -> Document:
        """What was read, read-only parts included, with one's own values over it."""
        wanted = persona.resource(self.mapping, person, chosen, active=active)
        return (self.resource or {}) | wanted

    def read_again(self, step: Step) -> None:
        if self.is_known_to_be(step, faults.INVISIBLE):
            return
        found = self.expect(step, 200, "GET", self.target)
        if found is not None:
            self.compare(step, found, is_fresh=True)
            self.resource = found

    def deactivate(self, step: Step) -> None:
        if self.is_known_to_be(step, faults.INVISIBLE):
            return
        session = self.signed_in()
        answer = self.put(step, self.person, self.values, active=False)
        if not answer.is_ours or answer.status != 200:
            self.report.add(step, diagnose(step, answer, 200, self.stack))
            return
        if answer.document.get(ACTIVE) is not False:
            self.fail(step, faults.STILL_ACTIVE, where=_("the answer to the PUT says so"))
        self.is_shut_out(self.report.begin("deactivated", _("What is then true of them")), session)

    def signed_in(self) -> str:
        """The key of a session of the person's; empty if they cannot be found."""
        adapter = self.adapter()
        if adapter is None:
            return ""
        session = sessions.store()()
        session[SESSION_KEY] = str(adapter.obj.pk)
        session.save()
        sessions.remember(adapter.obj, session)
        return session.session_key or ""

    def adapter(self) -> UserAdapter | None:
        """The person as the host has them now."""
        if self.resource is None:
            return None
        people = ProvisionedUser.objects.for_tenant(self.tenant).select_related("user")
        record = people.filter(scim_id=self.resource["id"]).first()
        return None if record is None else self.adapter_class(record.user, provisioned_user=record)

    def is_shut_out(self, step: Step, session: str) -> None:
        """Whether the host, too, takes the person for deactivated, and the session is gone."""
        found = self.expect(step, 200, "GET", self.target)
        if found is not None and found.get(ACTIVE) is not False:
            self.fail(step, faults.STILL_ACTIVE, where=_("a fresh GET says so"))
        adapter = self.adapter()
        if adapter is not None and adapter.is_active:
            self.fail(step, faults.STILL_ACTIVE, where=_("the host user is active"))
        elif session and sessions.store()().exists(session):
            self.fail(step, faults.SESSION)
        if not step.findings:
            step.note = _("Inactive in the host too; the session they had is ended.")

    def reactivate(self, step: Step) -> None:
        """As a catalogue app does it, by a PATCH without a path."""
        if self.is_known_to_be(step, faults.INVISIBLE):
            return
        body = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": {ACTIVE: True}}]}
        answered = self.expect(step, 200, "PATCH", self.target, body)
        if answered is None:
            return
        adapter = self.adapter()
        if answered.get(ACTIVE) is not True or adapter is None or not adapter.is_active:
            self.fail(step, faults.STILL_INACTIVE)
        self.compare(step, answered)

    # -- others ------------------------------------------------------------------------------

    def duplicate(self, step: Step) -> None:
        """The same userName in capitals, as a client sends it that has not looked first."""
        if self.is_known_to_be(step, faults.INVISIBLE):
            return
        again = Persona(self.person.user_name.upper(), f"{self.person.external_id}2")
        with rolled_back():
            answer = self.post(step, again, {})
        if answer.is_ours and answer.status in (200, 201):
            self.fail(step, faults.DUPLICATE, status=answer.status)
        elif not (answer.is_ours and answer.document.get("scimType") == "uniqueness"):
            self.report.add(step, diagnose(step, answer, 409, self.stack))

    def twins(self, step: Step) -> None:
        """Only userName is unique in SCIM: everything else may be the same for two people."""
        refusal = self.refused_twin(step, self.values)
        exchange = step.exchange
        if refusal is not None and self.is_about_values(refusal):
            named = self.shared_alone(step, refusal)
            for text, answer in named.items():
                self.fail(step, faults.UNIQUE, text, cause=cause(answer))
            if not named:
                self.fail(step, faults.UNIQUE, _("values"), cause=cause(refusal))
        elif refusal is not None:
            self.report.add(step, diagnose(step, refusal, 201, self.stack))
        empty = self.refused_twin(step, {})
        if empty is not None and empty.status == 409:
            self.fail(step, faults.UNIQUE, _("empty values"), cause=cause(empty))
            exchange = exchange if refusal else empty.exchange
        step.exchange = exchange

    def shared_alone(self, step: Step, refusal: Answer) -> dict[str, Answer]:
        """The attributes that two people cannot share, and the refusals.

        A model that wants other values too refuses each person for that, which says nothing.
        """
        answers = {text: self.refused_twin(step, {text: v}) for text, v in self.values.items()}
        return {
            text: answer
            for text, answer in answers.items()
            if answer is not None and (answer.status == 409 or cause(answer) == cause(refusal))
        }

    def refused_twin(self, step: Step, chosen: Document) -> Answer | None:
        """The refusal of one of two new people with the same values, if one is refused."""
        with rolled_back():
            answer = self.post(step, Persona.invent(self.domain), chosen)
            if self.is_created(answer):
                answer = self.post(step, Persona.invent(self.domain), chosen)
        return None if self.is_created(answer) else answer

    def stranger(self, step: Step) -> None:
        """Somebody another tenant has under the same userName and e-mail address."""
        with rolled_back():
            other = tenant_model()._default_manager.exclude(pk=self.tenant.pk).first()
            key = tenant_key(other) if other is not None else None
            other = find_tenant(key) if key else None
            if other is None:
                step.note = _("There is no other tenant to try it with.")
                return
            self.play_stranger(step, other)

    def play_stranger(self, step: Step, other: Tenant) -> None:
        person = Persona.invent(self.domain)
        chosen = persona.values(self.mapping, person, FIRST)
        chosen = {text: value for text, value in chosen.items() if text in self.values}
        there = self.elsewhere(step, other, person, chosen)
        if not self.is_created(there):
            step.exchange = None
            step.note = _("Nobody could be created at another tenant to try it with.")
            return
        here = self.post(step, person, chosen)
        if not self.is_created(here):
            if self.is_about_values(here):
                self.fail(step, faults.KNOWN_ELSEWHERE, cause=cause(here))
            else:
                self.report.add(step, diagnose(step, here, 201, self.stack))
            return
        ids = [there.document["id"], here.document["id"]]
        users = ProvisionedUser.objects.filter(scim_id__in=ids).values_list("user", flat=True)
        is_shared = len(set(users)) == 1
        if is_shared and "__" not in self.adapter_class.tenant_field:
            self.fail(step, faults.FOREIGN_USER)
        elif is_shared:
            step.note = _("Both tenants share the account.")
        else:
            step.note = _("They get an account of their own.")

    def elsewhere(self, step: Step, other: Tenant, person: Persona, chosen: Document) -> Answer:
        """The answer to creating somebody at another tenant."""
        switch_on(other)
        _token, secret = Token.objects.issue(tenant=other, name="scim_doctor")
        return self.post(step, person, chosen, secret=secret, host=host_of(other))

    # -- the rest ----------------------------------------------------------------------------

    def groups(self) -> None:
        step = self.report.begin("groups", _("Groups"))
        answer = self.send(step, "GET", "/Groups?startIndex=1&count=100")
        step.exchange = self.without_people(answer)
        if not answer.is_ours or answer.status != 200:
            self.report.add(step, diagnose(step, answer, 200, self.stack))
        elif scim_settings.serves_groups:
            GroupPush(self).play()

    def wrong_token(self) -> None:
        step = self.report.begin("wrong_token", _("Wrong token: refused"))
        answer = self.send(step, "GET", f"/Users{LISTED}", secret=tokens.generate())
        step.exchange = self.without_people(answer)
        if answer.is_ours and answer.status < 400:
            self.fail(step, faults.TOKEN, status=answer.status)
        elif not answer.is_ours or answer.status != 401:
            self.report.add(step, diagnose(step, answer, 401, self.stack))

    def burst(self) -> None:
        """As fast as this process can: that is what a throttle of Entra's size has to let pass."""
        step = self.report.begin("burst", _("Many look-ups at once"))
        forget_throttles()
        self.play_burst(step)
        forget_throttles()

    def play_burst(self, step: Step) -> None:
        began = time.perf_counter()
        for number in range(1, BURST + 1):
            answer = self.stack.send("GET", self.by_user_name(self.person.user_name))
            step.exchange = answer.exchange
            found = None
            if not answer.is_ours or answer.status != 200:
                found = diagnose(step, answer, 200, self.stack)
            if found is not None and found.id == faults.THROTTLE.id:
                self.fail(step, faults.THROTTLE, found.subject, number=number, path=self.stack.path)
            elif found is not None:
                self.report.add(step, found)
            if found is not None:
                return
        step.note = _("%(number)s look-ups in %(seconds).1f s.") % {
            "number": BURST,
            "seconds": time.perf_counter() - began,
        }

    def delete(self, step: Step) -> None:
        if self.is_known_to_be(step, faults.INVISIBLE):
            return
        answer = self.send(step, "DELETE", self.target)
        if self.is_about_values(answer):
            self.fail(step, faults.DELETE, status=answer.status, cause=cause(answer))
        elif not answer.is_ours or answer.status != 204:
            self.report.add(step, diagnose(step, answer, 204, self.stack))


def switch_on(tenant: Tenant) -> None:
    """Let the tenant be played to, whatever its switches are; rolled back with the rest."""
    Connection.objects.make_missing([tenant])
    Connection.objects.for_tenant(tenant).update(is_enabled=True, may_create=True)


def is_refusal(answer: Answer) -> bool:
    """Whether the exception behind a 500 is a model's way to refuse a value."""
    return bool(answer.errors) and isinstance(answer.errors[-1], ValidationError)


def is_similar(sent: Any, got: Any) -> bool:
    """Whether two texts differ only in case, spaces and punctuation."""
    if not isinstance(sent, str) or not isinstance(got, str):
        return False
    return _letters(sent) == _letters(got)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
