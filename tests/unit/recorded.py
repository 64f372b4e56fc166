"""What was recorded, in short forms that several tests compare."""

from agentsight_otel.testing import Capture


def messages(spans: Capture) -> list[list[str]]:
    """The texts of each root span's messages, by the spans' start."""
    return [[event["agentsight.message.content"] for event in node["events"]] for node in spans.tree()]
