"""Every setting of this app, with its default: the keys of ``settings.MAPTICIAN_SCIM``.

Read when used, so that ``override_settings`` works and nothing is frozen at import. A request asks
for twenty of them: the dictionary and the adapters are looked up once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from maptician_scim.adapters import UserAdapter
    from maptician_scim.group_adapters import GroupAdapter

DeleteBehaviour = Literal["deactivate", "delete"]
UnknownRoles = Literal["keep", "refuse"]

Tenant: TypeAlias = Any
"""A row of the host's tenant model: a type only the host knows."""

HostUser: TypeAlias = Any
"""A row of the host's user model."""

HostGroup: TypeAlias = Any
"""A row of the host's group model."""

NAME = "MAPTICIAN_SCIM"


class Settings:
    """Typed access to ``settings.MAPTICIAN_SCIM``; one property per key."""

    @cached_property
    def configured(self) -> dict[str, Any]:
        """What the project wrote, unchecked; ``checks.py`` reports what is wrong with it."""
        value = getattr(settings, NAME, None)
        return value if isinstance(value, dict) else {}

    def forget(self, *, setting: str, **kwargs: Any) -> None:
        """``setting_changed``: a test has other settings from here on."""
        if setting == NAME:
            vars(self).clear()

    def _required(self, name: str) -> str:
        value = self.configured.get(name)
        if not isinstance(value, str):
            raise ImproperlyConfigured(f"{NAME} needs {name!r}; see the README of maptician-scim.")
        return value

    @property
    def TENANT_MODEL(self) -> str:
        """The host's model of a customer, as ``"app_label.Model"``. Required."""
        return self._required("TENANT_MODEL")

    @property
    def TENANT_FIELD(self) -> str:
        """The unique field of the tenant model that holds its subdomain, in lower case."""
        return cast(str, self.configured.get("TENANT_FIELD", "subdomain"))

    @property
    def BASE_DOMAIN(self) -> str:
        """The domain whose subdomains are the tenants. Required."""
        return self._required("BASE_DOMAIN").lower().strip(".")

    @cached_property
    def USER_ADAPTER(self) -> type[UserAdapter]:
        """The host's subclass of ``UserAdapter``, given as a dotted path. Required."""
        return cast("type[UserAdapter]", import_string(self._required("USER_ADAPTER")))

    @cached_property
    def GROUP_ADAPTER(self) -> type[GroupAdapter] | None:
        """The host's subclass of ``GroupAdapter``, as a dotted path; ``None``: no groups."""
        path = self.configured.get("GROUP_ADAPTER")
        return cast("type[GroupAdapter]", import_string(path)) if path else None

    @property
    def GROUP_MODEL(self) -> str:
        """The host's model of a group, as ``"app_label.Model"``; chosen before migrating."""
        return cast(str, self.configured.get("GROUP_MODEL", "auth.Group"))

    @property
    def NESTED_GROUPS(self) -> bool:
        """Whether a group may be a member of another group."""
        return cast(bool, self.configured.get("NESTED_GROUPS", False))

    @property
    def serves_groups(self) -> bool:
        """Whether there are groups here at all: no setting, but what ``GROUP_ADAPTER`` says."""
        return bool(self.configured.get("GROUP_ADAPTER"))

    @property
    def DEFAULT_PAGE_SIZE(self) -> int:
        """Resources in a list answer when the client names no ``count``."""
        return cast(int, self.configured.get("DEFAULT_PAGE_SIZE", 100))

    @property
    def MAX_PAGE_SIZE(self) -> int:
        """The most resources in one list answer; a larger ``count`` is clamped to it."""
        return cast(int, self.configured.get("MAX_PAGE_SIZE", 1000))

    @property
    def REMEMBER_TOTALS(self) -> bool:
        """Whether PostgreSQL keeps the number of a tenant's people, by a trigger on the users."""
        return cast(bool, self.configured.get("REMEMBER_TOTALS", True))

    @property
    def CURSOR_LIFETIME(self) -> int:
        """Seconds for which a cursor of a list can be used."""
        return cast(int, self.configured.get("CURSOR_LIFETIME", 3600))

    @property
    def MAX_BODY_SIZE(self) -> int:
        """The largest request body in bytes; more is answered with 413."""
        return cast(int, self.configured.get("MAX_BODY_SIZE", 1024 * 1024))

    @property
    def MAX_HEADERS_SIZE(self) -> int:
        """The most bytes of all headers of a request; more is answered with 431."""
        return cast(int, self.configured.get("MAX_HEADERS_SIZE", 32 * 1024))

    @property
    def MAX_RESPONSE_SIZE(self) -> int:
        """The largest answer to a request that reads, in bytes; more is refused as ``tooMany``."""
        return cast(int, self.configured.get("MAX_RESPONSE_SIZE", 16 * 1024 * 1024))

    @property
    def MAX_JSON_DEPTH(self) -> int:
        """How deep objects and arrays may be nested in a request body."""
        return cast(int, self.configured.get("MAX_JSON_DEPTH", 20))

    @property
    def MAX_FILTER_LENGTH(self) -> int:
        """The longest filter in characters."""
        return cast(int, self.configured.get("MAX_FILTER_LENGTH", 4000))

    @property
    def MAX_FILTER_DEPTH(self) -> int:
        """How deep parentheses and brackets may be nested in a filter."""
        return cast(int, self.configured.get("MAX_FILTER_DEPTH", 20))

    @property
    def MAX_FILTER_TERMS(self) -> int:
        """The most terms of a filter; one on an attribute with several values counts as six."""
        return cast(int, self.configured.get("MAX_FILTER_TERMS", 60))

    @property
    def MAX_PATCH_OPERATIONS(self) -> int:
        """The most operations in one PATCH request."""
        return cast(int, self.configured.get("MAX_PATCH_OPERATIONS", 1000))

    @property
    def BULK(self) -> bool:
        """Whether there is an endpoint ``/Bulk``."""
        return cast(bool, self.configured.get("BULK", True))

    @property
    def BULK_MAX_OPERATIONS(self) -> int:
        """The most operations in one bulk request; more is answered with 413."""
        return cast(int, self.configured.get("BULK_MAX_OPERATIONS", 1000))

    @property
    def BULK_MAX_PAYLOAD_SIZE(self) -> int:
        """The largest bulk request in bytes; more is answered with 413."""
        return cast(int, self.configured.get("BULK_MAX_PAYLOAD_SIZE", 5 * 1024 * 1024))

    @property
    def BULK_TIME_LIMIT(self) -> int:
        """Seconds after which a bulk request begins no further operation."""
        return cast(int, self.configured.get("BULK_TIME_LIMIT", 25))

    @property
    def MAX_VALUES(self) -> int:
        """The most values of an attribute with several; the members of a group have no limit."""
        return cast(int, self.configured.get("MAX_VALUES", 5000))

    @property
    def MAX_PATCH_COMPARISONS(self) -> int:
        """The most comparisons of entries, such as e-mails, that one PATCH request may ask for."""
        return cast(int, self.configured.get("MAX_PATCH_COMPARISONS", 2000))

    @property
    def STRICT(self) -> bool:
        """Whether what the RFCs do not foresee is refused: for conformance work only."""
        return cast(bool, self.configured.get("STRICT", False))

    @property
    def MAX_UNKNOWN_SCHEMAS_SIZE(self) -> int:
        """The most bytes kept of a person under URNs nobody declared, where a tenant keeps them."""
        return cast(int, self.configured.get("MAX_UNKNOWN_SCHEMAS_SIZE", 16 * 1024))

    @property
    def DELETE_BEHAVIOUR(self) -> DeleteBehaviour:
        """What DELETE does to the host's user: ``"deactivate"`` keeps it, ``"delete"`` does not."""
        return cast(DeleteBehaviour, self.configured.get("DELETE_BEHAVIOUR", "deactivate"))

    @property
    def SET_PASSWORD(self) -> bool:
        """Whether a password the client sends is set; by default it is dropped."""
        return cast(bool, self.configured.get("SET_PASSWORD", False))

    @property
    def ROLES_AND_ENTITLEMENTS(self) -> bool:
        """Whether there are ``/Roles`` and ``/Entitlements``, listing what the adapter offers."""
        return cast(bool, self.configured.get("ROLES_AND_ENTITLEMENTS", True))

    @property
    def UNKNOWN_ROLES(self) -> UnknownRoles:
        """What happens to a role or entitlement of a user that the adapter does not offer.

        ``"keep"`` keeps it as sent; ``"refuse"`` answers ``invalidValue``.
        """
        return cast(UnknownRoles, self.configured.get("UNKNOWN_ROLES", "keep"))

    @property
    def TOKEN_LIFETIME_DAYS(self) -> int | None:
        """Days until a new token expires when its issuer names no date; ``None`` is never."""
        return cast("int | None", self.configured.get("TOKEN_LIFETIME_DAYS", 365))

    @property
    def TOKENS_MUST_EXPIRE(self) -> bool:
        """Whether a token that never expires may not be issued."""
        return cast(bool, self.configured.get("TOKENS_MUST_EXPIRE", False))

    @property
    def ROTATION_HOURS(self) -> int:
        """Hours a rotated token goes on working beside its successor, if nobody says otherwise."""
        return cast(int, self.configured.get("ROTATION_HOURS", 72))

    @property
    def EXPIRY_EMAILS(self) -> Sequence[str]:
        """Who is told by e-mail, from ``scim_token check``, that a token is about to expire."""
        return cast("Sequence[str]", self.configured.get("EXPIRY_EMAILS", ()))

    @property
    def SAFEGUARD(self) -> bool:
        """Whether the mass-deactivation safeguard is on where a tenant chooses nothing."""
        return cast(bool, self.configured.get("SAFEGUARD", False))

    @property
    def SAFEGUARD_PEOPLE(self) -> int:
        """How many people it lets a client deactivate within an hour, if a share is not more."""
        return cast(int, self.configured.get("SAFEGUARD_PEOPLE", 100))

    @property
    def SAFEGUARD_PERCENT(self) -> int:
        """That share: of a tenant's active people, in percent. The larger of the two counts."""
        return cast(int, self.configured.get("SAFEGUARD_PERCENT", 20))

    @property
    def SAFEGUARD_EMAILS(self) -> Sequence[str]:
        """Who is told by e-mail that a tenant's safeguard has stopped deactivations."""
        return cast("Sequence[str]", self.configured.get("SAFEGUARD_EMAILS", ()))

    @property
    def TRUSTED_PROXIES(self) -> int:
        """Proxies in front of the application that add to ``X-Forwarded-For``."""
        return cast(int, self.configured.get("TRUSTED_PROXIES", 0))

    @property
    def THROTTLE(self) -> str | None:
        """The requests a token may send, such as ``"200/s"``; ``None`` for no limit.

        ``"200/s burst 1000"`` lets 1,000 come at once, after which 200 a second are let in.
        """
        return cast("str | None", self.configured.get("THROTTLE", "200/s burst 1000"))

    @property
    def FAILED_AUTHENTICATIONS(self) -> str | None:
        """The failed authentications from one network address after which more get 429.

        Valid tokens from there are let in as ever. ``None`` answers 401 without end.
        """
        return cast("str | None", self.configured.get("FAILED_AUTHENTICATIONS", "100/m"))

    @property
    def TENANT_QUERYSET_FOR(self) -> Callable[[HostUser], QuerySet[Any]] | None:
        """A function, given as a dotted path, from an admin to the tenants they may see.

        ``None`` shows all tenants to everybody who has the permission.
        """
        path = self.configured.get("TENANT_QUERYSET_FOR")
        return cast("Callable[[HostUser], QuerySet[Any]]", import_string(path)) if path else None

    @property
    def EVENT_RETENTION_DAYS(self) -> int:
        """Days after which ``scim_prune_events`` removes an event."""
        return cast(int, self.configured.get("EVENT_RETENTION_DAYS", 365))

    @property
    def REQUEST_RETENTION_DAYS(self) -> int:
        """Days after which it forgets the headers and the body of a refused request."""
        return cast(int, self.configured.get("REQUEST_RETENTION_DAYS", 30))

    @property
    def MAX_KEPT_REQUEST(self) -> int:
        """Characters that are kept of the body of a refused request."""
        return cast(int, self.configured.get("MAX_KEPT_REQUEST", 16 * 1024))

    @property
    def RETRY_AFTER(self) -> int:
        """Seconds a client is told to wait after a 503. Okta reads integers only."""
        return cast(int, self.configured.get("RETRY_AFTER", 5))

    @property
    def DOCUMENTATION_URI(self) -> str | None:
        """A page for the customer's administrator, announced in ServiceProviderConfig."""
        return cast("str | None", self.configured.get("DOCUMENTATION_URI"))

    @property
    def ROW_LEVEL_SECURITY(self) -> bool:
        """Whether PostgreSQL itself keeps tenants apart, with what ``scim_rls enable`` installs."""
        return cast(bool, self.configured.get("ROW_LEVEL_SECURITY", False))

    @property
    def SERVICE_PROVIDER_CONFIG_IS_PUBLIC(self) -> bool:
        """Whether ``/ServiceProviderConfig`` is answered without a token, too."""
        return cast(bool, self.configured.get("SERVICE_PROVIDER_CONFIG_IS_PUBLIC", False))


scim_settings = Settings()
setting_changed.connect(scim_settings.forget)
