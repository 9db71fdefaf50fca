"""System checks: a wrong setting fails ``manage.py check`` with a stable id and a hint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from inspect import getattr_static
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import DatabaseError
from django.db.models import Model
from django.utils.module_loading import import_string

from maptician_scim.adapters import UserAdapter
from maptician_scim.columns import holds, known_field
from maptician_scim.conf import NAME, Settings
from maptician_scim.group_adapters import GroupAdapter
from maptician_scim.linking import unlinked_users
from maptician_scim.protocol.declarations import declaration_faults
from maptician_scim.relations import find_relation
from maptician_scim.tenancy import tenant_model
from maptician_scim.throttling import Rate

REQUIRED = ("TENANT_MODEL", "BASE_DOMAIN", "USER_ADAPTER")
POSITIVE = (
    "DEFAULT_PAGE_SIZE",
    "MAX_PAGE_SIZE",
    "MAX_BODY_SIZE",
    "MAX_HEADERS_SIZE",
    "MAX_RESPONSE_SIZE",
    "MAX_JSON_DEPTH",
    "CURSOR_LIFETIME",
    "MAX_FILTER_LENGTH",
    "MAX_FILTER_DEPTH",
    "MAX_FILTER_TERMS",
    "MAX_PATCH_OPERATIONS",
    "BULK_MAX_OPERATIONS",
    "BULK_MAX_PAYLOAD_SIZE",
    "BULK_TIME_LIMIT",
    "MAX_VALUES",
    "MAX_PATCH_COMPARISONS",
    "MAX_UNKNOWN_SCHEMAS_SIZE",
    "RETRY_AFTER",
    "SAFEGUARD_PEOPLE",
    "ROTATION_HOURS",
    "EVENT_RETENTION_DAYS",
    "REQUEST_RETENTION_DAYS",
    "MAX_KEPT_REQUEST",
)
SWITCHES = (
    "BULK",
    "STRICT",
    "SAFEGUARD",
    "NESTED_GROUPS",
    "SET_PASSWORD",
    "TOKENS_MUST_EXPIRE",
    "REMEMBER_TOTALS",
    "ROLES_AND_ENTITLEMENTS",
    "ROW_LEVEL_SECURITY",
    "SERVICE_PROVIDER_CONFIG_IS_PUBLIC",
)
RATES = ("THROTTLE", "FAILED_AUTHENTICATIONS")
OF_A_FIELD = ("tenants_of", "new_user")
"""What ``UserAdapter`` can do only where ``tenant_field`` is a field of the user itself."""


def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Everything that is wrong with ``settings.MAPTICIAN_SCIM``."""
    configured = getattr(settings, NAME, None)
    if not isinstance(configured, dict):
        return [
            Error(
                f"{NAME} is missing or not a dictionary.",
                hint=f"Set {NAME} with at least {', '.join(REQUIRED)}.",
                id="maptician_scim.E001",
            )
        ]
    found = list(_check_names(configured))
    if not any(message.id == "maptician_scim.E003" for message in found):
        found += [*_check_tenant(configured), *_check_adapter(configured)]
        found += _check_groups(configured)
    return [*found, *_check_values(configured), *_check_operation(configured), *_check_cache()]


def _check_names(configured: dict[str, Any]) -> Iterator[CheckMessage]:
    known = {name for name in vars(Settings) if name.isupper()}
    for name in sorted(configured.keys() - known):
        yield Error(
            f"{NAME} has an unknown setting {name!r}.",
            hint=f"The settings are {', '.join(sorted(known))}.",
            id="maptician_scim.E002",
        )
    for name in REQUIRED:
        if not isinstance(configured.get(name), str) or not configured[name]:
            yield Error(
                f"{NAME} needs {name!r}, a string.",
                hint="See the README, section 'Installing'.",
                id="maptician_scim.E003",
            )


