"""Every public name, parameter and default of AgentSight's SDKs is here, or stands in the guide with its reason.

The files beside were written by walking the installed packages 0.0.44 and 0.1.4 with ``inspect``.
"""

import enum
import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
GUIDE = (HERE.parents[1] / "docs" / "migrating.md").read_text()
DIFFERENT = set(re.findall(r"`([\w.]+)`", GUIDE[GUIDE.index("## What is not there") :]))
"""The names, dotted where they are parameters, that the guide gives a reason for."""


def surface(version: str) -> list[tuple[str, str, dict[str, Any]]]:
    modules = json.loads((HERE / "agentsight_surfaces" / f"{version}.json").read_text())
    return [(module, name, entry) for module, names in modules.items() for name, entry in names.items()]


ALL = [(version, *each) for version in ("0.0.44", "0.1.4") for each in surface(version)]


def ours(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module.replace("agentsight", "agentsight_otel", 1)), name)


def check_call(where: str, function: Any, wanted: dict[str, Any] | None) -> list[str]:
    if wanted is None:
        return []
    problems = []
    parameters = inspect.signature(function).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for name, said in wanted.items():
        dotted = f"{where}.{name}"
        if dotted in DIFFERENT or name.startswith("_") or said in ("var_positional", "var_keyword"):
            continue
        parameter = parameters.get(name)
        if parameter is None:
            if not takes_any:
                problems.append(f"{dotted}: no such parameter")
        elif said != "required":
            default = getattr(parameter.default, "value", parameter.default)
            if default is parameter.empty:
                problems.append(f"{dotted}: has no default here, has {said['default']!r} there")
            elif default != said["default"] and not str(said["default"]).startswith("<"):
                problems.append(f"{dotted}: default {default!r} here, {said['default']!r} there")
    return problems


@pytest.mark.parametrize(("version", "module", "name", "entry"), ALL, ids=[f"{v}:{m}.{n}" for v, m, n, _ in ALL])
def test_what_is_public_there_is_here(version: str, module: str, name: str, entry: dict[str, Any]) -> None:
    if name in DIFFERENT or f"{module}.{name}".removeprefix("agentsight.") in DIFFERENT:
        return
    found = ours(module, name)
    problems = check_call(name, found, entry.get("call")) if callable(found) else []
    for base in entry.get("bases", ()):
        if inspect.isclass(found) and base not in ("str", "Enum", "ReprEnum", "dict"):
            problems += [] if base in {each.__name__ for each in found.__mro__} else [f"{name} is no {base} here"]
    for method, wanted in entry.get("methods", {}).items():
        dotted = f"{name}.{method}"
        if dotted in DIFFERENT:
            continue
        if not hasattr(found, method):
            problems.append(f"{dotted}: not there")
        else:
            problems += check_call(dotted, getattr(found, method), wanted)
    if members := entry.get("members"):
        assert issubclass(found, enum.Enum)
        assert {member.name: member.value for member in found} == members
    for resource, methods in entry.get("resources", {}).items():
        held = getattr(found(), resource)
        for method, wanted in methods.items():
            if f"{resource}.{method}" not in DIFFERENT:
                problems += check_call(f"{resource}.{method}", getattr(held, method), wanted)
    assert problems == []
