"""The metric that docs/architecture.md adds as an example is one that ClickHouse takes, and answers."""

import re
from pathlib import Path

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse import url as clickhouse_url

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


def test_the_example_of_a_new_metric_works(schema_url: str) -> None:
    (example,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    database = clickhouse_url.parse(schema_url).database
    with clickhouse_client.connect(schema_url) as client:
        client.command(schema.expand(example).replace("{database}", database).rstrip().rstrip(";"))
        answer = client.query(
            "SELECT ended FROM metric_explicit_ends(from='2026-01-01 00:00:00', to='2027-01-01 00:00:00',"
            " service=[], environment=[], device=[], source=[], language=[], country=[])"
        )
    assert answer.result_rows == [(0,)]
