"""The errors by which an exporter explains a failed export; after any other error the batch is tried again."""

import socket
from typing import Any

_DEEPEST_CAUSE = 10


class PermanentExportError(Exception):
    """The backend will never take this batch as it is. It is halved until the refused span is found, and dropped."""


class DoubtfulExportError(PermanentExportError):
    """The backend failed on this batch, perhaps because of it. It is tried a few times more before it is halved."""


class RequestTooLargeError(PermanentExportError):
    """The batch is too large for the backend. It is halved; a single span is cut."""


class UnencodableSpanError(PermanentExportError):
    """A span has values that cannot be encoded. The batch is halved until the span is found, and mended."""


class RetryLaterError(Exception):
    """The backend asks for a pause.

    Args:
        message: The backend's message.
        after_s: The pause in seconds; None where the backend named none.
    """

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class PartlyRefusedError(Exception):
    """The backend took the batch except for some spans, which it will never take.

    Args:
        message: The backend's message.
        refused: The number of spans refused.
    """

    def __init__(self, message: str, refused: int) -> None:
        super().__init__(message)
        self.refused = refused


class NoReceiverError(Exception):
    """Nothing listens at the address that the spans are sent to.

    Args:
        message: The address, and what happened.
        remedy: What to do about it.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def why_nobody_listens(error: BaseException) -> str:
    """The reason why no receiver was reached, from an error or its causes; '' for errors of another kind."""
    cause: Any = error
    for _ in range(_DEEPEST_CAUSE):
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        if isinstance(cause, socket.gaierror):
            return f"the host is not known: {cause.strerror}"
        if not isinstance(cause, BaseException):
            break
        # urllib3's errors have their cause as an attribute, requests' as an argument.
        first = cause.args[0] if cause.args and isinstance(cause.args[0], BaseException) else None
        cause = getattr(cause, "reason", None) or cause.__cause__ or cause.__context__ or first
    return ""


def described(error: object) -> str:
    """An error as text for people; with its class, unless it is one of this module."""
    if not isinstance(error, BaseException) or type(error).__module__ == __name__:
        return str(error).rstrip(".")
    return f"{type(error).__name__}: {error}".rstrip(". ")
