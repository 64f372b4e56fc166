"""``agentsight-otel files``: what ships beside the Python code."""

import shutil
from pathlib import Path

import click

from agentsight_otel.cli import words
from agentsight_otel.clickhouse import bundled

_FOLDERS = {
    "clickhouse_schema": "the schema's SQL (apply it by agentsight-otel schema apply)",
    "collector_config": "collector configurations and the builder's manifest",
    "grafana": "dashboards, alert rules, provisioning, the database user",
}
_IGNORED = shutil.ignore_patterns("__pycache__", "*.py", "*.pyc")


@click.group("files")
def files_group() -> None:
    """Dashboards, alert rules, collector configurations and SQL of this version."""


@files_group.command("list")
def list_command() -> None:
    """Print what there is, and where it lies."""
    for name, what in _FOLDERS.items():
        click.echo(f"{name:18} {what}\n{'':18} {bundled.folder(name)}")


@files_group.command("export")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--force", is_flag=True, help="Write over files that are there.")
def export_command(directory: Path, force: bool) -> None:
    """Copy all of it into DIR."""
    taken = [name for name in _FOLDERS if (directory / name).exists()]
    if taken and not force:
        raise click.UsageError(f"{directory} has {', '.join(taken)} already: give --force to write over it")
    for name in _FOLDERS:
        shutil.copytree(bundled.folder(name), directory / name, ignore=_IGNORED, dirs_exist_ok=True)
    number = sum(path.is_file() for name in _FOLDERS for path in (directory / name).rglob("*"))
    click.echo(f"{words.counted(number, 'file')} in {directory}")
