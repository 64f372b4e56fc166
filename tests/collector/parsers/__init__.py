"""Files read by the parsers of the programs that they are for, as Go programs."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.backends import missing


def parsed(kind: str, file: Path, environment: Mapping[str, str] | None = None) -> str:
    """What the parser makes of a file; fails with what it says against it.

    Args:
        kind: ``rules`` (Prometheus) or ``compose`` (Docker Compose).
        file: The file.
        environment: Beside the process's own.
    """
    if shutil.which("go") is None:
        missing("Go", "install Go (https://go.dev/dl)")
    done = subprocess.run(
        ["go", "run", ".", kind, file.resolve()],
        cwd=Path(__file__).parent,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
