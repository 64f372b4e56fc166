"""Generated conversations of all dialects, the same in each run."""

import itertools
from dataclasses import replace

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.sql.model import Span
from tests.sql.test_metrics_against_model import conversation


def generated(count: int) -> list[Span]:
    """Conversations of all dialects; every third span is of another trace of its conversation."""
    spans: list[Span] = []
    numbers = itertools.count(1)

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def collect(data: st.DataObject) -> None:
        for index, span in enumerate(data.draw(conversation(next(numbers)))):
            elsewhere = span.counts and index % 3 == 2
            spans.append(replace(span, trace_id="f" + span.trace_id[1:]) if elsewhere else span)

    collect()
    return spans
