"""Where the collector binary comes from: OTELCOL, or a build of the manifest, kept outside the checkout."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from tests.backends import missing

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "collector_config"
MANIFEST = CONFIGS / "builder.yaml"


def collector_binary(manifest: Path = MANIFEST) -> Path:
    """The collector built from a manifest; built now where it is not yet. OTELCOL stands in for the main one."""
    named = os.environ.get("OTELCOL")
    if named and manifest == MANIFEST:
        found = shutil.which(named)
        if found is None:
            raise FileNotFoundError(f"OTELCOL: {named!r}: expected the path of a collector binary")
        return Path(found)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agentsight-otel" / "collectors"
    cache.mkdir(parents=True, exist_ok=True)
    # Test processes and test runs side by side: one builds, the others wait for it.
    with (cache / f"{manifest.stem}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if shutil.which("go") is None and not any(cache.glob(f"*/{name_in(manifest)}")):
            missing("a collector", "install Go, or name a collector binary by OTELCOL")
        built = subprocess.run(
            [CONFIGS / "build.sh", manifest], stdout=subprocess.PIPE, text=True, check=True, timeout=1200
        )
    return Path(built.stdout.strip())


def name_in(manifest: Path) -> str:
    """The name of the binary that a manifest makes."""
    return next(line.split()[1] for line in manifest.read_text().splitlines() if line.startswith("  name: "))
