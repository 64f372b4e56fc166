"""The command ``agentsight-otel``, also ``python -m agentsight_otel``."""

import sys


def main() -> None:
    """Runs the command line; says what to install where its libraries are missing."""
    try:
        from agentsight_otel import cli
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("click", "rich", "clickhouse_connect", "starlette", "uvicorn", "anyio"):
            sys.exit(
                f"agentsight-otel needs {(error.name or '').split('.')[0]}; run: pip install 'agentsight-otel[local]'"
            )
        raise
    cli.main()


if __name__ == "__main__":
    main()
