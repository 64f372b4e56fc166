"""The errors of the embedded ClickHouse and the other local services."""


class LocalClickHouseError(Exception):
    """The embedded ClickHouse cannot run; the message says why and what to do."""


class UnsupportedPlatform(LocalClickHouseError):
    """chdb-core has no build for this platform."""


class ChdbMissing(LocalClickHouseError):
    """chdb-core is not installed, or too old."""


class FolderInUse(LocalClickHouseError):
    """Another embedded ClickHouse owns the data folder."""


class FolderNotPrivate(LocalClickHouseError):
    """Other users of the machine can enter the data folder."""


class NoPassword(LocalClickHouseError):
    """The file of a password is empty."""


class PortTaken(LocalClickHouseError):
    """Another program listens on the port."""


class StartFailed(LocalClickHouseError):
    """ClickHouse ended, or did not answer, while starting."""


class CollectorFailed(LocalClickHouseError):
    """The OpenTelemetry Collector ended, or did not become healthy."""
