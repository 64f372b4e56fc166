"""Pipeline health: whether spans arrive in time and only once, and how ClickHouse copes."""

from agentsight_otel.clickhouse.catalogue import Direction, Unit
from grafana import links
from grafana.board import Dashboard, Section, filters
from grafana.panels import Json, Panel, fields, lines, override, ranking, table, tile
from grafana.sql import FROM, SIGNATURE, STEP_S, TO, both_periods

_NONE = "nothing arrived in this time range"
_LAG = ((None, "green"), (60, "yellow"), (300, "red"))
_IN_WINDOW = "minute >= $__fromTime AND minute <= $__toTime"
_BEFORE = "minute >= $__fromTime - ($__toTime - $__fromTime) AND minute < $__fromTime"
_STEP = f"greatest(60, {STEP_S})"
_ARRIVAL = "By the minute of arrival; a span sent twice counts twice."


def _tiles() -> list[Panel]:
    def both(expression: str, unit: Unit = Unit.COUNT) -> str:
        query = f"SELECT {expression} AS figure FROM pipeline_ingest WHERE "
        return both_periods(query + _IN_WINDOW, query + _BEFORE, unit)

    return [
        tile("Spans received", f"Spans stored. {_ARRIVAL}", both("sum(spans)"), fields("locale", "–"), width=6),
        tile(
            "Not of a conversation",
            "The share of spans without a conversation id, or without ids of their own: stored, and in no metric.",
            both("if(sum(spans) = 0, NULL, 1 - sum(counted_spans) / sum(spans))", Unit.RATIO),
            fields("percentunit", "–", decimals=1),
            width=6,
        ),
        tile(
            "Lag",
            "From the end of a span to its insert: the 95th percentile of the slowest minute. Backfills count.",
            both("if(count() = 0, NULL, max(lag_p95_s))", Unit.SECONDS),
            fields("s", "–", _LAG),
            direction=Direction.UP_IS_BAD,
            width=6,
        ),
        tile(
            "Last arrival",
            "How long ago the last minute was in which a span arrived, within 90 days.",
            "SELECT if(count() = 0, NULL, greatest(0, dateDiff('second', max(minute), now('UTC')) - 60)) AS figure\n"
            "FROM pipeline_ingest",
            fields("s", "never", ((None, "green"), (600, "yellow"), (3600, "red"))),
            compares=False,
            width=6,
        ),
    ]


def _rate() -> Panel:
    return lines(
        "Spans per second",
        f"Spans stored per second, by service. {_ARRIVAL}",
        f"SELECT toDateTime(intDiv(toUnixTimestamp(minute), {_STEP}) * {_STEP}, 'UTC') AS time, service,\n"
        f"    sum(spans) / {_STEP} AS spans_per_s\n"
        f"FROM pipeline_ingest WHERE {_IN_WINDOW}\nGROUP BY time, service ORDER BY time, service",
        fields("short", _NONE),
        width=12,
        height=9,
        stacked=True,
        label="service",
    )


def _lag() -> Panel:
    return lines(
        "Lag over time",
        "From the end of a span to its insert: the median and the 95th percentile of the slowest minute and service.",
        f"SELECT toDateTime(intDiv(toUnixTimestamp(minute), {_STEP}) * {_STEP}, 'UTC') AS time,\n"
        "    max(lag_p50_s) AS median, max(lag_p95_s) AS `95th percentile`\n"
        f"FROM pipeline_ingest WHERE {_IN_WINDOW}\nGROUP BY time ORDER BY time",
        fields("s", _NONE, _LAG),
        width=12,
        height=9,
    )


def _duplicates() -> Panel:
    return table(
        "Duplicates",
        "Spans stored more than once, because an exporter repeated a batch that had arrived: harmless to the metrics,"
        " which count each once, but they take space. Of the spans that started in the window.",
        "SELECT service, received, duplicates, if(received = 0, NULL, duplicates / received) AS share\n"
        f"FROM pipeline_duplicates(from={FROM}, to={TO}) ORDER BY duplicates DESC, service",
        "no spans in this time range",
        width=12,
        height=7,
        overrides=[
            override("service", displayName="Service"),
            override("received", displayName="Received", unit="locale"),
            override("duplicates", displayName="Duplicates", unit="locale"),
            override("share", displayName="Share", unit="percentunit", decimals=2),
        ],
    )


def _versions() -> Panel:
    return table(
        "Deployments",
        "The versions of each service (resource attribute service.version), by the time of their first span. They mark"
        " lines over time. A rollback to a version seen before is not marked.",
        "SELECT first_seen_at, service, environment, version, last_seen_at\n"
        "FROM deployments_v ORDER BY first_seen_at DESC, service, environment, version LIMIT 50",
        "no service says its version: set service.version in OTEL_RESOURCE_ATTRIBUTES",
        width=12,
        height=7,
        overrides=[
            override("first_seen_at", displayName="First seen"),
            override("service", displayName="Service"),
            override("environment", displayName="Environment"),
            override("version", displayName="Version"),
            override("last_seen_at", displayName="Last seen"),
        ],
    )


def _left_out() -> Panel:
    return table(
        "Left out",
        "What the metrics leave out on purpose: conversations of robots, which count nowhere; values that are no"
        " customers (table no_customers), whose conversations count as nobody's; spans that ask to be ignored. Of the"
        " spans that started in the window.",
        "SELECT reason, value, conversations, spans\n"
        f"FROM pipeline_left_out(from={FROM}, to={TO}) ORDER BY conversations DESC, reason, value LIMIT 100",
        "nothing is left out in this time range",
        width=12,
        height=7,
        overrides=[
            override("reason", displayName="Reason"),
            override("value", displayName="Sent as customer"),
            override("conversations", displayName="Conversations", unit="locale"),
            override("spans", displayName="Spans", unit="locale"),
        ],
    )


