"""What an exporter can say about a failed export, besides raising anything else: the batch is then tried again."""


class PermanentExportError(Exception):
    """The backend will never take this batch as it is. It is halved to find the culprit, which is dropped."""


class DoubtfulExportError(PermanentExportError):
    """The backend failed on this batch, perhaps because of it. It is tried a few times more before it is halved."""


class RequestTooLargeError(PermanentExportError):
    """The batch is too large for the backend. It is halved; a single span is cut."""


class UnencodableSpanError(PermanentExportError):
    """A span holds what cannot be sent. The batch is halved; the span itself is mended."""


class RetryLaterError(Exception):
    """The backend asks for a pause.

    Args:
        message: What it said.
        after_s: The pause in seconds; None where it named none.
    """

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class PartlyRefusedError(Exception):
    """The backend took the batch but for some of its spans, which it will never take.

    Args:
        message: What it said.
        refused: The number of spans refused.
    """

    def __init__(self, message: str, refused: int) -> None:
        super().__init__(message)
        self.refused = refused
