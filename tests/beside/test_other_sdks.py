"""Beside other SDKs in one process: our conversations are whole, and so is what their backends get."""

import json
from typing import Any

import pytest

from tests.beside.conftest import Run
from tests.beside.conversations import check
from tests.otlp_receiver import Receiver

MODEL_CALLS = 10
"""Of the model, in two conversations."""


def beside(run: Run, product: str, *starter: str, **variables: str) -> list[list[Any]]:
    printed = run("newest", *starter, "plain.py", product, **variables)
    return json.loads(printed.splitlines()[-1])  # type: ignore[no-any-return]


def test_logfire(run: Run, receiver: Receiver) -> None:
    theirs = beside(run, "logfire")
    check(receiver.spans, "main", "pooled")
    assert [span for span in theirs if span[0] == "request"] == [["request", None]]
    calls = [span for span in theirs if span[0].startswith("POST")]
    assert len(calls) == 8
    assert sum(span.name.startswith("POST") for span in receiver.spans) == 8
    assert {parent for _, parent in calls} == {"request"}  # Logfire follows work into pools, too


def test_sentry(run: Run, receiver: Receiver) -> None:
    theirs = beside(run, "sentry")
    check(receiver.spans, "main", "pooled")
    assert ["event", "reported"] in theirs
    assert sum(span == ["http.client", "request"] for span in theirs) >= 4


@pytest.mark.parametrize("opentelemetry", ["true", "false"])
def test_datadog(run: Run, receiver: Receiver, opentelemetry: str) -> None:
    theirs = beside(run, "datadog", "ddtrace-run", DD_TRACE_OTEL_ENABLED=opentelemetry)
    check(receiver.spans, "main", "pooled")
    assert [span for span in theirs if span[0] == "request"] == [["request", None]]
    assert not [span for span in theirs if "invoke_agent" in span[0] or "find_order" in span[0]]
    assert [parent for name, parent in theirs if name == "http.request"].count("request") >= 4


@pytest.mark.parametrize(
    "how",
    [{"OTEL_PYTHON_CONFIGURATOR": "agentsight"}, {"AGENTSIGHT_AUTO_START": "true"}],
    ids=["as configurator", "beside"],
)
def test_opentelemetry_instrument(run: Run, receiver: Receiver, how: dict[str, str]) -> None:
    beside(run, "nothing", "opentelemetry-instrument", **how)
    ours = [span for span in receiver.spans if "gen_ai.conversation.id" in span.attributes]
    check(ours, "main", "pooled")
    assert sum(span.name.startswith("POST") for span in ours) == 8
