"""Users whose profile has settings otherwise than ClickHouse's defaults."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import Error

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import doctor, schema
from agentsight_otel.clickhouse.profile import NEEDED
from agentsight_otel.metrics import METRICS, Window, query_parameters, view_call
from tests.collector.conversations import conversation
from tests.sql.model import Ask, answers
from tests.sql.storing import assert_views_agree, insert
from tests.sql.users import server_with_users

# Settings that are no flags, with a value that a profile may give them.
VALUES = {
    "union_default_mode": "",
    "session_timezone": "Asia/Tokyo",
    "max_threads": "1",
    "max_block_size": "7",
    "group_by_two_level_threshold": "1",
    "max_bytes_before_external_group_by": "1",
    "max_bytes_before_external_sort": "1",
    "max_rows_to_group_by": "1000000",
    "join_algorithm": "full_sorting_merge",
    "join_default_strictness": "ANY",
    "distributed_product_mode": "deny",
    "short_circuit_function_evaluation": "disable",
    "date_time_input_format": "best_effort",
    "count_distinct_implementation": "uniq",
    "max_parser_depth": "1000",
    "max_query_size": "262144",
}
# Flags that refuse or change any query of this kind, whoever wrote it.
ON_PURPOSE = {
    "force_optimize_projection",  # refuses queries that no projection serves
    "force_primary_key",  # refuses queries that read a whole table, however small
    "implicit_transaction",  # needs a server with transactions
    "inject_random_order_for_select_without_order_by",  # the rows of SELECT * FROM view come in any order
    "make_distributed_plan",  # needs workers
    "output_format_native_encode_types_in_binary_format",  # clickhouse-connect does not read it
    "rewrite_in_to_join",  # an experiment of ClickHouse's: it moves an IN of HAVING into WHERE
    "run_query_in_background",  # answers with the query's id
}
TOGETHER = 100  # flags tried in one query; those of a group that fails are tried in halves

NOW_NS = 1_793_491_200_000_000_000
WINDOW = Window(
    datetime(2026, 10, 31, tzinfo=timezone.utc), datetime(2026, 11, 3, tzinfo=timezone.utc), "Europe/Athens"
)


@pytest.fixture(scope="module")
def client(clickhouse_server: Any) -> Iterator[Any]:
    """A client of an ordinary user, in a database with some conversations."""
    url = clickhouse_server.url("profiles")
    schema.apply(url)
    with clickhouse_client.connect(url) as connected:
        insert(connected, [span for number in range(4) for span in conversation(number, NOW_NS)])
        yield connected
        connected.command("DROP DATABASE profiles SYNC")


class Answers:
    """What the views answer under other settings, held against what they answer under the user's own."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._expected = {view: self._rows(view, {}) for view in METRICS}
        assert all(self._expected.values())

    def _rows(self, view: str, settings: Mapping[str, str]) -> Any:
        sql, parameters = f"SELECT * FROM {view_call(view)}", query_parameters(WINDOW)
        return self._client.query(sql, parameters=parameters, settings=dict(settings)).result_rows

    def difference(self, settings: Mapping[str, str]) -> str | None:
        """The first view that is refused or answers otherwise, with the reason; None if there is none."""
        for view, expected in self._expected.items():
            try:
                if self._rows(view, settings) != expected:
                    return f"{view} answers otherwise"
            except Error as error:
                return f"{view}: {str(error)[:200]}"
        return None

    def differences(self, settings: Mapping[str, str]) -> dict[str, str]:
        """The settings that make a difference, found by halves."""
        difference = self.difference(settings)
        if difference is None:
            return {}
        if len(settings) == 1:
            return dict.fromkeys(settings, difference)
        names, middle = list(settings), len(settings) // 2
        halves = ({name: settings[name] for name in half} for half in (names[:middle], names[middle:]))
        return {name: reason for half in halves for name, reason in self.differences(half).items()}


def test_metrics_do_not_depend_on_the_profile_of_whoever_reads(client: Any) -> None:
    """Every flag that ClickHouse has is turned round, and what is no flag gets some other value."""
    flags = client.query(
        "SELECT name, toString(default = '0') FROM system.settings WHERE type = 'Bool' AND tier != 'Obsolete'"
        " ORDER BY name"
    ).result_rows
    settings = VALUES | {name: value for name, value in flags if name not in NEEDED and name not in ON_PURPOSE}
    assert len(settings) > 500
    views, names = Answers(client), list(settings)
    differences: dict[str, str] = {}
    for first in range(0, len(names), TOGETHER):
        differences |= views.differences({name: settings[name] for name in names[first : first + TOGETHER]})
    assert differences == {}


def test_this_packages_connections_and_its_doctor_know_a_profile_that_is_otherwise(tmp_path: Path) -> None:
    profile = {"asterisk_include_virtual_columns": "1", "prefer_column_name_to_alias": "1"}
    with server_with_users(tmp_path, {"odd": ["GRANT ALL ON *.*"]}, {"odd": profile}) as running:
        url = running.url("odd", "agentsight")
        schema.apply(url)
        assert schema.verify(url) == []
        spans = list(conversation(1, NOW_NS))
        ask = Ask(NOW_NS // 1_000_000 - 1, NOW_NS // 1_000_000 + 86_400_000)
        with clickhouse_client.connect(url) as connected:
            insert(connected, spans)
            assert_views_agree(connected, answers(spans, ask), ask)
        (finding,) = [each for each in doctor.database(url) if each.check == "ClickHouse: settings"]
        assert finding.severe
        for setting in profile:
            assert f"{setting} = 1: {NEEDED[setting].otherwise}" in finding.said
            assert f"{setting} = 0" in finding.remedy
    page = (Path(__file__).parents[2] / "docs" / "schema.md").read_text()
    assert [setting for setting in NEEDED if f"`{setting}`" not in page] == []