def _check_tenant(configured: dict[str, Any]) -> Iterator[CheckMessage]:
    try:
        model = apps.get_model(configured["TENANT_MODEL"])
        field = model._meta.get_field(configured.get("TENANT_FIELD", "subdomain"))
    except (LookupError, ValueError) as error:
        yield Error(
            f"{NAME}['TENANT_MODEL'] names no model: {error}",
            hint='Write it as "app_label.Model".',
            id="maptician_scim.E004",
        )
    except FieldDoesNotExist as error:
        yield Error(
            f"{NAME}['TENANT_FIELD'] names no field of the tenant model: {error}",
            hint="Name the unique field that holds the subdomain.",
            id="maptician_scim.E005",
        )
    else:
        if not getattr(field, "unique", False):
            yield Error(
                f"{NAME}['TENANT_FIELD'] must be unique: it decides whose people are shown.",
                hint="Add unique=True to the field.",
                id="maptician_scim.E006",
            )


def _check_adapter(configured: dict[str, Any]) -> Iterator[CheckMessage]:
    path = configured["USER_ADAPTER"]
    try:
        adapter = import_string(path)
    except ImportError as error:
        yield Error(
            f"{NAME}['USER_ADAPTER'] cannot be imported: {error}",
            hint="Give the dotted path of your subclass of UserAdapter.",
            id="maptician_scim.E007",
        )
        return
    if not (isinstance(adapter, type) and issubclass(adapter, UserAdapter)):
        yield Error(
            f"{path} is not a subclass of maptician_scim.adapters.UserAdapter.",
            hint="See docs/adapters.md.",
            id="maptician_scim.E008",
        )
        return
    wrong = list(declaration_faults(adapter.extensions))
    for fault in wrong:
        yield Error(
            f"An extension of {path} is not declared rightly: {fault}.",
            hint="See docs/adapters.md, section 'Schema extensions'.",
            id="maptician_scim.E030",
        )
    if wrong:
        return
    try:
        # Follows every path to its end, without a query.
        get_user_model()._base_manager.values(*_paths(adapter))
    except (AttributeError, ValueError, FieldError) as error:
        yield Error(
            f"The attribute_map or tenant_field of {path} makes no sense: {error}",
            hint="See docs/adapters.md.",
            id="maptician_scim.E009",
        )
        return
    kept = [name for name in OF_A_FIELD if _is_inherited(adapter, name)]
    if "__" in adapter.tenant_field and kept:
        yield Error(
            f"{path} reaches the tenant through another model but does not override "
            f"{' and '.join(kept)}.",
            hint="See docs/adapters.md, section 'A tenant that is not a field of the user'.",
            id="maptician_scim.E020",
        )
    yield from _check_columns(path, adapter)
    for mapped in adapter.mapping().mapped:
        if "__" in mapped.attribute.field and mapped.attribute.write is None:
            yield Error(
                f"{path} maps {mapped.path.text!r} to another model but does not say how it is "
                "written.",
                hint="Give the Attribute a write function.",
                id="maptician_scim.E010",
            )


def _check_columns(path: str, adapter: type[UserAdapter]) -> Iterator[CheckMessage]:
    """What a column could not hold, or could not be told of in ``/Schemas``."""
    for mapped in adapter.mapping().mapped:
        attribute, field = mapped.attribute, known_field(mapped.attribute.field)
        is_converted = attribute.to_scim is not None or attribute.from_scim is not None
        if field is not None and not is_converted and not holds(field, mapped.kind):
            yield CheckWarning(
                f"{path} maps {mapped.path.text!r}, which is a {mapped.kind} in SCIM, to a "
                f"{type(field).__name__}.",
                hint="Give the Attribute to_scim and from_scim, or map it to another field.",
                id="maptician_scim.W031",
            )


