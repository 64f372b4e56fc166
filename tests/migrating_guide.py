"""The tables of docs/migrating.md, for the tests that run their rows."""

import re
from pathlib import Path

GUIDE = (Path(__file__).parents[1] / "docs" / "migrating.md").read_text()


def rows(title: str) -> list[tuple[str, str]]:
    """The rows of the table below a heading, as (call, what the guide says of it)."""
    section = GUIDE[GUIDE.index(f"### {title}\n") + 4 :]
    section = section[: section.index("\n## ") if "\n### " not in section else section.index("\n### ")]
    found = re.findall(r"^\| `(.+?)` \| (.+) \|$", section, re.MULTILINE)
    assert found, title
    return found
