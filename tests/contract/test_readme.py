"""The README is true: its example runs, and it names every metric, command and file that there is."""

import os
import re
import subprocess
import sys
from pathlib import Path

from agentsight_otel import replay
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse, demo
from agentsight_otel.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example],
        env={**os.environ, "OTEL_TRACES_EXPORTER": "console"},
        capture_output=True,
        text=True,
        check=True,
    )
    for said in (
        "conversation_started",
        "invoke_agent support",
        "execute_tool find_order",
        "It is shipped.",
        "feedback",
    ):
        assert said in done.stdout


def test_its_sql_answers_from_what_the_demo_fills(clickhouse_server: EmbeddedClickHouse) -> None:
    statements = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    assert statements
    url = clickhouse_server.url(demo.DATABASE)
    schema.apply(url)
    replay.play(demo.transcripts(), url, **demo.PLAYED_AS)
    with clickhouse_client.connect(url, database="default") as client:
        for statement in statements:
            assert client.query(statement).result_rows, statement


def test_it_names_every_metric_view_and_links_to_files_that_exist() -> None:
    for view in METRICS:
        assert f"`{view}`" in README
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
