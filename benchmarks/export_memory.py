"""How much memory and time `agentsight-otel export` takes, by kind and format.

    python -m benchmarks.export_memory --conversations 100000

Conversations as generated_spans.py makes them (11.4 spans on average), within an embedded ClickHouse. Each export runs in
a process of its own; the memory is the most that it had resident (ru_maxrss), without ClickHouse's.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from benchmarks.generated_spans import inserts
from benchmarks.measuring import settle_at_once

CASES = (
    ("conversations", "jsonl"),
    ("conversations", "parquet"),
    ("messages", "csv"),
    ("tool_calls", "parquet"),
    ("spans", "jsonl"),
    ("spans", "parquet"),
)

EXPORT = """
import resource, sys, time
from agentsight_otel.clickhouse import export
url, kind, form, path = sys.argv[1:]
began = time.perf_counter()
with open(path, "wb") as file:
    number = export.write(url, kind, export.Selection(), form, file)
took_s = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_SELF)
print(number, took_s, used.ru_utime + used.ru_stime, used.ru_maxrss * (1 if sys.platform == "darwin" else 1_024))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=100_000, help="default: 100,000")
    number = parser.parse_args().conversations
    with tempfile.TemporaryDirectory() as folder, EmbeddedClickHouse(Path(folder), http_port=0, tcp_port=0) as server:
        url = server.url()
        schema.apply(url)
        with clickhouse_client.connect(url) as client:
            for sql, _ in inserts("otel_traces", number, 20_000):
                client.command(sql)
            settle_at_once(client)
        for kind, form in CASES:
            path = Path(folder) / f"{kind}.{form}"
            command = [sys.executable, "-c", EXPORT, url, kind, form, str(path)]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            count, (took_s, worked_s, memory) = int(printed[0]), map(float, printed[1:])
            assert count == number, f"{count} conversations exported of {number}"
            size = path.stat().st_size
            path.unlink()
            print(
                f"{kind} as {form}: {count:,} conversations, {size / 1e6:,.0f} MB, {took_s:.1f} s"
                f" ({worked_s:.1f} s of processor time here), {memory / 1e6:.0f} MB resident at most",
                flush=True,
            )


if __name__ == "__main__":
    main()
