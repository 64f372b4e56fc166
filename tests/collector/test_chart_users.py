"""The users that the chart makes by SQL are those of compose.yaml and of grafana-user.sql."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.local import EmbeddedClickHouse
from tests.collector.building import CONFIGS, ROOT
from tests.collector.test_deployments import EVERYTHING, helm_template


def users_sql(tmp_path: Path, values: dict[str, Any]) -> list[str]:
    """The statements with which the chart's job makes the users, each on one line."""
    (job,) = (one for one in helm_template(tmp_path, values) if one["metadata"]["name"] == "agentsight-users")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (text,) = (each["value"] for each in container["env"] if each["name"] == "STATEMENTS")
    return statements(text)


def statements(text: str) -> list[str]:
    without_comments = re.sub(r"^--.*$", "", text, flags=re.MULTILINE)
    return [" ".join(part.split()) for part in without_comments.split(";") if part.strip()]


def test_the_charts_users_have_the_rights_and_limits_of_the_other_ways_to_make_them(tmp_path: Path) -> None:
    made = users_sql(tmp_path, {**EVERYTHING, "clickhouse": {**EVERYTHING["clickhouse"], "user": "col-lector"}})
    ours = [statement.replace("chats.", "agentsight.").replace("`", "") for statement in made]
    by_hand = statements((ROOT / "grafana" / "clickhouse" / "grafana-user.sql").read_text())
    users = ElementTree.parse(CONFIGS / "compose" / "users.xml").getroot()

    def grants(sql: list[str], user: str) -> list[str]:
        return [each.removesuffix(f" TO {user}") for each in sql if each.startswith("GRANT") and each.endswith(user)]

    for user, ours_called in (("collector", "col-lector"), ("grafana", "grafana")):
        of_compose = [query.text for query in users.iterfind(f"users/{user}/grants/query")]
        assert grants(ours, ours_called) == of_compose != []
    assert grants(ours, "grafana") == grants(by_hand, "grafana")
    assert len([each for each in ours if each.startswith("GRANT")]) == 8

    def limits(sql: list[str]) -> set[str]:
        (profile,) = (each for each in sql if each.startswith("CREATE SETTINGS PROFILE"))
        return set(profile.partition(" SETTINGS readonly")[2].split(", "))

    assert limits(ours) == limits(by_hand) and len(limits(ours)) == 4
    # Users that are there already get the same password and profile.
    for user in ("col-lector", "grafana"):
        created, altered = (each for each in ours if each.startswith(("CREATE USER", "ALTER USER")) and user in each)
        assert created.partition(f" {user} ")[2] == altered.partition(f" {user} ")[2]
    assert "SETTINGS PROFILE 'agentsight_grafana'" in altered
    assert any(each.startswith("CREATE SETTINGS PROFILE IF NOT EXISTS agentsight_grafana ") for each in ours)


def test_clickhouse_understands_the_charts_users(tmp_path: Path) -> None:
    # This ClickHouse keeps its users in files alone; it still reads the statements.
    made = users_sql(tmp_path, EVERYTHING)
    with (
        EmbeddedClickHouse(tmp_path / "clickhouse") as server,
        clickhouse_client.connect(server.url(), database="default") as client,
    ):
        for statement in made:
            client.query(f"EXPLAIN AST {statement}")
        with pytest.raises(Exception, match="Syntax error"):
            client.query(f"EXPLAIN AST {made[-1]} MAYBE")
