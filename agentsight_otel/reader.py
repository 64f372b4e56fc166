"""The reading side of AgentSight 0.0, from ClickHouse: conversations as whole documents.

from agentsight_otel import agentsight_api

for conversation in agentsight_api.fetch_conversations(device="mobile", page_size=20)["results"]:
    print(conversation["name"], len(conversation["messages"]))
"""

from datetime import datetime
from typing import Any

from agentsight_otel import clickhouse_client, runtime, schema
from agentsight_otel.config import SettingError, Settings
from agentsight_otel.exceptions import NotFoundException
from agentsight_otel.reading import filters
from agentsight_otel.reading.documents import documents, rows_of

_PAGE_SIZE = 10
_MAX_PAGE_SIZE = 100

# One that was only updated or rated, say under a mistyped id, is none.
_MATCHING = """
SELECT conversation_id, service, environment, device, source, language, customer_id, name, marked, deleted,
    ifNull(first_seen_at, ended_at) AS begun_at, started_at, ended_at
FROM resolved_conversations
WHERE begun_at IS NOT NULL"""


class AgentSightAPI:
    """Reads conversations. Unlike what records, it raises: an answer that is wrong is worse than none.

    Args:
        clickhouse_url: As for ``configure``.
        more: As for ``configure``.
    """

    def __init__(
        self,
        api_key: str | None = None,
        endpoint: str | None = None,
        config: object = None,
        *,
        clickhouse_url: str | None = None,
        **more: object,
    ) -> None:
        self._url: str | None = None
        self.configure(clickhouse_url=clickhouse_url)

    def configure(
        self,
        api_key: str | None = None,
        endpoint: str | None = None,
        *,
        clickhouse_url: str | None = None,
        **ignored: object,
    ) -> None:
        """Says where conversations are read.

        Args:
            api_key: Not needed; ignored.
            endpoint: Ignored; there is no REST API.
            clickhouse_url: ``http://user:password@host:port/database``. Default: what ``init()`` was given, else
                AGENTSIGHT_CLICKHOUSE_URL.
            ignored: Other settings that AgentSight 0.0 knew.

        Raises:
            SettingError: The URL is none.
        """
        if clickhouse_url is not None:
            self._url = Settings.load({}, clickhouse_url=clickhouse_url).clickhouse_url

    def fetch_conversations(
        self,
        action_name: str | None = None,
        conversation_id: str | int | None = None,
        customer_id: str | None = None,
        customer_ip_address: str | None = None,
        device: str | None = None,
        has_messages: bool | None = None,
        language: str | None = None,
        message_contains: str | None = None,
        page: int | None = None,
        page_size: int | None = None,
        started_at_after: str | datetime | None = None,
        started_at_before: str | datetime | None = None,
        is_marked: bool | None = None,
        name: str | None = None,
        include_deleted: bool | None = None,
        metadata: str | None = None,
        has_feedback: bool | None = None,
        feedback_sentiment: str | None = None,
        feedback_source: str | None = None,
        **extra_params: Any,
    ) -> dict[str, Any]:
        """Conversations that match all filters, the youngest first, with messages, tool calls and feedback.

        Args:
            action_name: With a call of this tool.
            conversation_id: This one.
            customer_id: Of this customer.
            customer_ip_address: From this address, as far as the IP policy kept it.
            device: On this device.
            has_messages: With messages, or without.
            language: In this language; its primary subtag counts.
            message_contains: With a message that contains this, in any case of letters.
            page: From 1.
            page_size: 1 to 100. Default: 10.
            started_at_after: Begun at this time (ISO 8601; UTC unless it says its zone) or later.
            started_at_before: Begun at this time or earlier.
            is_marked: Marked, or not.
            name: With this in its name, in any case of letters.
            include_deleted: Deleted ones too.
            metadata: ``key:value``, several separated by commas; a dot reaches inside: ``customer.tier:gold``.
            has_feedback: With feedback, or without.
            feedback_sentiment: With feedback that is positive, neutral or negative.
            feedback_source: With feedback from customer or platform.
            extra_params: ``customer_id__icontains``, ``environment``, ``source``.

        Returns:
            ``count`` (of all pages), ``next`` and ``previous`` (query strings of the neighbouring pages, or None) and
            ``results``, each as ``fetch_conversation`` returns it.

        Raises:
            ValueError: A filter is unknown or its value is none that it can have.
            SettingError: No ClickHouse is set.
            SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
            ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
        """
        given = {
            "action_name": action_name,
            "conversation_id": conversation_id,
            "customer_id": customer_id,
            "customer_ip_address": customer_ip_address,
            "device": device,
            "has_messages": has_messages,
            "language": language,
            "message_contains": message_contains,
            "started_at_after": started_at_after,
            "started_at_before": started_at_before,
            "is_marked": is_marked,
            "name": name,
            "has_feedback": has_feedback,
            "feedback_sentiment": feedback_sentiment,
            "feedback_source": feedback_source,
            **extra_params,
        }
        conditions, parameters = filters.where(given, metadata)
        if not include_deleted:
            conditions.append("NOT deleted")
        number, size = _whole("page", page, 1), min(_whole("page_size", page_size, _PAGE_SIZE), _MAX_PAGE_SIZE)
        url = self._address()
        schema.check(url)
        with clickhouse_client.connect(url) as client:
            matching = _MATCHING + "".join(f" AND {condition}" for condition in conditions)
            count = client.query(f"SELECT count() FROM ({matching})", parameters=parameters).result_rows[0][0]
            page_sql = f"{matching} ORDER BY begun_at DESC, conversation_id LIMIT {size} OFFSET {(number - 1) * size}"
            results = documents(client, rows_of(client.query(page_sql, parameters=parameters)))
        return {
            "count": count,
            "next": f"?page={number + 1}&page_size={size}" if number * size < count else None,
            "previous": f"?page={number - 1}&page_size={size}" if number > 1 else None,
            "results": results,
        }

    def fetch_conversation(self, conversation_id: str | int) -> dict[str, Any]:
        """One conversation.

        Args:
            conversation_id: Your id of it.

        Returns:
            ``id`` and ``conversation_id`` (the same), ``name``, ``customer_id``, ``customer_ip_address``, ``device``,
            ``source``, ``language``, ``environment``, ``is_marked``, ``is_deleted``, ``is_used`` (engaged),
            ``started_at``, ``ended_at``, ``deleted_at``, ``metadata``, ``geo_location``, ``messages`` and
            ``feedbacks``. Times are ISO 8601 in UTC; what is not known is None. A tool call, a button and attachments
            stand among the messages, as one without content that has ``action_name`` and ``action_logs``, ``button``,
            or ``attachments``.

        Raises:
            NotFoundException: There is none, or it was deleted.
            ValueError: The id is neither text nor number.
            SettingError: No ClickHouse is set.
            SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
            ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
        """
        if isinstance(conversation_id, bool) or not isinstance(conversation_id, (str, int)):
            raise ValueError(f"conversation_id: expected a text, got {type(conversation_id).__name__}")
        found = self.fetch_conversations(conversation_id=conversation_id)["results"]
        if not found:
            raise NotFoundException(f"there is no conversation {conversation_id!r}")
        document: dict[str, Any] = found[0]
        return document

    def _address(self) -> str:
        url = self._url or runtime.current().settings.clickhouse_url or Settings.load().clickhouse_url
        if url is None:
            raise SettingError(
                "clickhouse_url: not set: expected http://user:password@host:port/database, by"
                " AGENTSIGHT_CLICKHOUSE_URL or agentsight_api.configure(clickhouse_url=…)"
            )
        return url


def _whole(name: str, value: object, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 2**31:
        raise ValueError(f"{name}: {value!r}: expected a whole number from 1")
    return value


agentsight_api = AgentSightAPI()
"""The reader."""
