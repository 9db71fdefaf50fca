"""The LIMIT: what the same answers cost a bare Django view with hand-written SQL and orjson.

No ORM, no DRF, no middleware, no serializer, and no question that OccupantAdapter's attribute map
does not ask. A read is one statement, token check included. A write runs the statements any
implementation must run, in one transaction: lock, user, record, event, and what the host does. The
statements are in ``limit_sql``. It reads what the benchmark sends; anything else is not its job.
"""

import hashlib
import os
import secrets
import threading
import uuid
from datetime import UTC, datetime

import orjson
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

from tests.benchmarks import limit_sql as sql
from tests.benchmarks.databases import limit_connection

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

COLUMNS = {
    'emails[type eq "work"].value': "email",
    "active": "is_active",
    "title": "job_title",
    "userType": "user_type",
    "name.givenName": "first_name",
    "name.familyName": "last_name",
    'addresses[type eq "work"].locality': "city",
    'addresses[type eq "work"].region': "region",
    'phoneNumbers[type eq "work"].value': "work_phone",
    'phoneNumbers[type eq "mobile"].value': "mobile_phone",
    f"{ENTERPRISE}:employeeNumber": "employee_number",
    f"{ENTERPRISE}:organization": "organization",
    f"{ENTERPRISE}:department": "department",
}
NOT_KEPT = ("schemas", "userName", "externalId", "groups", "password")
ELEMENTS = (
    ("phoneNumbers", "mobile", {"value": "mobile_phone"}),
    ("phoneNumbers", "work", {"value": "work_phone"}),
    ("addresses", "work", {"locality": "city", "region": "region"}),
    ("emails", "work", {"value": "email"}),
)

SHOWN_UNTIL = 9 + len(sql.VALUES)
"""Where the columns of a person end, after the tenant's."""

local = threading.local()


def database():
    """This thread's connection."""
    try:
        return local.connection
    except AttributeError:
        local.connection = limit_connection(os.environ["DATABASE_URL"])
        return local.connection


class NotLetIn(Exception):
    """No token that is valid at this host."""


# -- requests -----------------------------------------------------------------------------------


def credentials(request):
    """What the token check compares: the digest, and the subdomain."""
    secret = request.META.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
    return hashlib.sha256(secret.encode()).hexdigest(), request.META["HTTP_HOST"].split(".")[0]


def base_of(request):
    return f"http://{request.META['HTTP_HOST']}/scim/v2"


def answer(document, status=200):
    response = HttpResponse(
        orjson.dumps(document), content_type="application/scim+json", status=status
    )
    # Without CommonMiddleware nobody else says how long it is, and gunicorn would send chunks.
    response["Content-Length"] = len(response.content)
    if "meta" in document:
        response["ETag"] = document["meta"]["version"]
        response["Location"] = document["meta"]["location"]
    return response


def view(function):
    def guarded(request, **arguments):
        try:
            return function(request, **arguments)
        except NotLetIn:
            return answer({"status": "401", "detail": "The bearer token is not valid."}, 401)

    return guarded


@view
def users(request):
    if request.method == "POST":
        return answer(create(request, orjson.loads(request.body)), 201)
    asked = request.GET
    if "filter" in asked:
        name = asked["filter"].removeprefix('userName eq "').removesuffix('"').casefold()
        rows = read(sql.LOOK_UP, *credentials(request), name)
        total, start = len(rows) if rows[0][1] else 0, 1
    else:
        start, count = int(asked.get("startIndex", 1)), int(asked.get("count", 100))
        rows = read(sql.PAGE, *credentials(request), count, start - 1)
        total = rows[0][-1]
    base = base_of(request)
    found = [person(row[1:SHOWN_UNTIL], base) for row in rows if row[1]]
    return answer(
        {
            "schemas": [LIST],
            "totalResults": total,
            "startIndex": start,
            "itemsPerPage": len(found),
            "Resources": found,
        }
    )


@view
def user(request, scim_id):
    if request.method == "GET":
        [row] = read(sql.GET, *credentials(request), scim_id)
        return answer(person(row[1:], base_of(request)))
    return answer(change(request, scim_id, orjson.loads(request.body)))


@view
def group(request, scim_id):
    if request.method == "PATCH":
        return answer(add_members(request, scim_id, orjson.loads(request.body)))
    [row] = read(sql.GROUP, *credentials(request), scim_id)
    return answer(team(row[1:], base_of(request)))


def read(statement, *parameters):
    """The rows of a statement that checks the token itself: one at least if it is valid."""
    rows = database().execute(statement, parameters).fetchall()
    if not rows:
        raise NotLetIn
    return rows


# -- documents ----------------------------------------------------------------------------------


