"""Writes the meaning of the schema's objects and columns into schema.md: ``python -m docs.column_dictionary``.

The texts come from the COMMENTs of the schema's files, and for the metrics from the catalogue.
"""

import re
import tempfile
from pathlib import Path
from typing import Any

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.catalogue import BY_VIEW
from agentsight_otel.clickhouse.schema.files import FOLDERS, Kind, SchemaFile, load
from agentsight_otel.local import EmbeddedClickHouse

PAGE = Path(__file__).with_name("schema.md")
BEGIN, END = "<!-- columns: begin, written by docs/column_dictionary.py -->\n", "<!-- columns: end -->\n"

_PARAMETER = re.compile(r"\{(\w+):([^{}]+)\}")
_ARGUMENTS = {"DateTime64(3, 'UTC')": "'2026-01-01 00:00:00'", "String": "'UTC'", "Array(String)": "[]", "UInt32": "60"}
_TITLES = {
    "tables": "Spans and settings",
    "rollups": "Rollups",
    "metrics": "Metrics",
    "views": "For dashboards and your own SQL",
    "pipeline": "The pipeline",
    "internal": "Internal views",
    "page": "Views of the local page",
}
Described = tuple[str, str, str]
"""Name, type and meaning of a column."""


def described(client: Any, file: SchemaFile) -> list[Described]:
    """The columns of a table or view in the client's current database."""
    parameters = dict(_PARAMETER.findall(file.sql))
    call = f"({', '.join(f'{name}={_ARGUMENTS[kind]}' for name, kind in parameters.items())})" if parameters else ""
    labels = {column.name: column.label for column in BY_VIEW[file.name].columns} if file.name in BY_VIEW else {}
    rows = client.query(f"DESCRIBE TABLE {file.name}{call}").result_rows
    return [(name, kind, comment or labels.get(name, "")) for name, kind, _, _, comment, *_ in rows]


def dictionary(client: Any) -> str:
    """The generated section of schema.md, between its two marks."""
    files = [file for file in load().files if file.kind is not Kind.MATERIALIZED_VIEW]
    columns = {file.name: described(client, file) for file in files}
    # Columns of a view with parameters cannot have comments: they mean the same as columns of that name elsewhere.
    meanings: dict[str, str] = {}
    for name in ("tool_calls_v", "conversations_v"):
        meanings |= {column: meaning for column, _, meaning in columns[name]}
    parts = []
    for folder in sorted(FOLDERS, key=list(_TITLES).index):
        parts.append(f"### {_TITLES[folder]}\n")
        for file in sorted((file for file in files if file.folder == folder), key=lambda file: file.name):
            parts.append(f"**`{file.name}`**: {file.comment}\n")
            if folder not in ("internal", "page"):
                parts.append("| column | type | meaning |\n|---|---|---|")
                parts += [
                    f"| `{name}` | {kind} | {_cell(meaning or meanings.get(name, ''))} |"
                    for name, kind, meaning in columns[file.name]
                ]
                parts.append("")
    return "\n".join(parts) + "\n"


def page(client: Any) -> str:
    """The complete text of schema.md."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return before + BEGIN + "\n" + dictionary(client) + END + rest.partition(END)[2]


def main() -> None:
    """Writes schema.md, with the types that an embedded ClickHouse reports."""
    with tempfile.TemporaryDirectory() as home, EmbeddedClickHouse(Path(home)) as server:
        url = server.url("dictionary")
        schema.apply(url)
        with clickhouse_client.connect(url) as client:
            PAGE.write_text(page(client))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
