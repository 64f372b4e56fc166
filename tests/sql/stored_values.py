"""How labels, languages and countries are stored, and filters by them compared, in plain Python."""

from collections.abc import Callable

COUNTRIES = {
    "UK": "GB",
    "EL": "GR",
    "GRC": "GR",
    "GREECE": "GR",
    "USA": "US",
    "UNITED STATES": "US",
    "GBR": "GB",
    "UNITED KINGDOM": "GB",
    "DEU": "DE",
    "GERMANY": "DE",
    "KOR": "KR",
    "SOUTH KOREA": "KR",
    "KOSOVO": "XK",
    "CÔTE D'IVOIRE": "CI",
}
"""Some of those that are not alpha-2 codes, as the tests send them."""
RENAMED_LANGUAGES = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro"}


def stored_label(value: str) -> str:
    """A device or a source as it is stored."""
    return value.lower()


def stored_language(value: str) -> str:
    """The primary subtag of a BCP-47 tag, by the code of today."""
    primary = value.replace("_", "-").split("-")[0].lower()
    return RENAMED_LANGUAGES.get(primary, primary)


def stored_country(value: str) -> str:
    """The ISO 3166-1 alpha-2 code of a country."""
    return COUNTRIES.get(value.strip(" ").upper(), value.strip(" ").upper())


STORED: dict[str, Callable[[str], str]] = {
    "service": str,
    "environment": lambda value: value or "unknown",
    "device": lambda value: stored_label(value) or "unknown",
    "source": lambda value: stored_label(value) or "unknown",
    "language": lambda value: stored_language(value) or "unknown",
    "country": lambda value: "unknown" if value.lower() in ("", "unknown") else stored_country(value),
}
"""How a value to filter by is brought into the form of the stored ones."""
