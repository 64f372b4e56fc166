"""The short variant of the sustained load: a few seconds of it, ClickHouse away for two of them."""

from benchmarks import collector_load

MOST_PARTS = 300
"""ClickHouse slows inserts down at 1,000 in one partition."""


def test_sustained_load_loses_nothing_and_leaves_few_parts() -> None:
    stock, ours = collector_load.main(["--seconds", "4", "--outage", "2"])
    for result in (stock, ours):
        assert result.accepted > 0
        assert result.lost == 0
        assert max(result.seen.parts) < MOST_PARTS
    assert ours.cpu_us_per_span < 3 * stock.cpu_us_per_span
