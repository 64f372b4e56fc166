"""Where the collector binary comes from: OTELCOL, or a build of the manifest, kept outside the checkout."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.backends import missing

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "collector_config"
MANIFEST = CONFIGS / "builder.yaml"
GEOIP_MANIFEST = Path(__file__).with_name("builder-geoip.yaml")
GO_PROGRAMS = [Path(__file__).with_name(name) for name in ("helmtemplate", "parsers")]


def build_all() -> None:
    """Builds what tests here need of Go, before any of them: the first time takes minutes, which no test has."""
    if shutil.which("go") is None:
        return
    if not any(cache().glob(f"*/{name_in(GEOIP_MANIFEST)}")):
        print("building collectors, once; this takes some minutes", file=sys.__stderr__, flush=True)
    # What cannot be built fails in the tests that need it.
    with contextlib.suppress(subprocess.SubprocessError, FileNotFoundError):
        for manifest in (MANIFEST, GEOIP_MANIFEST):
            collector_binary(manifest)
        with locked("programs"):
            for folder in GO_PROGRAMS:
                subprocess.run(["go", "build", "-C", folder, "-o", os.devnull, "."], check=True, timeout=1200)


def cache() -> Path:
    """Where binaries are kept."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agentsight-otel" / "collectors"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Test processes and test runs side by side: one builds, the others wait for it."""
    with (cache() / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def collector_binary(manifest: Path = MANIFEST) -> Path:
    """The collector built from a manifest; built now where it is not yet. OTELCOL stands in for the main one."""
    named = os.environ.get("OTELCOL")
    if named and manifest == MANIFEST:
        found = shutil.which(named)
        if found is None:
            raise FileNotFoundError(f"OTELCOL: {named!r}: expected the path of a collector binary")
        return Path(found)
    with locked(manifest.stem):
        if shutil.which("go") is None and not any(cache().glob(f"*/{name_in(manifest)}")):
            missing("a collector", "install Go, or name a collector binary by OTELCOL")
        built = subprocess.run(
            [CONFIGS / "build.sh", manifest], stdout=subprocess.PIPE, text=True, check=True, timeout=1200
        )
    return Path(built.stdout.strip())


def name_in(manifest: Path) -> str:
    """The name of the binary that a manifest makes."""
    return next(line.split()[1] for line in manifest.read_text().splitlines() if line.startswith("  name: "))
