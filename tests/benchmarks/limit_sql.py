"""The statements of the LIMIT. They are printed with the table."""

STAMP = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

VALUES = (
    "email",
    "is_active",
    "job_title",
    "user_type",
    "first_name",
    "last_name",
    "city",
    "region",
    "work_phone",
    "mobile_phone",
    "employee_number",
    "organization",
    "department",
)
"""The mapped columns, in the order of every statement that reads."""

SHOWN = ", ".join(
    "NULLIF(o.is_active, p.active_when_removed)" if v == "is_active" else f"o.{v}" for v in VALUES
)

COLUMNS = ", ".join(f"o.{v}" for v in VALUES)

# -- reading: one statement each ----------------------------------------------------------------

TOKEN = """
SELECT t.tenant_id, t.id, t.prefix
FROM maptician_scim_token t
JOIN workplace_company c ON c.id = t.tenant_id
LEFT JOIN maptician_scim_connection n ON n.tenant_id = c.id
WHERE t.digest = %s AND c.subdomain = %s AND t.revoked_at IS NULL
  AND (t.expires_at IS NULL OR t.expires_at > now()) AND t.networks = '[]'
  AND t.scopes ? 'users:read' AND n.is_enabled IS NOT FALSE
"""

PERSON = f"""
p.scim_id::text, {STAMP.format("p.created_at")}, {STAMP.format("p.modified_at")},
p.digest, p.user_name, p.external_id, p.attributes::text,
(SELECT json_agg(json_build_array(g.scim_id, g.display_name) ORDER BY g.id)::text
 FROM workplace_teammembership m
 JOIN workplace_team team ON team.id = m.team_id
 JOIN maptician_scim_provisionedgroup g ON g.group_id = team.id
 WHERE m.occupant_id = p.user_id AND g.tenant_id = p.tenant_id AND g.deleted_at IS NULL
   AND team.company_id = p.tenant_id),
{SHOWN}
"""

PEOPLE = """
FROM maptician_scim_provisioneduser p
JOIN workplace_occupant o ON o.id = p.user_id AND o.company_id = p.tenant_id
WHERE p.tenant_id = caller.tenant_id AND p.deleted_at IS NULL
"""

LOOK_UP = f"""
WITH caller AS ({TOKEN})
SELECT caller.tenant_id, found.* FROM caller LEFT JOIN LATERAL (
  SELECT {PERSON} {PEOPLE} AND p.user_name_key = %s ORDER BY p.id LIMIT 100
) found ON true
"""

GET = f"""
WITH caller AS ({TOKEN})
SELECT caller.tenant_id, found.* FROM caller LEFT JOIN LATERAL (
  SELECT {PERSON} {PEOPLE} AND p.scim_id = %s::uuid
) found ON true
"""

# What a row shows is put together for those of the page alone, not for those it leaves out.
PAGE = f"""
WITH caller AS MATERIALIZED ({TOKEN}), total AS MATERIALIZED (
  SELECT (SELECT count(*) {PEOPLE}) AS people FROM caller
)
SELECT caller.tenant_id, found.*, total.people FROM caller CROSS JOIN total LEFT JOIN LATERAL (
  SELECT {PERSON.replace("o.", "p.")} FROM (
    SELECT p.*, {COLUMNS} {PEOPLE} ORDER BY p.id LIMIT %s OFFSET %s
  ) p ORDER BY p.id
) found ON true
"""

TEAM_COLUMNS = f"""
g.scim_id::text, {STAMP.format("g.created_at")}, {STAMP.format("g.modified_at")},
g.version, g.display_name, g.external_id,
(SELECT json_agg(json_build_array(p.scim_id, COALESCE(
   NULLIF(p.attributes ->> 'displayName', ''), NULLIF(p.attributes -> 'name' ->> 'formatted', ''),
   TRIM(o.first_name || ' ' || o.last_name))) ORDER BY p.id)::text
 FROM workplace_teammembership m
 JOIN workplace_occupant o ON o.id = m.occupant_id
 JOIN maptician_scim_provisioneduser p ON p.user_id = o.id
 WHERE m.team_id = g.group_id AND p.tenant_id = g.tenant_id AND p.deleted_at IS NULL
   AND o.company_id = g.tenant_id)
FROM maptician_scim_provisionedgroup g
JOIN workplace_team team ON team.id = g.group_id
"""

