"""The only list of findings: the id of each, how bad it is, what is wrong and what to do.

The ids are stable. docs/doctor.md lists them, and a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from maptician_scim.doctor.report import Finding, Severity, Step

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


@dataclass(frozen=True)
class Fault:
    """A kind of finding. ``what`` and ``remedy`` name facts as ``%(name)s``."""

    id: str
    severity: Severity
    what: Any
    remedy: Any

    def found(self, step: Step, subject: str = "", **facts: Any) -> Finding:
        """A finding of this kind."""
        names = {"subject": subject} | facts
        return Finding(
            id=self.id,
            severity=self.severity,
            subject=subject,
            what=str(self.what) % names,
            remedy=str(self.remedy) % names,
            step=step.name,
        )


# -- surroundings ---------------------------------------------------------------------------------

SETTINGS = Fault(
    "doctor.settings",
    ERROR,
    _("manage.py check reports %(subject)s: %(message)s"),
    _("%(hint)s"),
)
SETTINGS_WARNING = Fault("doctor.settings", WARNING, SETTINGS.what, SETTINGS.remedy)
MIGRATIONS = Fault(
    "doctor.migrations",
    ERROR,
    _("Migrations are not applied: %(names)s."),
    _("Run manage.py migrate."),
)
MODEL_CHANGES = Fault(
    "doctor.model_changes",
    ERROR,
    _("The models of %(subject)s have changed and have no migration: the tables lack something."),
    _("Run manage.py makemigrations and manage.py migrate."),
)
NOT_LINKED = Fault(
    "doctor.not_linked",
    WARNING,
    _(
        "People of this tenant who have no SCIM record: %(number)s. The identity provider cannot "
        "find them and would create them a second time."
    ),
    _("Run manage.py scim_link_users %(tenant)s."),
)
SWITCHED_OFF = Fault(
    "doctor.switched_off",
    WARNING,
    _(
        "SCIM is switched off for this tenant: every request is refused. It was examined as if it "
        "were on."
    ),
    _("Switch SCIM on, on the page of the connection."),
)
CREATE_OFF = Fault(
    "doctor.create_off",
    NOTE,
    _("New people may not be created for this tenant. It was examined as if they might."),
    _("Nothing, if that is meant so; else allow new people on the page of the connection."),
)
SHARED_FIELD = Fault(
    "doctor.shared_field",
    ERROR,
    _("%(subject)s are mapped to the same field %(field)s: the last one written wins."),
    _("Give each line of attribute_map a field of its own."),
)
SENSITIVE_FIELD = Fault(
    "doctor.sensitive_field",
    ERROR,
    _("%(subject)s is mapped to %(field)s, which the identity provider must not set."),
    _("Map it to another field, or leave it out to have it kept."),
)
WRONG_FIELD = Fault(
    "doctor.wrong_field",
    WARNING,
    _("%(subject)s is mapped to %(field)s, which is the place of %(expected)s."),
    _("Correct the line in attribute_map; two lines may have been swapped."),
)

# -- the way to the views -------------------------------------------------------------------------

ALLOWED_HOSTS = Fault(
    "doctor.allowed_hosts",
    ERROR,
    _("ALLOWED_HOSTS does not take %(subject)s: Django refuses every request to this tenant."),
    _("Add “.%(domain)s” to ALLOWED_HOSTS."),
)
HOST = Fault(
    "doctor.host",
    ERROR,
    _("The tenant is not found at its own address %(subject)s."),
    _(
        "Write its %(field)s in lower case, as host names are, and see that the default manager "
        "of the tenant model returns it and BASE_DOMAIN is right."
    ),
)
ROUTE = Fault(
    "doctor.route",
    ERROR,
    _("%(path)s does not lead to a SCIM view but to %(subject)s."),
    _(
        'Include path("scim/v2/", include("maptician_scim.urls")) in the URLconf that serves '
        "%(host)s, before anything that takes the same path."
    ),
)
MIDDLEWARE = Fault(
    "doctor.middleware",
    ERROR,
    _("MIDDLEWARE cannot be loaded: %(message)s"),
    _("Correct MIDDLEWARE in the settings."),
)
SSL_REDIRECT = Fault(
    "doctor.ssl_redirect",
    ERROR,
    _(
        "SECURE_SSL_REDIRECT redirects to https, and the project does not say how it knows https: "
        "behind a proxy that ends TLS, every request is redirected for ever."
    ),
    _(
        "Set SECURE_PROXY_SSL_HEADER to the header your proxy sets. If the server in front of "
        "Django tells it of TLS by itself, run scim_doctor with --https."
    ),
)
APPEND_SLASH = Fault(
    "doctor.append_slash",
    ERROR,
    _(
        "%(subject)s wants a slash at the end of %(path)s. Identity providers send none, and lose "
        "the body of a POST on a redirect."
    ),
    _(
        'Include the routes with include("maptician_scim.urls"), which take both forms, and let '
        "nothing that adds slashes stand before them."
    ),
)
REDIRECT = Fault(
    "doctor.redirect",
    ERROR,
    _(
        "%(subject)s redirects to %(location)s instead of letting the request pass. Identity "
        "providers do not log in."
    ),
    _("Let requests below %(path)s pass it: they bring a bearer token."),
)
CSRF = Fault(
    "doctor.csrf",
    ERROR,
    _("%(subject)s wants a CSRF token, which no identity provider has."),
    _(
        "Exempt requests below %(path)s, and do not wrap the included routes: the SCIM views are "
        "csrf_exempt, and their bearer token cannot be sent by a browser unasked."
    ),
)
AUTHENTICATION = Fault(
    "doctor.authentication",
    ERROR,
    _("%(subject)s refuses the request with %(status)s where the token decides. %(configured)s"),
    _(
        "Let requests below %(path)s pass it. The SCIM views need none of "
        'REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] and must not be given any.'
    ),
)
INTERCEPTED = Fault(
    "doctor.intercepted",
    ERROR,
    _("%(subject)s answers %(status)s instead of the SCIM view."),
    _("Let requests below %(path)s pass it."),
)
CHANGED_ANSWER = Fault(
    "doctor.changed_answer",
    ERROR,
    _("%(subject)s replaces the answer of the SCIM view by %(status)s %(type)s."),
    _("Let answers below %(path)s pass it as they are: errors too are for the identity provider."),
)
THROTTLE = Fault(
    "doctor.throttle",
    ERROR,
    _(
        "%(subject)s answers 429 to request number %(number)s. Microsoft Entra sends 25 requests a "
        "second and more."
    ),
    _("Allow at least 50 requests a second for each tenant below %(path)s."),
)
EXCEPTION = Fault(
    "doctor.exception",
    ERROR,
    _("The request failed with an exception: %(cause)s"),
    _("Correct that code; the log has the whole traceback."),
)
DATABASE = Fault(
    "doctor.database",
    ERROR,
    _("The database refused the work: %(cause)s"),
    _("Run manage.py migrate; if nothing is missing, look into the database's log."),
)
ANSWER = Fault(
    "doctor.answer",
    ERROR,
    _("The answer was %(status)s where %(expected)s was due. %(detail)s"),
    _("Compare the request and the answer of this step. %(cause)s"),
)

# -- the adapter and the models behind it ---------------------------------------------------------

CREATE = Fault(
    "doctor.create",
    ERROR,
    _("A new person cannot be created, whatever attributes they have: %(cause)s"),
    _(
        "Give the columns that SCIM does not fill a default, or fill them in the adapter's "
        "new_user() or save()."
    ),
)
COMBINATION = Fault(
    "doctor.combination",
    ERROR,
    _("A person with all mapped attributes is refused, though none is refused alone: %(cause)s"),
    _("See which rule of your models they break together."),
)
SAVE_FORGOTTEN = Fault(
    "doctor.save_forgotten",
    ERROR,
    _("The adapter's save() does not save the host user."),
    _("Call super().save(), or self.obj.save(), in it."),
)
VALUE = Fault(
    "doctor.value",
    ERROR,
    _("%(subject)s, which is the field %(field)s, cannot take “%(value)s”: %(cause)s"),
    _(
        "Let the field take what an identity provider may send (length, choices, validators, "
        "constraints), or convert the value with from_scim in attribute_map."
    ),
)
UNIQUE = Fault(
    "doctor.unique",
    WARNING,
    _("Two people cannot have the same %(subject)s: %(cause)s"),
    _(
        "Only userName is unique in SCIM. Drop the constraint, or let the field be null where "
        "there is no value, or be sure that the identity provider never sends one twice."
    ),
)
KNOWN_ELSEWHERE = Fault(
    "doctor.known_elsewhere",
    WARNING,
    _("Somebody whom another tenant knows by the same address cannot be created here: %(cause)s"),
    _(
        "Make nothing but the username unique over all tenants, or return the person from the "
        "adapter's find_existing() if tenants share people."
    ),
)
FOREIGN_USER = Fault(
    "doctor.foreign_user",
    ERROR,
    _("A POST takes over the account that another tenant has for the same userName or address."),
    _(
        "Let the adapter's find_existing() look among self.users_of(self.tenant) only: in this "
        "project an account belongs to one tenant."
    ),
)
FOUND_STRANGER = Fault(
    "doctor.found_stranger",
    ERROR,
    _("A POST with a userName that nobody has takes up an account that was there before."),
    _(
        "Let the adapter's find_existing() return None unless the userName is exactly that "
        "account's, and let new_user() return one that is not saved yet."
    ),
)
INVISIBLE = Fault(
    "doctor.invisible",
    ERROR,
    _("Somebody who was just created is not found: %(where)s."),
    _(
        "Let the adapter's new_user() set the tenant, and scope() and users_of() return those who "
        "have it."
    ),
)
NOT_TAKEN = Fault(
    "doctor.not_taken",
    ERROR,
    _("%(subject)s was sent as “%(sent)s” and comes back as “%(got)s”. Its field is %(field)s."),
    _(
        "Let read and write, or to_scim and from_scim, of its line in attribute_map undo each "
        "other, and let save() of the model and the adapter keep what was set."
    ),
)
NOT_SAVED = Fault(
    "doctor.not_saved",
    ERROR,
    _(
        "%(subject)s is answered as “%(sent)s” but kept as “%(got)s”: the field %(field)s is not "
        "saved."
    ),
    _(
        "Look for update_fields in save() of the model and of the adapter that leave it out, and "
        "for a read in attribute_map that reads something else than the field."
    ),
)
ALTERED = Fault(
    "doctor.altered",
    WARNING,
    _("%(subject)s was sent as “%(sent)s” and is kept as “%(got)s”, in another form."),
    _(
        "Keep it as sent if you can: an identity provider that compares will send it again and "
        "again. Otherwise this is harmless."
    ),
)
PROTECTED = Fault(
    "doctor.protected",
    ERROR,
    _("The adapter's is_protected() is true of an ordinary new person: nothing can be changed."),
    _("Let it be true only of accounts that provisioning must not touch."),
)
STILL_ACTIVE = Fault(
    "doctor.still_active",
    ERROR,
    _("Somebody who was deactivated is active all the same: %(where)s."),
    _("See what “active” is mapped to, and that save() writes it."),
)
STILL_INACTIVE = Fault(
    "doctor.still_inactive",
    ERROR,
    _("Somebody who was reactivated is not active."),
    STILL_ACTIVE.remedy,
)
SESSION = Fault(
    "doctor.session",
    ERROR,
    _("Somebody who was deactivated goes on being logged in: their session was not ended."),
    _("Call super().end_access() in the adapter, or end the sessions of your engine there."),
)
LOOK_UP = Fault(
    "doctor.look_up",
    ERROR,
    _("The look-up by userName found %(found)s people where %(expected)s was due."),
    _("See that scope() of the adapter changes nothing but which people are seen."),
)
DUPLICATE = Fault(
    "doctor.duplicate",
    ERROR,
    _("A userName that somebody has was answered %(status)s; 409 with “uniqueness” was due."),
    _("See that all migrations are applied and nothing in front changes the answer."),
)
TOKEN = Fault(
    "doctor.token",
    ERROR,
    _("A token that does not exist was answered %(status)s; 401 was due."),
    _("See that nothing in front of the SCIM views answers or changes the answer."),
)
DELETE = Fault(
    "doctor.delete",
    WARNING,
    _("DELETE was answered %(status)s: %(cause)s"),
    _(
        "Okta never deletes; Microsoft Entra does, thirty days after it has deactivated. Let this "
        "tenant's DELETE deactivate, or let the host user be deleted."
    ),
)

GROUP_CREATE = Fault(
    "doctor.group_create",
    ERROR,
    _("No group can be pushed: %(cause)s"),
    _(
        "Let new_group() of the group adapter set every column that has no default, and "
        "membership_values() those of a membership; see that the model takes such a name."
    ),
)
GROUP_NAME = Fault(
    "doctor.group_name",
    ERROR,
    _("A group was pushed as “%(sent)s”, and its name in the application stands for “%(got)s”."),
    _(
        "Let name_for() and display_name_for() of the group adapter undo each other, and let "
        "save() keep the name."
    ),
)
GROUP_MEMBERS = Fault(
    "doctor.group_members",
    ERROR,
    _("A group has %(found)s members where %(due)s was due."),
    _(
        "See that members_field of the group adapter is the relation your project reads, that "
        "nothing changes it while a group is saved, and that scope() of the user adapter returns "
        "new people."
    ),
)
GROUP_DELETE = Fault(
    "doctor.group_delete",
    WARNING,
    _("A pushed group cannot be deleted: %(cause)s"),
    _("Let delete() of the group adapter take what refers to the group along."),
)

FAULTS = {fault.id: fault for fault in list(vars().values()) if isinstance(fault, Fault)}
