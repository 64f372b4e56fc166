"""The queries of the views, shared by the two clients."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from agentsight_otel.clickhouse.export.selection import Selection, instant
from agentsight_otel.clickhouse.window import Window, query_parameters, view_call

T = TypeVar("T")


@dataclass(frozen=True)
class Question(Generic[T]):
    """A query, with all values as parameters.

    Attributes:
        kind: The dataclass of a row; its fields are the columns.
        sql: The query.
        parameters: The query parameters by name.
    """

    kind: type[T]
    sql: str
    parameters: dict[str, Any]

    def row(self, values: Sequence[Any]) -> T:
        """A row of the result, as its dataclass."""
        return self.kind(*values)


def metric(view: str, kind: type[T], window: Window, **arguments: tuple[str, Any]) -> Question[T]:
    """The query of a metric view for a window.

    Args:
        view: The view's name.
        kind: The dataclass of a row.
        window: The window and its filters.
        arguments: Arguments of this view besides those of all metrics: by name a ClickHouse type and a value.
    """
    types = {name: kind_of_value for name, (kind_of_value, _) in arguments.items()}
    values = {name: value for name, (_, value) in arguments.items()}
    return Question(
        kind, f"SELECT {columns(kind)} FROM {view_call(view, more=types)}", {**query_parameters(window), **values}
    )


def grain(view: str, kind: type[T], selection: Selection, time_column: str, order: str) -> Question[T]:
    """The query of a grain view for the selected conversations; its window applies to the rows' own times."""
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    if not selection.is_everything:
        inner, parameters = selection.sql(by_time=view == "conversations_v")
        conditions.append(f"conversation_id IN ({inner})")
    if view != "conversations_v":
        for sign, name, moment in ((">=", "start", selection.start), ("<", "end", selection.end)):
            if moment is not None:
                conditions.append(f"{time_column} {sign} {{{name}:DateTime64(3, 'UTC')}}")
                parameters[name] = instant(moment)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return Question(kind, f"SELECT {columns(kind)} FROM {view}{where} ORDER BY {order}", parameters)


def columns(kind: type[Any]) -> str:
    """The column names of a row's dataclass, separated by commas."""
    return ", ".join(field.name for field in fields(kind))
