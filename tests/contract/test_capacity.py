"""The model behind docs/capacity.md reproduces what was measured, and the page says what the model says."""

from pathlib import Path

import pytest

from benchmarks import capacity

DOCUMENT = (Path(__file__).parents[2] / "docs" / "capacity.md").read_text()
REPRODUCED = [each for each in capacity.MEASUREMENTS if not each.gives]


@pytest.mark.parametrize("measurement", REPRODUCED, ids=lambda each: each.of)
def test_the_model_reproduces_what_it_was_not_made_from(measurement: capacity.Measurement) -> None:
    assert abs(measurement.error) <= 0.25


def test_more_is_reproduced_than_was_taken() -> None:
    assert len(REPRODUCED) > len(capacity.MEASUREMENTS) / 2


def test_each_constant_is_the_measurement_that_it_was_taken_from() -> None:
    for each in capacity.MEASUREMENTS:
        if each.gives:
            assert abs(each.error) <= 0.1, each.of


@pytest.mark.parametrize("part", [*capacity.tables(), *capacity.rules()])
def test_the_page_says_what_the_model_says(part: str) -> None:
    assert part in DOCUMENT


def test_ten_times_the_load_needs_ten_times_the_machines() -> None:
    small, large = (capacity.plan(capacity.Load(messages)) for messages in (1e9, 1e10))
    for one, other in ((small.collectors, large.collectors), (small.shards, large.shards)):
        assert other / one == pytest.approx(10, rel=0.15)
    assert sum(large.cores.values()) / sum(small.cores.values()) == pytest.approx(10, rel=0.15)
