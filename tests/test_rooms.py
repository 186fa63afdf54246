"""The house: imports flow one way, everything public says what it is."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from types import ModuleType

import pytest

import graphs
from tests.conftest import ROOT

# What anyone may import, then the rooms in the order in which data flows through them. The linker and the
# rewrites stand before functions.py, which picks them.
GROUND = (
    "foreign",
    "fork",
    "errors",
    "memory",
    "files",
    "temporary",
    "environment",
    "listener",
    "interruption",
    "timing",
    "terminal",
    "pictures",
    "catalogue",
    "lines",
)
FLOW = (
    "data",
    "shards",
    "reading",
    "derivatives",
    "models",
    "latex",
    "updates",
    "rewrites",
    "compiled",
    "frozen",
    "native",
    "functions",
    "gradient_check",
    "gram_functions",
    "training",
    "sharded",
    "solving",
    "estimators",
    "experiment",
    "examples",
    "inspection",
    "peers",
    "lessons",
    "commands",
    "__main__",
)
ORDER = (*GROUND, *FLOW)
# The rooms that are pipelines themselves: what a stage may import are those before it.
STAGES = {
    "native": (
        "statements",
        "program",
        "lower",
        "schedule",
        "write",
        "pipeline",
        "run",
        "linker",
        "freeze",
        "explanation",
    ),
    "compiled": ("program", "sources", "cache", "team", "compiler", "outside", "call", "repeated"),
    "frozen": ("description", "for_c", "function", "folder"),
    "sharded": (
        "layout",
        "membership",
        "local",
        "roll_call",
        "rows",
        "partition",
        "functions",
        "cluster",
    ),
    "gradient_check": ("result", "evaluation", "branches", "slopes", "blame", "check"),
    "inspection": (
        "views",
        "findings",
        "recording",
        "validity",
        "file",
        "linkers",
        "start",
        "compiling",
        "values",
        "ablation",
        "doctor",
        "firing",
        "pair",
        "costs",
        "refusal",
        "show",
        "why",
        "inspection",
    ),
}
PEERS = {"autograd", "jax", "torch"}  # need not be installed
MODULES = [module.name for module in pkgutil.walk_packages(graphs.__path__, "graphs.")]
EVERY = {"graphs", *MODULES}


def loaded(modules: list[str]) -> Iterator[tuple[str, ModuleType]]:
    """The modules that can be imported here, which is all but those of a peer that is not installed."""
    for name in modules:
        try:
            yield name, importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name not in PEERS:
                raise


def source(module: str) -> ast.Module:
    """A module as parsed; a package's stub, where it has one, says what its lazy names are."""
    path = ROOT / module.replace(".", "/")
    if path.is_dir():
        path /= "__init__.pyi" if (path / "__init__.pyi").exists() else "__init__"
    return ast.parse(path.with_suffix(path.suffix or ".py").read_text())


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of this package that a module names in an import, wherever in it that stands:
    at the top, in a function, or only for typing.

    ``from graphs.a import b`` names ``graphs.a.b`` where that is a module, and else ``graphs.a``.
    """
    names: set[str] = set()
    for node in ast.walk(source(module)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level or source_is_stub(module), f"{module}: a relative import"
            base = ".".join(filter(None, (module if node.level else "", node.module)))
            names |= {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    known = {name if name in EVERY else name.rpartition(".")[0] for name in names}
    return frozenset((known & EVERY) - {module})


def source_is_stub(module: str) -> bool:
    """Whether what `source` reads is a stub; lazy_loader wants relative imports there."""
    return (ROOT / module.replace(".", "/") / "__init__.pyi").exists()


def place(module: str) -> int:
    return ORDER.index(module.split(".")[1])


def test_every_room_has_its_place():
    assert {module.split(".")[1] for module in MODULES} == set(ORDER)


def test_imports_go_one_way():
    for module in MODULES:
        for imported in imports(module):
            assert imported != "graphs", f"{module} imports the package that gathers all rooms"
            assert place(imported) <= place(module), f"{module} imports {imported}"


@pytest.mark.parametrize("room", STAGES)
def test_stages_of_a_room_follow_each_other(room):
    stages = STAGES[room]
    inside = {m: m.split(".")[2] for m in MODULES if m.startswith(f"graphs.{room}.")}
    assert set(inside.values()) == set(stages)
    for module, stage in inside.items():
        for imported in imports(module) & inside.keys():
            assert stages.index(inside[imported]) <= stages.index(stage), f"{module} imports {imported}"


def test_no_import_goes_in_a_circle():
    try:
        TopologicalSorter({module: imports(module) for module in EVERY}).prepare()
    except CycleError as circle:
        pytest.fail(" → ".join(circle.args[1]))


def test_inspection_and_peers_do_not_know_each_other():
    for module in MODULES:
        for one, other in (("inspection", "peers"), ("peers", "inspection")):
            if module.split(".")[1] == one:
                assert not [name for name in imports(module) if name.split(".")[1] == other], module


def test_no_script_imports_another():
    for script in (ROOT / "scripts").glob("*.py"):
        assert "scripts" not in {
            (node.module or "").split(".")[0]
            for node in ast.walk(ast.parse(script.read_text()))
            if isinstance(node, ast.ImportFrom)
        }


def test_everything_public_has_a_docstring():
    missing = []
    for name, module in loaded(MODULES):
        if not module.__doc__:
            missing.append(name)
        for public in getattr(module, "__all__", ()):
            member = getattr(module, public)
            if (inspect.isclass(member) or inspect.isfunction(member)) and not inspect.getdoc(member):
                missing.append(f"{name}.{public}")
    assert not missing


def test_every_module_says_what_is_public():
    for name, module in loaded(MODULES):
        if not name.endswith("__main__"):
            assert hasattr(module, "__all__"), name
