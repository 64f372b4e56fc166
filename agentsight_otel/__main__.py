"""The command ``agentsight-otel``, also ``python -m agentsight_otel``."""

from agentsight_otel.cli import main

if __name__ == "__main__":
    main()
