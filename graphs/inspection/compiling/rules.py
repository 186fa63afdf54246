"""Rewrite rules by one name each: what PyTensor passes as a "reason" comes in six shapes.

A reason may be a string, a rewriter object with or without a name, a group of rewriters whose
print is 900 characters long, ``"<class '…Elemwise'>_inplace_optimizer"``, a pair
``("Revert", reason)``, or None.
"""

from __future__ import annotations

import inspect
import linecache
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from pytensor.compile.mode import optdb
from pytensor.graph.rewriting.basic import (
    FromFunctionGraphRewriter,
    FromFunctionNodeRewriter,
    NodeRewriter,
    SequentialGraphRewriter,
    SequentialNodeRewriter,
)
from pytensor.graph.rewriting.db import RewriteDatabase

from graphs.inspection.recording import Rule, SourceLine
from graphs.lines import short_path

__all__ = ["describe", "is_revert", "names_in_database", "parts", "registered_in"]

CLASS_PRINT = re.compile(r"^<class '(?:.*\.)?(\w+)'>_?(\w*)$")


def is_revert(reason: object) -> bool:
    """Whether a change takes back an earlier one."""
    return isinstance(reason, tuple) and len(reason) == 2 and reason[0] == "Revert"


def describe(reason: object, phase: Any) -> Rule:
    """Name the rule a change came with, in this part of the rewriter, and find where it is defined."""
    if isinstance(reason, list):  # members of a group that acted together
        rules = [describe(member, phase) for member in reason]
        registered = tuple(dict.fromkeys(name for rule in rules for name in rule.registered))
        name = " + ".join(rule.name for rule in rules)
        return Rule(name, rules[0].source, registered, rules[0].doc, any(rule.inherited for rule in rules))
    if is_revert(reason):
        undone = describe(reason[1], phase)  # type: ignore[index]  # a pair, as checked
        return Rule(f"revert of {undone.name}", undone.source, (), undone.doc)
    if reason is None:
        reason = phase
    if isinstance(reason, str):
        return _describe_text(reason, phase)
    names = _registered(reason)
    name = _own_name(reason)
    if isinstance(reason, SequentialNodeRewriter):
        name = name or _own_name(phase)
        names = names or tuple(n for member in reason.rewrites for n in _registered(member))
    return Rule(name or type(reason).__name__, _place(reason), names, _doc(reason), _inherits(reason))


def _describe_text(reason: str, phase: Any) -> Rule:
    """A rule known by a string only: look for the rewriter that says it."""
    shaped = CLASS_PRINT.match(reason)
    for rewriter in parts(phase):
        own = getattr(rewriter, "name", None)
        said = {type(rewriter).__name__, getattr(rewriter, "__name__", None), own}
        if reason in said or shaped:
            name = (own if shaped else None) or reason
            return Rule(name, _place(rewriter), _registered(rewriter), _doc(rewriter), _inherits(rewriter))
    if shaped:
        reason = f"{shaped[1]}_{shaped[2]}".strip("_")
    known = (vars(module)[reason] for module in _rewriting_modules() if reason in vars(module))
    found = next(known, phase)  # a rewriter or its class
    names, inherited = _registered(found), found is phase or _inherits(found)
    if not names and getattr(phase, "name", None):
        names, inherited = _registered(phase) or (str(phase.name),), True
    return Rule(reason, _place(found), names, _doc(found), inherited and bool(names))


def _own_name(rewriter: Any) -> str:
    name = getattr(rewriter, "__name__", None) or getattr(rewriter, "name", None)
    return str(name) if name else ""


def _registered(rewriter: Any) -> tuple[str, ...]:
    direct, inherited, _ = _names_by_identity()
    names = direct.get(id(rewriter)) or inherited.get(id(rewriter), ())
    own = getattr(rewriter, "name", None)
    # What a query makes of a sub-database is new each time, but has its name.
    return names or ((str(own),) if own and own in optdb else ())


def _inherits(rewriter: Any) -> bool:
    """Whether the names it can be left out by are those of something that it is only a part of."""
    direct, inherited, together = _names_by_identity()
    return id(rewriter) not in direct and id(rewriter) in inherited and id(rewriter) in together


Names = dict[int, tuple[str, ...]]


@cache
def _names_by_identity() -> tuple[Names, Names, frozenset[int]]:
    """Names in PyTensor's database by identity (the database keeps the rewriters alive).

    The first table has rewriters registered themselves, the second those inside a registered
    group or graph walker, which can only be left out together with it. Beside them, the rewriters that are not
    the only one inside.
    """
    direct: Names = {}
    inherited: Names = {}
    seen: set[int] = set()
    together: set[int] = set()

    def visit(item: Any, name: str, names: Names, alone: bool = True) -> None:
        if name and name not in names.get(id(item), ()):
            names[id(item)] = (*names.get(id(item), ()), name)
        if isinstance(item, RewriteDatabase):
            if id(item) in seen:
                return
            seen.add(id(item))
            if hasattr(item, "db"):  # a TopoDB walks the graph with what another database holds
                visit(item.db, "", direct)
            for entry_name in sorted(item._names):
                for entry in item.__db__[entry_name]:
                    visit(entry, entry_name, direct)
            return
        members = _contents(item)
        for member in members:
            only = alone and len(members) == 1
            if not only:
                together.add(id(member))
            visit(member, name, inherited, only)

    visit(optdb, "", direct)
    return direct, inherited, frozenset(together)


