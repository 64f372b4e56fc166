"""The exceptions of AgentSight 0.0, for applications that catch them by name.

Of these only ``NotFoundException`` is raised here, by reading a conversation that is not there: what records never
raises, and what reads raises ``SettingError``, ``ValueError`` and ``ClickHouseConnectionError`` besides.
"""


class ConversationTrackingException(Exception):
    """What tracking raised."""


class InvalidConversationDataException(ConversationTrackingException):
    """An argument was refused."""


class InvalidQuestionDataException(ConversationTrackingException):
    """A message of the user was refused."""


class InvalidAnswerDataException(ConversationTrackingException):
    """A message of the agent was refused."""


class ConversationNetworkException(ConversationTrackingException):
    """The backend did not answer."""


class ConversationApiException(ConversationTrackingException):
    """The backend refused."""


class NotFoundException(ConversationApiException):
    """There is no such conversation."""


class UnauthorizedException(ConversationApiException):
    """The API key was refused."""


class ForbiddenException(ConversationApiException):
    """The API key did not suffice."""


class InvalidAttachmentException(Exception):
    """An attachment was refused."""


class NoDataToSendException(Exception):
    """Nothing was tracked."""


class MissingConversationIdException(Exception):
    """There was no conversation id."""


class NoConversationIdException(Exception):
    """There was no conversation id."""


class NoApiKeyException(Exception):
    """There was no API key."""


class InvalidApiKeyException(Exception):
    """The API key was malformed."""
