"""The rule that derives exchanges from other SDKs' spans, in plain Python, written without a look at the SQL.

All times in µs since 1970. docs/other-sdks.md says the same in sentences.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

PAUSE_US = 1_000_000
GAP_US = 50_000
JOIN_US = 300_000
SAME_END_US = 20_000


class Kind(IntEnum):
    TOOL = 0
    MODEL = 1
    AGENT = 2
    CHAIN = 3
    OTHER = 4


@dataclass(frozen=True)
class Item:
    """A span of another SDK, as far as the rule looks at it."""

    trace: str
    span: str
    start: int
    end: int
    kind: Kind
    name: str = ""
    parent: str = ""
    conversation: str = ""
    failed: bool = False
    wants_tool: bool = False
    has_input: bool = False
    has_output: bool = False
    answered: bool = False
    guardrail: bool = False

    @property
    def length(self) -> int:
        return self.end - self.start


Exchange = tuple[int | None, int | None]
"""When the user asked, and when the agent answered."""


class Part:
    """What ran without a gap in one trace."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.trace = items[0].trace
        self.start = min(item.start for item in items)
        self.end = max(item.end for item in items)
        self.top = max(items, key=lambda item: (item.length, item.kind, -item.start))
        self.agents = {item.name for item in items if item.kind is Kind.AGENT}
        self.names = self.agents or {self.top.name}
        self.chains = {item.name for item in items if item.kind is Kind.CHAIN}
        self.models = [item for item in items if item.kind is Kind.MODEL]

    def failed(self, models_say: bool) -> bool:
        if any(item.guardrail for item in self.items):
            return False
        if self.top.failed:
            return True
        if any(item.kind is Kind.AGENT and item.failed and item.end >= self.end - SAME_END_US for item in self.items):
            return True
        if not models_say or not self.models:
            return False
        last = max(self.models, key=lambda item: item.end)
        return not last.answered and not last.failed


def by_conversation(items: Iterable[Item]) -> dict[str, list[Item]]:
    """The conversation of a span's trace: that of the trace's earliest span with one."""
    once = {(item.trace, item.span): item for item in items}.values()
    owners: dict[str, tuple[tuple[int, int, str], str]] = {}
    for item in once:
        if item.conversation:
            claim = ((item.start, -item.end, item.conversation), item.conversation)
            owners[item.trace] = min(owners.get(item.trace, claim), claim)
    found: dict[str, list[Item]] = defaultdict(list)
    for item in once:
        if item.trace in owners:
            found[owners[item.trace][1]].append(item)
    return dict(found)


def exchanges(items: list[Item]) -> list[Exchange]:
    """The exchanges of one conversation, from all spans of its traces."""
    traces: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        traces[item.trace].append(item)
    parts = sorted((part for trace in traces.values() for part in parts_of(trace)), key=lambda p: (p.start, p.end))
    any_model = any(part.models for part in parts)
    known = {chain for part in parts if part.models for chain in part.chains}
    talks = [
        part
        for part in parts
        if part.agents or (part.chains and (not any_model or part.models or known & {item.name for item in part.items}))
    ]
    if talks:
        return of_talks(talks, any(item.answered for item in items if item.kind is Kind.MODEL))
    return of_model_calls(parts, items)


def parts_of(trace: list[Item]) -> list[Part]:
    tools = [item for item in trace if item.kind is Kind.TOOL]
    left = [
        item
        for item in trace
        if item.kind is Kind.TOOL
        or (
            item.kind is not Kind.OTHER and not any(tool.start <= item.start and item.end <= tool.end for tool in tools)
        )
    ]
    for _ in range(4):
        pauses = _quiet(left, inside=True)
        left = [i for i in left if i.kind is Kind.TOOL or not any(i.start < pause < i.end for pause in pauses)]
    cuts = _quiet(left, inside=False)
    numbered: dict[int, list[Item]] = defaultdict(list)
    for item in left:
        if item.kind is not Kind.TOOL:
            numbered[sum(cut <= item.start for cut in cuts)].append(item)
    return [Part(items) for items in numbered.values()]


def _quiet(items: list[Item], *, inside: bool) -> list[int]:
    """Where something starts after nothing ran for a while: within other spans, or at all."""
    edges = sorted([(i.start, 1, i.kind) for i in items] + [(i.end, 0, i.kind) for i in items])
    running = leaves = 0
    found = []
    for before, (at, starts, kind) in zip([None, *edges], edges, strict=False):
        if starts and before is not None and not before[1] and leaves == 0:
            waited = at - before[0]
            if inside and running and kind >= Kind.AGENT and before[2] >= Kind.AGENT and waited >= PAUSE_US:
                found.append(at)
            if not inside and not running and waited > GAP_US:
                found.append(at)
        change = 1 if starts else -1
        running += change
        leaves += change if kind <= Kind.MODEL else 0
    return found


def of_talks(talks: list[Part], models_say: bool) -> list[Exchange]:
    joined: list[list[Part]] = []
    for part in talks:
        if joined:
            before = joined[-1]
            waited = part.start - max(p.end for p in before)
            allowed = PAUSE_US if part.trace == before[-1].trace else JOIN_US
            if 0 <= waited <= allowed and part.names - set().union(*(p.names for p in before)):
                before.append(part)
                continue
        joined.append([part])
    asks = any(part.top.has_input for part in talks)
    found: list[Exchange] = []
    for together in joined:
        longest = max(together, key=lambda part: part.end - part.start)
        greeting = asks and not longest.top.has_input and longest.top.has_output
        found.append(
            (None if greeting else min(p.start for p in together), None if longest.failed(models_say) else longest.end)
        )
    return found


def of_model_calls(parts: list[Part], items: list[Item]) -> list[Exchange]:
    """Model calls without an agent or chain, but with tools or other spans of the conversation around them."""
    tool_starts = [item.start for item in items if item.kind is Kind.TOOL]
    others = {(item.trace, item.span) for item in items if item.kind is Kind.OTHER and item.conversation}
    below_others = any(item.kind is Kind.MODEL and (item.trace, item.parent) in others for item in items)
    if not tool_starts and not below_others:
        return []
    segments: list[list[Item]] = []
    for call in sorted((call for part in parts for call in part.models), key=lambda item: (item.start, item.end)):
        if segments and call.start < max(item.end for item in segments[-1]):
            segments[-1].append(call)
        else:
            segments.append([call])
    found: list[Exchange] = []
    begun: int | None = None
    for segment, following in pairwise([*segments, None]):
        assert segment is not None
        start, end = min(item.start for item in segment), max(item.end for item in segment)
        last = max(segment, key=lambda item: item.end)
        begun = start if begun is None else begun
        next_start = min(item.start for item in following) if following else None
        goes_on = not last.failed and (
            last.wants_tool
            or (last.has_input and not last.has_output)
            or (next_start is not None and any(end - 1_000 <= at <= next_start for at in tool_starts))
        )
        if next_start is not None and (goes_on or next_start - end <= GAP_US):
            continue
        found.append((begun, None if last.failed or goes_on else end))
        begun = None
    return found
