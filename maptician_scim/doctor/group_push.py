"""What Okta's group push does in the life of one group, from its first push to DELETE."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from maptician_scim.conf import scim_settings
from maptician_scim.doctor import faults
from maptician_scim.doctor.diagnosis import cause, diagnose
from maptician_scim.doctor.report import Step
from maptician_scim.doctor.stack import Document
from maptician_scim.group_adapters import DISPLAY_NAME
from maptician_scim.models import ProvisionedGroup

if TYPE_CHECKING:
    from maptician_scim.doctor.conversation import Conversation

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class GroupPush:
    """A group with the conversation's person in it, pushed, changed and deleted."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation, self.report = conversation, conversation.report
        mark = secrets.token_hex(4)
        self.name = f"Büro & Gebäude, “Süd” ({mark})"
        self.new_name = f"Équipe d'été ({mark})"
        self.group: Document | None = None

    def play(self) -> None:
        """All steps, in the order in which Okta takes them."""
        self.conversation.with_resource(self.create, "group_create", _("Push a group (POST)"))
        self.with_group(self.leave, "group_leave", _("Somebody leaves the group (PATCH)"))
        self.with_group(self.join, "group_join", _("They join it again (PATCH)"))
        self.with_group(self.rename, "group_rename", _("Rename the group (PATCH)"))
        self.with_group(self.delete, "group_delete", _("Delete the group"))

    def with_group(self, play: Callable[[Step], None], name: str, title: str) -> None:
        """Play a step that needs the group to be there."""
        if self.group is None:
            self.report.skip(name, title, _("No group could be pushed."))
        else:
            play(self.report.begin(name, title))

    @property
    def person(self) -> str:
        return str((self.conversation.resource or {}).get("id"))

    @property
    def target(self) -> str:
        return f"/Groups/{(self.group or {}).get('id')}"

    def create(self, step: Step) -> None:
        if self.conversation.is_known_to_be(step, faults.INVISIBLE):
            return
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            DISPLAY_NAME: self.name,
            "members": [{"value": self.person, "display": None}],
        }
        answer = self.conversation.send(step, "POST", "/Groups", body)
        if self.conversation.is_created(answer):
            self.group = answer.document
            self.compare(step, self.name, [self.person])
        elif self.conversation.is_about_values(answer):
            self.conversation.fail(step, faults.GROUP_CREATE, cause=cause(answer))
        else:
            self.report.add(step, diagnose(step, answer, 201, self.conversation.stack))

    def leave(self, step: Step) -> None:
        self.change(step, {"op": "remove", "path": f'members[value eq "{self.person}"]'})
        self.compare(step, self.name, [])

    def join(self, step: Step) -> None:
        self.change(step, {"op": "add", "path": "members", "value": [{"value": self.person}]})
        self.compare(step, self.name, [self.person])

    def rename(self, step: Step) -> None:
        """Okta's own form: without a path, and with the id."""
        value = {"id": (self.group or {}).get("id"), DISPLAY_NAME: self.new_name}
        self.change(step, {"op": "replace", "value": value})
        self.compare(step, self.new_name, [self.person])

    def delete(self, step: Step) -> None:
        answer = self.conversation.send(step, "DELETE", self.target)
        if self.conversation.is_about_values(answer):
            self.conversation.fail(step, faults.GROUP_DELETE, cause=cause(answer))
        elif not answer.is_ours or answer.status != 204:
            self.report.add(step, diagnose(step, answer, 204, self.conversation.stack))

    def name_in_host(self, scim_id: str) -> str:
        """The displayName that the host group's own name stands for.

        What SCIM answers is our record, which follows that name when somebody next saves the group.
        """
        groups = ProvisionedGroup.objects.for_tenant(self.conversation.tenant)
        record = groups.select_related("group").get(scim_id=scim_id)
        adapter = scim_settings.GROUP_ADAPTER
        return adapter(record.group, provisioned_group=record).name_of_host if adapter else ""

    def change(self, step: Step, operation: Document) -> None:
        body = {"schemas": [PATCH_OP], "Operations": [operation]}
        self.conversation.expect(step, 200, "PATCH", self.target, body)

    def compare(self, step: Step, name: str, members: list[str]) -> None:
        """Whether the group is so in the database; not asked where the step has failed already."""
        if step.findings:
            return
        shown = step.exchange
        found = self.conversation.expect(step, 200, "GET", self.target)
        if found is None:
            return
        step.exchange = shown
        got = [member["value"] for member in found.get("members", [])]
        if (kept := self.name_in_host(str(found["id"]))) != name:
            self.conversation.fail(step, faults.GROUP_NAME, sent=name, got=kept)
        if got != members:
            self.conversation.fail(step, faults.GROUP_MEMBERS, found=len(got), due=len(members))
