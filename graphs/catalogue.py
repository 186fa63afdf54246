"""Functions by name, each imported when it is asked for, with the first line of its docstring read off its file.

So a command can list what there is without importing any of it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["Catalogue"]


class Catalogue(Mapping[str, str]):
    """Where functions of a `package` stand, by the names that a command line gives them: ``module.function``."""

    def __init__(self, package: str, places: Mapping[str, str]) -> None:
        self.package, self._places = package, dict(places)

    def __getitem__(self, name: str) -> str:
        return self._places[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def function(self, name: str) -> Callable[..., Any]:
        """The function of that name; this imports it."""
        module, _, function = self[name].partition(".")
        found: Callable[..., Any] = getattr(import_module(f"{self.package}.{module}"), function)
        return found

    def summaries(self) -> dict[str, str]:
        """Name → the first line of the docstring, without importing it."""
        places = {name: place.partition(".") for name, place in self.items()}
        return {
            name: _docstrings(self.package, module)[function]
            for name, (module, _, function) in places.items()
        }


@cache
def _docstrings(package: str, module: str) -> dict[str, str]:
    spec = find_spec(package)
    assert spec is not None  # it is one of ours
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).with_name(f"{module}.py").read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return {node.name: (ast.get_docstring(node) or "").partition("\n")[0] for node in functions}