GROUP = f"""
WITH caller AS ({TOKEN})
SELECT caller.tenant_id, found.* FROM caller LEFT JOIN LATERAL (
  SELECT {TEAM_COLUMNS}
  WHERE g.tenant_id = caller.tenant_id AND g.deleted_at IS NULL
    AND team.company_id = caller.tenant_id AND g.scim_id = %s::uuid
) found ON true
"""

# -- writing: what we send, word for word -------------------------------------------------------

# A test compares these with the statements of the package, quotes and white space apart. Where it
# sends other columns, change the tuple of names; ``limit`` looks values up by name.

USER = "maptician_scim_provisioneduser"
GROUP_RECORD = "maptician_scim_provisionedgroup"

USER_COLUMNS = (
    *("id", "scim_id", "tenant_id", "user_id", "user_name", "user_name_key", "external_id"),
    *("attributes", "received", "active_when_removed", "digest", "created_at", "modified_at"),
    "deleted_at",
)
USER_CHANGES = (
    *("user_name", "user_name_key", "external_id", "attributes", "received"),
    *("active_when_removed", "digest", "modified_at"),
)
OCCUPANT_COLUMNS = (
    *("password", "last_login", "is_superuser", "username", "first_name", "last_name", "email"),
    *("is_staff", "is_active", "date_joined", "company_id", "is_break_glass", "job_title"),
    *("user_type", "department", "organization", "employee_number", "work_phone", "mobile_phone"),
    *("city", "region"),
)
GROUP_COLUMNS = (
    *("id", "scim_id", "tenant_id", "group_id", "display_name", "display_name_key"),
    *("external_id", "attributes", "is_created_by_scim", "version", "created_at", "modified_at"),
    "deleted_at",
)
GROUP_CHANGES = (
    *("display_name", "display_name_key", "external_id", "attributes", "version", "modified_at"),
)
EVENT_COLUMNS = (
    *("created_at", "tenant_id", "token_id", "token_prefix", "verb", "resource_type"),
    *("resource_id", "user_name", "user_name_key", "email_key", "status", "scim_type", "reason"),
    *("facts", "detail", "changes", "tolerated", "request", "correlation_id", "duration_ms"),
    *("ip", "client", "once"),
)


def named(table, columns, prefix=""):
    """Columns by the names that a statement gives them."""
    return {f"{prefix}{column}": f"{table}.{column}" for column in columns}


def listed(columns):
    return ", ".join(f"{column} AS {name}" for name, column in columns.items())


def insert(table, columns):
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"


def assigned(columns):
    return ", ".join(f"{name} = %s" for name in columns)


CALLER_COLUMNS = {
    **named(
        "maptician_scim_token",
        (
            *("id", "tenant_id", "name", "prefix", "digest", "scopes", "networks"),
            *("expires_at", "revoked_at", "rotated_at", "last_used_at"),
        ),
    ),
    "tenant__id": "maptician_scim_token.tenant_id",
    **named("workplace_company", ("name", "subdomain", "support_group_id"), "tenant__"),
    **named(
        "maptician_scim_connection",
        (
            *("tenant_id", "is_enabled", "may_create", "delete_behaviour", "email_domains"),
            *("keeps_unknown_schemas", "safeguard", "safeguard_people", "safeguard_percent"),
            *("refused_at", "watched_until"),
        ),
        "tenant__scim_connection__",
    ),
}

