"""Tickets: there are none here."""

from typing import Any

from agentsight_otel.compat.rest.pages import Page, PageIterator
from agentsight_otel.compat.rest.resource import Resource, missing, refuse


def _nothing(query: dict[str, Any]) -> dict[str, Any]:
    return {"results": [], "count": 0}


class Tickets(Resource):
    """Tickets, as ``client.tickets``: always empty, and cannot be written."""

    def list(self, **filters: Any) -> PageIterator:
        """An empty list: there are no tickets."""
        return PageIterator(_nothing)

    def page(self, number: int = 1, **filters: Any) -> Page:
        """An empty page."""
        return self.list().page(number)

    def get(self, ticket_id: Any) -> dict[str, Any]:
        """Raises:
        NotFoundError: There are no tickets.
        """
        missing("ticket", ticket_id)

    def comments(self, ticket_id: Any) -> PageIterator:
        """An empty list: there are no tickets."""
        return PageIterator(_nothing)

    def create(
        self,
        title: str,
        *,
        conversation: Any = None,
        environment: str | None = None,
        feedback_id: Any = None,
        priority: str | None = None,
        status: str | None = None,
        tags: Any = None,
    ) -> dict[str, Any]:
        """Raises:
        MethodNotAllowedError: There are no tickets.
        """
        refuse("a ticket")

    def update(self, ticket_id: Any, **fields: Any) -> dict[str, Any]:
        """Raises:
        MethodNotAllowedError: There are no tickets.
        """
        refuse("a ticket")

    def delete(self, ticket_id: Any) -> None:
        """Raises:
        MethodNotAllowedError: There are no tickets.
        """
        refuse("a ticket")

    def add_comment(self, ticket_id: Any, body: str) -> dict[str, Any]:
        """Raises:
        MethodNotAllowedError: There are no tickets.
        """
        refuse("a ticket")
