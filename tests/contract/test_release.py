"""What a release is made of agrees: the version everywhere, the image's own instructions, the documentation's site."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import yaml
from click.testing import CliRunner

from agentsight_otel._core.version import VERSION
from agentsight_otel.cli.root import cli
from tests.backends import missing

ROOT = Path(__file__).resolve().parents[2]


def test_chart_and_image_have_the_version_and_what_is_unreleased_is_no_release() -> None:
    chart = yaml.safe_load((ROOT / "charts" / "agentsight" / "Chart.yaml").read_text())
    assert chart["appVersion"] == VERSION
    # A chart's version is semantic: 0.2.0-dev0 for Python's 0.2.0.dev0.
    assert chart["version"] == VERSION.replace(".dev", "-dev")
    values = yaml.safe_load((ROOT / "charts" / "agentsight" / "values.yaml").read_text())
    assert values["schema"]["image"].endswith(f"/agentsight-otel:{VERSION}")
    changes = (ROOT / "CHANGELOG.md").read_text()
    unreleased = changes.partition("## [Unreleased]")[2].partition("\n## [")[0].strip()
    assert not unreleased or f"## [{VERSION}]" not in changes, "a tag of this version would publish what is unreleased"


def test_the_dockerfile_begins_with_commands_that_there_are() -> None:
    header = (ROOT / "Dockerfile").read_text().partition("\nFROM ")[0].replace("\\\n#", "")
    commands = re.findall(r"docker run (.*)", header)
    assert len(commands) == 2
    for command in commands:
        name, *arguments = command.partition("agentsight-otel ")[2].partition("--")[0].split()
        shown = CliRunner().invoke(cli, [name, *arguments, "--help"])
        assert shown.exit_code == 0
        for option in re.findall(r"--[a-z-]+", command.partition("agentsight-otel ")[2]):
            assert f"{option} " in shown.output, option


def test_what_llms_txt_links_to_is_on_the_site(tmp_path: Path) -> None:
    if importlib.util.find_spec("mkdocs") is None:
        missing("MkDocs", 'run: pip install -e ".[docs]"')
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)],
        check=True,
        cwd=ROOT,
        timeout=240,
    )
    links = re.findall(r"^- \[.*?\]\(([^)]+)\):", (tmp_path / "llms.txt").read_text(), re.MULTILINE)
    assert {"index.md", "instrument.md", "grafana.md", "changelog.md"} <= set(links)
    for link in links:
        text = (tmp_path / link).read_text()
        assert text and (link == "index.md" or (tmp_path / link.removesuffix(".md") / "index.html").is_file()), link
        for target in re.findall(r"\]\(([^)#:\s]+)\)", text):
            assert (tmp_path / target).exists(), (link, target)
