"""Sets of addresses and networks."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tornadopy.exceptions import ArgumentError, ConfigError
from tornadopy.utils.addresses import AddressSet, parse_addresses


def parse(*entries: str) -> AddressSet:
    return parse_addresses(entries, source="WHITELIST")


def test_addresses_and_networks_of_both_versions() -> None:
    members = parse("127.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32")
    for inside in ("127.0.0.1", "10.255.0.1", "::1", "0:0:0:0:0:0:0:1", "2001:db8:1::5"):
        assert inside in members
    for outside in ("127.0.0.2", "11.0.0.1", "::2", "2001:db9::1"):
        assert outside not in members


def test_an_ipv4_address_mapped_into_ipv6_is_itself_on_both_sides() -> None:
    assert "::ffff:10.1.2.3" in parse("10.0.0.0/8")
    assert "::ffff:11.1.2.3" not in parse("10.0.0.0/8")
    members = parse("::ffff:10.0.0.0/104", "::ffff:127.0.0.1")
    assert "10.200.0.1" in members
    assert "127.0.0.1" in members
    assert "127.0.0.2" not in members
    assert "::ffff:10.0.0.1" not in parse("::/0"), "an IPv4 client is one on any socket"


def test_a_zone_does_not_matter() -> None:
    assert "fe80::1%eth0" in parse("fe80::1")
    assert "fe80::1%eth0" in parse("fe80::/10")


@pytest.mark.parametrize("address", ["", "localhost", "127.0.0.1:80", "1", "127.1", "999.0.0.1", None, 2130706433])
def test_what_is_no_address_is_in_no_set(address: object) -> None:
    assert address not in parse("0.0.0.0/0", "::/0")


def test_a_single_entry_may_stand_alone_and_none_is_nobody() -> None:
    assert "10.0.0.1" in parse_addresses("10.0.0.0/8", source="x")
    assert "127.0.0.1" not in parse()


@pytest.mark.parametrize("entry", ["localhost", "", "10.1.2.3/8", "10.0.0.0/33", "fe80::1%eth0/64"])
def test_a_bad_entry_is_named_with_its_place(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"^WHITELIST\[1\]: .*expected an address such as") as error:
        parse("127.0.0.1", entry)
    assert isinstance(error.value.__cause__, ValueError)


def test_a_number_is_no_entry_and_the_error_is_the_callers() -> None:
    with pytest.raises(ArgumentError, match=r"whitelisted\(\)\[0\]: got 5 \(int\); expected"):
        parse_addresses([5], source="whitelisted()", error=ArgumentError)  # type: ignore[list-item]


@given(st.ip_addresses(), st.integers(0, 128))
def test_membership_is_that_of_the_network(address: ipaddress.IPv4Address, prefix: int) -> None:
    assume(getattr(address, "ipv4_mapped", None) is None)
    network = ipaddress.ip_network((address, min(prefix, address.max_prefixlen)), strict=False)
    assert str(address) in parse(str(network))
