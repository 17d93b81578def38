"""Sets of IP addresses and networks, written as settings write them: ``["127.0.0.1", "10.0.0.0/8", "::1"]``.

Used for white lists and trusted proxies. An IPv4 address counts as itself when it comes mapped into IPv6
(``::ffff:127.0.0.1``), as it does on a socket that serves both.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from tornadopy.exceptions import ConfigError, TornadopyError

__all__ = ["AddressSet", "parse_addresses"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


class AddressSet:
    """Addresses and networks, asked with ``in`` for an address as text.

    Args:
        networks: The members; a single address is a network of full length.

    .. versionadded:: 2.0
    """

    __slots__ = ("_addresses", "_networks")

    def __init__(self, networks: Iterable[Network]) -> None:
        members = list(networks)
        self._addresses = frozenset(each.network_address for each in members if each.num_addresses == 1)
        self._networks = tuple(each for each in members if each.num_addresses > 1)

    def __contains__(self, address: object) -> bool:
        """Whether *address* is one of these; what is no address is not."""
        try:
            parsed = _unmap(ipaddress.ip_address(address)) if isinstance(address, str) else None
        except ValueError:
            return False
        if parsed is None:
            return False
        return parsed in self._addresses or any(parsed in network for network in self._networks)


def parse_addresses(
    entries: str | Iterable[str], *, source: str, error: type[TornadopyError] = ConfigError
) -> AddressSet:
    """Return *entries* as a set.

    Args:
        entries: Addresses (``127.0.0.1``, ``::1``) and networks (``10.0.0.0/8``); a single one may stand alone.
        source: Where they stand, for the message: ``WHITELIST``.
        error: What is raised.

    Raises:
        TornadopyError: Of the type *error*: an entry is neither; the message says which, as in ``WHITELIST[1]``.

    .. versionadded:: 2.0
    """
    listed = [entries] if isinstance(entries, str) else list(entries)
    return AddressSet([_parse(entry, f"{source}[{index}]", error) for index, entry in enumerate(listed)])


def _parse(entry: object, place: str, error: type[TornadopyError]) -> Network:
    expected = "expected an address such as '127.0.0.1' or '::1', or a network such as '10.0.0.0/8'"
    if not isinstance(entry, str):
        # A number would be taken for the address of that value.
        raise error(f"{place}: got {entry!r} ({type(entry).__name__}); {expected}")
    try:
        network = ipaddress.ip_network(entry)
    except ValueError as exc:
        raise error(f"{place}: {exc}; {expected}") from exc
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        inner = ipaddress.IPv4Address(int(network.network_address) & 0xFFFFFFFF)
        return ipaddress.IPv4Network((inner, network.prefixlen - _MAPPED.prefixlen))
    return network


def _unmap(address: Address) -> Address:
    """Return an IPv4 address that is mapped into IPv6 as itself, and any other without its zone."""
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return address
