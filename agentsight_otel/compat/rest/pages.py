"""Lists of results in pages, each fetched when it is first needed."""

from collections.abc import Callable, Iterator
from typing import Any

_PAGE_SIZE = 25
_MAX_PAGE_SIZE = 100


class Page:
    """One page of results.

    Attributes:
        results: The results on the page.
        count: The number of results on all pages.
        page_size: The most results on a page.
        total_pages: The number of pages.
        current_page: The number of this page, from 1.
        next: The query string of the next page; None on the last.
        previous: The query string of the page before; None on the first.
        extra: Other fields of the response.
    """

    def __init__(
        self,
        results: list[Any],
        *,
        count: int | None = None,
        page_size: int | None = None,
        total_pages: int | None = None,
        current_page: int | None = None,
        next: str | None = None,
        previous: str | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.results = results
        self.count = len(results) if count is None else count
        self.page_size = page_size
        self.total_pages = total_pages
        self.current_page = current_page
        self.next = next
        self.previous = previous
        self.extra = extra or {}

    @classmethod
    def from_response(cls, body: Any) -> "Page":
        """The page from a response as ``fetch_conversations`` returns it, or from a list of results."""
        if isinstance(body, list):
            return cls(body)
        names = ("results", "count", "page_size", "total_pages", "current_page", "next", "previous")
        fields = {name: body[name] for name in names[1:] if name in body}
        return cls(
            body.get("results", []), **fields, extra={name: value for name, value in body.items() if name not in names}
        )

    def __iter__(self) -> Iterator[Any]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, index: Any) -> Any:
        return self.results[index]

    def __repr__(self) -> str:
        return f"<Page of {len(self.results)} of {self.count}, {self.current_page} of {self.total_pages}>"


class PageIterator:
    """Iterates over the results of all pages; fetches each page when its first result is needed.

    Args:
        fetch: Returns a page's response for a query with ``page`` and ``page_size``.
        params: The other fields of the query.
        page_size: The most results on a page, 1 to 100. Default: 25.
    """

    def __init__(
        self,
        fetch: Callable[[dict[str, Any]], Any],
        params: dict[str, Any] | None = None,
        *,
        page_size: int | None = None,
    ) -> None:
        self._fetch = fetch
        self._params = dict(params or {})
        size = self._params.pop("page_size", None) if page_size is None else page_size
        self._page_size = min(max(int(size or _PAGE_SIZE), 1), _MAX_PAGE_SIZE)

    def __iter__(self) -> Iterator[Any]:
        for page in self.pages():
            yield from page

    def pages(self) -> Iterator[Page]:
        """Iterates over the pages."""
        number = 1
        while True:
            page = self.page(number)
            yield page
            if number >= (page.total_pages or 1):
                return
            number += 1

    def page(self, number: int = 1) -> Page:
        """One page.

        Args:
            number: The page's number, from 1.
        """
        body = self._fetch({**self._params, "page": number, "page_size": self._page_size})
        page = Page.from_response(body)
        page.page_size, page.current_page = self._page_size, number
        page.total_pages = max(-(-page.count // self._page_size), 1)
        size = self._page_size
        page.next = f"?page={number + 1}&page_size={size}" if number < page.total_pages else None
        page.previous = f"?page={number - 1}&page_size={size}" if number > 1 else None
        return page

    def count(self) -> int:
        """The number of results on all pages."""
        return self.page().count

    def first(self) -> Any:
        """The first result; None where there is none."""
        results = self.page().results
        return results[0] if results else None
