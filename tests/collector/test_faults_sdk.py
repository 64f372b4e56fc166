"""The collector is away, restarted, or out of disk: the agent lives on, and its spans arrive."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

import agentsight_otel as agentsight
from agentsight_otel.clickhouse import client as clickhouse_client
from tests.collector.conftest import StartCollector
from tests.collector.counting import assert_full, rows, spans
from tests.collector.small_disk import SmallDisk
from tests.collector.waiting import until

SPANS_OF_A_CHAT = 3
"""What ``Chats`` makes of each: its start, a turn, a tool call."""


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    token = otel_context.attach(otel_context.Context())
    yield
    agentsight.shutdown()
    otel_context.detach(token)


class Chats:
    """An agent that has one conversation after the other, through the SDK, in a thread of its own."""

    def __init__(self, pause_s: float = 0.005) -> None:
        self.count = 0
        self.slowest_s = 0.0
        self.errors: list[BaseException] = []
        self._pause_s = pause_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Chats":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                began = time.perf_counter()
                self.chat()
                self.slowest_s = max(self.slowest_s, time.perf_counter() - began)
            except BaseException as error:
                self.errors.append(error)
            time.sleep(self._pause_s)

    def chat(self) -> None:
        agentsight.get_or_create_conversation(f"chat-{self.count}", customer_id="ann", device="mobile")
        with agentsight.turn(agent="bot"), agentsight.tool("search"):
            agentsight.user_message("Where is my order?")
            agentsight.agent_message("It left this morning.")
        self.count += 1


def assert_all_chats_count(url: str, chats: Chats) -> None:
    until(lambda: spans(url) >= chats.count * SPANS_OF_A_CHAT, 90, f"{chats.count} chats stored")
    window = "from='2020-01-01 00:00:00', to='2100-01-01 00:00:00', timezone='UTC'"
    filters = "service=[], environment=[], device=['mobile'], source=[], language=[], country=[]"

    def counted() -> list[Any]:
        with clickhouse_client.connect(url) as client:
            return [
                client.query(f"SELECT sum({column}) FROM metric_{view}({window}, {filters})").first_row[0]
                for view, column in (
                    ("total_conversations", "conversations"),
                    ("total_messages", "messages"),
                    ("tool_usage", "calls"),
                )
            ]

    until(lambda: counted() == [chats.count, chats.count * 2, chats.count], what="the metrics of all chats")


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_the_sdk_is_started_before_the_collector(
    start_collector: StartCollector,
    clickhouse_env: dict[str, str],
    schema_url: str,
    protocol: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collector = start_collector("local.yaml", environment=clickhouse_env)
    collector.stop()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    endpoint = f"http://{collector.grpc}" if protocol == "grpc" else collector.http
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    agentsight.init(service_name="agent", set_global=False)
    chats = Chats()
    for _ in range(20):
        chats.chat()
    assert not agentsight.flush(timeout_s=1), "nobody was there"
    collector.start()
    assert agentsight.flush(timeout_s=60)
    assert agentsight.shutdown()
    assert_all_chats_count(schema_url, chats)


def test_the_collector_is_restarted_under_load(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str, impatient: Path
) -> None:
    collector = start_collector("local.yaml", impatient, environment=clickhouse_env)
    agentsight.init(
        service_name="agent", set_global=False, span_exporter=OTLPSpanExporter(endpoint=f"{collector.http}/v1/traces")
    )
    with Chats() as chats:
        for end in (collector.stop, collector.kill):
            before, stored = chats.count, rows(schema_url)
            until(lambda before=before: chats.count > before + 100)
            until(lambda stored=stored: rows(schema_url) > stored)
            end()
            before = chats.count
            until(lambda before=before: chats.count > before + 100)
            collector.start()
    assert chats.errors == []
    assert agentsight.flush(timeout_s=60)
    assert agentsight.shutdown()
    assert_all_chats_count(schema_url, chats)


def test_the_sdk_is_unharmed_by_a_full_disk(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str, small_disk: SmallDisk
) -> None:
    environment = {**clickhouse_env, "AGENTSIGHT_QUEUE_DIR": str(small_disk.queue)}
    collector = start_collector("local.yaml", environment=environment, binary=small_disk.binary)
    ballast = small_disk.inside(collector) / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4_096)):
            pass
    agentsight.init(
        service_name="agent", set_global=False, span_exporter=OTLPSpanExporter(endpoint=f"{collector.http}/v1/traces")
    )
    with Chats() as chats:
        until(lambda: collector.metrics().get("otelcol_receiver_refused_spans", 0) > 0, what="a refusal")
        before = chats.count
        until(lambda: chats.count > before + 200, what="conversations meanwhile")
    assert_full(collector, "no space left on device")
    assert chats.errors == []
    assert chats.slowest_s < 5, "the agent waited for the collector"
    assert not agentsight.flush(timeout_s=1), "delivered to a full disk"
    ballast.unlink()
    assert agentsight.flush(timeout_s=60)
    assert agentsight.shutdown()
    assert_all_chats_count(schema_url, chats)
