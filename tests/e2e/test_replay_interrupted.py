"""ClickHouse goes away in the middle of a replay: a clear error, and the same file again completes it."""

from pathlib import Path

import pytest

from agentsight_otel import replay
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse


def test_a_replay_that_lost_its_clickhouse_is_completed_by_the_next(tmp_path: Path) -> None:
    transcripts = replay.read(
        f'{{"conversation_id": "c{number}", "messages": [{{"role": "user", "content": "hi"}},'
        ' {"role": "assistant", "content": "hello"}]}'
        for number in range(600)
    ).transcripts
    with EmbeddedClickHouse(tmp_path) as server:
        url, port = server.url(), server.http_port
        schema.apply(url)

        def kill(done: int, total: int) -> None:
            if done == 200 and server._process is not None:
                server._process.kill()
                server._process.wait()

        with pytest.raises(
            replay.ReplayIncomplete, match=r"after \d+ of 600 conversations; replay the same file again"
        ):
            replay.play(transcripts, url, progress=kill, flush_timeout_s=10)
    with EmbeddedClickHouse(tmp_path, http_port=port):
        for _ in range(2):
            replay.play(transcripts, url)
            with clickhouse_client.connect(url) as client:
                rows = client.query("SELECT count(), sum(messages), uniqExact(started_at) > 500 FROM conversations_v")
                assert rows.result_rows == [(600, 1_200, True)]
