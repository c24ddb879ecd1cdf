"""The sentences with which a remedy refuses, by its code: blockers of its plan, refusals of its actors.

A sentence with values in it is told by its longest part without one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"
REFUSALS = ("blocker", "PreconditionFailedError", "ActionRefusedError")
ACTORS: Mapping[str, tuple[str, ...]] = {
    "release-stranded-memory": ("release_actor", "group_reclaim"),
    "tune-host": ("tunables_actor",),
    "deflate-balloon": ("balloon_actor",),
    "pin-memory": ("definition_actor",),
    "disable-balloon": ("definition_actor", "power_actor"),
    "enable-free-page-reporting": ("definition_actor", "power_actor"),
    "raise-cgroup-limit": ("cgroup_limit_actor",),
}
"""Remedies whose pages tell every refusal in the words of the code."""


def refusals_of(remedy: str) -> list[str]:
    """Every sentence, in the order of the code."""
    plan = SRC / f"kvmedic/plan/remedies/{remedy.replace('-', '_')}.py"
    found = [*_in_functions(plan, None)]
    for actor in ACTORS[remedy]:
        found += _in_functions(SRC / f"kvmedic/adapters/{actor}.py", None)
    return list(dict.fromkeys(found))


def _in_functions(path: Path, names: frozenset[str] | None) -> Iterator[str]:
    """Sentences of the module, or of these functions of it and all that they call, imported ones included."""
    tree = _tree(path)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    bodies = [tree] if names is None else _reached(functions, names)
    for body in bodies:
        yield from _sentences(body)
    called = {name for body in bodies for name in _names(body)}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kvmedic.plan."):
            wanted = frozenset(alias.name for alias in node.names if alias.name in called)
            if wanted:
                yield from _in_functions(SRC / f"{str(node.module).replace('.', '/')}.py", wanted)


def _reached(functions: Mapping[str, ast.FunctionDef], names: frozenset[str]) -> list[ast.AST]:
    reached: dict[str, ast.AST] = {}
    waiting = [name for name in names if name in functions]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached[name] = functions[name]
            waiting += [other for other in _names(functions[name]) if other in functions]
    return list(reached.values())


def _names(node: ast.AST) -> set[str]:
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name)}


def _sentences(node: ast.AST) -> Iterator[str]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in REFUSALS:
            parts = list(_constants(call.args[0])) if call.args else []
            if parts:
                yield max(parts, key=len).strip(" ;:,()")


def _constants(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from _constants(value) if isinstance(value, ast.Constant) else ()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())
