"""The base class and the errors of all resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from agentsight_otel._core.setting_types import environment_name
from agentsight_otel.compat.exceptions import MethodNotAllowedError, NotFoundError, ValidationError
from agentsight_otel.compat.filters import order_by
from agentsight_otel.compat.rest.pages import PageIterator

if TYPE_CHECKING:
    from agentsight_otel.compat.rest.client import AgentSight


class Resource:
    """One kind of objects, such as conversations.

    Args:
        client: The client through which they are read.
    """

    def __init__(self, client: AgentSight) -> None:
        self._client = client

    def _pages(
        self,
        sql: str,
        conditions: dict[str, str],
        filters: dict[str, Any],
        order: str,
        orderings: dict[str, str] | None = None,
    ) -> PageIterator:
        """The rows of a query, page by page.

        Args:
            sql: A SELECT without WHERE that returns one row for each object.
            conditions: The SQL condition of each filter by its name, with the value as ``{name:Type}``.
            filters: The caller's filters by name.
            order: The ORDER BY clause, where the caller names no ``ordering``.
            orderings: The names that the caller may order by, with their columns.
        """
        wanted = {name: value for name, value in filters.items() if value is not None and name != "page_size"}
        for name in ("env", "environment"):
            if name in wanted:
                wanted[name] = environment_name(str(wanted[name]))
        if orderings and (ordering := wanted.pop("ordering", None)):
            try:
                order = order_by(ordering, orderings, last=order.rpartition(", ")[2])
            except ValueError as error:
                raise ValidationError(str(error), status_code=400) from None
        if unknown := sorted(wanted.keys() - conditions.keys()):
            expected = ", ".join(sorted([*conditions, *(["ordering"] if orderings else [])]))
            raise ValidationError(f"filter {', '.join(unknown)}: expected one of {expected}", status_code=400)
        where = " AND ".join(conditions[name] for name in wanted) or "1"
        listed = f"SELECT * FROM ({sql}) WHERE {where}"

        def fetch(query: dict[str, Any]) -> dict[str, Any]:
            size, number = int(query["page_size"]), int(query["page"])
            rows = self._client.rows(f"{listed} ORDER BY {order} LIMIT {size} OFFSET {(number - 1) * size}", **wanted)
            (counted,) = self._client.rows(f"SELECT count() AS number FROM ({listed})", **wanted)
            return {"results": [self._row(row) for row in rows], "count": counted["number"]}

        return PageIterator(fetch, page_size=filters.get("page_size"))

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        return row


def refuse(what: str) -> NoReturn:
    """Refuses an operation that is not supported.

    Raises:
        MethodNotAllowedError: Always.
    """
    raise MethodNotAllowedError(f"{what}: our store has none", status_code=405)


def missing(what: str, name: object) -> NoReturn:
    """Reports that an object does not exist.

    Raises:
        NotFoundError: Always.
    """
    raise NotFoundError(f"there is no {what} {name!r}", status_code=404)
