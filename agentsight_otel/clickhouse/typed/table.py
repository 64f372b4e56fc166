"""Rows of one kind, as dataclasses or as a data frame."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")

Rows = list[dict[str, Any]]
"""Rows as dictionaries, keyed by the view's columns."""


class Table(Sequence[T], Generic[T]):
    """The rows of a view, in its order.

    Args:
        kind: The dataclass of a row.
        rows: The values of each row, in the order of the dataclass' fields.
    """

    def __init__(self, kind: type[T], rows: Sequence[Sequence[Any]]) -> None:
        self._kind = kind
        self._rows = tuple(kind(*row) for row in rows)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self._rows == other._rows

    def __hash__(self) -> int:
        return hash(self._rows)

    def __repr__(self) -> str:
        return f"<Table of {len(self)} {self._kind.__name__}>"

    @property
    def one(self) -> T:
        """The only row of a view that always has exactly one.

        Raises:
            ValueError: There are several rows, or none.
        """
        (row,) = self._rows
        return row

    def rows(self) -> Rows:
        """The rows as dictionaries, keyed by the view's columns."""
        names = self._names()
        return [{name: getattr(row, name) for name in names} for row in self._rows]

    def columns(self) -> dict[str, list[Any]]:
        """The values of each column, by the column's name."""
        return {name: [getattr(row, name) for row in self._rows] for name in self._names()}

    def _names(self) -> list[str]:
        return [field.name for field in fields(self._kind)]  # type: ignore[arg-type]

    def to_pandas(self) -> Any:
        """A pandas DataFrame; needs pandas."""
        import pandas

        return pandas.DataFrame(self.columns())

    def to_polars(self) -> Any:
        """A polars DataFrame; needs polars."""
        import polars

        return polars.DataFrame(self.columns())

    def to_arrow(self) -> Any:
        """A pyarrow Table; needs pyarrow."""
        import pyarrow

        return pyarrow.table(self.columns())
