"""Geolocation from a real database file, and what is kept of the address."""

import contextvars
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

import agentsight_otel as agentsight
from agentsight_otel._core import geo, guard
from agentsight_otel.testing import capture

CITY = {
    "country": {"iso_code": "GR"},
    "city": {"names": {"en": "Athens"}},
    "subdivisions": [{"iso_code": "I"}],
    "location": {"latitude": 37.98, "longitude": 23.73},
}


def database(path: Path, kind: str, record: dict[str, object]) -> str:
    writer = MMDBWriter(6, kind, ipv4_compatible=True, float_type="f64")
    writer.insert_network(IPSet(["203.0.113.0/24", "2001:db8::/32"]), record)
    writer.to_db_file(str(path))
    return str(path)


def located(address: str, **settings: str) -> dict[str, object]:
    with capture(**settings) as spans:
        # A context of its own: in ours the conversation would remember what is known of it.
        contextvars.Context().run(agentsight.get_or_create_conversation, "c1", customer_ip_address=address)
        attributes = spans.finished[0].attributes or {}
    return {key: value for key, value in attributes.items() if key.startswith(("geo.", "client."))}


def test_the_full_address_is_located_before_the_policy_applies(tmp_path: Path) -> None:
    path = database(tmp_path / "city.mmdb", "GeoLite2-City", CITY)
    place = {
        "geo.country.iso_code": "GR",
        "geo.region.iso_code": "GR-I",
        "geo.locality.name": "Athens",
        "geo.location.lat": pytest.approx(37.98),
        "geo.location.lon": pytest.approx(23.73),
    }
    assert located("203.0.113.77", geoip_database=path) == {**place, "client.address": "203.0.113.0"}
    assert located("2001:db8::7", geoip_database=path, ip_policy="full") == {**place, "client.address": "2001:db8::7"}
    assert located("203.0.113.77", geoip_database=path, ip_policy="dropped") == place  # as it was called before
    assert located("203.0.113.77", geoip_database=path, ip_policy="drop") == place
    assert located("192.0.2.1", geoip_database=path) == {"client.address": "192.0.2.0"}


def test_a_country_database_gives_the_country(tmp_path: Path) -> None:
    path = database(tmp_path / "country.mmdb", "GeoLite2-Country", {"country": {"iso_code": "DE"}})
    assert located("203.0.113.77", geoip_database=path) == {
        "geo.country.iso_code": "DE",
        "client.address": "203.0.113.0",
    }


def test_what_is_wrong_with_the_file_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "none.mmdb").write_text("nothing")
    other = database(tmp_path / "asn.mmdb", "GeoLite2-ASN", {})
    for path in (str(tmp_path / "missing.mmdb"), str(tmp_path / "none.mmdb"), other):
        monkeypatch.setattr(guard, "_said", {})
        caplog.clear()
        assert located("203.0.113.77", geoip_database=path) == {"client.address": "203.0.113.0"}
        assert [path in record.getMessage() for record in caplog.records] == [True]


def test_a_changed_file_is_read_again_and_a_broken_one_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geo, "_LOOK_AGAIN_S", 0.0)
    path = tmp_path / "city.mmdb"
    locator = geo.Geolocator(str(path))
    assert locator.attributes("203.0.113.77") == {}
    database(path, "DBIP-Country-Lite", {"country": {"iso_code": "DE"}})
    assert locator.attributes("203.0.113.77") == {"geo.country.iso_code": "DE"}
    path.write_text("cut off")  # in place
    assert locator.attributes("203.0.113.77") == {"geo.country.iso_code": "DE"}
    path.unlink()
    assert locator.attributes("203.0.113.77") == {"geo.country.iso_code": "DE"}
    Path(database(tmp_path / "new.mmdb", "GeoLite2-City", CITY)).replace(path)
    assert locator.attributes("203.0.113.77")["geo.locality.name"] == "Athens"


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "fe80::1", "::1"])
def test_a_private_address_has_no_place(tmp_path: Path, address: str) -> None:
    path = database(tmp_path / "city.mmdb", "GeoLite2-City", CITY)
    assert not [key for key in located(address, geoip_database=path) if key.startswith("geo.")]


def test_a_country_of_your_own_wins(tmp_path: Path) -> None:
    path = database(tmp_path / "city.mmdb", "GeoLite2-City", CITY)
    with capture(geoip_database=path) as spans:
        agentsight.get_or_create_conversation("c1", customer_ip_address="203.0.113.77", country="cy")
        assert (spans.finished[0].attributes or {})["geo.country.iso_code"] == "CY"