def person(row, base):
    """A user as JSON data, from the columns of ``limit_sql.PERSON``."""
    scim_id, created, modified, digest, user_name, external_id, kept, groups, *values = row
    document = shown(
        user_name, external_id, orjson.loads(kept), dict(zip(sql.VALUES, values, strict=True))
    )
    if groups:
        document["groups"] = [
            {
                "value": group_id,
                "$ref": f"{base}/Groups/{group_id}",
                "type": "direct",
                "display": name,
            }
            for group_id, name in orjson.loads(groups)
        ]
    return described(document, "User", base, scim_id, created, modified, digest)


def shown(user_name, external_id, kept, columns):
    """What a client may write of a user; takes ``kept`` over."""
    schemas = [USER]
    document = {"schemas": schemas, "userName": user_name, "active": columns["is_active"]}
    if external_id:
        document["externalId"] = external_id
    if columns["job_title"]:
        document["title"] = columns["job_title"]
    if columns["user_type"]:
        document["userType"] = columns["user_type"]
    put(kept, "name", givenName=columns["first_name"], familyName=columns["last_name"])
    put(
        kept,
        ENTERPRISE,
        employeeNumber=columns["employee_number"],
        organization=columns["organization"],
        department=columns["department"],
    )
    for attribute, kind, subs in ELEMENTS:
        element = {sub: columns[column] for sub, column in subs.items() if columns[column]}
        element |= kept.pop(f"{attribute}[{kind}]", {})
        if any(name in element for name in subs):
            kept.setdefault(attribute, []).insert(0, {"type": kind} | element)
    if ENTERPRISE in kept:
        schemas.append(ENTERPRISE)
    document |= kept
    return document


def put(kept, name, **values):
    given = {key: value for key, value in values.items() if value}
    if given:
        kept[name] = kept.get(name, {}) | given


def team(row, base):
    """A group as JSON data, from the columns of ``limit_sql.TEAM``."""
    scim_id, created, modified, version, name, external_id, members = row
    document = {"schemas": [GROUP], "displayName": name}
    if external_id:
        document["externalId"] = external_id
    if members:
        url = f"{base}/Users/"
        document["members"] = [
            {"value": value, "$ref": url + value, "type": "User", "display": display}
            for value, display in orjson.loads(members)
        ]
    return described(document, "Group", base, scim_id, created, modified, version)


def described(document, kind, base, scim_id, created, modified, version):
    document["id"] = scim_id
    document["meta"] = {
        "resourceType": kind,
        "created": created,
        "lastModified": modified,
        "location": f"{base}/{kind}s/{scim_id}",
        "version": f'W/"{version}"',
    }
    return document


# -- writes -------------------------------------------------------------------------------------


def taken_apart(body):
    """The columns, the kept attributes and the received values of a body such as Okta sends."""
    kept = {
        k: v for k, v in body.items() if k not in ("schemas", "userName", "externalId", "groups")
    }
    kept.pop("password", None)
    name, enterprise = kept.pop("name", {}), dict(kept.pop(ENTERPRISE, {}))
    columns = dict.fromkeys(sql.VALUES, "") | {
        "is_active": kept.pop("active", True),
        "job_title": kept.pop("title", ""),
        "user_type": kept.pop("userType", ""),
        "first_name": name.get("givenName", ""),
        "last_name": name.get("familyName", ""),
        "employee_number": enterprise.pop("employeeNumber", ""),
        "organization": enterprise.pop("organization", ""),
        "department": enterprise.pop("department", ""),
    }
    if enterprise:
        kept[ENTERPRISE] = enterprise
    for attribute, kind, subs in ELEMENTS:
        for entry in kept.get(attribute, ()):
            if entry.get("type") == kind:
                rest = {k: v for k, v in entry.items() if k not in subs and k != "type"}
                columns |= {column: entry.get(sub, "") for sub, column in subs.items()}
                kept[f"{attribute}[{kind}]"] = rest
    for attribute in ("phoneNumbers", "addresses", "emails"):
        kept.pop(attribute, None)
    received = {text: columns[column] for text, column in COLUMNS.items() if columns[column] != ""}
    return columns, kept, received


def fingerprint(document):
    seen = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(seen, digest_size=16).hexdigest()


def text(value):
    return orjson.dumps(value).decode()


