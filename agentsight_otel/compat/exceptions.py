"""The exceptions of AgentSight's own SDKs, for applications that catch them by name.

Those of 0.0 are raised by the tracker and the manager for arguments that 0.0's client refuses, and by the reader;
those of 0.1 by ``AgentSight``. A ClickHouse that cannot be reached, or refuses the login, raises an exception of both.
"""

from typing import Any


class ConversationTrackingException(Exception):
    """The base class of the exceptions of tracking."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class InvalidConversationDataException(ConversationTrackingException):
    """An argument was refused."""

    def __init__(self, message: str = "Invalid conversation data provided") -> None:
        super().__init__(message)


class InvalidQuestionDataException(ConversationTrackingException):
    """A message of the user was refused."""

    def __init__(self, message: str = "Invalid question data provided") -> None:
        super().__init__(message)


class InvalidAnswerDataException(ConversationTrackingException):
    """A message of the agent was refused."""

    def __init__(self, message: str = "Invalid answer data provided") -> None:
        super().__init__(message)


class ConversationNetworkException(ConversationTrackingException):
    """The backend did not answer."""


class ConversationApiException(ConversationTrackingException):
    """The backend refused a request.

    Attributes:
        status_code: The HTTP status with which AgentSight's API answers it.
        response_data: The backend's response; None here.
    """

    def __init__(self, message: str = "", status_code: int | None = None, response_data: Any = None) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.response_data = response_data


class NotFoundException(ConversationApiException):
    """The conversation does not exist, or was deleted."""

    def __init__(self, message: str = "Resource not found") -> None:
        super().__init__(message, status_code=404)


class UnauthorizedException(ConversationApiException):
    """The login was refused."""

    def __init__(self, message: str = "Unauthorized - invalid or missing API key") -> None:
        super().__init__(message, status_code=401)


class ForbiddenException(ConversationApiException):
    """The user lacks a right."""

    def __init__(self, message: str = "Forbidden - not authorized to access this resource") -> None:
        super().__init__(message, status_code=403)


class InvalidAttachmentException(Exception):
    """An attachment was refused."""

    def __init__(self, message: str = "Invalid attachment data provided") -> None:
        super().__init__(message)
        self.message = message


class NoDataToSendException(Exception):
    """Nothing was tracked."""

    def __init__(self, message: str = "No tracked data found for conversation.") -> None:
        super().__init__(message)


class MissingConversationIdException(Exception):
    """There was no conversation id."""

    def __init__(self, message: str = "Conversation ID is required and cannot be empty") -> None:
        super().__init__(message)


class NoConversationIdException(Exception):
    """There was no conversation id."""

    def __init__(self, message: str = "conversation_id is required but was not provided") -> None:
        super().__init__(message)
        self.message = message


class NoApiKeyException(Exception):
    """There was no API key; none is needed here."""

    def __init__(
        self,
        message: str = "Could not initialize AgentSight client - API Key is missing."
        "\n\t    Find your API key at https://app.agentsight.io/settings",
    ) -> None:
        super().__init__(message)


class InvalidApiKeyException(Exception):
    """The API key was malformed; none is needed here."""

    def __init__(self, api_key: object, app_url: object) -> None:
        super().__init__("the API key is malformed; none is needed here")


class ApiServerException(Exception):
    """The backend failed."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class AgentSightClientNotInitializedException(RuntimeError):
    """A client was used before it was made."""

    def __init__(self, message: str = "AgentSight client must be initialized before using this feature") -> None:
        super().__init__(message)


class AgentSightApiJwtExpiredException(Exception):
    """A token had expired."""

    def __init__(self, message: str = "JWT token has expired") -> None:
        super().__init__(message)


class AgentSightError(Exception):
    """The base class of the exceptions of AgentSight 0.1's REST client and uploads."""


class ConfigurationError(AgentSightError):
    """A client cannot be made from its arguments."""


class MissingApiKeyError(ConfigurationError):
    """There is no API key; none is needed here."""

    def __init__(self, message: str | None = None, app_url: str | None = None) -> None:
        super().__init__(message or "no API key: none is needed here")


class InvalidApiKeyError(ConfigurationError):
    """The API key is malformed; none is needed here."""

    def __init__(self, api_key: str | None = None, app_url: str | None = None) -> None:
        super().__init__("the API key is malformed; none is needed here")
        self.api_key = api_key


class APIError(AgentSightError):
    """The backend answered with an error.

    Attributes:
        status_code: The HTTP status with which AgentSight's API answers it.
        detail: The backend's explanation; None where it gave none.
        response: The HTTP response; None here.
    """

    def __init__(
        self, message: str, *, status_code: int | None = None, detail: str | None = None, response: Any = None
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.detail = detail
        self.response = response


class AuthenticationError(APIError):
    """401: the login was refused."""


class SubscriptionInactiveError(AuthenticationError):
    """401 of AgentSight's service; never raised here."""


class PermissionDeniedError(APIError):
    """403: the user lacks a right."""


class NotFoundError(APIError):
    """404: the object does not exist."""


class ValidationError(APIError):
    """400: an argument was refused.

    Attributes:
        errors: Errors by field; empty here.
    """

    def __init__(self, message: str, *, errors: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.errors = errors or {}


class MethodNotAllowedError(APIError):
    """405: ClickHouse's store does not support the operation."""


class RateLimitError(APIError):
    """429 of AgentSight's service; never raised here."""

    def __init__(self, message: str, *, retry_after: float | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.retry_after = retry_after


class ServerError(APIError):
    """5xx: the backend failed."""


class NetworkError(AgentSightError):
    """The backend did not answer."""


class UploadError(AgentSightError):
    """A file could not be stored."""

    def __init__(self, message: str, status_code: int | None = None, response: Any = None) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.response = response


class ToolFailure(Exception):
    """A tool's failure of which only the text is known; recorded as the span's exception."""
