"""The command line: one command, one function."""


def main() -> None:
    """Runs a command; where libraries are missing, prints what to install."""
    from agentsight_otel.cli.missing import without_libraries

    try:
        from agentsight_otel.cli.root import main as run
    except ModuleNotFoundError as error:
        without_libraries(error)
    else:
        run()


__all__ = ["main"]