CALLER = f"""
SELECT {listed(CALLER_COLUMNS)} FROM maptician_scim_token
INNER JOIN workplace_company ON (maptician_scim_token.tenant_id = workplace_company.id)
LEFT OUTER JOIN maptician_scim_connection
ON (workplace_company.id = maptician_scim_connection.tenant_id)
WHERE maptician_scim_token.digest = (%s)
"""

USERS_OF_TENANT = f"""
FROM {USER} INNER JOIN workplace_occupant ON ({USER}.user_id = workplace_occupant.id)
WHERE ({USER}.tenant_id = (%s) AND {USER}.deleted_at IS NULL
AND COALESCE(workplace_occupant.company_id = (%s), FALSE)
"""

LOCKED_USER = {
    **named(USER, USER_COLUMNS),
    "user__id": f"{USER}.user_id",
    **named("workplace_occupant", OCCUPANT_COLUMNS, "user__"),
    "scim_groups": f"""(SELECT jsonb_agg(jsonb_build_array(U0.id, U0.scim_id, U0.display_name))
AS scim_rows FROM {GROUP_RECORD} U0 INNER JOIN workplace_team U2 ON (U0.group_id = U2.id)
INNER JOIN workplace_teammembership U4 ON (U2.id = U4.team_id)
WHERE (U0.tenant_id = (%s) AND U0.deleted_at IS NULL AND COALESCE(U2.company_id = (%s), FALSE)
AND U4.occupant_id = ({USER}.user_id)) GROUP BY U0.tenant_id)""",
}

LOCK_USER = f"""
SELECT {listed(LOCKED_USER)} {USERS_OF_TENANT} AND {USER}.scim_id = (%s))
FOR UPDATE OF workplace_occupant, {USER}
"""

NAMESAKE = f"""
FROM {USER} U0 WHERE (U0.tenant_id = (%s) AND U0.user_name_key = (%s)) ORDER BY U0.id DESC LIMIT 1
"""

TWINS = f"""
SELECT (SELECT U0.user_id AS user {NAMESAKE}) AS subquery1,
(SELECT U0.deleted_at AS deleted_at {NAMESAKE}) AS subquery2,
EXISTS(SELECT %s AS a FROM workplace_occupant V0
WHERE (V0.company_id = (%s) AND V0.username IN (%s, %s)
AND NOT (EXISTS(SELECT %s AS a FROM {USER} U1
WHERE (U1.tenant_id = (%s) AND U1.user_id = (V0.id)) LIMIT 1))) LIMIT 1) AS exists2
FROM workplace_company WHERE workplace_company.id = (%s)
"""

INSERT_OCCUPANT = f"{insert('workplace_occupant', OCCUPANT_COLUMNS)} RETURNING id"

OCCUPANT_CHANGES = OCCUPANT_COLUMNS
UPDATE_OCCUPANT = f"UPDATE workplace_occupant SET {assigned(OCCUPANT_CHANGES)} WHERE id = %s"

INSERT_USER = f"{insert(USER, USER_COLUMNS[1:])} RETURNING id"

UPDATE_USER = f"UPDATE {USER} SET {assigned(USER_CHANGES)} WHERE id = %s"

INSERT_EVENT = f"{insert('maptician_scim_event', EVENT_COLUMNS)} RETURNING id"

SESSIONS = """
SELECT maptician_scim_sessionkey.session_key AS session_key FROM maptician_scim_sessionkey
WHERE maptician_scim_sessionkey.user_id = (%s)
"""

LOCK_MEMBERS = f"""
SELECT {USER}.scim_id::text AS written1, {USER}.user_id AS user {USERS_OF_TENANT}
AND {USER}.scim_id = ANY(%s)) FOR KEY SHARE OF workplace_occupant, {USER}
"""

LOCKED_GROUP = {
    **named(GROUP_RECORD, GROUP_COLUMNS),
    "group__id": f"{GROUP_RECORD}.group_id",
    **named("workplace_team", ("company_id", "name", "neighbourhood_id", "created_at"), "group__"),
}

