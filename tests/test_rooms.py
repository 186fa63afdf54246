"""The house: imports flow one way, everything public says what it is."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import graphs
from tests.conftest import ROOT

# What anyone may import, then the rooms in the order in which data flows through them.
GROUND = ("errors", "files", "environment", "timing", "interruption", "memory")
FLOW = (
    "data",
    "reading",
    "logistic",
    "updates",
    "rewrites",
    "native",
    "functions",
    "gram_functions",
    "progress",
    "training",
    "checkpoints",
    "optimum",
    "settings",
    "reproduction",
    "results",
    "pictures",
    "report",
    "inspection",
    "frameworks",
    "comparison",
    "benchmark",
    "command",
)
PEERS = {"autograd", "jax", "torch"}  # need not be installed
MODULES = [module.name for module in pkgutil.walk_packages(graphs.__path__, "graphs.")]


def loaded(modules: list[str]) -> Iterator[tuple[str, ModuleType]]:
    """The modules that can be imported here, which is all but those of a peer that is not installed."""
    for name in modules:
        try:
            yield name, importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name not in PEERS:
                raise


def imported_rooms(module: str) -> set[str]:
    """The rooms of this package that a module names in an import, wherever in it that stands."""
    path = ROOT / module.replace(".", "/")
    source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("graphs.")}


def test_every_room_has_its_place():
    rooms = {module.split(".")[1] for module in MODULES}
    assert rooms <= {*GROUND, *FLOW}


def test_imports_go_one_way():
    order = {room: place for place, room in enumerate((*GROUND, *FLOW))}
    for module in MODULES:
        room = module.split(".")[1]
        for imported in imported_rooms(module) - {room}:
            assert order[imported] < order[room], f"{module} imports graphs.{imported}"


def test_inspection_and_frameworks_do_not_know_each_other():
    for module in MODULES:
        if module.startswith("graphs.frameworks"):
            assert "inspection" not in imported_rooms(module)


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