@cache
def names_in_database() -> frozenset[str]:
    """Every name and tag that ``mode.excluding`` knows; it takes any other too, and does nothing."""
    known: set[str] = set()
    waiting: list[Any] = [optdb]
    seen: set[int] = set()
    while waiting:
        database = waiting.pop()
        if isinstance(database, RewriteDatabase) and id(database) not in seen:
            seen.add(id(database))
            known |= database.__db__.keys()
            waiting += [
                getattr(database, "db", None),
                *(e for entries in database.__db__.values() for e in entries),
            ]
    return frozenset(known)


def _contents(rewriter: Any) -> list[Any]:
    """The rewriters that a group, a sequence or a graph walker applies."""
    if isinstance(rewriter, SequentialNodeRewriter):
        return list(rewriter.rewrites)
    if isinstance(rewriter, SequentialGraphRewriter):
        return list(rewriter.data)
    found = list(getattr(rewriter, "global_rewriters", None) or ())
    if hasattr(rewriter, "get_node_rewriters"):
        found += rewriter.get_node_rewriters()
    elif hasattr(rewriter, "node_rewriter"):
        found.append(rewriter.node_rewriter)
    return found


def parts(rewriter: Any) -> Iterator[Any]:
    """A rewriter and all that it is made of, at any depth: for a mode's own, all that the mode runs."""
    waiting, seen = [rewriter], set()
    while waiting:
        part = waiting.pop()
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        # the native linker's rewriter, PyTensor's own around a mode's, walkers, groups, sequences
        waiting += [
            getattr(part, name, None) for name in ("resolved", "_rewriter", "rewriter", "node_rewriter")
        ]
        for name in ("data", "rewrites", "global_rewriters", "final_rewriters", "cleanup_rewriters"):
            members = getattr(part, name, None)
            waiting += members if isinstance(members, list | tuple) else []
        if hasattr(part, "get_node_rewriters"):
            waiting += part.get_node_rewriters()


def registered_in(rewriter: Any) -> frozenset[str]:
    """The names in PyTensor's database of all that a rewriter is made of."""
    direct, *_ = _names_by_identity()
    return frozenset(name for part in parts(rewriter) for name in direct.get(id(part), ()))


def _place(rewriter: Any) -> SourceLine | None:
    """Where a rule is defined: its function, else the line that makes it, else its class."""
    if rewriter is None:
        return None
    if isinstance(rewriter, type):
        return _class_place(rewriter)
    if isinstance(rewriter, SequentialGraphRewriter) and rewriter.data:
        return _place(rewriter.data[0])
    from_function = isinstance(rewriter, FromFunctionNodeRewriter | FromFunctionGraphRewriter)
    function = rewriter.fn if from_function else rewriter
    function = inspect.unwrap(function) if callable(function) else function
    code = getattr(function, "__code__", None)
    if code is not None:
        return _source_line(code.co_filename, code.co_firstlineno, code.co_name)
    return _assignment(rewriter) or _class_place(type(rewriter))


def _class_place(kind: type) -> SourceLine | None:
    module = sys.modules.get(kind.__module__)
    path = getattr(module, "__file__", None)
    if path is None:
        return None
    line = _find_line(path, rf"^\s*class {re.escape(kind.__name__)}\b")
    return _source_line(path, line, kind.__name__) if line else None


def _assignment(rewriter: Any) -> SourceLine | None:
    """The line of ``name = PatternNodeRewriter(...)`` or of ``name="..."`` within such a call."""
    for module in _rewriting_modules():
        for name, value in vars(module).items():
            if value is rewriter and module.__file__:
                line = _find_line(module.__file__, rf"^{re.escape(name)}\s*=")
                if line:
                    return _source_line(module.__file__, line, name)
    name = getattr(rewriter, "name", None)
    # A graph rewriter has a class of its own to point at; a pattern is known by its name only.
    if isinstance(rewriter, NodeRewriter) and isinstance(name, str) and name:
        for module in _rewriting_modules():
            if module.__file__ and (line := _find_line(module.__file__, rf"""["']{re.escape(name)}["']""")):
                return _source_line(module.__file__, line, name)
    return None


def _rewriting_modules() -> list[Any]:
    return [m for n, m in sorted(sys.modules.items()) if "rewriting" in n and m is not None]


@cache
def _find_line(path: str, pattern: str) -> int:
    """Number of the first line that matches, or 0."""
    wanted = re.compile(pattern)
    lines = enumerate(linecache.getlines(path), start=1)
    return next((number for number, text in lines if wanted.search(text)), 0)


def _source_line(path: str, line: int, function: str) -> SourceLine:
    text = linecache.getline(path, line).strip()
    return SourceLine(short_path(path), line, function, text)


@cache
def _doc(rewriter: Any) -> str:
    """First paragraph of a rule's documentation."""
    if rewriter is None:
        return ""
    source = getattr(rewriter, "fn", rewriter)
    if not inspect.isroutine(source) and not inspect.isclass(source):
        source = type(source)
    text = inspect.cleandoc(getattr(source, "__doc__", None) or "")
    first = " ".join(text.split("\n\n")[0].split())
    return first if len(first) <= 160 else first[:157] + "…"
