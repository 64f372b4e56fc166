"""Virtual environments of other products' SDKs, made by uv and kept outside the checkout."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.backends import missing


def python_with(requirements: Sequence[str]) -> Path:
    """A Python that has these packages; installed now where there is none yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agentsight-otel" / "environments"
    key = hashlib.sha256(repr((sys.version, *requirements)).encode()).hexdigest()[:16]
    python = cache / key / "bin" / "python"
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        missing("uv", "run: pip install uv")
    cache.mkdir(parents=True, exist_ok=True)
    # Test processes side by side: one installs, the others wait for it.
    with (cache / f"{key}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / key / "complete").exists():
            for command in (
                ["venv", "-q", "--clear", "--python", sys.executable, cache / key],
                ["pip", "install", "-q", "--python", python, *requirements],
            ):
                subprocess.run([uv, *command], check=True, timeout=600)
            (cache / key / "complete").touch()
    return python
