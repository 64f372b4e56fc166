"""How figures are written in a terminal."""

from collections.abc import Callable
from typing import Any

from agentsight_otel.clickhouse.catalogue import Unit

NONE = "–"


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun: 1 step, 2 steps, 1,000 steps. Default plural: the singular with an s."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def count(value: int | None) -> str:
    """A whole number as text: 1,000."""
    return NONE if value is None else f"{value:,}"


def percent(value: float | None) -> str:
    """A share from 0 to 1 as text, in per cent."""
    return NONE if value is None else f"{value * 100:.1f} %"


def seconds(value: float | None) -> str:
    """A length of time in seconds as text, in the unit that suits it."""
    if value is None:
        return NONE
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


FORMS: dict[Unit, Callable[[Any], str]] = {Unit.COUNT: count, Unit.SECONDS: seconds, Unit.RATIO: percent}
"""The function that writes a figure of each unit."""


def change(now: float | None, before: float | None, unit: Unit = Unit.COUNT) -> str:
    """A change as text: in percentage points for a share, in per cent of the value before for any other figure."""
    if now is None or before is None:
        return NONE
    if now == before:
        return "±0"
    if unit is Unit.RATIO:
        return f"{(now - before) * 100:+.1f} points"
    if not before:
        return "new"
    moved = (now - before) / before * 100
    return f"{moved:+.0f} %" if abs(moved) >= 0.5 else f"{moved:+.1f} %"
