"""Erases what is stored of persons or conversations, and shows that it is gone.

with Eraser("http://admin:secret@clickhouse:8123/agentsight") as eraser:
    plan = eraser.plan(customers=["u7"])
    print(plan.rows, eraser.erase(plan).left)
"""

from agentsight_otel.clickhouse.erasure.eraser import Erased, Eraser, Finding, Plan
from agentsight_otel.clickhouse.erasure.retention import Enforced, Retention, Rule, set_rules

__all__ = ["Enforced", "Erased", "Eraser", "Finding", "Plan", "Retention", "Rule", "set_rules"]
