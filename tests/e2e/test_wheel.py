"""A wheel, built of the sdist and installed elsewhere, carries the SQL, the collector configs and the type marker."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_wheel_installed_elsewhere_applies_the_schema(tmp_path: Path, empty_url: str) -> None:
    # As a release does: the sdist, and out of it the wheel.
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {"tests/conftest.py", "docs/local.md", "Dockerfile", "CHANGELOG.md", "charts/agentsight/Chart.yaml"} < packed
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("clickhouse_schema", "collector_config", "grafana"):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert f"agentsight_otel/bundled/{file.relative_to(ROOT)}" in names
    for file in (ROOT / "agentsight_otel" / "local" / "static").rglob("*.*"):
        assert str(file.relative_to(ROOT)) in names
    assert {"agentsight_otel/py.typed", "agentsight_otel/local/demo_scripts.json"} <= names
    assert not [name for name in names if name.startswith(("tests", "benchmarks"))]

    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import agentsight_otel; assert agentsight_otel.__file__.startswith(sys.argv[1]), agentsight_otel.__file__\n"
        "from agentsight_otel import schema; from agentsight_otel.clickhouse import bundled\n"
        "schema.apply(sys.argv[2])\n"
        "assert schema.verify(sys.argv[2]) == []\n"
        "assert list(bundled.folder('collector_config').glob('*.yaml'))\n"
        "assert str(bundled.folder('clickhouse_schema')).startswith(sys.argv[1])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(site), empty_url], check=True, cwd=tmp_path)


def test_importing_the_sdk_imports_neither_clickhouse_nor_a_vendor() -> None:
    code = (
        "import sys, agentsight_otel\n"
        "heavy = {'clickhouse_connect', 'chdb', 'click', 'rich', 'geoip2', 'grpc', 'requests', 'pandas', 'numpy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
