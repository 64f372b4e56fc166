"""Cuts texts that are names, states and the like: whoever sends spans may make them as long as they like."""

MAX_SHORT_TEXT = 1_000
"""The most characters of such a text in an answer of the page; an export is not cut."""


def short(expression: str) -> str:
    """SQL for the beginning of a text."""
    return f"substringUTF8({expression}, 1, {MAX_SHORT_TEXT})"


def short_columns(names: tuple[str, ...]) -> str:
    """SQL for ``SELECT * REPLACE (…)``: the beginnings of columns of texts."""
    return ", ".join(f"{short(name)} AS {name}" for name in names)
