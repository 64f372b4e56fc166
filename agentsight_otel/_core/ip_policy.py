"""The IP policy: how much of an address is stored."""

import ipaddress

from agentsight_otel._core.config import IPPolicy


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parses an IP address; an IPv4 address written as IPv6 becomes IPv4. None where the text is no address."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def apply_policy(address: ipaddress.IPv4Address | ipaddress.IPv6Address, policy: IPPolicy) -> str:
    """The stored form of an address: all of it (full), its /24 or /48 (truncate, IPv4 or IPv6), or '' (drop)."""
    if policy == "drop":
        return ""
    if policy == "full":
        return str(address)
    prefix = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address.packed, prefix), strict=False).network_address)
