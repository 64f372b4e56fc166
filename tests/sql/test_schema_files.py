"""The schema's files: macros, order, comments."""

import re
from pathlib import Path
from typing import Any

import pytest

from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.catalogue import BY_VIEW
from agentsight_otel.clickhouse.schema.files import Kind, load
from agentsight_otel.clickhouse.schema.macros import Macro, expand
from docs import column_dictionary

MACROS = {
    "plain": Macro((), "1 + 1"),
    "bits": Macro(("value", "count"), "bitShiftRight({value}, {count})"),
    "around": Macro(("value",), "({bits({value}, 3)} + {plain})"),
}


def test_macros_stand_for_their_text_also_within_one_another() -> None:
    sql = "SELECT {around(f(a, [b, c]))}, {bits({plain}, 2)} FROM {database}.t WHERE x = {x:UInt8} AND y = '{'"
    assert expand(sql, MACROS) == (
        "SELECT (bitShiftRight(f(a, [b, c]), 3) + 1 + 1), bitShiftRight(1 + 1, 2) FROM {database}.t"
        " WHERE x = {x:UInt8} AND y = '{'"
    )


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("{plian}", r"\{plian\}: expected \{database\} or a macro of macros.sql: around, bits, plain"),
        ("{bits(a)}", r"\{bits\(a\)\}: expected 2 argument\(s\): value, count"),
        ("{plain(a)}", "expected 0 argument"),
        ("{round}", "a macro stands for itself"),
    ],
)
def test_a_wrong_macro_is_an_error_that_says_what_was_expected(sql: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        expand(sql, MACROS | ({"round": Macro((), "({round})")} if "round" in sql else {}))


def test_python_reads_the_layout_of_a_message_from_the_schema(client: Any) -> None:
    sql = schema.expand(
        "SELECT {packed_message(ms, by_agent, 'worker', hash)} AS packed, {message_ms(3, packed)},"
        " {sent_by_agent(packed)}, {sent_by_user(packed)}, bitTest(packed, 0)"
        " FROM (SELECT 3 * 86400000 + 12345 AS ms, arrayJoin([true, false]) AS by_agent, toUInt64(1) << 40 AS hash)"
    ).replace("toUInt64(1) << 40", "bitShiftLeft(toUInt64(1), 40)")
    rows = client.query(sql).result_rows
    assert [row[1:] for row in rows] == [(3 * 86_400_000 + 12_345, 1, 0, 1), (3 * 86_400_000 + 12_345, 0, 1, 1)]
    assert rows[1][0] < rows[0][0], "at equal times the end user's message is not the first"


def test_objects_come_after_those_that_they_name() -> None:
    created: set[str] = set()
    names = {file.name for file in load().files}
    for file in load().files:
        assert file.references & names <= created, file.name
        created.add(file.name)
    assert len(created) > 40


def test_a_file_of_another_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("1")
    (tmp_path / "views").mkdir()
    (tmp_path / "views" / "a.sql").write_text("CREATE OR REPLACE VIEW {database}.b AS SELECT 1;")
    with pytest.raises(ValueError, match=r"views/a\.sql: expected one CREATE, of \{database\}\.a"):
        load(tmp_path)


def test_every_object_and_column_says_what_it_is(client: Any) -> None:
    plain = [file for file in load().files if file.kind is not Kind.MATERIALIZED_VIEW and "{from:" not in file.sql]
    shown = [file for file in plain if file.folder not in ("internal", "page")]
    undescribed = [
        (file.name, name)
        for file in shown
        for name, _, meaning in column_dictionary.described(client, file)
        if not meaning
    ]
    assert len(shown) >= 14
    assert undescribed == []
    database_says = dict(
        client.query("SELECT name, comment FROM system.tables WHERE database = currentDatabase()").result_rows
    )
    for file in load().files:
        assert database_says[file.name] == file.comment != "", file.name
        assert file.kind is Kind.MATERIALIZED_VIEW or "Grain: " in file.comment, file.name
        assert not file.name.startswith("metric_") or file.name in BY_VIEW


def test_the_page_lists_what_the_database_says(client: Any) -> None:
    """Written anew by: python -m docs.column_dictionary."""
    assert column_dictionary.PAGE.read_text() == column_dictionary.page(client)


def test_columns_are_not_named_by_a_table_that_may_be_called_otherwise() -> None:
    """verify builds a second schema beside the first, with a prefix to its names, where it may create no database."""
    names = "|".join(file.name for file in load().files)
    qualified = re.compile(rf"(?<![\w.}}])(?:{names})\.(?:\w+|\*)")
    for file in load().files:
        text = re.sub(r"--.*$|'(?:[^'\\]|\\.)*'", "", file.sql, flags=re.MULTILINE)
        aliases = set(re.findall(r"\bAS (\w+)|(\w+) AS \(", text))
        own = {name for pair in aliases for name in pair}
        assert [each for each in qualified.findall(text) if each.split(".")[0] not in own] == [], file.name
