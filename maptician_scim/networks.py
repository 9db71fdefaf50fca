"""Addresses of clients, and the networks a token is allowed from."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from django.http import HttpRequest
from django.utils.translation import gettext as _

from maptician_scim.conf import scim_settings

MAPPED_BITS = 96
"""How much of an IPv6 address stands before an IPv4 address that is mapped into it."""

SUBSCRIBER_BITS = 64
"""How much of an IPv6 address is the same for all addresses of one subscriber, at the least."""


def normalized(network: str) -> str:
    """A network in CIDR notation. Raises ``ValueError`` with what to do about it."""
    text = network.strip()
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        found = None
    if found is None or "%" in text:
        raise ValueError(
            _(
                "this is no network. Write an address, a slash and the number of fixed bits, such "
                "as 192.0.2.0/24 or 2001:db8::/32, or a single address."
            )
        )
    if not _is_start(text, found):
        raise ValueError(
            _("bits after the first %(bits)d are set. Write %(network)s, or %(address)s alone.")
            % {
                "bits": found.prefixlen,
                "network": found,
                "address": text.partition("/")[0].strip(),
            }
        )
    return str(_unmapped(found))


def _is_start(text: str, network: IPv4Network | IPv6Network) -> bool:
    return ip_address(text.partition("/")[0].strip()) == network.network_address


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """The IPv4 network, where one is written in IPv6: addresses are compared in that form."""
    if isinstance(network, IPv6Network) and network.prefixlen >= MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - MAPPED_BITS))
    return network


def contain(networks: Iterable[str], address: str | None) -> bool:
    """Whether an address lies in one of the networks."""
    found = _address(address or "")
    return found is not None and any(found in ip_network(network) for network in networks)


def of_one_subscriber(address: str | None) -> str:
    """The network a provider gives to one subscriber: an IPv4 address, or 64 bits of IPv6.

    Empty for what is no address.
    """
    found = _address(address or "")
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, SUBSCRIBER_BITS), strict=False))
    return str(found or "")


def client_address(request: HttpRequest) -> str | None:
    """The address a request came from.

    Behind ``TRUSTED_PROXIES`` proxies it is the one the outermost of them saw: each adds one to
    the end of ``X-Forwarded-For``, and what stands before those is the client's own invention.
    """
    seen = [request.META.get("REMOTE_ADDR", "")]
    if proxies := scim_settings.TRUSTED_PROXIES:
        # Without the header nobody knows: the address of the connection would be a proxy's.
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        seen = [*forwarded, *seen][-proxies - 1 :]
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
