"""The reading side of AgentSight 0.0, from ClickHouse: conversations as whole documents.

from agentsight_otel import agentsight_api

for conversation in agentsight_api.fetch_conversations(device="mobile", page_size=20)["results"]:
    print(conversation["name"], len(conversation["messages"]))
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from agentsight_otel._core.config import SettingError, Settings
from agentsight_otel._tracing import runtime
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.compat import filters, former_config, unknown
from agentsight_otel.compat.connection import connection_errors
from agentsight_otel.compat.documents import documents, rows_of
from agentsight_otel.compat.exceptions import NotFoundException
from agentsight_otel.compat.former_config import Config

_PAGE_SIZE = 10
_MAX_PAGE_SIZE = 100

# A conversation that was only updated or rated, say under a mistyped id, does not count as one.
_MATCHING = """
SELECT conversation_id, service, environment, device, source, language, customer_id, name, marked, deleted,
    ifNull(first_seen_at, ended_at) AS begun_at, started_at, ended_at
FROM resolved_conversations
WHERE begun_at IS NOT NULL"""


class AgentSightAPI:
    """Reads conversations. Unlike the functions that record, it raises: a wrong answer is worse than none.

    Args:
        clickhouse_url: ``http://user:password@host:port/database``. Default: the ``clickhouse_url`` of ``init()``,
            else AGENTSIGHT_CLICKHOUSE_URL.
        more: Other settings of AgentSight 0.0; ignored.
    """

    _the_one: "AgentSightAPI | None" = None
    _url: str | None

    def __new__(cls, *ignored: object, clickhouse_url: str | None = None, **more: object) -> "AgentSightAPI":
        """Returns the process's only reader; a new one where a ``clickhouse_url`` is passed."""
        if clickhouse_url is None and AgentSightAPI._the_one is not None:
            return AgentSightAPI._the_one
        made = super().__new__(cls)
        made._url = None
        if clickhouse_url is None:
            AgentSightAPI._the_one = made
        return made

    def __init__(
        self,
        api_key: str | None = None,
        endpoint: str | None = None,
        config: object = None,
        *,
        clickhouse_url: str | None = None,
        **more: object,
    ) -> None:
        self.configure(clickhouse_url=clickhouse_url)

    def configure(
        self,
        api_key: str | None = None,
        endpoint: str | None = None,
        *,
        clickhouse_url: str | None = None,
        **ignored: object,
    ) -> None:
        """Sets the database from which conversations are read.

        Args:
            api_key: Not needed; ignored.
            endpoint: Ignored; there is no REST API.
            clickhouse_url: ``http://user:password@host:port/database``. Default: the ``clickhouse_url`` of ``init()``,
                else AGENTSIGHT_CLICKHOUSE_URL.
            ignored: Other settings of AgentSight 0.0.

        Raises:
            SettingError: The URL is not valid.
        """
        if clickhouse_url is not None:
            self._url = Settings.load({}, clickhouse_url=clickhouse_url).clickhouse_url
            unknown.ask(self.knows)

    @property
    def config(self) -> Config:
        """The settings of AgentSight 0.0, from its environment variables; without effect here."""
        return former_config.of_process()

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
        metadata: str | Mapping[str, Any] | None = None,
        has_feedback: bool | None = None,
        feedback_sentiment: str | None = None,
        feedback_source: str | None = None,
        **extra_params: Any,
    ) -> dict[str, Any]:
        """Conversations that match all filters, the youngest first, with messages, tool calls and feedback.

        Args:
            action_name: Only conversations with a call of this tool.
            conversation_id: Only the conversation with this id.
            customer_id: Only conversations of this customer.
            customer_ip_address: Only conversations from this address, as far as the IP policy kept it.
            device: Only conversations on this device.
            has_messages: Only conversations with messages (True) or without (False).
            language: Only conversations in this language, by its primary subtag.
            message_contains: Only conversations with a message that contains this text, whatever its case.
            page: The number of the page, from 1.
            page_size: Conversations on a page, 1 to 100. Default: 10.
            started_at_after: Only conversations that began then (ISO 8601; UTC unless it has a zone) or later.
            started_at_before: Only conversations that began then or earlier.
            is_marked: Only conversations that are marked (True) or not (False).
            name: Only conversations whose name contains this text, whatever its case.
            include_deleted: Whether deleted conversations are included. Default: not.
            metadata: Only conversations with this metadata: ``key:value``, several separated by commas; a dot reaches
                into an object: ``customer.tier:gold``. Or a mapping: ``{"customer": {"tier": "gold"}}``.
            has_feedback: Only conversations with feedback (True) or without (False).
            feedback_sentiment: Only conversations with feedback of this sentiment: positive, neutral or negative.
            feedback_source: Only conversations with feedback from this source: customer or platform.
            extra_params: ``customer_id__icontains``, ``environment`` or ``env``, ``source``, ``has_action`` (with a
                tool call, or without), ``metadata_key`` and ``metadata_value`` (with such a key, such a value),
                ``search`` (in ids, customers, names and messages), ``include_tickets`` (there are none here), and
                ``ordering``: ``started_at``, ``ended_at``, ``name``, ``customer_id`` or ``conversation_id``; a minus
                before it orders descending. Default: ``-started_at``.

        Returns:
            ``count`` (of all pages), ``next`` and ``previous`` (query strings of the neighbouring pages, or None) and
            ``results``, each as ``fetch_conversation`` returns it.

        Raises:
            ValueError: A filter is unknown or its value is not allowed.
            SettingError: No ClickHouse is set.
            SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
            ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
        """
        wanted = {
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
        order = filters.order_by(wanted.pop("ordering", None))
        conditions, parameters = filters.where(wanted, metadata)
        if not include_deleted:
            conditions.append("NOT deleted")
        number, size = _whole("page", page, 1), min(_whole("page_size", page_size, _PAGE_SIZE), _MAX_PAGE_SIZE)
        with self._connected() as client:
            matching = _MATCHING + "".join(f" AND {condition}" for condition in conditions)
            count = client.query(f"SELECT count() FROM ({matching})", parameters=parameters).result_rows[0][0]
            page_sql = f"{matching} ORDER BY {order} LIMIT {size} OFFSET {(number - 1) * size}"
            results = documents(client, rows_of(client.query(page_sql, parameters=parameters)))
        return {
            "count": count,
            "next": f"?page={number + 1}&page_size={size}" if number * size < count else None,
            "previous": f"?page={number - 1}&page_size={size}" if number > 1 else None,
            "results": results,
        }

    def fetch_conversation(self, conversation_id: str | int) -> dict[str, Any]:
        """A conversation as a whole document.

        Args:
            conversation_id: Your id of it.

        Returns:
            ``id`` and ``conversation_id`` (the same), ``name``, ``customer_id``, ``customer_ip_address``, ``device``,
            ``source``, ``language``, ``environment``, ``is_marked``, ``is_deleted``, ``is_used`` (engaged),
            ``started_at``, ``ended_at``, ``deleted_at``, ``metadata``, ``geo_location``, ``messages`` and
            ``feedbacks``. Times are ISO 8601 in UTC; unknown values are None. A tool call, a button and attachments
            stand among the messages, as a message without content that has ``action_name`` and ``action_logs``,
            ``button``, or ``attachments``.

        Raises:
            NotFoundException: The conversation does not exist, or was deleted.
            ValueError: The id is neither text nor number.
            SettingError: No ClickHouse is set.
            SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
            ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
        """
        if isinstance(conversation_id, bool) or not isinstance(conversation_id, (str, int)):
            raise ValueError(f"conversation_id: expected a text, got {type(conversation_id).__name__}")
        results = self.fetch_conversations(conversation_id=conversation_id)["results"]
        if not results:
            raise NotFoundException(f"there is no conversation {conversation_id!r}")
        document: dict[str, Any] = results[0]
        return document

    def fetch_conversation_attachments(self, conversation_id: str | int) -> dict[str, Any]:
        """The files of a conversation.

        Args:
            conversation_id: Your id of it.

        Returns:
            ``conversation_id``, ``total_attachments``, and ``messages``: the entries with files, each with
            ``message_id``, ``sender``, ``timestamp`` and ``attachments`` (``id``, ``filename``, ``mime_type``,
            ``size_bytes`` and ``file_url``, None where the bytes are not stored).

        Raises:
            NotFoundException: The conversation does not exist, or was deleted.
            ValueError: The id is neither text nor number.
            SettingError: No ClickHouse is set.
            SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
            ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
        """
        document = self.fetch_conversation(conversation_id)
        holding = [entry for entry in document["messages"] if entry["attachments"]]
        return {
            "conversation_id": document["conversation_id"],
            "total_attachments": sum(len(entry["attachments"]) for entry in holding),
            "messages": [
                {
                    "message_id": entry["id"],
                    "sender": entry["sender"],
                    "timestamp": entry["timestamp"],
                    "attachments": entry["attachments"],
                }
                for entry in holding
            ],
        }

    def knows(self, conversation_id: str) -> bool:
        """Whether anything was recorded of a conversation, besides changes and feedback.

        Args:
            conversation_id: Your id of it.

        Raises:
            SettingError: No ClickHouse is set.
            SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
            ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
        """
        with self._connected() as client:
            matching = f"{_MATCHING} AND conversation_key = sipHash64({{id:String}})"
            return bool(
                client.query(f"SELECT count() FROM ({matching})", parameters={"id": conversation_id}).first_row[0]
            )

    def rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query of your own, keyed by column.

        Args:
            sql: The query, with parameters as ``{name:Type}``.
            parameters: The parameters' values by name.

        Raises:
            SettingError: No ClickHouse is set.
            SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
            ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
        """
        with self._connected() as client:
            return rows_of(client.query(sql, parameters=parameters or {}))

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        url = self._address()
        with connection_errors():
            schema.check(url)
            client = clickhouse_client.connect(url)
        with client:
            yield client

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
    number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 2**31:
        raise ValueError(f"{name}: {value!r}: expected a whole number from 1")
    return number


agentsight_api = AgentSightAPI()
"""The process's reader."""