LOCK_GROUP = f"""
SELECT {listed(LOCKED_GROUP)} FROM {GROUP_RECORD}
INNER JOIN workplace_team ON ({GROUP_RECORD}.group_id = workplace_team.id)
WHERE ({GROUP_RECORD}.tenant_id = (%s) AND {GROUP_RECORD}.deleted_at IS NULL
AND COALESCE(workplace_team.company_id = (%s), FALSE) AND {GROUP_RECORD}.scim_id = (%s))
FOR UPDATE OF workplace_team, {GROUP_RECORD}
"""

INSERT_MEMBERS = """
INSERT INTO workplace_teammembership (team_id, occupant_id)
SELECT %s, members.scim_member FROM (SELECT workplace_occupant.id AS scim_member
FROM workplace_occupant WHERE (workplace_occupant.id = ANY(%s)
AND NOT (workplace_occupant.id IN (SELECT U0.occupant_id AS occupant
FROM workplace_teammembership U0 WHERE U0.team_id = %s)))) members
RETURNING occupant_id
"""

UPDATE_GROUP = f"UPDATE {GROUP_RECORD} SET {assigned(GROUP_CHANGES)} WHERE id = %s"

ADDED = f"""
SELECT {USER}.user_id AS user, {USER}.scim_id::text AS written1 {USERS_OF_TENANT}
AND {USER}.user_id = ANY(%s))
"""

MEMBERS = f"""
SELECT {GROUP_RECORD}.scim_id::text AS written1, {USER}.scim_id::text AS written2,
NULLIF(COALESCE(NULLIF(jsonb_extract_path_text({USER}.attributes, %s), %s),
NULLIF(jsonb_extract_path_text({USER}.attributes, %s, %s), %s),
TRIM((COALESCE(COALESCE(NULLIF(workplace_occupant.first_name, %s), %s), %s)
|| COALESCE((COALESCE(%s, %s)
|| COALESCE(COALESCE(NULLIF(workplace_occupant.last_name, %s), %s), %s)), %s)))), %s)
AS scim_display
FROM {USER} INNER JOIN workplace_occupant ON ({USER}.user_id = workplace_occupant.id)
LEFT OUTER JOIN workplace_teammembership
ON (workplace_occupant.id = workplace_teammembership.occupant_id)
LEFT OUTER JOIN workplace_team ON (workplace_teammembership.team_id = workplace_team.id)
LEFT OUTER JOIN {GROUP_RECORD} ON (workplace_team.id = {GROUP_RECORD}.group_id)
WHERE ({USER}.tenant_id = (%s) AND {USER}.deleted_at IS NULL
AND COALESCE(workplace_occupant.company_id = (%s), FALSE) AND {GROUP_RECORD}.scim_id = ANY(%s))
ORDER BY {USER}.id ASC
"""

DISPLAY = (
    *("displayName", "", "name", "formatted", "", "", "", ""),
    *(" ", "", "", "", "", "", ""),
)
"""The parameters of MEMBERS up to the name that is shown."""


OF_OPERATION = {
    "look-up by userName": (LOOK_UP,),
    "GET by id": (GET,),
    "list of 100": (PAGE,),
    "GET of a group": (GROUP,),
    "create": (CALLER, "BEGIN", TWINS, INSERT_OCCUPANT, INSERT_USER, INSERT_EVENT, "COMMIT"),
    "PUT": (CALLER, "BEGIN", LOCK_USER, UPDATE_OCCUPANT, UPDATE_USER, INSERT_EVENT, "COMMIT"),
    "PATCH active": (
        *(CALLER, "BEGIN", LOCK_USER, UPDATE_OCCUPANT, SESSIONS, UPDATE_USER, INSERT_EVENT),
        "COMMIT",
    ),
    "group +100 members": (
        *(CALLER, "BEGIN", LOCK_MEMBERS, LOCK_GROUP, INSERT_MEMBERS, UPDATE_GROUP, ADDED),
        *(INSERT_EVENT, MEMBERS, "COMMIT"),
    ),
}
