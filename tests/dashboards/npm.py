"""Packages from npm that tests need, installed once, outside the checkout."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from tests.backends import missing


def installed(name: str, *packages: str) -> Path:
    """A folder with packages of exact versions.

    Args:
        name: Of the folder; another where the packages change.
        packages: As ``npm install`` takes them.
    """
    npm = shutil.which("npm")
    if npm is None:
        missing("npm", "install Node.js")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agentsight-otel" / "npm"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / name
    with (cache / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            folder.mkdir(exist_ok=True)
            (folder / "package.json").write_text('{"private": true}')
            subprocess.run(
                [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", *packages],
                cwd=folder,
                check=True,
                timeout=300,
            )
            (folder / "complete").touch()
    return folder