def _clocks() -> Panel:
    return table(
        "Clocks",
        "Services whose spans begin before those of the service that called them: their clocks disagree. Of the spans"
        " that started in the window.",
        "SELECT service, called_by, spans, early_spans, early_ms / 1000 AS early_s\n"
        f"FROM pipeline_clocks(from={FROM}, to={TO}) ORDER BY early_spans DESC, service, called_by LIMIT 100",
        "no service called another in this time range",
        width=12,
        height=7,
        overrides=[
            override("service", displayName="Service"),
            override("called_by", displayName="Called by"),
            override("spans", displayName="Spans", unit="locale"),
            override("early_spans", displayName="Too early", unit="locale"),
            override("early_s", displayName="By (median)", unit="s"),
        ],
    )


def _background() -> list[Panel]:
    def now(title: str, description: str, sql: str, defaults: Json) -> Panel:
        return tile(title, description, sql, defaults, compares=False, width=6)

    lag = ((None, "green"), (60, "yellow"), (600, "red"))
    return [
        now(
            "Resolved behind",
            "How old the oldest arrival is that is not in table resolved yet, now: queries resolve what is not there"
            " themselves, which is slower, never wrong.",
            "SELECT lag_s AS figure FROM pipeline_resolved",
            fields("s", "–", lag),
        ),
        now(
            "Resolved by each query",
            "Conversations that spans arrived for in the last minute, or that wait to be resolved, now.",
            "SELECT live_conversations AS figure FROM pipeline_resolved",
            fields("locale", "–"),
        ),
        now(
            "Derived behind",
            "How old the oldest trace is that conversations of other SDKs are not derived from yet, now. Usually below"
            " 15 s.",
            "SELECT lag_s AS figure FROM pipeline_derived",
            fields("s", "–", lag),
        ),
        now(
            "Traces waiting",
            "Traces that spans arrived for since conversations were last derived, now.",
            "SELECT waiting AS figure FROM pipeline_derived",
            fields("locale", "–"),
        ),
    ]


def _storage() -> Panel:
    steps: Json = {
        "mode": "absolute",
        "steps": [{"value": None, "color": "text"}, {"value": 300, "color": "yellow"}, {"value": 1000, "color": "red"}],
    }
    return table(
        "Tables",
        "Rows, active parts and bytes of each table on this server, now. ClickHouse slows inserts down when a partition"
        " has 1,000 parts: then batches are too small.",
        "SELECT table, rows, parts, most_parts, disk_bytes, uncompressed_bytes / disk_bytes AS compression\n"
        "FROM pipeline_storage ORDER BY disk_bytes DESC, table",
        "no data on this server",
        width=16,
        height=8,
        overrides=[
            override("table", displayName="Table"),
            override("rows", displayName="Rows", unit="locale"),
            override("parts", displayName="Parts", unit="locale"),
            override(
                "most_parts",
                displayName="In one partition",
                unit="locale",
                thresholds=steps,
                custom_cellOptions={"type": "color-text"},
            ),
            override("disk_bytes", displayName="On disk", unit="bytes"),
            override("compression", displayName="Compressed by", unit="short", decimals=1),
        ],
    )


def _disks() -> Panel:
    return ranking(
        "Disks used",
        "The used share of each of the server's disks, now.",
        "SELECT name, 1 - unreserved_space / total_space AS used FROM system.disks WHERE total_space > 0 ORDER BY name",
        {
            **fields("percentunit", "no disk tells its size", ((None, "green"), (0.8, "yellow"), (0.9, "red"))),
            "min": 0,
            "max": 1,
        },
        width=8,
        height=8,
    )


def _slowest_panels() -> Panel:
    return table(
        "Slowest panels",
        "The panels of these dashboards by how long their queries took, from ClickHouse's query log.",
        f"SELECT extract(query, '{SIGNATURE}(.+?). AS asked_by') AS panel, count() AS queries,\n"
        "    quantileExact(0.5)(query_duration_ms) / 1000 AS p50_s,\n"
        "    quantileExact(0.95)(query_duration_ms) / 1000 AS p95_s,\n"
        "    sum(read_bytes) AS read_bytes, max(memory_usage) AS memory, countIf(type != 'QueryFinish') AS failed\n"
        "FROM system.query_log\n"
        "WHERE event_date >= toDate($__fromTime, 'UTC') - 1 AND event_time >= $__fromTime AND event_time <= $__toTime\n"
        f"    AND type != 'QueryStart' AND startsWith(query, 'WITH ''{SIGNATURE}')\n"
        "GROUP BY panel ORDER BY p95_s DESC, panel LIMIT 50",
        "no panel was asked in this time range",
        width=24,
        height=9,
        overrides=[
            override("panel", displayName="Panel"),
            override("queries", displayName="Queries", unit="locale"),
            override("p50_s", displayName="Median", unit="s"),
            override("p95_s", displayName="95th percentile", unit="s"),
            override("read_bytes", displayName="Read", unit="bytes"),
            override("memory", displayName="Most memory", unit="bytes"),
            override("failed", displayName="Failed", unit="locale"),
        ],
    )


def dashboard() -> Dashboard:
    """The dashboard of the pipeline's health."""
    return Dashboard(
        uid=links.PIPELINE,
        title="Pipeline health",
        description="Whether spans arrive, in time and once, and whether ClickHouse bears it.",
        last="now-6h",
        refresh="1m",
        variables=filters(hide=True),
        sections=[
            Section("", _tiles()),
            Section("Arrival", [_rate(), _lag(), _duplicates(), _versions(), _left_out(), _clocks()]),
            Section("Background", _background()),
            Section("ClickHouse", [_storage(), _disks(), _slowest_panels()]),
        ],
    )
