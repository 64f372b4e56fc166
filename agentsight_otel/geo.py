"""IP address to country and city; what is kept of the address."""

import functools
import ipaddress
from typing import Any

from agentsight_otel import semconv
from agentsight_otel._guard import guard, say
from agentsight_otel.config import IPPolicy

_CACHED_ADDRESSES = 10_000


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address; an IPv4 one also where it is written as IPv6. None where it is none."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def apply_policy(address: ipaddress.IPv4Address | ipaddress.IPv6Address, policy: IPPolicy) -> str:
    """What is stored of an address: all of it, its /24 (IPv4) or /48 (IPv6), or ''."""
    if policy == "dropped":
        return ""
    if policy == "full":
        return str(address)
    prefix = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address.packed, prefix), strict=False).network_address)


class Geolocator:
    """Looks addresses up in a MaxMind database.

    Args:
        path: A GeoIP2 or GeoLite2 city or country file (.mmdb).

    Raises:
        ValueError: The file is none.
    """

    def __init__(self, path: str) -> None:
        from geoip2.database import Reader
        from maxminddb import InvalidDatabaseError

        try:
            self._reader = Reader(path)
        except (InvalidDatabaseError, OSError) as error:
            raise ValueError(f"geoip_database: {path!r}: expected a MaxMind database: {error}") from None
        kind = self._reader.metadata().database_type
        if "City" not in kind and "Country" not in kind and "Enterprise" not in kind:
            raise ValueError(f"geoip_database: {path!r}: expected a city or country database, found {kind}")
        self._look_up = self._reader.country if "Country" in kind else self._reader.city
        self.attributes = functools.lru_cache(_CACHED_ADDRESSES)(self._attributes)

    def _attributes(self, address: str) -> dict[str, str | float]:
        """The ``geo.*`` attributes of an address; empty where it is not in the database."""
        from geoip2.errors import AddressNotFoundError

        with guard("geolocating an address"):
            try:
                found: Any = self._look_up(address)
            except AddressNotFoundError:
                return {}
            country = found.country.iso_code
            subdivisions = getattr(found, "subdivisions", None)
            region = subdivisions.most_specific.iso_code if subdivisions else None
            location = getattr(found, "location", None)
            attributes = {
                semconv.GEO_COUNTRY_ISO_CODE: country,
                semconv.GEO_REGION_ISO_CODE: f"{country}-{region}" if country and region else None,
                semconv.GEO_LOCALITY_NAME: getattr(getattr(found, "city", None), "name", None),
                semconv.GEO_LOCATION_LAT: getattr(location, "latitude", None),
                semconv.GEO_LOCATION_LON: getattr(location, "longitude", None),
            }
            return {key: value for key, value in attributes.items() if value is not None}
        return {}


def attributes_of(text: str, policy: IPPolicy, geolocator: Geolocator | None) -> dict[str, str | float]:
    """A customer's address as span attributes: located in full first, then stored as the policy allows."""
    address = parse_address(text)
    if address is None:
        say("address", "customer_ip_address: not stored: expected one IPv4 or IPv6 address")
        return {}
    attributes = dict(geolocator.attributes(str(address))) if geolocator is not None else {}
    stored = apply_policy(address, policy)
    if stored:
        attributes[semconv.CLIENT_ADDRESS] = stored
    return attributes
