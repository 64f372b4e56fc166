"""A database of an older version, with data in it, becomes this version's."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentsight_otel import bundled, clickhouse_client, clickhouse_url, schema
from agentsight_otel.schema.files import load
from agentsight_otel.schema.inspection import definitions
from tests.sql.model import Event, Span
from tests.sql.storing import insert

NOW_NS = 1_790_000_000_000_000_000
VERSION_2 = Path(__file__).with_name("schema_of_version_2")


@pytest.fixture
def version_2(tmp_path: Path) -> Path:
    """The schema as it was: what has changed since as it was, what is new since left out."""
    folder = Path(shutil.copytree(bundled.folder("clickhouse_schema"), tmp_path / "schema"))
    shutil.rmtree(folder / "migrations")
    for file in VERSION_2.glob("*.sql"):
        shutil.copy(file, folder)
    (folder / "VERSION").write_text("2\n")
    return folder


@pytest.fixture
def fresh_url(empty_url: str) -> Iterator[str]:
    url = empty_url + "_fresh"
    schema.apply(url)
    yield url
    with clickhouse_client.connect(url) as client:
        client.command(f"DROP DATABASE {clickhouse_url.parse(url).database} SYNC")


def span(number: int, span_name: str, **attributes: str) -> Span:
    return Span(
        trace_id="a" * 32,
        span_id=f"{number:016x}",
        name=span_name,
        start_ns=NOW_NS + number * 1_000_000_000,
        attributes={"gen_ai.conversation.id": "c1", "agentsight.span.kind": "conversation"}
        | {f"agentsight.conversation.{key}": value for key, value in attributes.items()},
        events=(Event(NOW_NS, "agentsight.message", {"agentsight.message.sender": "end_user"}),),
    )


def test_version_2_with_data_becomes_this_version(empty_url: str, version_2: Path, fresh_url: str) -> None:
    schema.apply(empty_url, folder=version_2)
    with clickhouse_client.connect(empty_url) as client:
        insert(client, [span(1, "conversation_started", name="Order")])
        steps = schema.apply(empty_url)
        migrated = [step.entry for step in steps if step.action == "migrate"]
        assert migrated == [file.name for _, file in load().migrations]
        assert schema.verify(empty_url) == []
        found = definitions(client, clickhouse_url.parse(empty_url).database)
        assert found == definitions(client, clickhouse_url.parse(fresh_url).database)

        columns = "SELECT name, marked, deleted, user_messages FROM conversations_v"
        assert client.query(columns).result_rows == [("Order", False, False, 1)]
        insert(client, [span(2, "conversation_updated", name="Late order", marked="true")])
        insert(client, [span(3, "conversation_started", name="Order")])
        insert(client, [span(4, "conversation_updated", marked="false", deleted="true")])
        assert client.query(columns).result_rows == [("Late order", False, True, 4)]