def _check_groups(configured: dict[str, Any]) -> Iterator[CheckMessage]:
    try:
        model = apps.get_model(configured.get("GROUP_MODEL", "auth.Group"))
    except (LookupError, ValueError, AttributeError) as error:
        yield Error(
            f"{NAME}['GROUP_MODEL'] names no model: {error}",
            hint='Write it as "app_label.Model"; without groups, leave it out.',
            id="maptician_scim.E021",
        )
        return
    path = configured.get("GROUP_ADAPTER")
    if path is None:
        return
    try:
        adapter = import_string(path)
    except (ImportError, AttributeError) as error:
        yield Error(
            f"{NAME}['GROUP_ADAPTER'] cannot be imported: {error}",
            hint="Give the dotted path of your subclass of GroupAdapter, or None for no groups.",
            id="maptician_scim.E022",
        )
        return
    if not (isinstance(adapter, type) and issubclass(adapter, GroupAdapter)):
        yield Error(
            f"{path} is not a subclass of maptician_scim.group_adapters.GroupAdapter.",
            hint="See docs/groups.md.",
            id="maptician_scim.E023",
        )
        return
    yield from _check_group_adapter(path, adapter, model)


def _check_group_adapter(
    path: str, adapter: type[GroupAdapter], model: type[Model]
) -> Iterator[CheckMessage]:
    """Whether an adapter fits the model, as far as its fields tell."""
    inherits = [n for n in ("scope", "groups_of", "new_group") if _is_inherited_by(adapter, n)]
    try:
        fields = [m.attribute.field for m in adapter.mapping().mapped]
        name = adapter.mapping().user_name
        fields += [name.field] if name else []
        model._base_manager.values(*fields, *([adapter.tenant_field] if inherits else []))
        find_relation(model, adapter.members_field)
    except (AttributeError, ValueError, FieldError) as error:
        yield Error(
            f"The attribute_map, tenant_field or members_field of {path} does not fit "
            f"{NAME}['GROUP_MODEL'], which is {model._meta.label}: {error}",
            hint="See docs/groups.md. GROUP_MODEL is to be set before migrating.",
            id="maptician_scim.E024",
        )


def _is_inherited_by(adapter: type[GroupAdapter], name: str) -> bool:
    return getattr_static(adapter, name) is getattr_static(GroupAdapter, name)


def _paths(adapter: type[UserAdapter]) -> Iterator[str]:
    """The ORM paths an adapter names, from the host user on."""
    mapping = adapter.mapping()
    yield adapter.tenant_field
    yield from (mapped.attribute.field for mapped in mapping.mapped)
    if mapping.user_name is not None:
        yield mapping.user_name.field


def _is_inherited(adapter: type[UserAdapter], name: str) -> bool:
    return getattr_static(adapter, name) is getattr_static(UserAdapter, name)


def _check_values(configured: dict[str, Any]) -> Iterator[CheckMessage]:
    for name in POSITIVE:
        if not _is_positive(configured.get(name, 1)):
            yield Error(
                f"{NAME}[{name!r}] must be a positive whole number.",
                hint="Leave it out for the default.",
                id="maptician_scim.E011",
            )
    if configured.get("DELETE_BEHAVIOUR", "deactivate") not in ("deactivate", "delete"):
        yield Error(
            f"{NAME}['DELETE_BEHAVIOUR'] must be 'deactivate' or 'delete'.",
            hint="Leave it out to have people deactivated and kept.",
            id="maptician_scim.E012",
        )
    if configured.get("UNKNOWN_ROLES", "keep") not in ("keep", "refuse"):
        yield Error(
            f"{NAME}['UNKNOWN_ROLES'] must be 'keep' or 'refuse'.",
            hint="Leave it out to have roles and entitlements kept as they are sent.",
            id="maptician_scim.E031",
        )
    lifetime = configured.get("TOKEN_LIFETIME_DAYS")
    if lifetime is not None and not _is_positive(lifetime):
        yield Error(
            f"{NAME}['TOKEN_LIFETIME_DAYS'] must be a positive whole number or None.",
            hint="None lets new tokens never expire.",
            id="maptician_scim.E013",
        )
    for name in RATES:
        if not _is_rate(configured.get(name)):
            yield Error(
                f"{NAME}[{name!r}] must be a rate or None.",
                hint="Write it as '200/s', '100/m' or '200/s burst 1000'.",
                id="maptician_scim.E032",
            )
    for name in SWITCHES:
        if not isinstance(configured.get(name, False), bool):
            yield Error(
                f"{NAME}[{name!r}] must be True or False.",
                hint="A text such as 'False' would count as true.",
                id="maptician_scim.E014",
            )
    page = configured.get("DOCUMENTATION_URI")
    if page is not None and not (isinstance(page, str) and page.startswith(("https:", "http:"))):
        yield Error(
            f"{NAME}['DOCUMENTATION_URI'] must be an absolute URL or None.",
            hint="Clients are told this address as it is.",
            id="maptician_scim.E015",
        )


