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
"""The mapped columns, in the order of every statement."""

SHOWN = ", ".join(
    "NULLIF(o.is_active, p.active_when_removed)" if v == "is_active" else f"o.{v}" for v in VALUES
)

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
WHERE p.tenant_id = {} AND p.deleted_at IS NULL
"""

OF_CALLER = PEOPLE.format("caller.tenant_id")

LOOK_UP = f"""
WITH caller AS ({TOKEN})
SELECT caller.tenant_id, found.* FROM caller LEFT JOIN LATERAL (
  SELECT {PERSON} {OF_CALLER} AND p.user_name_key = %s ORDER BY p.id LIMIT 100
) found ON true
"""

GET = f"""
WITH caller AS ({TOKEN})
SELECT caller.tenant_id, found.* FROM caller LEFT JOIN LATERAL (
  SELECT {PERSON} {OF_CALLER} AND p.scim_id = %s::uuid
) found ON true
"""

PAGE = f"""
WITH caller AS MATERIALIZED ({TOKEN}), total AS MATERIALIZED (
  SELECT (SELECT count(*) {OF_CALLER}) AS people FROM caller
)
SELECT caller.tenant_id, found.*, total.people FROM caller CROSS JOIN total LEFT JOIN LATERAL (
  SELECT {PERSON} {OF_CALLER} ORDER BY p.id LIMIT %s OFFSET %s
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

TEAM = f"""
SELECT {TEAM_COLUMNS}
WHERE g.tenant_id = %s AND g.deleted_at IS NULL AND team.company_id = %s AND g.scim_id = %s::uuid
"""

GROUP = f"""
WITH caller AS ({TOKEN})
SELECT caller.tenant_id, found.* FROM caller LEFT JOIN LATERAL (
  SELECT {TEAM_COLUMNS}
  WHERE g.tenant_id = caller.tenant_id AND g.deleted_at IS NULL
    AND team.company_id = caller.tenant_id AND g.scim_id = %s::uuid
) found ON true
"""

# -- writing: after TOKEN, in one transaction ---------------------------------------------------

LOCK = f"""
SELECT p.id, p.user_id, p.received::text, {PERSON} {PEOPLE.format("%s")}
AND o.company_id = %s AND p.scim_id = %s::uuid FOR UPDATE OF o, p
"""

TWINS = """
SELECT (SELECT id FROM maptician_scim_provisioneduser
        WHERE tenant_id = %s AND user_name_key = %s ORDER BY id DESC LIMIT 1),
       (SELECT id FROM workplace_occupant
        WHERE company_id = %s AND username IN (%s, %s) LIMIT 1)
"""

INSERT_USER = f"""
INSERT INTO workplace_occupant (password, username, date_joined, company_id, is_superuser, is_staff,
  is_break_glass, {", ".join(VALUES)})
VALUES (%s, %s, %s, %s, false, false, false, {", ".join(["%s"] * len(VALUES))}) RETURNING id
"""

UPDATE_USER = f"""
UPDATE workplace_occupant SET {", ".join(f"{name} = %s" for name in VALUES)} WHERE id = %s
"""

INSERT_RECORD = """
INSERT INTO maptician_scim_provisioneduser (scim_id, tenant_id, user_id, user_name, user_name_key,
  external_id, attributes, received, digest, created_at, modified_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""

UPDATE_RECORD = """
UPDATE maptician_scim_provisioneduser SET external_id = %s, attributes = %s, received = %s,
  digest = %s, modified_at = %s
WHERE id = %s
"""

INSERT_EVENT = """
INSERT INTO maptician_scim_event (created_at, tenant_id, token_id, token_prefix, verb,
  resource_type, resource_id, user_name, user_name_key, email_key, status, facts, changes,
  correlation_id, scim_type, reason, detail, tolerated, duration_ms, client)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '', '', '', '[]', 1, '')
"""

END_SESSIONS = (
    "DELETE FROM django_session WHERE session_key IN"
    " (SELECT session_key FROM maptician_scim_sessionkey WHERE user_id = %s)",
    "DELETE FROM maptician_scim_sessionkey WHERE user_id = %s",
)

# What Maptician does when somebody is deactivated: any implementation's receiver pays for it.
TAKE_AWAY = (
    "UPDATE workplace_apikey SET revoked_at = %s WHERE occupant_id = %s AND revoked_at IS NULL",
    "UPDATE workplace_deskassignment SET until = %s, is_freed_by_provisioning = true"
    " WHERE occupant_id = %s AND until IS NULL",
    "UPDATE workplace_deskoffer SET state = 'withdrawn', ended_at = %s"
    " WHERE occupant_id = %s AND state = 'open'",
)

LOCK_MEMBERS = f"""
SELECT p.user_id, p.scim_id::text {PEOPLE.format("%s")}
AND o.company_id = %s AND p.scim_id = ANY(%s::uuid[]) FOR KEY SHARE OF o, p
"""

LOCK_TEAM = """
SELECT g.id, g.group_id, g.display_name
FROM maptician_scim_provisionedgroup g JOIN workplace_team team ON team.id = g.group_id
WHERE g.tenant_id = %s AND g.deleted_at IS NULL AND team.company_id = %s AND g.scim_id = %s::uuid
FOR UPDATE OF team, g
"""

INSERT_MEMBERS = """
INSERT INTO workplace_teammembership (team_id, occupant_id)
SELECT %s, id FROM workplace_occupant WHERE id = ANY(%s)
  AND id NOT IN (SELECT occupant_id FROM workplace_teammembership WHERE team_id = %s)
RETURNING occupant_id
"""

UPDATE_TEAM = """
UPDATE maptician_scim_provisionedgroup SET version = version + 1, modified_at = %s WHERE id = %s
"""

WITHDRAW_OFFERS = """
UPDATE workplace_deskoffer SET state = 'withdrawn', ended_at = %s
WHERE team_id = %s AND state = 'open' AND id NOT IN (
  SELECT f.id FROM workplace_deskoffer f JOIN workplace_desk d ON d.id = f.desk_id
  WHERE d.neighbourhood_id IS NULL AND f.occupant_id IN
    (SELECT occupant_id FROM workplace_teammembership WHERE team_id = %s))
"""


OF_OPERATION = {
    "look-up by userName": (LOOK_UP,),
    "GET by id": (GET,),
    "list of 100": (PAGE,),
    "GET of a group": (GROUP,),
    "create": (TOKEN, "BEGIN", TWINS, INSERT_USER, INSERT_RECORD, INSERT_EVENT, "COMMIT"),
    "PUT": (TOKEN, "BEGIN", LOCK, UPDATE_USER, UPDATE_RECORD, INSERT_EVENT, "COMMIT"),
    "PATCH active": (
        *(TOKEN, "BEGIN", LOCK, UPDATE_USER, *END_SESSIONS, UPDATE_RECORD, *TAKE_AWAY),
        *(INSERT_EVENT, "COMMIT"),
    ),
    "group +100 members": (
        *(TOKEN, "BEGIN", LOCK_MEMBERS, LOCK_TEAM, INSERT_MEMBERS, UPDATE_TEAM, INSERT_EVENT),
        *(TEAM, "COMMIT", "BEGIN", WITHDRAW_OFFERS, "COMMIT"),
    ),
}
