"""The catalogue describes the views that there are: a column it lacks would be shown to nobody."""

from datetime import datetime, timezone
from typing import Any

from agentsight_otel.clickhouse.catalogue import CATALOGUE, Unit
from agentsight_otel.metrics import Window, query

WINDOW = Window(datetime(2026, 11, 2, tzinfo=timezone.utc), datetime(2026, 11, 3, tzinfo=timezone.utc))


def test_it_has_the_views_columns_in_the_views_order(client: Any) -> None:
    filters = "service=[], environment=[], device=[], source=[], language=[], country=[]"
    for metric in CATALOGUE:
        call = f"{metric.view}(from='2026-11-02 00:00:00', to='2026-11-03 00:00:00', timezone='UTC', {filters})"
        found = [row[0] for row in client.query(f"DESCRIBE TABLE (SELECT * FROM {call})").result_rows]
        assert found == [column.name for column in metric.columns], metric.view


def test_a_scalar_metric_has_one_row_whatever_the_database_holds(client: Any) -> None:
    for metric in CATALOGUE:
        if metric.is_scalar:
            assert len(query(client, metric.view, WINDOW)) == 1, metric.view


def test_names_of_columns_say_their_units() -> None:
    for metric in CATALOGUE:
        assert metric.column(metric.headline).is_measure
        assert metric.definition.endswith(".")
        for column in metric.columns:
            assert column.name.endswith("_s") == (column.unit is Unit.SECONDS), column
            assert column.name.endswith("rate") == (column.unit is Unit.RATIO), column