def _check_operation(configured: dict[str, Any]) -> Iterator[CheckMessage]:
    """What concerns tokens and administrators."""
    lifetime = configured.get("TOKEN_LIFETIME_DAYS", 365)
    if configured.get("TOKENS_MUST_EXPIRE") is True and lifetime is None:
        yield Error(
            f"{NAME}['TOKENS_MUST_EXPIRE'] needs a 'TOKEN_LIFETIME_DAYS'.",
            hint="None would let new tokens never expire.",
            id="maptician_scim.E016",
        )
    proxies = configured.get("TRUSTED_PROXIES", 0)
    if proxies != 0 and not _is_positive(proxies):
        yield Error(
            f"{NAME}['TRUSTED_PROXIES'] must be the number of proxies in front of the project.",
            hint="Zero takes the address of the connection for the client's.",
            id="maptician_scim.E017",
        )
    for name in ("EXPIRY_EMAILS", "SAFEGUARD_EMAILS"):
        if not _are_addresses(configured.get(name, ())):
            yield Error(
                f"{NAME}[{name!r}] must be a list of e-mail addresses.",
                hint="Leave it out to send no e-mail.",
                id="maptician_scim.E018",
            )
    percent = configured.get("SAFEGUARD_PERCENT", 0)
    if percent != 0 and not (_is_positive(percent) and percent <= 100):
        yield Error(
            f"{NAME}['SAFEGUARD_PERCENT'] must be a whole number from 0 to 100.",
            hint="Zero leaves 'SAFEGUARD_PEOPLE' alone.",
            id="maptician_scim.E033",
        )
    path = configured.get("TENANT_QUERYSET_FOR")
    if path is not None and not _is_function(path):
        yield Error(
            f"{NAME}['TENANT_QUERYSET_FOR'] names no function: {path!r}.",
            hint="Give the dotted path of a function from a user to a queryset of tenants.",
            id="maptician_scim.E019",
        )


def _is_function(path: object) -> bool:
    try:
        return isinstance(path, str) and callable(import_string(path))
    except ImportError:
        return False


def _are_addresses(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(email, str) and "@" in email for email in value
    )


def _is_positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_rate(value: object) -> bool:
    try:
        return value is None or (isinstance(value, str) and bool(Rate.read(value)))
    except ValueError:
        return False


def _check_cache() -> Iterator[CheckMessage]:
    if settings.CACHES["default"]["BACKEND"] == "django.core.cache.backends.dummy.DummyCache":
        yield CheckWarning(
            "Refused requests are counted in the cache, and the dummy cache counts nothing.",
            hint="Configure a cache, or every request with a wrong token writes an event.",
            id="maptician_scim.W001",
        )


def check_links(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Whether somebody of a tenant has no record yet, and so is not visible over SCIM."""
    if "default" not in (databases or ()):
        return []
    if any(message.is_serious() for message in check_settings(app_configs)):
        return []
    try:
        tenants = tenant_model()._default_manager.all()
        missing = [str(t) for t in tenants.iterator() if unlinked_users(t).exists()]
    except DatabaseError:
        return []  # not migrated yet
    if not missing:
        return []
    return [
        CheckWarning(
            f"Not everybody is visible over SCIM in {len(missing)} tenants: "
            f"{', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}.",
            hint="Run manage.py scim_link_users.",
            id="maptician_scim.W002",
        )
    ]
