"""IP address to country and city; what is kept of the address."""

import functools
import ipaddress
import os
import threading
import time
import weakref
from pathlib import Path
from typing import Any

from agentsight_otel import semconv
from agentsight_otel._guard import guard, say
from agentsight_otel.config import IPPolicy

_CACHED_ADDRESSES = 10_000
_LOOK_AGAIN_S = 5.0


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address; an IPv4 one also where it is written as IPv6. None where it is none."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def apply_policy(address: ipaddress.IPv4Address | ipaddress.IPv6Address, policy: IPPolicy) -> str:
    """What is stored of an address: all of it, its /24 (IPv4) or /48 (IPv6), or ''."""
    if policy == "drop":
        return ""
    if policy == "full":
        return str(address)
    prefix = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address.packed, prefix), strict=False).network_address)


class Geolocator:
    """Looks addresses up in a database file, and reads the file again when it changes.

    What is wrong with the file, now or later, is said in one warning; addresses then have no place. The file is read
    into memory, so that neither a new one in its place nor one written over it disturbs.

    Args:
        path: A MaxMind or DB-IP city or country file (.mmdb).
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._reader: Any = None
        self._look_up: Any = None
        self._seen: tuple[int, int, int] | None = None
        self._look_again = 0.0
        self._lock = threading.RLock()
        self._cached = functools.lru_cache(_CACHED_ADDRESSES)(self._attributes)
        if hasattr(os, "register_at_fork"):
            itself = weakref.ref(self)

            def new_lock_in_child() -> None:
                if (locator := itself()) is not None:
                    locator._lock = threading.RLock()

            os.register_at_fork(after_in_child=new_lock_in_child)
        self._read_if_changed()

    def attributes(self, address: str) -> dict[str, str | float]:
        """The ``geo.*`` attributes of an address; empty where it has none. Never raises."""
        with guard("geolocating an address"):
            if time.monotonic() >= self._look_again:
                self._read_if_changed()
            if self._look_up is not None:
                return self._cached(address)
        return {}

    def _read_if_changed(self) -> None:
        with self._lock:
            self._look_again = time.monotonic() + _LOOK_AGAIN_S
            try:
                status = Path(self._path).stat()
                seen = (status.st_ino, status.st_size, status.st_mtime_ns)
                if seen == self._seen:
                    return
                self._seen = seen
                self._read()
            except Exception as error:
                # What was read before serves on: a file may be half-written when it is looked at.
                say("geoip_database", f"geoip_database: {self._path!r}: expected a city or country database: {error}")

    def _read(self) -> None:
        from geoip2.database import Reader
        from maxminddb import MODE_MEMORY

        reader = Reader(self._path, mode=MODE_MEMORY)
        kind = reader.metadata().database_type
        if "City" not in kind and "Country" not in kind and "Enterprise" not in kind:
            raise ValueError(f"found {kind}")
        self._reader = reader
        self._look_up = reader.country if "Country" in kind else reader.city
        self._cached.cache_clear()

    def _attributes(self, address: str) -> dict[str, str | float]:
        from geoip2.errors import AddressNotFoundError

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
