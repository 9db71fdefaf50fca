"""Addresses of clients, and the networks a token is allowed from."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.http import HttpRequest

from maptician_scim.conf import scim_settings


def normalized(network: str) -> str:
    """A network in CIDR notation. Raises ``ValueError`` with what is wrong with it."""
    return str(ip_network(network.strip()))


def contain(networks: Iterable[str], address: str | None) -> bool:
    """Whether an address lies in one of the networks."""
    found = _address(address or "")
    return found is not None and any(found in ip_network(network) for network in networks)


def client_address(request: HttpRequest) -> str | None:
    """The address a request came from.

    Behind ``TRUSTED_PROXIES`` proxies it is the one the outermost of them saw: each adds one to
    the end of ``X-Forwarded-For``, and what stands before those is the client's own invention.
    """
    seen = [request.META.get("REMOTE_ADDR", "")]
    proxies = scim_settings.TRUSTED_PROXIES
    if proxies and (forwarded := request.META.get("HTTP_X_FORWARDED_FOR")):
        seen = [*forwarded.split(","), *seen][-proxies - 1 :]
    found = _address(seen[0])
    return str(found) if found else None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address, with the port some proxies add taken off."""
    text = text.strip().partition("%")[0]  # a zone means something to this machine only
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    # Sockets that listen on both protocols show IPv4 clients so.
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
