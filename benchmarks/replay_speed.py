"""How many conversations a minute `agentsight-otel replay` brings into the embedded ClickHouse.

    python benchmarks/replay_speed.py --conversations 10000

Conversations of eight messages and two tool calls (9 spans), read from JSON Lines and played through the SDK. Prints
the time that passed, and the processor time of this process (reading and recording) and of ClickHouse (its child).
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentsight_otel import replay
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse


def conversation(number: int) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    for turn in range(4):
        messages.append({"role": "user", "content": f"Question {turn} of {number}: where is my order, please? " * 3})
        if turn % 2 == 0:
            call = {"id": f"c{turn}", "function": {"name": "find_order", "arguments": json.dumps({"id": number})}}
            messages.append({"role": "assistant", "tool_calls": [call]})
            messages.append({"role": "tool", "tool_call_id": f"c{turn}", "content": '{"status": "shipped"}'})
        messages.append({"role": "assistant", "content": f"Answer {turn}: it was shipped yesterday. " * 5})
    return {
        "conversation_id": f"replayed-{number}",
        "customer_id": f"u{number % 997}",
        "device": "mobile",
        "source": "web",
        "language": "en-GB",
        "country": "GR",
        "messages": messages,
        "feedback": "positive",
        "ended": True,
    }


def lines(number: int) -> Iterator[str]:
    for each in range(number):
        yield json.dumps(conversation(each))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=10_000, help="default: 10,000")
    number = parser.parse_args().conversations
    recorded = list(lines(number))
    with tempfile.TemporaryDirectory() as folder, EmbeddedClickHouse(Path(folder), http_port=0, tcp_port=0) as server:
        url = server.url()
        schema.apply(url)
        began, worked = time.perf_counter(), time.process_time()
        reading = replay.read(recorded)
        read_s = time.perf_counter() - began
        replay.play(reading.transcripts, url)
        took_s, worked_s = time.perf_counter() - began, time.process_time() - worked
        with clickhouse_client.connect(url) as client:
            stored, spans = client.query("SELECT uniqExact(ConversationId), count() FROM otel_traces").result_rows[0]
    of_child = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert stored == number, f"{stored} conversations stored of {number}"
    print(f"{number:,} conversations, {spans:,} spans, on {os.cpu_count()} processors")
    print(f"{number / took_s * 60:,.0f} conversations a minute: {took_s:.1f} s, of which {read_s:.1f} s reading")
    print(f"processor time: {worked_s:.1f} s here, {of_child.ru_utime + of_child.ru_stime:.1f} s in ClickHouse")


if __name__ == "__main__":
    main()
