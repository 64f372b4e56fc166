"""Exports what is stored of all or some conversations to files, in bounded memory.

with open("conversations.jsonl", "wb") as file:
    export.write(url, "conversations", export.Selection(customers=("u7",)), "jsonl", file)
"""

from agentsight_otel.clickhouse.export.selection import Selection
from agentsight_otel.clickhouse.export.writing import FORMATS, KINDS, write

__all__ = ["FORMATS", "KINDS", "Selection", "write"]
