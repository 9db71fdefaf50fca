"""The LIMIT: what the same answers cost a bare Django view with hand-written SQL and orjson.

No ORM, no DRF, no middleware, no serializer, and no question that OccupantAdapter's attribute map
does not ask. A read is one statement, token check included. A write runs the statements that we
run, in the same order and transactions, so that what differs is what Python does. The statements
are in ``limit_sql``. It reads what the benchmark sends; anything else is not its job.
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
ATTRIBUTES = {column: attribute for attribute, column in COLUMNS.items()}
ELEMENTS = (
    ("phoneNumbers", "mobile", {"value": "mobile_phone"}),
    ("phoneNumbers", "work", {"value": "work_phone"}),
    ("addresses", "work", {"locality": "city", "region": "region"}),
    ("emails", "work", {"value": "email"}),
)

NEWCOMER = {
    "last_login": None,
    "is_superuser": False,
    "is_staff": False,
    "is_break_glass": False,
}
TOLERATED = '["manager_without_ref"]'
"""What we note about the bodies that are sent here."""

OCCUPANT_IN_ROW = [
    (name.removeprefix("user__"), name) for name in sql.LOCKED_USER if name.startswith("user__")
]
"""The columns of a user, and what they are called in the row that is locked."""

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
    *columns, members = row[1:]
    return answer(team(*columns, orjson.loads(members or "[]"), base_of(request)))


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
        document["groups"] = listed_groups(orjson.loads(groups), base)
    return described(document, "User", base, scim_id, created, modified, digest)


def listed_groups(groups, base):
    return [
        {
            "value": group_id,
            "$ref": f"{base}/Groups/{group_id}",
            "type": "direct",
            "display": name,
        }
        for group_id, name in groups
    ]


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


def team(scim_id, created, modified, version, name, external_id, members, base):
    """A group as JSON data; of each member it takes the id and the name."""
    document = {"schemas": [GROUP], "displayName": name}
    if external_id:
        document["externalId"] = external_id
    if members:
        url = f"{base}/Users/"
        document["members"] = [
            {"value": value, "$ref": url + value, "type": "User", "display": display}
            for value, display in members
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


def leaves(document, prefix=""):
    """What an event tells of a new user: path and value, one by one."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}{':' if name == ENTERPRISE else '.'}")
        else:
            yield f"{prefix}{name}", value


def fingerprint(document):
    seen = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(seen, digest_size=16).hexdigest()


def text(value):
    return orjson.dumps(value).decode()


