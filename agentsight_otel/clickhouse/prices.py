"""Token prices: reads them from files, and stores them in the table ``model_prices``."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

from agentsight_otel.clickhouse import client as clickhouse_client

COLUMNS = ("model", "valid_from", "input_price", "cached_input_price", "output_price", "currency")
"""The columns of a CSV file of prices; ``valid_from``, ``cached_input_price`` and ``currency`` may be left out."""

_PER_TOKEN = 1_000_000
_EVER = date(1970, 1, 1)


class PriceFileError(ValueError):
    """A file of prices cannot be read; the message says where, what stands there, and what was expected."""


@dataclass(frozen=True)
class Price:
    """What the tokens of a model cost.

    Attributes:
        model: Name of the model; ``*`` stands for any text.
        valid_from: First UTC day on which it holds.
        input_price: Per million input tokens that were not cached.
        cached_input_price: Per million cached input tokens; None: as ``input_price``.
        output_price: Per million output tokens, those of reasoning included.
        currency: ISO 4217 code.
    """

    model: str
    valid_from: date
    input_price: float
    cached_input_price: float | None
    output_price: float
    currency: str = "USD"


def read(path: Path) -> list[Price]:
    """Reads a file of prices: a CSV file with the columns ``COLUMNS``, or LiteLLM's public price file (JSON).

    Args:
        path: The file; JSON if its first character is ``{``, else CSV.

    Raises:
        PriceFileError: The file is neither, or a value in it is wrong.
        OSError: The file cannot be opened.
    """
    text = path.read_text(encoding="utf-8-sig")
    return list(_of_litellm(path, text) if text.lstrip().startswith("{") else _of_csv(path, text))


def store(url: str, prices: Iterable[Price]) -> int:
    """Stores prices in the database; a price replaces the stored one of the same model and first day.

    Args:
        url: ``http://user:password@host:port/database``.
        prices: The prices to store.

    Returns:
        The number of prices stored.

    Raises:
        ClickHouseConnectionError: ClickHouse cannot be reached, refuses the login, or lacks the database.
    """
    rows = [[getattr(price, column) for column in COLUMNS] for price in prices]
    if rows:
        with clickhouse_client.connect(url) as client:
            client.insert("model_prices", rows, column_names=list(COLUMNS))
    return len(rows)


def stored(url: str) -> list[Price]:
    """The prices in the database, by model and first day.

    Raises:
        ClickHouseConnectionError: ClickHouse cannot be reached, refuses the login, or lacks the database.
    """
    with clickhouse_client.connect(url) as client:
        rows = client.query(
            f"SELECT {', '.join(COLUMNS)} FROM model_prices FINAL ORDER BY model, valid_from"
        ).result_rows
    return [Price(*row) for row in rows]


def _of_csv(path: Path, text: str) -> Iterator[Price]:
    reader = csv.DictReader(text.splitlines())
    missing = [column for column in ("model", "input_price", "output_price") if column not in (reader.fieldnames or ())]
    if missing:
        raise PriceFileError(f"{path}: no column {missing[0]!r}; expected {', '.join(COLUMNS)}")
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        model = (row["model"] or "").strip()
        if not model:
            raise PriceFileError(f"{where}: model is empty; expected the name of a model")
        cached = (row.get("cached_input_price") or "").strip()
        yield Price(
            model,
            _day(where, row.get("valid_from")),
            _amount(where, "input_price", row["input_price"]),
            _amount(where, "cached_input_price", cached) if cached else None,
            _amount(where, "output_price", row["output_price"]),
            (row.get("currency") or "USD").strip().upper(),
        )


def _of_litellm(path: Path, text: str) -> Iterator[Price]:
    try:
        models = json.loads(text)
    except json.JSONDecodeError as error:
        raise PriceFileError(
            f"{path}, line {error.lineno}: {error.msg}; expected LiteLLM's price file in JSON"
        ) from None
    has_prices = False
    for model, entry in models.items():
        if model == "sample_spec" or not isinstance(entry, Mapping) or not _is_priced(entry):
            continue
        has_prices = True
        where = f"{path}, {model}"
        cached = entry.get("cache_read_input_token_cost")
        yield Price(
            model,
            _EVER,
            _amount(where, "input_cost_per_token", entry["input_cost_per_token"]) * _PER_TOKEN,
            None if cached is None else _amount(where, "cache_read_input_token_cost", cached) * _PER_TOKEN,
            _amount(where, "output_cost_per_token", entry["output_cost_per_token"]) * _PER_TOKEN,
        )
    if not has_prices:
        raise PriceFileError(f"{path}: no model with input_cost_per_token and output_cost_per_token; expected those")


def _is_priced(entry: Mapping[str, Any]) -> bool:
    return entry.get("input_cost_per_token") is not None and entry.get("output_cost_per_token") is not None


def _amount(where: str, field: str, value: object) -> float:
    try:
        amount = float(str(value))
    except ValueError:
        amount = math.nan
    if not math.isfinite(amount) or amount < 0:
        raise PriceFileError(f"{where}: {field} is {value!r}; expected a number from 0")
    return amount


def _day(where: str, value: str | None) -> date:
    if value is None or not value.strip():
        return _EVER
    try:
        return datetime.strptime(value.strip(), "%Y-%m-%d").replace(tzinfo=timezone.utc).date()
    except ValueError:
        raise PriceFileError(f"{where}: valid_from is {value!r}; expected a day such as 2026-11-01") from None
