"""From an IP address to country and city."""

import functools
from pathlib import Path
from typing import Any

from agentsight_otel import semconv
from agentsight_otel._core.clock import steady_s
from agentsight_otel._core.config import IPPolicy
from agentsight_otel._core.guard import guard, say
from agentsight_otel._core.ip_policy import apply_policy, parse_address
from agentsight_otel._core.locks import new_lock

_CACHED_ADDRESSES = 10_000
_LONGEST_ADDRESS = 128
_LOOK_AGAIN_S = 5.0


class Geolocator:
    """Looks addresses up in a database file, and reads the file again when it changes.

    A file that is missing or damaged is logged once as a warning, and addresses then get no ``geo.*`` attributes. The
    file is read into memory, so that replacing it or writing over it does not disturb lookups.

    Args:
        path: A MaxMind or DB-IP city or country file (.mmdb).
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._reader: Any = None
        self._look_up: Any = None
        self._seen: tuple[int, int, int] | None = None
        self._look_again = 0.0
        self._lock = new_lock()
        self._cached = functools.lru_cache(_CACHED_ADDRESSES)(self._attributes)
        self._read_if_changed()

    def attributes(self, address: str) -> dict[str, str | float]:
        """The ``geo.*`` attributes of an address; empty where it has none. Never raises."""
        with guard("geolocating an address"):
            if steady_s() >= self._look_again:
                self._read_if_changed()
            if self._look_up is not None:
                return self._cached(address)
        return {}

    def _read_if_changed(self) -> None:
        with self._lock:
            self._look_again = steady_s() + _LOOK_AGAIN_S
            try:
                status = Path(self._path).stat()
                seen = (status.st_ino, status.st_size, status.st_mtime_ns)
                if seen == self._seen:
                    return
                self._seen = seen
                self._read()
            except Exception as error:
                # The database read before stays in use: the new file may be only half written yet.
                say(
                    "geoip_database",
                    f"geoip_database: {self._path!r}: expected a city or country database: {error}. Until it is there,"
                    " addresses get no country",
                )

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
            place: Any = self._look_up(address)
        except AddressNotFoundError:
            return {}
        country = place.country.iso_code
        subdivisions = getattr(place, "subdivisions", None)
        region = subdivisions.most_specific.iso_code if subdivisions else None
        location = getattr(place, "location", None)
        attributes = {
            semconv.GEO_COUNTRY_ISO_CODE: country,
            semconv.GEO_REGION_ISO_CODE: f"{country}-{region}" if country and region else None,
            semconv.GEO_LOCALITY_NAME: getattr(getattr(place, "city", None), "name", None),
            semconv.GEO_LOCATION_LAT: getattr(location, "latitude", None),
            semconv.GEO_LOCATION_LON: getattr(location, "longitude", None),
        }
        return {key: value for key, value in attributes.items() if value is not None}


def attributes_of(
    text: str, policy: IPPolicy, geolocator: Geolocator | None, *, has_country: bool = False
) -> dict[str, str | float]:
    """A customer's address as span attributes: geolocated in full first, then stored as the policy allows.

    Args:
        text: The address.
        policy: How much of the address is stored.
        geolocator: None where no geolocation database is set.
        has_country: Whether the country was passed by the caller, so that it is not looked up.
    """
    told = _told(text, policy) if len(text) <= _LONGEST_ADDRESS else None
    if told is None:
        say("address", "customer_ip_address: not stored: expected one IPv4 or IPv6 address")
        return {}
    whole, stored = told
    attributes = dict(geolocator.attributes(whole)) if geolocator is not None else {}
    if geolocator is None and not has_country:
        say(
            "no geoip_database",
            "customer addresses are given, but no geoip_database: their country is unknown unless a collector adds it."
            " Set AGENTSIGHT_GEOIP_DB to a .mmdb file (free: DB-IP Lite, GeoLite2), or give country=",
            repeat_after_s=float("inf"),
        )
    if stored:
        attributes[semconv.CLIENT_ADDRESS] = stored
    return attributes


@functools.lru_cache(_CACHED_ADDRESSES)
def _told(text: str, policy: IPPolicy) -> tuple[str, str] | None:
    """An address as it is looked up, and as it is stored; None where it is not one. A visitor comes again."""
    address = parse_address(text)
    return None if address is None else (str(address), apply_policy(address, policy))