def iso(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now():
    present = datetime.now(UTC)
    return present.replace(microsecond=present.microsecond // 1000 * 1000)


def create(request, body):
    connection, (digest, subdomain) = database(), credentials(request)
    [caller] = read(sql.TOKEN, digest, subdomain)
    name, moment, scim_id = body["userName"], now(), str(uuid.uuid4())
    columns, kept, received = taken_apart(body)
    stored, document = text(kept), shown(name, body.get("externalId"), kept, columns)
    version = fingerprint(document)
    username = f"{name}@{subdomain}"
    with connection.transaction():
        twins = (caller[0], name.casefold(), caller[0], name, username)
        if connection.execute(sql.TWINS, twins).fetchone() != (None, None):
            raise NotImplementedError
        user = (f"!{secrets.token_hex(20)}", username, moment, caller[0], *columns.values())
        [user_id] = connection.execute(sql.INSERT_USER, user).fetchone()
        record = (scim_id, caller[0], user_id, name, name.casefold(), body.get("externalId"))
        record += (stored, text(received), version, moment, moment)
        connection.execute(sql.INSERT_RECORD, record)
        changes = {path: {"old": None, "new": value} for path, value in document.items()}
        log(connection, caller, moment, "create", 201, scim_id, name, changes)
    stamp = iso(moment)
    return described(document, "User", base_of(request), scim_id, stamp, stamp, version)


def change(request, scim_id, body):
    """PUT, or the PATCH that sets ``active``."""
    connection, moment = database(), now()
    [caller] = read(sql.TOKEN, *credentials(request))
    with connection.transaction():
        [row] = connection.execute(sql.LOCK, (caller[0], caller[0], scim_id)).fetchall()
        record_id, user_id, received, *shown_row = row
        _, _, _, _, name, external_id, kept, groups, *values = shown_row
        before = dict(zip(sql.VALUES, values, strict=True))
        if request.method == "PUT":
            verb, external_id = "replace", body.get("externalId")
            columns, attributes, received = taken_apart(body)
            kept = text(attributes)
        else:
            active = body["Operations"][0]["value"]["active"]
            verb, columns = "reactivate" if active else "deactivate", before | {"is_active": active}
            received = orjson.loads(received) | {"active": active}
        document = shown(name, external_id, orjson.loads(kept), columns)
        version = fingerprint(document)
        connection.execute(sql.UPDATE_USER, (*columns.values(), user_id))
        if verb == "deactivate":
            for statement in sql.END_SESSIONS:
                connection.execute(statement, (user_id,))
        record = (external_id, kept, text(received), version, moment, record_id)
        connection.execute(sql.UPDATE_RECORD, record)
        if verb == "deactivate":
            for statement in sql.TAKE_AWAY:
                connection.execute(statement, (moment, user_id))
        changes = {
            column: {"old": before[column], "new": value}
            for column, value in columns.items()
            if before[column] != value
        }
        log(connection, caller, moment, verb, 200, scim_id, name, changes)
    shown_row[2:4] = iso(moment), version
    shown_row[5:8] = external_id, kept, groups
    shown_row[8:] = columns.values()
    return person(shown_row, base_of(request))


def add_members(request, scim_id, body):
    """The PATCH that adds members to a group."""
    connection, moment = database(), now()
    [caller] = read(sql.TOKEN, *credentials(request))
    ids = [member["value"] for member in body["Operations"][0]["value"]]
    with connection.transaction():
        people = connection.execute(sql.LOCK_MEMBERS, (caller[0], caller[0], ids)).fetchall()
        locked = connection.execute(sql.LOCK_TEAM, (caller[0], caller[0], scim_id)).fetchone()
        record_id, team_id, name = locked
        keys = [user_id for user_id, _ in people]
        added = connection.execute(sql.INSERT_MEMBERS, (team_id, keys, team_id)).fetchall()
        connection.execute(sql.UPDATE_TEAM, (moment, record_id))
        came = {user_id for (user_id,) in added}
        changes = {"members": {"old": None, "new": [i for key, i in people if key in came]}}
        facts = {"group": name, "added": str(len(came))}
        log(connection, caller, moment, "patch", 200, scim_id, "", changes, "Group", facts)
        row = connection.execute(sql.TEAM, (caller[0], caller[0], scim_id)).fetchone()
    with connection.transaction():
        connection.execute(sql.WITHDRAW_OFFERS, (moment, team_id, team_id))
    return team(row, base_of(request))


def log(connection, caller, moment, verb, status, scim_id, name, changes, kind="User", facts=None):
    tenant_id, token_id, prefix = caller
    key = name.casefold()
    event = (moment, tenant_id, token_id, prefix, verb, kind, scim_id, name, key, key, status)
    connection.execute(
        sql.INSERT_EVENT, (*event, text(facts or {}), text(changes), uuid.uuid4().hex)
    )


urlpatterns = [
    path("scim/v2/Users", users),
    path("scim/v2/Users/<str:scim_id>", user),
    path("scim/v2/Groups/<str:scim_id>", group),
]

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"], MIDDLEWARE=[], ROOT_URLCONF=__name__, SECRET_KEY="x", USE_TZ=True
    )
    application = get_wsgi_application()
