"""Exceptions of connecting to ClickHouse that are also AgentSight's own, so that code that catches those works."""

from collections.abc import Iterator
from contextlib import contextmanager

from agentsight_otel.clickhouse.client import ClickHouseConnectionError, ClickHouseLoginError
from agentsight_otel.compat.exceptions import (
    AuthenticationError,
    ConversationNetworkException,
    NetworkError,
    UnauthorizedException,
)


class Unreachable(ClickHouseConnectionError, ConversationNetworkException, NetworkError):
    """ClickHouse cannot be reached, or lacks the database."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)
        self.message = message


class LoginRefused(ClickHouseLoginError, UnauthorizedException, AuthenticationError):
    """ClickHouse refuses the login."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)
        self.message = self.detail = message
        self.status_code = 401
        self.response = self.response_data = None


@contextmanager
def connection_errors() -> Iterator[None]:
    """Turns exceptions of connecting to ClickHouse into those of this module."""
    try:
        yield
    except ClickHouseLoginError as error:
        raise LoginRefused(str(error)) from error
    except ClickHouseConnectionError as error:
        raise Unreachable(str(error)) from error