def iso(moment):
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now():
    present = datetime.now(UTC)
    return present.replace(microsecond=present.microsecond // 1000 * 1000)


def caller_of(request, scope):
    """The token, its tenant and their connection; the check itself is Python's here."""
    digest, subdomain = credentials(request)
    row = database().execute(sql.CALLER, (digest,)).fetchone()
    if row is None:
        raise NotLetIn
    caller = dict(zip(sql.CALLER_COLUMNS, row, strict=True))
    expires = caller["expires_at"]
    if (
        caller["tenant__subdomain"] != subdomain
        or caller["revoked_at"] is not None
        or (expires is not None and expires <= datetime.now(UTC))
        or caller["networks"] != "[]"
        or f'"{scope}"' not in caller["scopes"]
        or caller["tenant__scim_connection__is_enabled"] is False
    ):
        raise NotLetIn
    return caller


def values(names, of):
    """The parameters for the columns of a statement."""
    return [of[name] for name in names]


def create(request, body):
    connection, caller = database(), caller_of(request, "users:write")
    tenant_id, name, moment, scim_id = caller["tenant_id"], body["userName"], now(), uuid.uuid4()
    key, username = name.casefold(), f"{name}@{caller['tenant__subdomain']}"
    columns, kept, received = taken_apart(body)
    stored, document = text(kept), shown(name, body.get("externalId"), kept, columns)
    version = fingerprint(document)
    occupant = NEWCOMER | columns
    occupant["password"] = f"!{secrets.token_hex(20)}"
    occupant["username"] = username
    occupant["date_joined"] = moment
    occupant["company_id"] = tenant_id
    record = {
        "scim_id": scim_id,
        "tenant_id": tenant_id,
        "user_name": name,
        "user_name_key": key,
        "external_id": body.get("externalId"),
        "attributes": stored,
        "received": text(received),
        "active_when_removed": None,
        "digest": version,
        "created_at": moment,
        "modified_at": moment,
        "deleted_at": None,
    }
    with connection.transaction():
        twins = (tenant_id, key, tenant_id, key, 1, tenant_id, name, username, 1)
        twins += (tenant_id, tenant_id)
        if connection.execute(sql.TWINS, twins).fetchone() != (None, None, False):
            raise NotImplementedError
        inserted = connection.execute(sql.INSERT_OCCUPANT, values(sql.OCCUPANT_COLUMNS, occupant))
        [record["user_id"]] = inserted.fetchone()
        connection.execute(sql.INSERT_USER, values(sql.USER_COLUMNS[1:], record))
        changes = {path: {"old": None, "new": value} for path, value in leaves(document)}
        del changes["schemas"]
        log(request, caller, moment, "create", str(scim_id), changes, status=201, name=name)
    stamp = iso(moment)
    return described(document, "User", base_of(request), str(scim_id), stamp, stamp, version)


def change(request, scim_id, body):
    """PUT, or the PATCH that sets ``active``."""
    connection, caller, moment = database(), caller_of(request, "users:write"), now()
    tenant_id = caller["tenant_id"]
    with connection.transaction():
        lock = (tenant_id, tenant_id, tenant_id, tenant_id, scim_id)
        row = connection.execute(sql.LOCK_USER, lock).fetchone()
        locked = dict(zip(sql.LOCKED_USER, row, strict=True))
        user_id, name, kept = locked["user_id"], locked["user_name"], locked["attributes"]
        occupant = {column: locked[place] for column, place in OCCUPANT_IN_ROW}
        external_id = locked["external_id"]
        if request.method == "PUT":
            verb, external_id = "replace", body.get("externalId")
            columns, attributes, received = taken_apart(body)
            kept = text(attributes)
        else:
            active = body["Operations"][0]["value"]["active"]
            verb, columns = "reactivate" if active else "deactivate", {"is_active": active}
            received = orjson.loads(locked["received"]) | {"active": active}
        changes = {
            ATTRIBUTES[column]: {"old": occupant[column], "new": value}
            for column, value in columns.items()
            if occupant[column] != value
        }
        occupant |= columns
        document = shown(name, external_id, orjson.loads(kept), occupant)
        version = fingerprint(document)
        connection.execute(sql.UPDATE_OCCUPANT, (*values(sql.OCCUPANT_CHANGES, occupant), user_id))
        if verb == "deactivate" and connection.execute(sql.SESSIONS, (user_id,)).fetchone():
            raise NotImplementedError
        locked["external_id"] = external_id
        locked["attributes"] = kept
        locked["received"] = text(received)
        locked["digest"] = version
        locked["modified_at"] = moment
        connection.execute(sql.UPDATE_USER, (*values(sql.USER_CHANGES, locked), locked["id"]))
        log(request, caller, moment, verb, scim_id, changes, name=name)
    base = base_of(request)
    if locked["scim_groups"]:
        groups = sorted(orjson.loads(locked["scim_groups"]))  # by their keys, which come first
        document["groups"] = listed_groups([group[1:] for group in groups], base)
    created = iso(locked["created_at"])
    return described(document, "User", base, scim_id, created, iso(moment), version)


def add_members(request, scim_id, body):
    """The PATCH that adds members to a group."""
    connection, caller, moment = database(), caller_of(request, "groups:write"), now()
    tenant_id = caller["tenant_id"]
    ids = [member["value"] for member in body["Operations"][0]["value"]]
    with connection.transaction():
        people = connection.execute(sql.LOCK_MEMBERS, (tenant_id, tenant_id, ids)).fetchall()
        row = connection.execute(sql.LOCK_GROUP, (tenant_id, tenant_id, scim_id)).fetchone()
        locked = dict(zip(sql.LOCKED_GROUP, row, strict=True))
        team_id, name = locked["group_id"], locked["display_name"]
        keys = [user_id for _, user_id in people]
        came = connection.execute(sql.INSERT_MEMBERS, (team_id, keys, team_id)).fetchall()
        locked["version"] += 1
        locked["modified_at"] = moment
        connection.execute(sql.UPDATE_GROUP, (*values(sql.GROUP_CHANGES, locked), locked["id"]))
        keys = [user_id for (user_id,) in came]
        added = connection.execute(sql.ADDED, (tenant_id, tenant_id, keys)).fetchall()
        changes = {"members": {"old": None, "new": [added_id for _, added_id in added]}}
        facts = {"group": name, "added": str(len(added))}
        log(request, caller, moment, "patch", scim_id, changes, kind="Group", facts=facts)
        parameters = (*sql.DISPLAY, tenant_id, tenant_id, [scim_id])
        members = connection.execute(sql.MEMBERS, parameters).fetchall()
    stamps = iso(locked["created_at"]), iso(moment)
    shown_members = [member[1:] for member in members]
    external_id, base = locked["external_id"], base_of(request)
    return team(scim_id, *stamps, locked["version"], name, external_id, shown_members, base)


def log(
    request, caller, moment, verb, scim_id, changes, status=200, name="", kind="User", facts=None
):
    key = name.casefold()
    event = {
        "created_at": moment,
        "tenant_id": caller["tenant_id"],
        "token_id": caller["id"],
        "token_prefix": caller["prefix"],
        "verb": verb,
        "resource_type": kind,
        "resource_id": scim_id,
        "user_name": name,
        "user_name_key": key,
        "email_key": key,
        "status": status,
        "scim_type": "",
        "reason": "",
        "facts": text(facts or {}),
        "detail": "",
        "changes": text(changes),
        "tolerated": TOLERATED if verb in ("create", "replace") else "[]",
        "request": None,
        "correlation_id": uuid.uuid4().hex,
        "duration_ms": 1,
        "ip": request.META["REMOTE_ADDR"],
        "client": request.META.get("HTTP_USER_AGENT", ""),
        "once": None,
    }
    database().execute(sql.INSERT_EVENT, values(sql.EVENT_COLUMNS, event))


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
