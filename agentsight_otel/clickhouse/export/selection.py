"""Which conversations are exported or read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from agentsight_otel.clickhouse.catalogue import FILTER_LABELS
from agentsight_otel.clickhouse.export import belonging

_BATCH = 1_000
_LOWERED = ("device", "source", "language", "country")


@dataclass(frozen=True)
class Selection:
    """Some conversations, or all.

    Attributes:
        conversations: Ids of conversations; none = all.
        customers: Ids of customers whom a conversation names at any time; none = all.
        start: Only conversations that began then or later; of rows with a time of their own, only such rows.
        end: Only conversations that began before; of rows with a time of their own, only such rows.
        filters: Wanted values by field (service, environment, device, source, language, country); none = all.
    """

    conversations: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.filters:
            if name not in FILTER_LABELS:
                raise ValueError(f"filter {name!r}: expected one of {', '.join(FILTER_LABELS)}")

    @property
    def is_everything(self) -> bool:
        """Whether all conversations are selected."""
        return not (self.conversations or self.customers or self.filters or self.start or self.end)

    @property
    def is_of_customers(self) -> bool:
        """Whether all that belongs to some customers is selected, whatever it says besides."""
        return bool(self.customers) and not (self.conversations or self.filters)

    def sql(self, *, by_time: bool) -> tuple[str, dict[str, Any]]:
        """A query of the selected conversations' ids, and its parameters.

        Args:
            by_time: Whether only conversations that began in the window are selected.
        """
        conditions: list[str] = []
        parameters: dict[str, Any] = {}
        if self.conversations:
            conditions.append(
                "conversation_key IN (SELECT sipHash64(arrayJoin({selected_conversations:Array(String)})))"
            )
            parameters["selected_conversations"] = list(self.conversations)
        if self.customers:
            conditions.append(f"conversation_id IN ({' UNION DISTINCT '.join(belonging.OF_CUSTOMERS)})")
            parameters["customers"] = list(self.customers)
        for name, values in self.filters.items():
            if values:
                conditions.append(f"lowerUTF8({name}) IN {{selected_{name}:Array(String)}}")
                parameters[f"selected_{name}"] = [value.lower() for value in values]
        if by_time:
            for sign, parameter, moment in ((">=", "selected_start", self.start), ("<", "selected_end", self.end)):
                if moment is not None:
                    conditions.append(f"ifNull(first_seen_at, ended_at) {sign} {{{parameter}:DateTime64(3, 'UTC')}}")
                    parameters[parameter] = instant(moment)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"SELECT conversation_id FROM conversations_v{where}", parameters

    def batches(self, client: Any, *, by_time: bool, uncounted: bool = False) -> Iterator[list[str]]:
        """The selected conversations' ids in their order, a thousand at a time.

        Args:
            client: A clickhouse-connect client in the database, which runs no other query meanwhile.
            by_time: Whether only conversations that began in the window are selected.
            uncounted: Whether a customer's conversations that no view shows are selected too.
        """
        sql, parameters = self.sql(by_time=by_time)
        if uncounted and self.is_of_customers:
            sql, parameters = " UNION DISTINCT ".join(belonging.OF_CUSTOMERS), {"customers": list(self.customers)}
        # As spans lie on disk: a batch then reads its own part of the table.
        sql = f"SELECT conversation_id FROM ({sql}) ORDER BY conversation_id"
        waiting: list[str] = []
        with client.query_row_block_stream(sql, parameters=parameters) as blocks:
            for block in blocks:
                waiting += [row[0] for row in block]
                while len(waiting) >= _BATCH:
                    yield waiting[:_BATCH]
                    del waiting[:_BATCH]
        if waiting:
            yield waiting


def instant(moment: datetime) -> str:
    """A time as text for ClickHouse: in UTC, to the millisecond."""
    moment = moment.astimezone(timezone.utc) if moment.tzinfo else moment
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1_000:03}"
