"""What ends although it should run is started again, whatever goes wrong, and holds up nobody who wants to stop."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agentsight_otel import local
from agentsight_otel.local import keeping
from agentsight_otel.local.errors import StartFailed


class Part:
    name = "the part"
    log = Path("part.log")

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self._runs = False
        self.began = False

    def alive(self) -> bool:
        return self._runs

    def restart(self, is_given_up: Callable[[], bool] = lambda: False) -> None:
        if self._failures:
            raise self._failures.pop(0)
        self._runs = True


class Slow(Part):
    def restart(self, is_given_up: Callable[[], bool] = lambda: False) -> None:
        self.began = True
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if is_given_up():
                raise StartFailed("stopped while starting")
            time.sleep(0.005)


def test_a_full_disk_ends_nothing_and_is_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    full = OSError(28, "No space left on device")
    part = Part(full, full, StartFailed("not yet"))

    async def keep() -> None:
        stop = asyncio.Event()
        keeping_task = asyncio.create_task(keeping.keep_running([part], stop))
        deadline = time.monotonic() + 60
        while not part.alive() and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        stop.set()
        await keeping_task

    asyncio.run(keep())
    assert part.alive()
    lines = capsys.readouterr().err
    assert lines.count("the part did not start: [Errno 28] No space left on device") == 2
    assert lines.count("ended unexpectedly (see part.log)") == 4
    assert lines.count("the part runs again") == 1


def test_who_stops_does_not_wait_for_a_restart(capsys: pytest.CaptureFixture[str]) -> None:
    part = Slow()

    async def keep() -> float:
        stop = asyncio.Event()
        keeping_task = asyncio.create_task(keeping.keep_running([part], stop))
        while not part.began:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        stop.set()
        await keeping_task
        return time.monotonic() - began

    assert asyncio.run(keep()) < 10
    assert "did not start" not in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_what_is_tied_ends_also_when_what_ties_it_is_killed() -> None:
    pipe, other_end = os.pipe()
    program = "import os, time; print(os.getpid(), flush=True); [time.sleep(0.1) for _ in range(3000)]"
    tied = subprocess.Popen(
        [sys.executable, str(Path(local.__file__).with_name("_tied.py")), str(pipe), sys.executable, "-c", program],
        pass_fds=(pipe,),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert tied.stdout is not None
        number = int(tied.stdout.readline())
        tied.kill()
        tied.wait(30)
        deadline = time.monotonic() + 30
        while Path(f"/proc/{number}/cmdline").exists() and Path(f"/proc/{number}/cmdline").read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.close(pipe)
        os.close(other_end)
