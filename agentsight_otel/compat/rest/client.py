"""The client of AgentSight 0.1: reads conversations, and records changes of them."""

from typing import Any

from agentsight_otel._core.setting_types import environment_name
from agentsight_otel.compat.exceptions import NotFoundError, NotFoundException, ValidationError
from agentsight_otel.compat.manager import conversation_manager
from agentsight_otel.compat.reader import AgentSightAPI, agentsight_api
from agentsight_otel.compat.rest.conversations import Conversations
from agentsight_otel.compat.rest.feedbacks import Feedbacks
from agentsight_otel.compat.rest.messages import Messages
from agentsight_otel.compat.rest.spans import Spans
from agentsight_otel.compat.rest.tickets import Tickets
from agentsight_otel.compat.rest.usage import Actions, Usage


class AgentSight:
    """Reads conversations from ClickHouse, and records changes of them as spans.

    Conversations are identified by your own ids; there are no others. Resources that are not stored here, such as
    tickets, are listed as empty, and raise ``MethodNotAllowedError`` when they are written.

    Args:
        api_key: Not needed; ignored.
        endpoint: Ignored; there is no REST API.
        timeout: Ignored.
        max_retries: Ignored.
        clickhouse_url: ``http://user:password@host:port/database``. Default: the ``clickhouse_url`` of ``init()``,
            else AGENTSIGHT_CLICKHOUSE_URL.

    Attributes:
        conversations: Conversations: ``list``, ``get``, ``rename`` and so on.
        messages: Single messages.
        feedbacks: Ratings.
        tickets: Tickets; always empty here.
        actions: Tools, and their calls.
        usage: Tokens of model calls.
        spans: The stored spans.

    Raises:
        SettingError: The URL is not valid.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        endpoint: str | None = None,
        timeout: float = 15,
        max_retries: int = 3,
        clickhouse_url: str | None = None,
    ) -> None:
        self.reader = agentsight_api if clickhouse_url is None else AgentSightAPI(clickhouse_url=clickhouse_url)
        self.manager = conversation_manager
        self.conversations = Conversations(self)
        self.messages = Messages(self)
        self.feedbacks = Feedbacks(self)
        self.tickets = Tickets(self)
        self.actions = Actions(self)
        self.usage = Usage(self)
        self.spans = Spans(self)

    def close(self) -> None:
        """Does nothing: every request has a connection of its own, and closes it."""

    def __enter__(self) -> "AgentSight":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def me(self, *, refresh: bool = False) -> dict[str, Any]:
        """The caller's rights: ``role`` is write, as no API keys are needed; ``environments`` are those recorded."""
        rows = self.rows("SELECT DISTINCT environment FROM resolved_conversations ORDER BY environment")
        names = [row["environment"] for row in rows if row["environment"] != "unknown"]
        return {
            "agent_id": None,
            "agent_name": None,
            "role": "write",
            "environments": [
                {"slug": name, "name": name, "is_production": environment_name(name) == "production"} for name in names
            ],
        }

    def environments(self, *, refresh: bool = False) -> list[str]:
        """The deployments that were recorded."""
        return [each["slug"] for each in self.me()["environments"]]

    def remember(self, record: Any) -> None:
        """Does nothing: AgentSight 0.1 cached ids of conversations, of which there is only one here."""

    def forget(self, conversation: Any) -> None:
        """Does nothing, as ``remember``."""

    def one(self, conversation: str | int) -> dict[str, Any]:
        """A conversation as a whole document.

        Raises:
            NotFoundError: The conversation does not exist, or was deleted.
            ValidationError: The id is not valid.
        """
        try:
            return self.reader.fetch_conversation(conversation)
        except NotFoundException as error:
            raise NotFoundError(str(error), status_code=404, detail=str(error)) from None
        except ValueError as error:
            raise ValidationError(str(error), status_code=400, detail=str(error)) from None

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """The rows of a query, keyed by column."""
        return self.reader.rows(sql, parameters)
